"""Drones: how one comes on file, and what the dealer knows of its activation (B6, B11, B12)."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from policies import withdrawal
from policies.models import (
    ActivationSource,
    ActivationStatement,
    Drone,
    DroneEvent,
    DroneModel,
    Hold,
    Policy,
)
from policies.rules import serials
from policies.rules.text import Text
from policies.shared.actor import Actor
from policies.shared.errors import Conflict, SerialDoubted

NOT_IN_STOCK = _("No drone with it is on file, and others of its model are, unsold.")


class NotYet(Conflict):
    """The activation that the dealer knows of has yet to come."""

    def __init__(self) -> None:
        super().__init__(_("An activation cannot lie in the future."))


def look_at(
    serial: str, drone_model: DroneModel, *, confirmed: str, from_stock: bool = False
) -> None:
    """Looks at a serial number that would come on file with this model. Raises SerialDoubted (B12).

    Not at one that is on file, which was believed before, nor at one that `confirmed` repeats.
    A drone that goes out `from_stock` should be on file where stock is.
    """
    if serials.recognise(confirmed) == serial or Drone.objects.filter(serial=serial).exists():
        return
    in_stock = from_stock and unsold().filter(drone_model=drone_model).exists()
    doubts = doubts_about(serial, drone_model, in_stock=in_stock)
    if doubts:
        raise SerialDoubted(serial, doubts)


def doubts_about(serial: str, drone_model: DroneModel, *, in_stock: bool) -> list[Text]:
    """What looks wrong about a serial number that is not on file, in sentences (B12).

    `in_stock`: unsold drones of the model are on file, and this one should be among them.
    """
    doubts = serials.doubts(serial, drone_model.serial_pattern)
    return [*doubts, NOT_IN_STOCK] if in_stock else doubts


def unsold() -> QuerySet[Drone]:
    """Drones that are stock by all that is on file: never activated, sold, bound or handed in."""
    untouched = Drone.objects.filter(activated_at=None, retired_at=None, permits=None)
    of_nobody = untouched.filter(policies=None, orders=None)
    # A serial number that was mistyped once is no drone.
    return of_nobody.exclude(events__kind=DroneEvent.Kind.MISTYPED)


def register(
    *,
    serial: str,
    drone_model: DroneModel,
    activated_at: datetime | None,
    serial_confirmed: str = "",
    now: datetime,
) -> Drone:
    """Puts a drone on file with what the dealer knows.

    Raises Conflict for a known serial or a withdrawn model (P10), NotYet for an activation
    after `now`, SerialDoubted.
    """
    if is_yet_to_come(activated_at, now=now):
        raise NotYet
    if withdrawn := withdrawal.objection(drone_model=drone_model):
        raise Conflict(withdrawn.message)
    look_at(serial, drone_model, confirmed=serial_confirmed)
    drone, created = Drone.objects.get_or_create(
        serial=serial,
        defaults={
            "drone_model": drone_model,
            "activated_at": activated_at,
            "activation_source": _source(activated_at),
        },
    )
    if not created:
        raise Conflict(_("A drone with this serial number is on file already."))
    return drone


def set_activation(
    drone: Drone, *, activated_at: datetime | None, reason: str, actor: Actor, now: datetime
) -> None:
    """Records when the drone was activated, as the dealer knows it (B11); None for not yet.

    What customers stated and films showed until now no longer counts. Raises NotYet.
    """
    if is_yet_to_come(activated_at, now=now):
        raise NotYet
    with transaction.atomic():
        locked = Drone.objects.select_for_update(of=("self",)).get(pk=drone.pk)
        before = locked.activated_at
        locked.activated_at = activated_at
        locked.activation_source = _source(activated_at)
        locked.save(update_fields=["activated_at", "activation_source"])
        DroneEvent.objects.create(
            drone=locked,
            kind=DroneEvent.Kind.ACTIVATION_SET,
            at=now,
            note=reason,
            data={"from": _shown(before), "to": _shown(activated_at)},
            **actor.signature(),
        )


def correct_statement(
    statement: ActivationStatement,
    *,
    activated_at: datetime | None,
    reason: str,
    actor: Actor,
    now: datetime,
) -> Drone:
    """The same by what a customer stated: the drone comes on file if it was not. Raises NotYet."""
    with transaction.atomic():
        drone, _created = Drone.objects.get_or_create(
            serial=statement.serial, defaults={"drone_model": statement.code.batch.drone_model}
        )
        set_activation(drone, activated_at=activated_at, reason=reason, actor=actor, now=now)
        return drone


def is_yet_to_come(activated_at: datetime | None, *, now: datetime) -> bool:
    """Whether an activation that the dealer states can only be a slip (B11)."""
    return activated_at is not None and activated_at > now


def _source(activated_at: datetime | None) -> ActivationSource:
    return ActivationSource.DEALER if activated_at else ActivationSource.UNKNOWN


def _shown(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC" if instant else str(_("not activated"))


def start_new_life(drone: Drone, *, now: datetime) -> None:
    """Sells a drone again as refurbished: its earlier policies no longer count (B6).

    It comes from the official store or an authorised dealer, with its activation reset.
    Raises Conflict while a policy still runs on it; one that is used up has ended (P3). Also
    while it is held for an open claim, whoever's its policies are now: it may lie on the bench.
    """
    with transaction.atomic():
        # The policies first, as every verb locks: no use is given back meanwhile.
        policies = list(Policy.objects.select_for_update(of=("self",)).filter(drone=drone))
        locked = Drone.objects.select_for_update(of=("self",)).get(pk=drone.pk)
        if any(not policy.is_over(at=now) for policy in policies):
            raise Conflict(_("A policy still runs on this drone; it must end or move first."))
        if Hold.objects.filter(drone=locked).exists():
            raise Conflict(_("There is an open claim on this drone; it must end first."))
        locked.life += 1
        locked.life_began_at = now
        locked.retired_at = locked.activated_at = None
        locked.activation_source = ActivationSource.UNKNOWN
        locked.save(
            update_fields=[
                *("life", "life_began_at", "retired_at"),
                *("activated_at", "activation_source"),
            ]
        )
