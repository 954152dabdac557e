"""FACE: the replacement takes over (T1), and a serial number mistyped there is put right (K9).

Called in the claim's own transaction, with the policy that `cover.lock` returned.
"""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from policies import drones, letters
from policies.models import (
    ActivationSource,
    Drone,
    DroneEvent,
    Hold,
    Order,
    Policy,
    PolicyEvent,
)
from policies.rules import serials
from policies.rules.terms import Stage
from policies.shared.actor import Actor
from policies.shared.errors import Conflict

# What brings a policy to a drone whose own activation is then no longer on file.
CAME_BY = [PolicyEvent.Kind.MOVED, PolicyEvent.Kind.SERIAL_CORRECTED]


def move(
    locked: Policy,
    *,
    new_serial: str,
    condition: str,
    reference: str,
    actor: Actor,
    now: datetime,
    serial_confirmed: str = "",
) -> Drone:
    """Moves the policy to the replacement drone as one recorded act (T1); returns the drone.

    The old drone is retired; term, allowance and warranty carry over. Raises BadSerial,
    SerialDoubted (B12), or Conflict when the new serial is the old one, has a policy, was handed
    in, or is sold already.
    """
    old = locked.drone
    serial = serials.normalise(new_serial)
    if serial == old.serial:
        raise Conflict(_("The replacement cannot have the serial number of the damaged drone."))
    new, known = _taking_over(serial, old, confirmed=serial_confirmed)
    Drone.objects.filter(pk=old.pk).update(retired_at=now)
    locked.drone, locked.drone_life = new, new.life
    locked.save(update_fields=["drone", "drone_life"])
    Hold.objects.filter(reference=reference).update(drone=new)
    PolicyEvent.objects.create(
        policy=locked,
        kind=PolicyEvent.Kind.MOVED,
        at=now,
        note=reference,
        data={"from": old.serial, "to": new.serial, "condition": condition, "known": known},
        **actor.signature(),
    )
    return new


def correct(
    locked: Policy,
    *,
    new_serial: str,
    reason: str,
    own: Drone,
    actor: Actor,
    now: datetime,
    serial_confirmed: str = "",
) -> Drone:
    """Moves the policy from a serial number mistyped at the replacement to the right one (K9).

    The wrong drone is as it was before. `own` is the damaged drone, which may be the right one:
    a repair came back. Used up or not, until the term ends. Raises BadSerial, SerialDoubted
    (B12) or Conflict.
    """
    wrong = locked.drone
    serial = serials.normalise(new_serial)
    refuse_correction(locked, serial, now=now)
    moved = locked.events.filter(kind=PolicyEvent.Kind.MOVED).latest("id")
    if locked.holds.exclude(reference=moved.note).exists():
        raise Conflict(_("There is an open claim on this policy; it must end first."))
    if serial == own.serial:
        right, known = Drone.objects.select_for_update(of=("self",)).get(pk=own.pk), None
        Drone.objects.filter(pk=own.pk).update(retired_at=None)
    else:
        right, known = _taking_over(serial, wrong, confirmed=serial_confirmed)
    came = locked.events.filter(kind__in=CAME_BY).latest("id")
    _give_back(wrong, came.data.get("known"))
    locked.drone, locked.drone_life = right, right.life
    locked.save(update_fields=["drone", "drone_life"])
    Hold.objects.filter(reference=moved.note).update(drone=right)
    record_correction(locked, wrong, known=known, reason=reason, actor=actor, now=now)
    return right


def refuse_correction(locked: Policy, serial: str, *, now: datetime) -> None:
    """Raises Conflict where the serial number is right, or the plan is over for good."""
    if serial == locked.drone.serial:
        raise Conflict(_("The policy has this serial number already."))
    if locked.stage(at=now) in {Stage.CANCELLED, Stage.ENDED}:
        raise Conflict(_("The term of this policy is over."))


def record_correction(
    locked: Policy,
    wrong: Drone,
    *,
    reason: str,
    actor: Actor,
    now: datetime,
    known: dict[str, str] | None = None,
    code: int | None = None,
) -> None:
    """The history of the policy and of both drones, and the letter with the new agreement.

    `known` is what was known of the right drone before, `code` the one that was redeemed.
    """
    right = locked.drone
    signed = {"at": now, "note": reason, **actor.signature()}
    change = {"from": wrong.serial, "to": right.serial}
    event = PolicyEvent.objects.create(
        policy=locked,
        kind=PolicyEvent.Kind.SERIAL_CORRECTED,
        data=change | {"known": known},
        **signed,
    )
    kinds = DroneEvent.Kind
    data = change | {"code": code, "policy": locked.number}
    DroneEvent.objects.create(drone=wrong, kind=kinds.MISTYPED, data=data, **signed)
    DroneEvent.objects.create(drone=right, kind=kinds.CORRECTED, data=data, **signed)
    letters.serial_corrected(locked, wrong=wrong.serial, occasion=event.pk, now=now)


def _taking_over(serial: str, old: Drone, *, confirmed: str) -> tuple[Drone, dict[str, str] | None]:
    """The drone that takes over, locked, and what was known of it before.

    It inherits the activation, hence the warranty.
    """
    drones.look_at(serial, old.drone_model, confirmed=confirmed, from_stock=True)
    inherited = {
        "drone_model": old.drone_model,
        "activated_at": old.activated_at,
        "activation_source": old.activation_source,
    }
    drone, created = Drone.objects.get_or_create(serial=serial, defaults=inherited)
    drone = Drone.objects.select_for_update(of=("self",)).get(pk=drone.pk)
    refuse_taken(drone)
    if created:
        return drone, None
    refuse_other_model(drone, than=old)
    known = _known(drone)
    for name, value in inherited.items():
        setattr(drone, name, value)
    drone.save(update_fields=list(inherited))
    return drone, known


def refuse_taken(drone: Drone) -> None:
    """Raises Conflict for a drone that was handed in, has a plan, or is sold already (K9)."""
    if drone.retired_at is not None:
        raise Conflict(
            _("The drone with this serial number was handed in; it cannot go out again.")
        )
    if Policy.objects.counting().filter(drone=drone, drone_life=drone.life).exists():
        raise Conflict(_("The drone with this serial number has a care plan of its own."))
    if Order.objects.to_ship().filter(drone=drone).exists():
        raise Conflict(
            _("The drone with this serial number is sold in an order that has not been shipped.")
        )


def refuse_other_model(drone: Drone, *, than: Drone) -> None:
    if drone.drone_model_id != than.drone_model_id:
        raise Conflict(
            _("This serial number is on file as a %(model)s.") % {"model": drone.drone_model}
        )


def _known(drone: Drone) -> dict[str, str] | None:
    """What is known of a drone's activation, to be given back if it was taken by mistake."""
    if drone.activated_at is None:
        return None
    return {"activated_at": drone.activated_at.isoformat(), "source": drone.activation_source}


def _give_back(drone: Drone, known: dict[str, str] | None) -> None:
    at = datetime.fromisoformat(known["activated_at"]) if known else None
    source = known["source"] if known else ActivationSource.UNKNOWN
    Drone.objects.filter(pk=drone.pk).update(activated_at=at, activation_source=source)
