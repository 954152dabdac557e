"""The letters about claims. Each only queues; a worker sends.

A step's letter is queued once per visit to a state: a step that was taken back and taken
again does not mail the customer twice (K10).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django_countries import countries

from claims.decisions import for_the_customer
from claims.models import Claim, Deadline, Decision, FeePayment, Outcome, Progress, Shipment
from policies import outbox

# The letter of each state: the folder under templates/letters/.
LETTERS = {
    Progress.SUBMITTED: "claim_received",
    Progress.LABEL_SENT: "claim_label",
    Progress.IN_TRANSIT: "claim_in_transit",
    Progress.RECEIVED: "claim_arrived",
    Progress.PARTS_MISSING: "claim_parts_missing",
    Progress.ASSESSED: "claim_assessed",
    Progress.AWAITING_FEE: "claim_fee_due",
    Progress.PREPARING: "claim_preparing",
    Progress.SHIPPED: "claim_shipped",
    Progress.COMPLETED: "claim_completed",
    Progress.RETURNING: "claim_returning",
    Progress.RETURNED: "claim_returned",
    Progress.DECLINED: "claim_declined",
    Progress.CANCELLED: "claim_cancelled",
    Progress.LAPSED: "claim_lapsed",
}


def moved(
    claim: Claim,
    state: Progress,
    *,
    visit: int,
    now: datetime,
    note: str = "",
    reasons: list[dict[str, Any]] | None = None,
) -> None:
    """The letter of the state that the claim has come to, for the `visit`-th time."""
    name = LETTERS[state]
    context = _facts(claim) | {"note": note, "reasons": for_the_customer(reasons or [])}
    if state == Progress.PREPARING and claim.fee_amount:
        name = "claim_fee_received"
    if state in OWN_FACTS:
        context |= OWN_FACTS[state](claim)
    _queue(claim, name, context, key=f"{state.value}/{visit}", now=now)


def label_reminder(claim: Claim, *, ends_at: datetime, now: datetime) -> bool:
    """The label has not been used yet (K6)."""
    context = _facts(claim) | _label(claim) | {"ends_at": ends_at.isoformat()}
    key = f"label_reminder/{claim.progress_at:%Y-%m-%d}"
    return _queue(claim, "label_reminder", context, key=key, now=now)


def fee_reminder(claim: Claim, *, ends_at: datetime, now: datetime) -> bool:
    """The fee has not been paid yet (K6)."""
    context = _facts(claim) | {"ends_at": ends_at.isoformat()}
    key = f"fee_reminder/{claim.progress_at:%Y-%m-%d}"
    return _queue(claim, "fee_reminder", context, key=key, now=now)


def claim_link_requested(claim: Claim, *, now: datetime) -> None:
    """The progress link, to the mailbox of the claim; at most once an hour."""
    key = f"link/{now:%Y-%m-%dT%H}"
    _queue(claim, "claim_link_requested", _facts(claim), key=key, now=now)


def _facts(claim: Claim) -> dict[str, Any]:
    return {
        "number": claim.number,
        "name": claim.name,
        "serial": claim.drone.serial,
        "drone_model": claim.drone.drone_model.name,
        "token": claim.token,
        "time_zone": claim.policy.region.time_zone,
        "outcome": claim.outcome,
        "fee": str(claim.fee_amount) if claim.fee_amount is not None else "",
        "currency": claim.fee_currency,
        "plan": claim.policy.plan.name,
        "parts": claim.parts,
    }


def _label_to_use(claim: Claim) -> dict[str, Any]:
    return _label(claim) | _ends(claim, Deadline.Kind.LABEL)


def _fee_to_pay(claim: Claim) -> dict[str, Any]:
    return _ends(claim, Deadline.Kind.FEE)


def _ends(claim: Claim, kind: str) -> dict[str, Any]:
    """When the customer's time for it is over (K6)."""
    deadline = Deadline.objects.filter(kind=kind).first()
    if deadline is None:
        return {"ends_at": ""}
    return {"ends_at": (claim.progress_at + timedelta(days=deadline.ends_after_days)).isoformat()}


def _label(claim: Claim) -> dict[str, Any]:
    """The bought label, attached to the letter (K5)."""
    shipment = (
        claim.shipments.filter(direction=Shipment.Direction.INBOUND, state=Shipment.State.BOUGHT)
        .order_by("-id")
        .first()
    )
    if shipment is None:
        return {}
    return {
        "tracking_number": shipment.tracking_number,
        "tracking_url": shipment.tracking_url,
        "attachments": [{"file": shipment.label.name, "name": f"{claim.number}-label.pdf"}],
    }


def _parcel(claim: Claim) -> dict[str, Any]:
    shipment = claim.shipments.filter(direction=Shipment.Direction.OUTBOUND).order_by("-id").first()
    return {
        "tracking_number": shipment.tracking_number if shipment else "",
        "tracking_url": shipment.tracking_url if shipment else "",
        "new_serial": claim.replacement.serial if claim.replacement else "",
    }


def _way_back(claim: Claim) -> dict[str, Any]:
    """The parcel with the customer's own drone, if it has a number, and the money with it."""
    return _parcel(claim) | _refund(claim)


def _refund(claim: Claim) -> dict[str, Any]:
    """The fee that was paid for a replacement that does not come (K8)."""
    payment = FeePayment.objects.filter(claim=claim, refunded_at=None).first()
    if payment is None:
        return {"refund": "", "refund_currency": ""}
    return {"refund": str(payment.amount), "refund_currency": payment.currency}


def _address_to_send_to(claim: Claim) -> dict[str, Any]:
    """Where a missing part goes: the service centre of the region."""
    region = claim.policy.region
    town = f"{region.postal_code} {region.city} {region.state}"
    lines = [region.service_centre, region.line1, region.line2, " ".join(town.split())]
    return {
        "service_centre": [line for line in [*lines, countries.name(str(region.country))] if line]
    }


def _why_not(claim: Claim) -> dict[str, Any]:
    """The computed reasons, where they speak against the claim; a clerk's own are the note."""
    decision = claim.decisions.order_by("-id").first()
    if decision is None or decision.kind == Decision.Kind.OVERRULED:
        return {}
    refused = decision.outcome == Outcome.NOT_COVERED
    return {"reasons": for_the_customer(decision.reasons) if refused else []}


# What the letter of a state tells beyond the facts of each claim.
OWN_FACTS: dict[Progress, Callable[[Claim], dict[str, Any]]] = {
    Progress.LABEL_SENT: _label_to_use,
    Progress.PARTS_MISSING: _address_to_send_to,
    Progress.AWAITING_FEE: _fee_to_pay,
    Progress.SHIPPED: _parcel,
    Progress.RETURNING: _way_back,
    Progress.RETURNED: _refund,
    Progress.DECLINED: _why_not,
    Progress.CANCELLED: _refund,
}


def _queue(claim: Claim, name: str, context: dict[str, Any], *, key: str, now: datetime) -> bool:
    return outbox.queue(
        name,
        to=claim.email,
        context=context,
        dedupe_key=f"claim/{claim.pk}/{key}",
        policy=claim.policy,
        reference=claim.number,
        now=now,
    )
