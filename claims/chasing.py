"""The sweep that chases customers: for unused labels, unpaid fees, missing parts (K6)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from claims import fees, letters, moves
from claims.models import STATES, Claim, Deadline, Progress, ends_at
from policies.rules.text import Text
from policies.shared.actor import Actor

CLOCK = Actor.command("chase_claims")

# Where a wait that took too long ends, and why: the customer reads it.
ENDINGS: dict[Deadline.Kind, tuple[Progress, Text]] = {
    Deadline.Kind.LABEL: (Progress.LAPSED, ""),
    Deadline.Kind.FEE: (Progress.RETURNING, _("The replacement fee was not paid in time.")),
    Deadline.Kind.PARTS: (Progress.RETURNING, _("The missing parts did not arrive in time.")),
}


@dataclass
class Chased:
    """What one run did."""

    seen: int = 0
    reminded: int = 0
    lapsed: int = 0
    returned: int = 0

    def __str__(self) -> str:
        return f"{self.reminded} reminded, {self.lapsed} lapsed, {self.returned} to be returned"


def count(*, now: datetime) -> int:
    """How many claims a run would look at."""
    return sum(
        Claim.objects.filter(deadline.over(at=now) | deadline.to_remind(at=now)).count()
        for deadline in Deadline.objects.all()
    )


def chase(*, now: datetime, dry_run: bool = False, chunk: int = 500) -> Iterator[Chased]:
    """Works through the deadlines in chunks; yields the running total after each.

    Each claim is its own transaction that looks again at where the claim stands: what moved
    meanwhile is left alone, and a second run, or one beside it, finds nothing to do. A dry
    run does all of it, and takes each back.
    """
    total = Chased()
    for deadline in Deadline.objects.order_by("kind"):
        for claims in _by_chunk(Claim.objects.filter(deadline.over(at=now)), chunk):
            for claim in claims:
                _end(claim, deadline, now=now, dry_run=dry_run, total=total)
            total.seen += len(claims)
            yield total
        for claims in _by_chunk(Claim.objects.filter(deadline.to_remind(at=now)), chunk):
            for claim in claims:
                _remind(claim, deadline, now=now, dry_run=dry_run, total=total)
            total.seen += len(claims)
            yield total
    yield total


def _by_chunk(claims: QuerySet[Claim], chunk: int) -> Iterator[list[Claim]]:
    """By key, not by offset: the rows that were done drop out of the query."""
    last = 0
    related = ["policy__region", "policy__plan", "policy__holder", "drone__drone_model"]
    while rows := list(claims.filter(pk__gt=last).select_related(*related).order_by("pk")[:chunk]):
        yield rows
        last = rows[-1].pk


def _end(claim: Claim, deadline: Deadline, *, now: datetime, dry_run: bool, total: Chased) -> None:
    kind = Deadline.Kind(deadline.kind)
    with transaction.atomic():
        ended = give_up(claim, kind, days=deadline.ends_after_days, actor=CLOCK, now=now)
        if kind == Deadline.Kind.LABEL:
            total.lapsed += ended
        else:
            total.returned += ended
        transaction.set_rollback(dry_run)


def _remind(
    claim: Claim, deadline: Deadline, *, now: datetime, dry_run: bool, total: Chased
) -> None:
    with transaction.atomic():
        current = moves.lock(claim, CLOCK, now).claim
        stands = (current.progress, current.progress_at) == (claim.progress, claim.progress_at)
        if stands and not _is_paid(current, Deadline.Kind(deadline.kind)):
            total.reminded += letters.reminder(current, deadline, now=now)
        transaction.set_rollback(dry_run)


def _is_paid(claim: Claim, kind: Deadline.Kind) -> bool:
    """Paid, and the step after it taken back: the claim waits for the desk."""
    return kind == Deadline.Kind.FEE and fees.is_settled(claim)


def give_up(claim: Claim, kind: Deadline.Kind, *, days: int, actor: Actor, now: datetime) -> bool:
    """Ends the wait for the label's use, the fee or the missing parts after `days` (K6).

    False when there is time left, or when the claim does not wait for this (any more).
    """
    with transaction.atomic():
        step = moves.lock(claim, actor, now)
        current = step.claim
        is_over = current.progress == STATES[kind] and ends_at(current, days=days) <= now
        if not is_over or _is_paid(current, kind):
            return False
        after, reason = ENDINGS[kind]
        step.move(after, public_note=str(reason))
        return True
