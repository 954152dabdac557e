"""A policy that was bound to a mistyped serial number goes to the right one (B12)."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from policies import binding, cover, drones, replacement, statements, verification
from policies.models import ActivationSource, Drone, Hold, Order, Policy, PolicyEvent
from policies.rules import eligibility, serials
from policies.shared.actor import Actor
from policies.shared.errors import Conflict, Refused


def correct_serial(
    policy: Policy,
    *,
    serial: str,
    reason: str,
    actor: Actor,
    now: datetime,
    serial_confirmed: str = "",
) -> Policy:
    """Moves the policy as if it had been bound to `serial`; the wrong one was never covered.

    What was stated of an activation was said of the right drone. It must have been fit for
    binding when the policy was bound, or have an open permit now: else a made-up serial number
    would open the window of a drone that crashed long ago. Raises BadSerial, SerialDoubted,
    Conflict, Refused.
    """
    with transaction.atomic():
        locked = cover.lock(policy)
        wrong, serial = locked.drone, serials.normalise(serial)
        replacement.refuse_correction(locked, serial, now=now)
        _refuse_claims(locked)
        drones.look_at(serial, wrong.drone_model, confirmed=serial_confirmed)
        Drone.objects.get_or_create(serial=serial, defaults={"drone_model": wrong.drone_model})
        rows = Drone.objects.select_for_update(of=("self",)).select_related("drone_model")
        right = rows.get(serial=serial)
        if Order.objects.to_ship().filter(drone=right).exists():
            raise Conflict(_("The drone with this serial number is sold in an order of its own."))
        period = min(locked.periods.all(), key=lambda one: one.number)
        if period.code_id is None:  # sold with its drone (B9): the dealer shipped the right one
            replacement.refuse_taken(right)
            replacement.refuse_other_model(right, than=wrong)
        else:
            _judge(locked, right, window_hours=period.binding_window_hours, now=now)
        _take_statement_along(wrong, right)
        locked.drone, locked.drone_life = right, right.life
        locked.save(update_fields=["drone", "drone_life"])
        Order.objects.filter(policy=locked).update(drone=right)
        replacement.record_correction(
            locked, wrong, reason=reason, code=period.code_id, actor=actor, now=now
        )
        return locked


def _refuse_claims(locked: Policy) -> None:
    if Hold.objects.filter(drone=locked.drone).exists():
        raise Conflict(_("There is an open claim on this policy; it must end first."))
    moved = locked.events.filter(kind=PolicyEvent.Kind.MOVED).order_by("-id").first()
    if moved is not None:
        raise Conflict(
            _("This serial number came with the replacement of %(claim)s; correct it there.")
            % {"claim": moved.note}
        )


def _judge(locked: Policy, right: Drone, *, window_hours: int, now: datetime) -> None:
    """Uses the permit that the correction needs. Raises Refused with every reason (B10)."""
    bound_at, permit = locked.created_at, binding.open_permit(right, now=now, lock=True)
    said = statements.activation(right, stated=_stated(locked.drone), email=locked.holder.email)
    if said["activated_at"] and said["activated_at"] > bound_at:
        said = {}  # it was not activated when the policy was bound (B1)
    region = locked.region
    verdict = eligibility.may_bind(
        eligibility.BindingFacts(
            at=bound_at,
            zone=region.zone,
            binding_window_hours=window_hours,
            code_model=locked.drone.drone_model.name,
            drone_model=right.drone_model.name,
            code_region=region.name,
            customer_region=region.name,
            **said,
            **binding.history(right, permit, at=now),
        )
    )
    if not verdict.allowed:
        raise Refused(verdict)
    if permit and verdict.names("permit"):
        verification.use(permit, locked)


def _stated(wrong: Drone) -> datetime | None:
    return wrong.activated_at if wrong.activation_source == ActivationSource.CUSTOMER else None


def _take_statement_along(wrong: Drone, right: Drone) -> None:
    """What the customer stated goes to the drone that they meant; the dealer's word stays."""
    stated = _stated(wrong)
    if stated is None:
        return
    for drone, at in ((wrong, None), (right, stated)):
        if drone.activation_source != ActivationSource.DEALER:
            drone.activated_at = at
            drone.activation_source = ActivationSource.CUSTOMER if at else ActivationSource.UNKNOWN
            drone.save(update_fields=["activated_at", "activation_source"])
