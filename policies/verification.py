"""Video verification and the permits that it opens (B3, V1-V3)."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from policies import letters, withdrawal
from policies.models import (
    BindingPermit,
    Drone,
    DroneModel,
    Policy,
    Region,
    VerificationStep,
    VideoVerification,
)
from policies.rules.errors import BadInput
from policies.shared.actor import Actor
from policies.shared.errors import Conflict

YOUTUBE = {"youtube.com", "www.youtube.com", "m.youtube.com"}
FILM_PATHS = ("/shorts/", "/live/", "/embed/")
VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{11}\Z")


class BadVideoLink(BadInput):
    """The text is not a link to a film that we can watch."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "Please give the https link of a YouTube video, like "
                "https://youtu.be/dQw4w9WgXcQ. It may be private."
            )
        )


def video_id(link: str) -> str:
    """YouTube's id of a film, from any of the links that YouTube and browsers give.

    `youtu.be/`, `watch?v=`, `shorts/`, `live/`, `embed/`; with http, https or no scheme.
    Raises BadVideoLink.
    """
    link = link.strip()
    if "://" not in link:
        link = f"https://{link}"
    try:
        parts = urlsplit(link)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise BadVideoLink from None
    plain = port is None and parts.username is None
    if parts.scheme not in {"http", "https"} or not plain:
        raise BadVideoLink
    path = parts.path.removesuffix("/")
    if host == "youtu.be":
        candidate = path.removeprefix("/")
    elif host in YOUTUBE and path == "/watch":
        candidate = parse_qs(parts.query).get("v", [""])[0]
    elif host in YOUTUBE and path.startswith(FILM_PATHS):
        candidate = path.removeprefix("/").partition("/")[2]
    else:
        raise BadVideoLink
    if not VIDEO_ID.match(candidate):
        raise BadVideoLink
    return candidate


@dataclass(frozen=True)
class Film:
    """What the customer sends in. `serial` is normalised, `video_id` is YouTube's."""

    serial: str
    drone_model: DroneModel
    name: str
    email: str
    country: str
    video_id: str


def submit(film: Film, *, now: datetime) -> VideoVerification:
    """Puts the film into the queue (V1, V3).

    Raises Conflict: the country is not served, the model is withdrawn (P10), or another film of
    the drone from the same e-mail is still open, waiting to be watched or approved and to be
    used. Of the films of others nobody learns, and none takes another's place.
    """
    region = Region.objects.for_country(film.country).first()
    if region is None or not withdrawal.may_be_bound(region):
        raise Conflict(_("Care plans are not sold in this country."))
    if not withdrawal.may_be_bound(film.drone_model):
        raise Conflict(_("Care plans for this model are not sold any more."))
    try:
        with transaction.atomic():
            verification = VideoVerification.objects.create(
                serial=film.serial,
                drone_model=film.drone_model,
                region=region,
                name=film.name,
                email=film.email,
                country=film.country,
                video_id=film.video_id,
                submitted_at=now,
            )
            _refuse_approved(verification, now=now)
            letters.verification_received(verification, now=now)
    except IntegrityError as error:
        raise Conflict(
            _("A video for this drone is waiting to be watched; please wait for our letter.")
        ) from error
    return verification


def _refuse_approved(verification: VideoVerification, *, now: datetime) -> None:
    """Raises Conflict while the permit of an earlier film from the same e-mail is open (V3).

    Called after the insert: its unique index waits for an approval that is under way, so
    that the permit is visible here.
    """
    open_permits = BindingPermit.objects.open(at=now)
    if VideoVerification.objects.filter(
        serial=verification.serial, email=verification.email, permit__in=open_permits
    ).exists():
        raise Conflict(
            _(
                "A video for this drone has been approved, and the time to start a care plan is "
                "still running; please see our letter."
            )
        )


def waiting(film: Film) -> VideoVerification | None:
    """The verification that this very film waits in: the form was sent twice."""
    return (
        VideoVerification.objects.filter(
            serial=film.serial,
            email=film.email,
            video_id=film.video_id,
            state=VideoVerification.State.SUBMITTED,
        )
        .select_related("region")
        .first()
    )


def approve(
    verification: VideoVerification, *, seen: list[str], actor: Actor, now: datetime
) -> BindingPermit:
    """Opens a binding permit; the letter names its deadline (B3, V2).

    `seen` are the slugs of the steps that the film shows: all are needed. Raises Conflict:
    something is missing, decided already, or no permit could help this drone (B4).
    """
    with transaction.atomic():
        locked = _lock(verification)
        steps = dict(VerificationStep.objects.values_list("slug", "title"))
        missing = [title for slug, title in steps.items() if slug not in seen]
        if missing:
            raise Conflict(
                _("The film does not show: %(missing)s.") % {"missing": ", ".join(missing)}
            )
        drone, _created = Drone.objects.get_or_create(
            serial=locked.serial, defaults={"drone_model": locked.drone_model}
        )
        drone = _lock_coverable(drone)
        if drone.drone_model_id != locked.drone_model_id:
            raise Conflict(_("This serial number is on file as another model."))
        permit = _open_permit(
            drone, locked.region, BindingPermit.Reason.VERIFICATION, actor=actor, now=now
        )
        locked.state, locked.permit = VideoVerification.State.APPROVED, permit
        locked.decided_at, locked.decided_by, locked.seen = now, actor.user, sorted(seen)
        locked.save(update_fields=["state", "permit", "decided_at", "decided_by", "seen"])
        letters.verification_approved(locked, permit, now=now)
        return permit


def reject(
    verification: VideoVerification,
    *,
    reason: str,
    seen: list[str],
    actor: Actor,
    now: datetime,
) -> None:
    """Rejects the film, with the reason that the customer reads (V2). Raises Conflict."""
    with transaction.atomic():
        locked = _lock(verification)
        locked.state, locked.reason = VideoVerification.State.REJECTED, reason
        locked.decided_at, locked.decided_by, locked.seen = now, actor.user, sorted(seen)
        locked.save(update_fields=["state", "reason", "decided_at", "decided_by", "seen"])
        letters.verification_rejected(locked, now=now)


def grant_after_repair(
    drone: Drone, *, region: Region, note: str, actor: Actor, now: datetime
) -> BindingPermit:
    """Opens a permit after an official repair (B3). Raises Conflict when B4 stands against it."""
    with transaction.atomic():
        locked = _lock_coverable(drone)
        reason = BindingPermit.Reason.REPAIR
        return _open_permit(locked, region, reason, actor=actor, now=now, note=note)


def _lock_coverable(drone: Drone) -> Drone:
    """The drone, locked. Raises Conflict when B4 stands against a plan: no permit helps then."""
    locked = Drone.objects.select_for_update(of=("self",)).get(pk=drone.pk)
    had = Policy.objects.counting().filter(drone=locked, drone_life=locked.life)
    if locked.retired_at is not None or had.exists():
        raise Conflict(_("This drone cannot get a care plan, with or without a permit."))
    return locked


def _open_permit(
    drone: Drone,
    region: Region,
    reason: BindingPermit.Reason,
    *,
    actor: Actor,
    now: datetime,
    note: str = "",
) -> BindingPermit:
    return BindingPermit.objects.create(
        drone=drone,
        reason=reason,
        opened_at=now,
        deadline_at=now + timedelta(hours=region.permit_hours),
        granted_by=actor.user,
        note=note,
    )


def use(permit: BindingPermit, policy: Policy) -> None:
    """Uses the permit up for a policy. The caller has locked it and found it open.

    Its instants decide, never the sweep's mark: a mark that was set too early is taken back (B3).
    """
    permit.used_for, permit.lapsed_at = policy, None
    permit.save(update_fields=["used_for", "lapsed_at"])
    VideoVerification.objects.filter(permit=permit, state=VideoVerification.State.LAPSED).update(
        state=VideoVerification.State.APPROVED
    )


def _lock(verification: VideoVerification) -> VideoVerification:
    locked = (
        VideoVerification.objects.select_for_update(of=("self",))
        .select_related("drone_model", "region")
        .get(pk=verification.pk)
    )
    if locked.state != VideoVerification.State.SUBMITTED:
        raise Conflict(_("This video has been decided about already."))
    return locked


def to_lapse(*, now: datetime) -> int:
    """How many permits have passed their deadline unused, and are not marked yet."""
    return BindingPermit.objects.to_lapse(at=now).count()


def lapse(*, now: datetime, chunk: int = 1_000) -> int:
    """Marks one chunk of permits that nobody used in time, and their verifications (V3).

    Returns how many; 0 says that there are none left.
    """
    with transaction.atomic():
        due = BindingPermit.objects.to_lapse(at=now).order_by("deadline_at", "id")
        pks = list(due.select_for_update(skip_locked=True).values_list("pk", flat=True)[:chunk])
        lapsed = BindingPermit.objects.to_lapse(at=now).filter(pk__in=pks).update(lapsed_at=now)
        VideoVerification.objects.filter(
            permit__in=pks, state=VideoVerification.State.APPROVED
        ).update(state=VideoVerification.State.LAPSED)
        return lapsed
