"""Orders of a drone with its plan: entered, shipped, corrected, cancelled (B9)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from policies import cancellation, customers, drones, freezing, issuing, withdrawal
from policies.issuing import NewPolicy
from policies.models import (
    Drone,
    DroneModel,
    Order,
    OrderEvent,
    Plan,
    Policy,
    PolicyEvent,
    Region,
)
from policies.rules import terms
from policies.rules.text import Text
from policies.shared.actor import Actor
from policies.shared.errors import Conflict

# A slip of the year would let a plan begin long after everybody has forgotten it.
FURTHEST_AHEAD = timedelta(days=366)


class NotPlaced(Conflict):
    """The order cannot be entered; `about` is the fact of the Purchase that stands in the way."""

    def __init__(self, message: Text, *, about: str) -> None:
        super().__init__(message)
        self.about = about


class Objection(NamedTuple):
    message: Text
    about: str


@dataclass(frozen=True)
class Purchase:
    """What was bought, by whom. `serial` is normalised, instants are aware.

    `serial_confirmed` repeats a serial that looks wrong and is meant (B12).
    """

    reference: str
    serial: str
    drone_model: DroneModel
    plan: Plan
    name: str
    email: str
    country: str
    phone: str = ""
    placed_at: datetime | None = None
    serial_confirmed: str = ""


def place(purchase: Purchase, *, actor: Actor, now: datetime) -> Order:
    """Enters a line of an order. The terms of today go with it (P4).

    Raises NotPlaced: the country is not served, the plan is a renewal, something is withdrawn
    (P10), the instant lies more than a year ahead, the serial is on file as another model, B4
    stands against it, or the drone is part of an order already. Raises SerialDoubted (B12).
    """
    with transaction.atomic():
        region = Region.objects.for_country(purchase.country).first()
        if region is None:
            raise NotPlaced(_("Care plans are not sold in this country."), about="country")
        if purchase.plan.is_renewal:
            raise NotPlaced(_("A renewal cannot be sold together with a drone."), about="plan")
        withdrawn = objection_to_withdrawn(purchase.plan, purchase.drone_model, region)
        if withdrawn:
            raise NotPlaced(withdrawn.message, about=withdrawn.about)
        if purchase.placed_at and is_too_far_ahead(purchase.placed_at, now=now):
            message = _("The order is more than a year ahead. Please check the year.")
            raise NotPlaced(message, about="placed_at")
        serial, drone_model = purchase.serial, purchase.drone_model
        confirmed = purchase.serial_confirmed
        drones.look_at(serial, drone_model, confirmed=confirmed, from_stock=True)
        drone, _created = Drone.objects.get_or_create(
            serial=serial, defaults={"drone_model": drone_model}
        )
        drone = Drone.objects.select_for_update(of=("self",)).get(pk=drone.pk)
        _refuse_to_place(purchase, drone)
        plan, placed_at = purchase.plan, purchase.placed_at or now
        order = Order.objects.create(
            reference=purchase.reference,
            customer=customers.known(
                name=purchase.name,
                email=purchase.email,
                country=purchase.country,
                phone=purchase.phone,
                now=now,
            ),
            drone=drone,
            plan=plan,
            region=region,
            placed_at=placed_at,
            **freezing.terms_of_today(plan, region, drone_model)._asdict(),
        )
        _record(order, OrderEvent.Kind.PLACED, actor=actor, now=now)
        return order


def objection_to_withdrawn(plan: Plan, drone_model: DroneModel, region: Region) -> Objection | None:
    """Why no new order of these is entered (P10); it is the buyer's country that names a region."""
    found = withdrawal.objection(plan=plan, drone_model=drone_model, region=region)
    if found is None:
        return None
    return Objection(found.message, "country" if found.about == "region" else found.about)


def _refuse_to_place(purchase: Purchase, drone: Drone) -> None:
    """Raises NotPlaced. The drone is locked, so no other order of it comes or goes meanwhile."""
    standing = Order.objects.filter(drone=drone).standing()
    objection = objection_to_line(purchase.reference, standing)
    if objection:
        raise NotPlaced(objection.message, about=objection.about)
    model = purchase.drone_model.pk
    message = objection_to_drone(drone, model, had_a_plan=_had_a_plan(drone))
    if message:
        about = "serial" if drone.drone_model_id == model else "drone_model"
        raise NotPlaced(message, about=about)


def objection_to_line(reference: str, standing: Iterable[Order]) -> Objection | None:
    """Why no line with this reference may be entered for a drone with these standing orders.

    Says which of the two stands in the way, reference or drone. None when one may (B9).
    """
    for order in standing:
        if order.reference == reference:
            return Objection(
                _("This drone is part of order %(reference)s already.") % {"reference": reference},
                "reference",
            )
        if order.policy_id is None:
            message = _(
                "This drone is part of another order, %(reference)s. "
                "Cancel that one first, or check the serial number."
            )
            return Objection(message % {"reference": order.reference}, "serial")
    return None


def _refuse(drone: Drone) -> None:
    objection = objection_to_drone(drone, drone.drone_model_id, had_a_plan=_had_a_plan(drone))
    if objection:
        raise Conflict(objection)


def _had_a_plan(drone: Drone) -> bool:
    return Policy.objects.counting().filter(drone=drone, drone_life=drone.life).exists()


def objection_to_drone(drone: Drone, drone_model_id: int, *, had_a_plan: bool) -> Text | None:
    """Why no plan may be sold with a drone that is on file; `had_a_plan` in its present life (B4).

    None when one may.
    """
    if drone.drone_model_id != drone_model_id:
        return _("This serial number is on file as another model.")
    if drone.retired_at is not None:
        return _("This drone was replaced and handed in.")
    if had_a_plan:
        return _("This drone has had a care plan before and cannot get another.")
    return None


def is_too_far_ahead(instant: datetime, *, now: datetime) -> bool:
    """Whether an order or a shipment at this instant can only be a slip."""
    return instant > now + FURTHEST_AHEAD


def objection_to_shipment(
    order: Order, policy: Policy | None, shipped_at: datetime, *, now: datetime
) -> Text | None:
    """Why an order cannot be shipped at an instant, or its shipment corrected to it (B9)."""
    objection = objection_to_shipping(order, policy, now=now)
    if objection:
        return objection
    if is_too_far_ahead(shipped_at, now=now):
        return _("The shipment is more than a year ahead. Please check the year.")
    if shipped_at < order.placed_at:
        return _("A drone is not shipped before it is ordered.")
    return None


def objection_to_shipping(order: Order, policy: Policy | None, *, now: datetime) -> Text | None:
    """Why an order's shipment can be neither recorded nor corrected (B9). None when it can."""
    if order.cancelled_at is not None:
        return _("This order has been cancelled.")
    if policy is None:
        return None
    if policy.status == Policy.Status.CANCELLED:
        return _("The policy of this order has been cancelled.")
    # By its dates: a sweep's mark decides nothing (E1).
    if policy.starts_at <= now:
        return _("The policy has begun; its shipment can no longer be corrected.")
    return None


def ship(order: Order, *, shipped_at: datetime, actor: Actor, now: datetime) -> Policy:
    """Records the shipment; the policy begins by itself two days after it (B9).

    Called again with another instant it corrects the shipment, and the policy moves along,
    until it has begun. Raises Conflict.
    """
    with transaction.atomic():
        policy, locked = lock(order)
        objection = objection_to_shipment(locked, policy, shipped_at, now=now)
        if objection:
            raise Conflict(objection)
        if policy is None:
            policy = _schedule(locked, shipped_at, actor=actor, now=now)
        else:
            _reschedule(locked, policy, shipped_at, actor=actor, now=now)
        return policy


def new_policy(order: Order, drone: Drone, shipped_at: datetime, *, now: datetime) -> NewPolicy:
    """The rows of the policy that an order brings when its drone ships (B9), not saved."""
    return issuing.new_policy(
        plan_id=order.plan_id,
        region=order.region,
        drone=drone,
        holder_id=order.customer_id,
        sold=order.sold_terms(),
        starts_at=begins_at(order, shipped_at),
        status=Policy.Status.SCHEDULED,
        now=now,
    )


def _schedule(order: Order, shipped_at: datetime, *, actor: Actor, now: datetime) -> Policy:
    drone = Drone.objects.select_for_update(of=("self",)).get(pk=order.drone_id)
    _refuse(drone)
    policy, period = new_policy(order, drone, shipped_at, now=now)
    policy.save()
    period.save()
    PolicyEvent.objects.create(
        policy=policy,
        kind=PolicyEvent.Kind.SCHEDULED,
        at=now,
        note=order.reference,
        **actor.signature(),
    )
    order.shipped_at, order.policy = shipped_at, policy
    order.save(update_fields=["shipped_at", "policy"])
    _record(order, OrderEvent.Kind.SHIPPED, actor=actor, now=now, note=shipped_at.isoformat())
    return policy


def _reschedule(
    order: Order, policy: Policy, shipped_at: datetime, *, actor: Actor, now: datetime
) -> None:
    if order.shipped_at == shipped_at:
        return
    starts_at, ends_at = term(order, shipped_at)
    Policy.objects.filter(pk=policy.pk).update(starts_at=starts_at, ends_at=ends_at)
    policy.periods.update(starts_at=starts_at, ends_at=ends_at)
    policy.starts_at, policy.ends_at = starts_at, ends_at
    order.shipped_at = shipped_at
    order.save(update_fields=["shipped_at"])
    PolicyEvent.objects.create(
        policy=policy,
        kind=PolicyEvent.Kind.RESCHEDULED,
        at=now,
        data={"starts_at": starts_at.isoformat()},
        **actor.signature(),
    )
    _record(order, OrderEvent.Kind.CORRECTED, actor=actor, now=now, note=shipped_at.isoformat())


def term(order: Order, shipped_at: datetime) -> tuple[datetime, datetime]:
    """When the plan of an order begins and ends, in UTC, if it ships at `shipped_at` (B9)."""
    starts_at = begins_at(order, shipped_at)
    return starts_at, terms.add_months(starts_at, order.months, order.region.zone)


def begins_at(order: Order, shipped_at: datetime) -> datetime:
    """When the plan of an order begins, in UTC, if it ships at `shipped_at` (B9)."""
    return shipped_at + timedelta(hours=order.region.bundle_delay_hours)


def objection_to_cancelling(order: Order, policy: Policy | None, *, now: datetime) -> Text | None:
    """Why an order cannot be cancelled (B9). None when it can."""
    if order.cancelled_at is not None:
        return _("This order has been cancelled already.")
    if policy is None or policy.starts_at > now:
        return None
    if policy.cancelled_at is not None:
        # Before it began it would have freed the order, but the order may be an old one.
        begun = policy.cancelled_at >= policy.starts_at
        return _("The policy of this order had begun, and was cancelled.") if begun else None
    if policy.is_over(at=now):
        return _("The policy of this order has ended.")
    return _("The policy has begun; cancel the policy instead.")


def cancel(order: Order, *, reason: str, actor: Actor, now: datetime) -> None:
    """Cancels the order, and its policy if that has not begun (B9). Raises Conflict otherwise."""
    with transaction.atomic():
        policy, locked = lock(order)
        objection = objection_to_cancelling(locked, policy, now=now)
        if objection:
            raise Conflict(objection)
        if policy is None or policy.status == Policy.Status.CANCELLED:
            cancellation.end_order(locked, reason=reason, actor=actor, now=now)
        else:
            cancellation.cancel(policy, reason=reason, actor=actor, now=now)


def lock(order: Order) -> tuple[Policy | None, Order]:
    """The order's policy, if it has one, and the order, locked as everywhere: policy first.

    Raises Conflict when the policy came with a shipment that was recorded meanwhile: it is not
    locked, and whoever asked has not seen it.
    """
    policy = Policy.objects.select_for_update(of=("self",)).filter(order=order).first()
    locked = (
        Order.objects.select_for_update(of=("self",))
        .select_related("plan", "region", "customer")
        .get(pk=order.pk)
    )
    if locked.policy_id != (policy.pk if policy else None):
        raise Conflict(_("Somebody else has recorded the shipment of this order meanwhile."))
    return policy, locked


def _record(
    order: Order, kind: OrderEvent.Kind, *, actor: Actor, now: datetime, note: str = ""
) -> None:
    OrderEvent.objects.create(order=order, kind=kind, at=now, note=note, **actor.signature())
