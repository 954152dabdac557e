"""The sweep that chases customers: reminders, lapsed labels, unpaid fees (K6)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from claims import fees, letters, progress
from claims.models import Claim, Deadline, Progress
from policies import cover
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
        _waiting(deadline, now - timedelta(days=deadline.remind_after_days)).count()
        for deadline in Deadline.objects.all()
    )


def chase(*, now: datetime, dry_run: bool = False, chunk: int = 500) -> Iterator[Chased]:
    """Works through both deadlines in chunks; yields the running total after each.

    Each claim is its own transaction that looks again at where the claim stands: what moved
    meanwhile is left alone, and a second run, or one beside it, finds nothing to do. A dry
    run does all of it, and takes each back.
    """
    total = Chased()
    for deadline in Deadline.objects.order_by("kind"):
        ends = timedelta(days=deadline.ends_after_days)
        for claims in _by_chunk(_waiting(deadline, now - ends), chunk):
            for claim in claims:
                _end(claim, deadline, since=now - ends, now=now, dry_run=dry_run, total=total)
            total.seen += len(claims)
            yield total
        remind = timedelta(days=deadline.remind_after_days)
        for claims in _by_chunk(_waiting(deadline, now - remind, after=now - ends), chunk):
            for claim in claims:
                _remind(claim, deadline, now=now, dry_run=dry_run, total=total)
            total.seen += len(claims)
            yield total
    yield total


def _waiting(
    deadline: Deadline, until: datetime, *, after: datetime | None = None
) -> QuerySet[Claim]:
    states = {
        Deadline.Kind.LABEL.value: Progress.LABEL_SENT,
        Deadline.Kind.FEE.value: Progress.AWAITING_FEE,
    }
    claims = Claim.objects.filter(progress=states[deadline.kind], progress_at__lte=until)
    return claims.filter(progress_at__gt=after) if after else claims


def _by_chunk(claims: QuerySet[Claim], chunk: int) -> Iterator[list[Claim]]:
    """By key, not by offset: the rows that were done drop out of the query."""
    last = 0
    related = ["policy__region", "policy__plan", "policy__holder", "drone__drone_model"]
    while rows := list(claims.filter(pk__gt=last).select_related(*related).order_by("pk")[:chunk]):
        yield rows
        last = rows[-1].pk


def _end(
    claim: Claim,
    deadline: Deadline,
    *,
    since: datetime,
    now: datetime,
    dry_run: bool,
    total: Chased,
) -> None:
    with transaction.atomic():
        if deadline.kind == Deadline.Kind.LABEL:
            total.lapsed += progress.lapse(claim, since=since, actor=CLOCK, now=now)
        else:
            total.returned += progress.give_up_on_fee(claim, since=since, actor=CLOCK, now=now)
        transaction.set_rollback(dry_run)


def _remind(
    claim: Claim, deadline: Deadline, *, now: datetime, dry_run: bool, total: Chased
) -> None:
    ends_at = claim.progress_at + timedelta(days=deadline.ends_after_days)
    label = deadline.kind == Deadline.Kind.LABEL
    letter = letters.label_reminder if label else letters.fee_reminder
    with transaction.atomic():
        cover.lock(claim.policy)  # the order of every verb: the policy, then the claim
        still = Claim.objects.select_for_update(of=("self",)).filter(
            pk=claim.pk, progress=claim.progress, progress_at=claim.progress_at
        )
        waiting = still.first()
        if waiting is not None and (label or not fees.is_settled(waiting)):
            total.reminded += letter(claim, ends_at=ends_at, now=now)
        transaction.set_rollback(dry_run)
