"""Renewal with Refresh +: a further period with its own row and history (R1, R2)."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from policies import codes, cover, letters, marks, sales
from policies.models import (
    ActivationCode,
    CodeEvent,
    Period,
    Plan,
    Policy,
    PolicyEvent,
)
from policies.models.policy import IN_FORCE_SQL
from policies.rules import renewability, terms
from policies.rules.verdict import Verdict
from policies.shared.actor import Actor
from policies.shared.errors import Conflict, Refused


def renew(code: ActivationCode, *, serial: str, email: str, actor: Actor, now: datetime) -> Policy:
    """Adds the code's plan to the policy that runs for `serial`; returns the policy.

    The code is sold and its row locked; call it inside the transaction. The e-mail must be
    the holder's: a code bought for somebody else does not open their page. The policy's row
    is locked before its replacements are counted, so that renewal and the last replacement
    cannot both win. Raises Conflict when there is no such policy, Refused with every reason.
    """
    policy = _lock_theirs(serial, email.strip().lower())
    verdict = verdict_on(policy, code, at=now)
    if not verdict.allowed:
        raise Refused(verdict)
    _add_period(policy, code, actor=actor, now=now)
    letters.renewed(policy, now=now)
    return policy


def _lock_theirs(serial: str, email: str) -> Policy:
    """The policy of this holder in the drone's present life, locked. Raises Conflict without one.

    Asked again under the lock: meanwhile the policy may have moved to another owner or drone.
    """
    theirs = Policy.objects.of_present_life().filter(drone__serial=serial, holder__email=email)
    found = theirs.first()
    locked = cover.lock(found) if found else None
    if locked is None or not theirs.filter(pk=locked.pk).exists():
        raise Conflict(
            _("This code renews a plan, and we find none for this serial number and e-mail.")
        )
    return locked


def sell_and_renew(
    policy: Policy, *, plan: Plan, order_reference: str, actor: Actor, now: datetime
) -> Policy:
    """Sells a renewal to the holder at the desk and redeems it at once.

    Raises Conflict when no such code is in stock, Refused with every reason.
    """
    with transaction.atomic():
        locked = cover.lock(policy)
        sale = sales.sell_from_stock(
            plan=plan,
            drone_model=locked.drone.drone_model,
            region=locked.region,
            quantity=1,
            to=locked.holder,
            order_reference=order_reference,
            actor=actor,
            now=now,
            tell=False,
        )
        code = sale.codes.select_related(
            "batch__plan__renews", "batch__drone_model", "batch__region"
        ).get()
        verdict = verdict_on(locked, code, at=now)
        if not verdict.allowed:
            raise Refused(verdict)
        _add_period(locked, code, actor=actor, now=now)
        letters.renewed(locked, now=now)
        return locked


def verdict_on(policy: Policy, code: ActivationCode | None, *, at: datetime) -> Verdict:
    """May this policy be renewed (with this code, or with a fitting one)? Every reason (B10)."""
    batch = code.batch if code else None
    renewed_plan = batch.plan.renews.name if batch and batch.plan.renews else None
    if batch is None and policy.plan.renewals.exists():
        renewed_plan = policy.plan.name
    return renewability.may_renew(
        renewability.RenewalFacts(
            at=at,
            starts_at=policy.starts_at,
            ends_at=policy.ends_at,
            cancelled=policy.status == Policy.Status.CANCELLED,
            replacements_left=policy.replacements_left(),
            renewed_before=len(policy.periods.all()) > 1,
            plan=policy.plan.name,
            plan_renewed_by_code=renewed_plan,
            code_model=batch.drone_model.name if batch else policy.drone.drone_model.name,
            drone_model=policy.drone.drone_model.name,
            code_region=batch.region.name if batch else policy.region.name,
            policy_region=policy.region.name,
        )
    )


# What R1 allows stands here three times: for one policy, for a query, and as SQL for the
# reminders. tests/policies/test_renewal.py holds the three to the same answers.


def offer(policy: Policy, *, at: datetime) -> Plan | None:
    """The plan that may renew this policy at `at`, or None where R1 does not allow it.

    None, too, where it is withdrawn (P10): a code that was sold for it renews all the same.
    """
    if not verdict_on(policy, None, at=at).allowed:
        return None
    on_offer = [plan for plan in policy.plan.renewals.all() if plan.is_on_offer]
    return min(on_offer, key=lambda plan: plan.pk, default=None)


def with_renewable(policies: QuerySet[Any], *, at: datetime) -> QuerySet[Any]:
    """Annotates `granted`, `used` and `renewable`: whether `offer` has a plan for a policy."""
    renewals = Plan.objects.on_offer().filter(renews=OuterRef("plan"))
    renewed = Period.objects.filter(policy=OuterRef("pk"), number=2)
    may_be_renewed = Q(Exists(renewals), ~Exists(renewed), in_force=True)
    rows: QuerySet[Any] = policies.with_in_force(at=at).annotate(  # type: ignore[attr-defined]
        renewable=ExpressionWrapper(may_be_renewed, output_field=BooleanField())
    )
    return rows


def _offered(column: str, *, otherwise: str) -> str:
    """SQL: a column of the plan that `offer` gives for the policy `p` at %(now)s."""
    return f"""
    CASE WHEN {IN_FORCE_SQL}
    AND NOT EXISTS (SELECT 1 FROM policies_period e WHERE e.policy_id = p.id AND e.number = 2)
    THEN COALESCE((SELECT n.{column} FROM policies_plan n WHERE n.renews_id = p.plan_id
                   AND NOT n.is_withdrawn
                   ORDER BY n.id LIMIT 1), {otherwise})
    ELSE {otherwise} END
"""  # noqa: S608 — names of our own


OFFER_SQL = _offered("name", otherwise="''")
OFFERED_REPLACEMENTS_SQL = _offered("replacements", otherwise="0")


def _add_period(policy: Policy, code: ActivationCode, *, actor: Actor, now: datetime) -> None:
    sold = code.sold_terms()
    begins = policy.ends_at  # the end, never today (R2)
    ends = terms.add_months(begins, sold.months, policy.region.zone)
    Period.objects.create(
        policy=policy,
        number=2,
        plan=code.batch.plan,
        code=code,
        starts_at=begins,
        ends_at=ends,
        created_at=now,
        **sold._asdict(),
    )
    policy.ends_at = ends
    policy.save(update_fields=["ends_at"])
    # Renewed in time, but a sweep got the row first: its mark must not outlive the renewal.
    marks.take_back_on(policy, now=now)
    PolicyEvent.objects.create(
        policy=policy,
        kind=PolicyEvent.Kind.RENEWED,
        at=now,
        data={"from": begins.isoformat(), "to": ends.isoformat()},
        **actor.signature(),
    )
    codes.record(code, CodeEvent.Kind.REDEEMED, actor=actor, now=now, note=policy.number)
