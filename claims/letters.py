"""The letters about claims. Each only queues; a worker sends.

A step that was taken back and taken again does not mail the customer the same news twice. Other
news go out as a correction, and so does whatever follows a letter that no longer holds (K10).
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django_countries import countries

from claims.decisions import for_the_customer
from claims.models import (
    Claim,
    ClaimEvent,
    Deadline,
    Decision,
    FeePayment,
    Outcome,
    Progress,
    Shipment,
    Visit,
    refund_due,
    visits,
)
from policies import cover, links, outbox
from policies.models import Letter, PolicyEvent
from policies.rules import addresses

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

# The letter that reminds of each deadline (K6).
REMINDERS = {
    Deadline.Kind.LABEL: "label_reminder",
    Deadline.Kind.FEE: "fee_reminder",
    Deadline.Kind.PARTS: "parts_reminder",
}

# What differs without being news: the link, a name put right, the label's file, and what the
# customer did meanwhile (a fee paid) or knows from elsewhere (what is left of the plan).
NOT_NEWS = {
    *("correction", "link", "name", "time_zone", "attachments", "tracking_url"),
    *("fee_is_open", "kept"),
}


def moved(
    claim: Claim,
    history: list[ClaimEvent],
    *,
    now: datetime,
    note: str = "",
    **more: Any,
) -> None:
    """The letter of the state that the claim has come to, unless the customer has this news.

    `history` holds all moves and steps back, oldest first; the newest is the move itself.
    `more` are further facts that the letter tells.
    """
    stands, told = what_was_told(claim, history)
    visit = stands[-1]
    name, context = _news(claim, Progress(visit[0]), note=note, **more)
    context["visit"] = visit[1]
    known = told.get(visit)
    if known is not None and _is_told_by(known, name, context):
        return
    no_longer_holds = known is not None or not told.keys() <= set(stands)
    if no_longer_holds:
        context["correction"] = True
    _queue(claim, name, context, key=f"step/{history[-1].pk}", now=now)


def decided_anew(claim: Claim, step: ClaimEvent, *, before: str, now: datetime) -> None:
    """Staff overruled what the letter of the assessment said; `step` is the assessment (K7)."""
    name, context = _news(claim, Progress.ASSESSED)
    # Who was promised a closer look reads its result, and no correction.
    if before != Outcome.NEEDS_REVIEW:
        context["correction"] = True
    decision = claim.decisions.order_by("-id").values_list("pk", flat=True).first()
    _queue(claim, name, context, key=f"step/{step.pk}/{decision}", now=now)


def what_was_told(
    claim: Claim, history: list[ClaimEvent]
) -> tuple[list[Visit], dict[Visit, Letter]]:
    """The visits that stand, and of each visit that the customer was told of the last letter.

    A correction takes back whatever was told of visits that did not stand when it was written.
    """
    letters: dict[str, list[Letter]] = {}
    for letter in Letter.objects.filter(reference=claim.number).order_by("id"):
        cause = letter.dedupe_key.removeprefix(f"claim/{claim.pk}/")
        letters.setdefault("/".join(cause.split("/")[:2]), []).append(letter)
    stands: list[Visit] = []
    told: dict[Visit, Letter] = {}
    for event, stands in visits(history):
        if event.kind == ClaimEvent.Kind.UNDONE:
            continue
        visit = stands[-1]
        # The keys of the first release name the visit, those of today the step.
        for letter in letters.get("{}/{}".format(*visit), []) + letters.get(f"step/{event.pk}", []):
            if "correction" in letter.context:
                told = {place: known for place, known in told.items() if place in stands}
            told[visit] = letter
    return stands, told


def _is_told_by(letter: Letter, name: str, context: dict[str, Any]) -> bool:
    facts = {fact: value for fact, value in letter.context.items() if fact not in NOT_NEWS}
    # A fact that letters did not name at that time is no news.
    return letter.name == name and all(
        context[fact] == value for fact, value in facts.items() if fact in context
    )


def _news(
    claim: Claim, state: Progress, *, note: str = "", **more: Any
) -> tuple[str, dict[str, Any]]:
    """The letter of a state: its name and what it says."""
    name = LETTERS[state]
    context = _facts(claim) | {"note": note} | more
    context["reasons"] = for_the_customer(more.get("reasons", []))
    if state == Progress.PREPARING and claim.fee_amount:
        name = "claim_fee_received"
    if state in OWN_FACTS:
        context |= OWN_FACTS[state](claim)
    return name, context


def reminder(claim: Claim, deadline: Deadline, *, now: datetime) -> bool:
    """The customer's time for the label, the fee or the missing parts runs out (K6)."""
    facts, kind = _facts(claim), Deadline.Kind(deadline.kind)
    if kind == Deadline.Kind.LABEL:
        facts |= _label(claim)
    if kind == Deadline.Kind.PARTS:
        facts |= _address_to_send_to(claim) | {"note": _note_of_the_step(claim)}
    facts["ends_at"] = deadline.ends_at(claim).isoformat()
    # Once for each visit: no two can wait long enough from the same day on.
    name = REMINDERS[kind]
    return _queue(claim, name, facts, key=f"{name}/{claim.waits_since:%Y-%m-%d}", now=now)


def _note_of_the_step(claim: Claim) -> str:
    """What the customer was told with the step at which the claim stands."""
    events = claim.events.filter(kind=ClaimEvent.Kind.MOVED, after=claim.progress)
    return events.order_by("id").values_list("public_note", flat=True).last() or ""


def claim_link_requested(claim: Claim, *, second_request: bool = False, now: datetime) -> bool:
    """The progress link, to the mailbox of the claim; at most once an hour."""
    key = f"link/{outbox.mailbox(claim.email)}/{now:%Y-%m-%dT%H}"
    facts = _facts(claim) | {"second_request": second_request}
    return _queue(claim, "claim_link_requested", facts, key=key, now=now)


def claim_link_replaced(claim: Claim, *, occasion: int, now: datetime) -> None:
    """The same, when staff have revoked the link before; once for each such event."""
    facts = _facts(claim) | {"replaced": True}
    _queue(claim, "claim_link_requested", facts, key=f"link/{occasion}", now=now)


def address_corrected(claim: Claim, *, new_label: bool, occasion: int, now: datetime) -> None:
    """The return address as staff have corrected it (K16)."""
    country = str(claim.country.name)
    facts = _facts(claim) | {
        "address": addresses.lines(claim, name=claim.name, country=country),
        "new_label": new_label,
    }
    _queue(claim, "claim_address", facts, key=f"address/{occasion}", now=now)


def _facts(claim: Claim) -> dict[str, Any]:
    return {
        "number": claim.number,
        "name": claim.name,
        "serial": claim.drone.serial,
        "drone_model": claim.drone.drone_model.name,
        "time_zone": claim.policy.region.time_zone,
        "cause": claim.cause,
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


def _parts_to_send(claim: Claim) -> dict[str, Any]:
    return _address_to_send_to(claim) | _ends(claim, Deadline.Kind.PARTS)


def _ends(claim: Claim, kind: str) -> dict[str, Any]:
    """When the customer's time for it is over (K6)."""
    deadline = Deadline.objects.filter(kind=kind).first()
    return {"ends_at": deadline.ends_at(claim).isoformat() if deadline else ""}


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
        "condition": _condition(claim),
    }


def _condition(claim: Claim) -> str:
    """Of the replacement: new or refurbished (K9); nothing where the policy did not move."""
    moves = PolicyEvent.objects.filter(
        policy=claim.policy, kind=PolicyEvent.Kind.MOVED, note=claim.number
    )
    newest = moves.order_by("-id").first()
    return newest.data.get("condition", "") if newest else ""


def _way_back(claim: Claim) -> dict[str, Any]:
    """The parcel with the customer's own drone, if it has a number, and the money with it."""
    return _parcel(claim) | _refund(claim)


def _found(claim: Claim) -> dict[str, Any]:
    """What the assessment found (K7)."""
    paid = FeePayment.objects.paying().filter(claim=claim).exists()
    return {
        "cause_found": str(claim.get_cause_found_display()),
        "parts_received": claim.parts_received,
        "parts_damaged": claim.parts_damaged,
        "fee_is_open": bool(claim.fee_amount) and not paid,
    }


def _kept(claim: Claim) -> dict[str, Any]:
    """What the end without a replacement leaves of the plan (K4)."""
    kept = cover.kept(claim.policy, reference=claim.number, at=claim.progress_at)
    return {"kept": asdict(kept)}


def _refund(claim: Claim) -> dict[str, Any]:
    """What was paid for a replacement that does not come (K8)."""
    # In one currency, the region's: fees and late money are in no other.
    for currency, amount in refund_due(claim).items():
        return {"refund": str(amount), "refund_currency": currency}
    return {"refund": "", "refund_currency": ""}


def _address_to_send_to(claim: Claim) -> dict[str, Any]:
    """Where a missing part goes: the service centre of the region."""
    region = claim.policy.region
    country = str(countries.name(str(region.country)))
    return {"service_centre": addresses.lines(region, name=region.service_centre, country=country)}


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
    Progress.PARTS_MISSING: _parts_to_send,
    Progress.ASSESSED: _found,
    Progress.AWAITING_FEE: _fee_to_pay,
    Progress.SHIPPED: _parcel,
    Progress.RETURNING: _way_back,
    Progress.RETURNED: lambda claim: _refund(claim) | _kept(claim),
    Progress.DECLINED: lambda claim: _why_not(claim) | _kept(claim),
    Progress.CANCELLED: lambda claim: _refund(claim) | _kept(claim),
    Progress.LAPSED: lambda claim: _refund(claim) | _kept(claim),
}


def _queue(claim: Claim, name: str, context: dict[str, Any], *, key: str, now: datetime) -> bool:
    return outbox.queue(
        name,
        to=claim.email,
        context=context | {"link": links.of(claim.policy, reference=claim.number, now=now).pk},
        dedupe_key=f"claim/{claim.pk}/{key}",
        policy=claim.policy,
        reference=claim.number,
        now=now,
    )
