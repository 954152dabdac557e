"""A repair request comes in (K1, K2, K3, K14)."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from claims import decision_facts, letters, photos, progress
from claims.models import Claim, Photo
from policies import cover as policy_cover
from policies.models import Policy
from policies.rules import clocks
from policies.shared.actor import Actor
from policies.shared.errors import Conflict


@dataclass(frozen=True, kw_only=True)
class Inquiry:
    """What can be looked up before a form is complete; None is not known yet.

    `serial` is normalised, `happened_on` a day of the customer's.
    """

    serial: str
    email: str
    happened_on: date | None = None
    country: str | None = None


@dataclass(frozen=True, kw_only=True)
class Request(Inquiry):
    """What the customer's form says."""

    happened_on: date
    country: str
    cause: str
    description: str
    parts: list[str]
    line1: str
    city: str
    line2: str = ""
    state: str = ""
    postal_code: str = ""
    pictures: Sequence[photos.Picture] = ()


class NoMatch(Conflict):
    """No plan for this serial and e-mail; the same whether or not the serial is known (K3)."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "We cannot find a care plan for this serial number and e-mail address. "
                "Please use the address to which we sent the agreement."
            )
        )


class AlreadyOpen(Conflict):
    """There is an open claim for this drone (K3).

    If it is the holder's, its link is on the way to their mailbox. The drone of a former owner,
    whose parcel came after the plan had moved on (T2, K15), is still to go back.
    """

    def __init__(self, claim: Claim, *, email: str) -> None:
        self.claim, self.is_theirs = claim, claim.email == email
        if self.is_theirs:
            message = _(
                "There is an open request for this drone. We have mailed you the link to it."
            )
        else:
            message = _(
                "A request of an earlier owner of this drone is not finished yet. "
                "Please send yours when it is; nothing of your plan is lost meanwhile."
            )
        super().__init__(message)


class WrongRegion(Conflict):
    """The return address lies outside the region of the policy (K14)."""


class InFuture(Conflict):
    """The day of the damage lies in the future."""


def refusals(inquiry: Inquiry, *, now: datetime) -> list[Conflict]:
    """Everything that would be refused as of now; mails the link of an open claim.

    For a form that asks: all is said in one round, and before photos are opened. What holds is
    what `request_repair` finds under the lock.
    """
    policy = policy_cover.policy_on(inquiry.serial, at=now)
    found = list(_objections(inquiry, policy, at=now))
    for refusal in found:
        if isinstance(refusal, AlreadyOpen):
            _mail_link(refusal, now=now)
    return found


def request_repair(request: Request, *, actor: Actor, now: datetime) -> Claim:
    """Opens a claim with the computed decision, and mails that it was received.

    Raises NoMatch, AlreadyOpen, WrongRegion or InFuture; nothing is stored then.
    """
    try:
        # Asked before files are written, and again under the lock: only that answer counts.
        policy = _unless_refused(request, policy_cover.policy_on(request.serial, at=now), at=now)
        with _stored(request.pictures) as stored, transaction.atomic():
            locked = policy_cover.lock(policy)
            return _open(request, locked, stored, actor=actor, now=now)
    except AlreadyOpen as refusal:
        _mail_link(refusal, now=now)
        raise


def _mail_link(refusal: AlreadyOpen, *, now: datetime) -> None:
    if refusal.is_theirs:
        letters.claim_link_requested(refusal.claim, second_request=True, now=now)


def _unless_refused(request: Request, policy: Policy | None, *, at: datetime) -> Policy:
    """The policy. Raises the first objection."""
    for objection in _objections(request, policy, at=at):
        raise objection
    assert policy is not None  # else there was an objection
    return policy


def _objections(inquiry: Inquiry, policy: Policy | None, *, at: datetime) -> Iterator[Conflict]:
    """What speaks against a request; a stranger learns nothing but that there is no match (K3)."""
    if policy is None or policy.holder.email != inquiry.email:
        yield NoMatch()
        return
    region, day = policy.region, inquiry.happened_on
    if day is not None and not clocks.has_begun(day, region.zones, at=at):
        yield InFuture(_("The day of the damage lies in the future."))
    if inquiry.country is not None and not policy_cover.serves(region, inquiry.country):
        yield WrongRegion(
            _("This plan is serviced in the region %(region)s; please give an address there.")
            % {"region": region}
        )
    existing = Claim.objects.open().filter(drone=policy.drone).first()
    if existing is not None:
        yield AlreadyOpen(existing, email=inquiry.email)


@contextmanager
def _stored(pictures: Iterable[photos.Picture]) -> Iterator[list[photos.Stored]]:
    """Files are written before the transaction, which is kept short; forgotten where it fails."""
    stored: list[photos.Stored] = []
    try:
        stored.extend(photos.store(picture) for picture in pictures)
        yield stored
    except BaseException:
        photos.forget(stored)
        raise


def _open(
    request: Request,
    locked: Policy,
    stored: list[photos.Stored],
    *,
    actor: Actor,
    now: datetime,
) -> Claim:
    """Reads, compares and decides anew: drone or holder may be another by now."""
    # The clock was read at the door. Who waited for a cancellation to end comes after it.
    now = max(now, locked.cancelled_at or now)
    cover = policy_cover.cover_on(request.serial, at=now)
    if cover is None or cover.policy != locked:
        raise NoMatch
    policy = _unless_refused(request, cover.policy, at=now)
    claim = Claim(
        policy=policy,
        drone=policy.drone,
        name=policy.holder.name,
        email=request.email,
        cause=request.cause,
        happened_on=request.happened_on,
        description=request.description,
        parts=request.parts,
        submitted_at=now,
        **_address(request),
    )
    ruling = decision_facts.on_the_request(claim, cover)
    progress.submit(claim, ruling, actor=actor, now=now)
    Photo.objects.bulk_create(
        Photo(claim=claim, image=one.name, width=one.width, height=one.height) for one in stored
    )
    return claim


def _address(request: Request) -> dict[str, Any]:
    names = ["line1", "line2", "city", "state", "postal_code", "country"]
    return {name: getattr(request, name) for name in names}
