"""What is said of a drone's activation where the dealer does not know it (B11).

A statement counts although its binding was refused, and until staff correct it. Only who held
a redeemable code states anything; a film speaks against its own sender, and against everybody
once staff have approved it.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Max, Q, QuerySet

from policies.models import (
    ActivationCode,
    ActivationSource,
    ActivationStatement,
    Drone,
    DroneEvent,
    VideoVerification,
)
from policies.rules.eligibility import Statement
from policies.shared.actor import Actor

Kind = DroneEvent.Kind


def keep(
    code: ActivationCode,
    *,
    serial: str,
    activated_at: datetime,
    zone: ZoneInfo,
    email: str,
    actor: Actor,
    now: datetime,
) -> None:
    """Keeps what was stated with a redeemable code. Call it outside of what may roll back.

    What lies in the future is a slip, and a code that renews says nothing of a new plan.
    """
    if activated_at > now or code.batch.plan.is_renewal:
        return
    ActivationStatement.objects.create(
        code=code,
        kind=ActivationStatement.Kind.STATED,
        at=now,
        serial=serial,
        activated_at=activated_at,
        time_zone=zone.key,
        email=email.strip().lower(),
        **actor.signature(),
    )


def activation(drone: Drone, *, stated: datetime | None = None, email: str = "") -> dict[str, Any]:
    """The facts for the rules: when the drone was activated, and who says so.

    The dealer goes before all others. Of what is said, the earliest counts: nobody betters an
    answer by giving another.
    """
    if drone.activation_source == ActivationSource.DEALER:
        return {"activated_at": drone.activated_at}
    statement = earliest(drone, email=email)
    said = drone.activated_at or stated
    if statement and (said is None or statement.activated_at < said):
        said = statement.activated_at
    else:
        statement = None
    return {
        "activated_at": said,
        "activation_stated_by_customer": said is not None,
        "statement": statement,
    }


def earliest(drone: Drone, *, email: str = "") -> Statement | None:
    """What counts of all that was said and filmed of this drone: the earliest activation.

    `drone` need not be on file. Films that wait or were rejected count for their sender (`email`)
    alone, approved ones for everybody, used in time or not.
    """
    since = _corrected_at(drone)
    stated = _stated(drone, since).order_by("activated_at").first()
    film = _films(drone, since, email).order_by("submitted_at").first()
    said = [Statement(activated_at=stated.activated_at, stated_at=stated.at)] if stated else []
    if film:
        at = film.submitted_at
        said.append(Statement(activated_at=at, stated_at=at, by_film=True))
    return min(said, key=lambda one: one.activated_at, default=None)


def counting(drone: Drone) -> QuerySet[ActivationStatement]:
    """The statements about this drone that nobody has corrected."""
    return _stated(drone, _corrected_at(drone))


def _stated(drone: Drone, since: datetime | None) -> QuerySet[ActivationStatement]:
    # A code for another model was no code for this drone: who holds a cheap one must not be
    # able to close the window of every drone.
    about = ActivationStatement.objects.filter(
        serial=drone.serial, code__batch__drone_model=drone.drone_model_id
    )
    # What came with a code whose serial number was mistyped was said of another drone (B12).
    mistyped = DroneEvent.objects.filter(drone__serial=drone.serial, kind=Kind.MISTYPED)
    about = about.exclude(code__in=[event.data["code"] for event in mistyped])
    return about.filter(at__gt=since) if since else about


def _films(drone: Drone, since: datetime | None, email: str) -> QuerySet[VideoVerification]:
    approved = [VideoVerification.State.APPROVED, VideoVerification.State.LAPSED]
    films = VideoVerification.objects.filter(
        Q(state__in=approved) | Q(email=email.strip().lower()), serial=drone.serial
    )
    return films.filter(submitted_at__gt=since) if since else films


def _corrected_at(drone: Drone) -> datetime | None:
    """What was said up to here no longer counts: staff said better, or a new life began."""
    corrections = DroneEvent.objects.filter(drone__serial=drone.serial, kind=Kind.ACTIVATION_SET)
    corrected_at = corrections.aggregate(last=Max("at"))["last"]
    return max((at for at in (corrected_at, drone.life_began_at) if at), default=None)
