"""The sweep that chases customers: for unused labels, unpaid fees, missing parts (K6)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from claims import fees, letters, moves
from claims.models import Claim, Deadline, Progress, ends_at
from policies.shared.actor import Actor

CLOCK = Actor.command("chase_claims")


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
    days = deadline.ends_after_days
    with transaction.atomic():
        if deadline.kind == Deadline.Kind.LABEL:
            total.lapsed += lapse(claim, days=days, actor=CLOCK, now=now)
        elif deadline.kind == Deadline.Kind.FEE:
            total.returned += give_up_on_fee(claim, days=days, actor=CLOCK, now=now)
        else:
            total.returned += give_up_on_parts(claim, days=days, actor=CLOCK, now=now)
        transaction.set_rollback(dry_run)


def _remind(
    claim: Claim, deadline: Deadline, *, now: datetime, dry_run: bool, total: Chased
) -> None:
    with transaction.atomic():
        current = moves.lock(claim, CLOCK, now).claim
        stands = (current.progress, current.progress_at) == (claim.progress, claim.progress_at)
        if stands and not _is_paid(current, deadline):
            total.reminded += letters.reminder(current, deadline, now=now)
        transaction.set_rollback(dry_run)


def _is_paid(claim: Claim, deadline: Deadline) -> bool:
    return deadline.kind == Deadline.Kind.FEE and fees.is_settled(claim)


def lapse(claim: Claim, *, days: int, actor: Actor, now: datetime) -> bool:
    """Ends a claim whose label was not used within `days` (K6). False when there is time left."""
    with transaction.atomic():
        step = moves.lock(claim, actor, now)
        if not _is_over(step, Progress.LABEL_SENT, days):
            return False
        step.move(Progress.LAPSED)
        return True


def give_up_on_fee(claim: Claim, *, days: int, actor: Actor, now: datetime) -> bool:
    """Returns the drone of a claim whose fee was not paid within `days` (K6). False otherwise."""
    with transaction.atomic():
        step = moves.lock(claim, actor, now)
        if not _is_over(step, Progress.AWAITING_FEE, days):
            return False
        if fees.is_settled(step.claim):
            return False  # paid, and the step then taken back: it waits for the desk
        reason = str(_("The replacement fee was not paid in time."))
        step.move(Progress.RETURNING, public_note=reason)
        return True


def give_up_on_parts(claim: Claim, *, days: int, actor: Actor, now: datetime) -> bool:
    """Returns the drone whose missing parts did not come within `days` (K6). False otherwise."""
    with transaction.atomic():
        step = moves.lock(claim, actor, now)
        if not _is_over(step, Progress.PARTS_MISSING, days):
            return False
        reason = str(_("The missing parts did not arrive in time."))
        step.move(Progress.RETURNING, public_note=reason)
        return True


def _is_over(step: moves.Step, state: Progress, days: int) -> bool:
    claim = step.claim
    return claim.progress == state and ends_at(claim, days=days) <= step.now
