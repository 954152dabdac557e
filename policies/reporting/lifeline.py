"""FACE: the life of one drone: sold, activated, bound, renewed, repaired, replaced.

Each app registers what it knows; nothing is stored for it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Model
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from policies.models import (
    ActivationStatement,
    Drone,
    OrderEvent,
    Period,
    Policy,
    PolicyEvent,
    VideoVerification,
)
from policies.rules.text import Text


@dataclass(frozen=True)
class Moment:
    """What happened at an instant, by whom where that is known, and to what it belongs."""

    at: datetime
    what: Text
    about: Model | None = None
    who: str = ""
    note: str = ""


Source = Callable[[Drone], Iterable[Moment]]
SOURCES: list[Source] = []


def source(function: Source) -> Source:
    """Registers what an app knows of a drone's life."""
    SOURCES.append(function)
    return function


def of(drone: Drone) -> list[Moment]:
    """Everything that is known, newest first."""
    moments = [moment for moments_of in SOURCES for moment in moments_of(drone)]
    # At one instant, what a source yields later happened later: a code is sold before it is bound.
    return sorted(moments, key=lambda moment: moment.at)[::-1]


@source
def _drone(drone: Drone) -> Iterator[Moment]:
    if drone.activated_at is not None:
        note = str(drone.get_activation_source_display())
        yield Moment(drone.activated_at, _("Activated"), note=note)
    if drone.retired_at is not None:
        yield Moment(drone.retired_at, _("Handed in"))


@source
def _activations(drone: Drone) -> Iterator[Moment]:
    """What customers stated of its activation, and what staff recorded instead (B11)."""
    for stated in ActivationStatement.objects.filter(serial=drone.serial):
        local = stated.activated_at.astimezone(stated.zone)
        what = _("Stated as activated on %(instant)s") % {
            "instant": date_format(local, "j F Y, H:i T")
        }
        yield Moment(stated.at, what, stated, stated.email)
    for event in drone.events.all():
        yield Moment(event.at, f"{event.what}: {event.change}", None, event.actor, event.note)


@source
def _orders(drone: Drone) -> Iterator[Moment]:
    events = OrderEvent.objects.filter(order__drone=drone).select_related("order")
    for event in events:
        yield Moment(event.at, event.what, event.order, event.actor, event.note)


@source
def _films(drone: Drone) -> Iterator[Moment]:
    for film in VideoVerification.objects.filter(serial=drone.serial):
        yield Moment(film.submitted_at, _("Video sent"), film, film.name)
        if film.decided_at is not None:
            state = str(film.get_state_display())
            yield Moment(film.decided_at, _("Video: %(state)s") % {"state": state}, film)


@source
def _permits(drone: Drone) -> Iterator[Moment]:
    for permit in drone.permits.all():
        reason = str(permit.get_reason_display())
        yield Moment(permit.opened_at, _("Binding permit opened"), permit, note=reason)


@source
def _policies(drone: Drone) -> Iterator[Moment]:
    yield from of_policies(list(drone.policies.all()))


def of_policies(policies: list[Policy]) -> Iterator[Moment]:
    """The history of policies, beginning with the sale of their codes."""
    sold = Period.objects.filter(policy__in=policies, code__sale__isnull=False)
    for period in sold.select_related("code__sale__buyer", "plan"):
        code = period.code
        assert code is not None
        assert code.sale is not None
        what = _("%(plan)s sold") % {"plan": period.plan.name}
        yield Moment(code.sale.sold_at, what, code, note=code.sale.buyer.name)
    events = PolicyEvent.objects.filter(policy__in=policies).select_related("policy")
    for event in events:
        yield Moment(event.at, event.what, event.policy, event.actor, event.note)
