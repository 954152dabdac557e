"""What was entered wrongly of an order is corrected until its plan begins (B9)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from policies import cover, customers, links, orders, withdrawal
from policies.models import Customer, Order, OrderEvent, Plan, Policy, PolicyEvent, Region
from policies.orders import NotPlaced
from policies.rules import terms
from policies.rules.text import Text
from policies.shared.actor import Actor
from policies.shared.errors import Conflict


@dataclass(frozen=True)
class Facts:
    """The order as it should be. `placed_at` is aware."""

    plan: Plan
    name: str
    email: str
    country: str
    phone: str
    placed_at: datetime


class Change(NamedTuple):
    """Old and new, as the history keeps them: of people only their numbers."""

    before: str
    after: str


def objection_to_correcting(order: Order, policy: Policy | None, *, now: datetime) -> Text | None:
    """Why nothing of an order can be corrected. None when it can."""
    if order.cancelled_at is not None:
        return _("This order has been cancelled.")
    if policy is None:
        return None
    if policy.status == Policy.Status.CANCELLED:
        return _("The policy of this order has been cancelled.")
    # By its dates: a sweep's mark decides nothing (E1).
    if policy.starts_at <= now:
        return _("The plan of this order has begun; the order can no longer be corrected.")
    return None


def last_event(order: Order) -> int | None:
    """What a page saw of the order's history, to be given back as `seen`."""
    pks: list[int] = list(order.events.order_by("-pk").values_list("pk", flat=True)[:1])
    return pks[0] if pks else None


def correct(
    order: Order,
    facts: Facts,
    *,
    reason: str,
    seen: int | None = None,
    actor: Actor,
    now: datetime,
) -> Order:
    """Corrects an order, and the policy that it brings, if its drone has shipped.

    Another plan goes with today's terms of that plan; what is covered stays as it was sold (P4).
    Another buyer gets a link of their own, and the old one stops working. No letter has told
    anybody of the order so far: the first one comes when the plan begins.

    Raises NotPlaced with the fact that stands in the way; Conflict when the plan has begun, a
    claim is open, nothing would change, or something was done since the event `seen`.
    """
    with transaction.atomic():
        policy, locked = orders.lock(order)
        objection = objection_to_correcting(locked, policy, now=now)
        if objection:
            raise Conflict(objection)
        if seen is not None and seen != last_event(locked):
            raise Conflict(_("Somebody has changed this order meanwhile. Please look at it again."))
        if policy is not None and policy.holds.exists():
            raise Conflict(_("There is an open claim on this policy; it must end first."))
        changes = [*_time(locked, facts, now=now), *_plan(locked, facts.plan)]
        changes += _buyer(locked, facts, now=now)
        if not changes:
            raise Conflict(_("Nothing is different from what is on file."))
        locked.save()
        event = {
            "at": now,
            "note": reason,
            "data": {
                "from": ", ".join(one.before for one in changes),
                "to": ", ".join(one.after for one in changes),
            },
            **actor.signature(),
        }
        if policy is not None:
            _take_along(policy, locked, now=now)
            kind = PolicyEvent.Kind.ORDER_CORRECTED
            PolicyEvent.objects.create(policy=policy, kind=kind, **event)
        OrderEvent.objects.create(order=locked, kind=OrderEvent.Kind.ORDER_CORRECTED, **event)
        return locked


def _time(locked: Order, facts: Facts, *, now: datetime) -> Iterator[Change]:
    before, after = locked.placed_at, facts.placed_at
    if after == before:
        return
    if orders.is_too_far_ahead(after, now=now):
        message = _("The order is more than a year ahead. Please check the year.")
        raise NotPlaced(message, about="placed_at")
    if locked.shipped_at and after > locked.shipped_at:
        raise NotPlaced(_("A drone is not shipped before it is ordered."), about="placed_at")
    locked.placed_at = after
    yield Change(_shown(before), _shown(after))


def _shown(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"


def _plan(locked: Order, plan: Plan) -> Iterator[Change]:
    if plan == locked.plan:
        return
    if plan.is_renewal:
        raise NotPlaced(_("A renewal cannot be sold together with a drone."), about="plan")
    if withdrawn := withdrawal.objection(plan=plan):
        raise NotPlaced(withdrawn.message, about="plan")
    yield Change(locked.plan.name, plan.name)
    locked.plan = plan
    locked.months, locked.replacements = plan.months, plan.replacements
    locked.warranty_months = plan.warranty_months


def _buyer(locked: Order, facts: Facts, *, now: datetime) -> Iterator[Change]:
    before, region = locked.customer, locked.region
    if not cover.serves(region, facts.country):
        yield from _region(locked, facts.country)
    after = customers.known(
        name=facts.name, email=facts.email, country=facts.country, phone=facts.phone, now=now
    )
    if after != before:
        locked.customer = after
        yield Change(_numbered(before), _numbered(after))
    elif facts.phone != before.phone:
        Customer.objects.filter(pk=before.pk).update(phone=facts.phone)
        yield Change(str(_("phone of %(who)s") % {"who": _numbered(before)}), str(_("another")))


def _region(locked: Order, country: str) -> Iterator[Change]:
    """The region of a buyer from elsewhere; once the drone has shipped, it stays."""
    region = Region.objects.for_country(country).first()
    if region is None:
        raise NotPlaced(_("Care plans are not sold in this country."), about="country")
    if withdrawn := withdrawal.objection(region=region):
        raise NotPlaced(withdrawn.message, about="country")
    if locked.policy_id is not None:
        message = _("The drone has shipped; the buyer must live in its region, %(region)s.")
        raise NotPlaced(message % {"region": locked.region}, about="country")
    yield Change(locked.region.name, region.name)
    locked.region, locked.binding_window_hours = region, region.binding_window_hours


def _numbered(customer: Customer) -> str:
    return str(_("customer %(number)d") % {"number": customer.pk})


def _take_along(policy: Policy, order: Order, *, now: datetime) -> None:
    """The policy that has not begun, and its only period, as the order is now."""
    if policy.holder_id != order.customer_id:
        policy.holder_id = order.customer_id
        links.rotate(policy, letters_follow=False, now=now)
    policy.plan_id = order.plan_id
    policy.ends_at = terms.add_months(policy.starts_at, order.months, order.region.zone)
    policy.save(update_fields=["holder", "plan", "ends_at"])
    policy.periods.update(
        plan=order.plan_id,
        months=order.months,
        replacements=order.replacements,
        warranty_months=order.warranty_months,
        ends_at=policy.ends_at,
    )
