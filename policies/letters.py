"""One typed function per letter about codes and policies. Each only queues; a worker sends."""

from datetime import datetime
from typing import Any

from policies import agreement, links, outbox
from policies.models import (
    ActivationCode,
    BindingPermit,
    Customer,
    Plan,
    Policy,
    Sale,
    VideoVerification,
)
from policies.rules.verdict import Verdict


def code_sold(sale: Sale, codes: list[ActivationCode], *, now: datetime) -> None:
    """The codes of a sale to its buyer: the row holds ids, and only the worker opens them (C4)."""
    first = codes[0]
    outbox.queue(
        "code_sold",
        to=sale.buyer.email,
        context={
            "name": sale.buyer.name,
            "plan": first.batch.plan.name,
            "drone_model": first.batch.drone_model.name,
            "region": first.batch.region.name,
            # A code that renews goes by another rule (R1) than one that binds (B2).
            "renews": first.batch.plan.renews.name if first.batch.plan.renews else "",
            "binding_window_hours": first.binding_window_hours,
            "order_reference": sale.order_reference,
            "code_ids": [code.pk for code in codes],
        },
        # Not the id alone: letters from before there were sales were named by that of a code.
        dedupe_key=f"code_sold/sale/{sale.pk}",
        sale=sale,
        reference=sale.order_reference,
        now=now,
    )


def policy_bound(policy: Policy, *, now: datetime) -> None:
    """Confirms the binding and carries the whole agreement (B8)."""
    _with_agreement("policy_bound", policy, occasion=policy.pk, now=now)


def serial_corrected(policy: Policy, *, wrong: str, occasion: int, now: datetime) -> None:
    """To the holder: the right serial number, with the agreement that names it (B12, K9)."""
    _with_agreement("serial_corrected", policy, occasion=occasion, now=now, wrong_serial=wrong)


def link_requested(
    policy: Policy,
    *,
    covered: Verdict,
    offer: Plan | None,
    now: datetime,
    dedupe_key: str,
    replaced: bool = False,
) -> bool:
    """How the policy stands and the link to its page, to the holder's own mailbox (B10).

    Without a link where it would have expired (K12). `replaced`: staff have revoked the one before.
    """
    works = not links.has_expired(links.ended_at(policy), at=now)
    return outbox.queue(
        "link_requested",
        to=policy.holder.email,
        context={
            **_about(policy),
            "name": policy.holder.name,
            "covered": covered.allowed,
            "objections": [str(reason) for reason in covered.objections],
            "starts_at": policy.starts_at.isoformat(),
            "ends_at": policy.ends_at.isoformat(),
            "time_zone": policy.region.time_zone,
            "left": max(policy.replacements_left(), 0),
            "granted": policy.granted_replacements(),
            "stage": policy.stage(at=now).value,
            "renewed": len(policy.periods.all()) > 1,
            "offer": offer.name if offer else "",
            "link": links.of(policy, now=now).pk if works else None,
            "replaced": replaced,
        },
        dedupe_key=dedupe_key,
        policy=policy,
        now=now,
    )


def allowance_used_up(policy: Policy, *, reference: str, now: datetime) -> None:
    """The last replacement has been requested (P3)."""
    outbox.queue(
        "allowance_used_up",
        to=policy.holder.email,
        context={
            **_about(policy),
            "name": policy.holder.name,
            "claim": reference,
            "link": links.of(policy, now=now).pk,
        },
        dedupe_key=f"allowance_used_up/{policy.pk}/{reference}",
        policy=policy,
        reference=reference,
        now=now,
    )


def policy_activated(policy: Policy, *, now: datetime) -> None:
    """A plan bought with its drone has begun (B9); carries the agreement as a binding does."""
    _with_agreement("policy_activated", policy, occasion=policy.pk, now=now)


def renewed(policy: Policy, *, now: datetime) -> None:
    """The plan runs longer, with one replacement more (R2)."""
    _with_agreement("renewed", policy, occasion=policy.pk, now=now)


def owner_changed(policy: Policy, *, before: Customer, occasion: int, now: datetime) -> None:
    """To both people (T2); only the new owner's letter has the new link."""
    outbox.queue(
        "owner_changed_old",
        to=before.email,
        context=_about(policy) | {"name": before.name},
        dedupe_key=f"owner_changed_old/{occasion}",
        policy=policy,
        now=now,
    )
    _with_agreement("owner_changed_new", policy, occasion=occasion, now=now)


def policy_cancelled(policy: Policy, *, now: datetime) -> None:
    """Cancelled by the dealer, with the reason (T3)."""
    outbox.queue(
        "policy_cancelled",
        to=policy.holder.email,
        context={
            **_about(policy),
            "name": policy.holder.name,
            "reason": policy.cancel_reason,
        },
        dedupe_key=f"policy_cancelled/{policy.pk}",
        policy=policy,
        now=now,
    )


def verification_received(verification: VideoVerification, *, now: datetime) -> None:
    _verification("verification_received", verification, {}, now=now)


def verification_approved(
    verification: VideoVerification, permit: BindingPermit, *, now: datetime
) -> None:
    """Names the deadline for binding (V2)."""
    facts = {
        "deadline_at": permit.deadline_at.isoformat(),
        "time_zone": verification.region.time_zone,
    }
    _verification("verification_approved", verification, facts, now=now)


def verification_rejected(verification: VideoVerification, *, now: datetime) -> None:
    _verification("verification_rejected", verification, {"reason": verification.reason}, now=now)


def _verification(
    name: str, verification: VideoVerification, facts: dict[str, str], *, now: datetime
) -> None:
    outbox.queue(
        name,
        to=verification.email,
        context={
            "name": verification.name,
            "serial": verification.serial,
            "drone_model": verification.drone_model.name,
        }
        | facts,
        dedupe_key=f"{name}/{verification.pk}",
        reference=verification.serial,
        now=now,
    )


def _about(policy: Policy) -> dict[str, Any]:
    """What every letter about a policy names."""
    return {
        "number": policy.number,
        "plan": policy.plan.name,
        "serial": policy.drone.serial,
        "drone_model": policy.drone.drone_model.name,
    }


def _with_agreement(
    name: str, policy: Policy, *, occasion: int, now: datetime, **more: str
) -> None:
    """A letter that carries the whole agreement (B8), once for each occasion."""
    outbox.queue(
        name,
        to=policy.holder.email,
        context=agreement.of(policy, at=now).as_facts()
        | {"link": links.of(policy, now=now).pk}
        | more,
        dedupe_key=f"{name}/{occasion}",
        policy=policy,
        now=now,
    )
