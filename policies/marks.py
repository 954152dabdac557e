"""Marks that a sweep set too early, and how they are taken back (E1).

A sweep that ran as of an instant to come (a wrong clock, `--force`) marks policies as begun
or ended that have neither begun nor ended. Nothing decides by such a mark. The next sweep
takes it back, and whoever was told of it is told of the mistake. Set-based, like the marks.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from policies.bulk_letters import FACTS, JOINS, LETTER_COLUMNS, LINK, params
from policies.models import Letter, Policy, PolicyEvent
from policies.shared import database
from policies.shared.actor import Actor

CLOCK = Actor.command("run_sweeps")

# What is left of the name of a letter's cause that was none: the cause itself, should it come,
# brings its letter under the plain name.
TAKEN_BACK = "/taken back/"


@dataclass(frozen=True)
class Mistake:
    """What was marked, what it was before, the letter that told it, and the one that corrects.

    `column` holds the instant that had not come.
    """

    marked: Policy.Status
    column: str
    before: Policy.Status
    kind: PolicyEvent.Kind
    letter: str
    correction: str

    def made(self, *, at: datetime) -> Q:
        """Which policies bear the mark and should not, `at` being the true instant."""
        return Q(**{"status": self.marked.value, f"{self.column}__gt": at})

    def made_about(self, policy: Policy, *, at: datetime) -> bool:
        """The same of one policy."""
        return policy.status == self.marked and getattr(policy, self.column) > at


# In this order: one that was marked as ended before it began has both taken back.
ENDED_TOO_EARLY = Mistake(
    Policy.Status.EXPIRED,
    "ends_at",
    Policy.Status.ACTIVE,
    PolicyEvent.Kind.UNEXPIRED,
    "policy_expired",
    "policy_not_expired",
)
BEGUN_TOO_EARLY = Mistake(
    Policy.Status.ACTIVE,
    "starts_at",
    Policy.Status.SCHEDULED,
    PolicyEvent.Kind.UNBEGUN,
    "policy_activated",
    "policy_not_begun",
)
MISTAKES = [ENDED_TOO_EARLY, BEGUN_TOO_EARLY]


def too_early(*, now: datetime) -> int:
    """How many marks are to be taken back."""
    return sum(Policy.objects.filter(mistake.made(at=now)).count() for mistake in MISTAKES)


def take_back(*, now: datetime, chunk: int) -> int:
    """Takes one chunk of too early marks back; 0 when none is left. `now` is the true instant.

    The rows are locked, and those that somebody else has in hand are left to the next sweep.
    """
    for mistake in MISTAKES:
        made = Policy.objects.filter(mistake.made(at=now))
        with transaction.atomic():
            locked = made.select_for_update(skip_locked=True, of=("self",)).order_by("pk")
            ids = list(locked.values_list("pk", flat=True)[:chunk])
            if ids:
                _take_back(mistake, ids, now=now)
                return len(ids)
    return 0


def take_back_on(locked: Policy, *, now: datetime) -> None:
    """The same for one policy that a verb has locked.

    Whoever renews or cancels it finds it unmarked, and its holder is not left with a letter
    that says it has ended, nor gets one later that says it has begun.
    """
    for mistake in MISTAKES:
        if mistake.made_about(locked, at=now):
            _take_back(mistake, [locked.pk], now=now)
            locked.status = mistake.before


def take_back_reminders(*, now: datetime) -> int:
    """Frees the reminders that a run of the future wrote and nobody has got (E2).

    They are written again when they are due. What was sent is not sent twice.
    """
    early = Letter.objects.filter(
        name="renewal_reminder",
        created_at__gt=now,
        attempts=0,
        state__in=[Letter.State.QUEUED, Letter.State.MOOT],
    ).exclude(dedupe_key__contains=TAKEN_BACK)
    return early.update(state=Letter.State.MOOT, dedupe_key=_freed_key())


def _take_back(mistake: Mistake, ids: list[int], *, now: datetime) -> None:
    """In the caller's transaction, which has locked the policies."""
    Policy.objects.filter(pk__in=ids).update(status=mistake.before)
    PolicyEvent.objects.bulk_create(
        PolicyEvent(policy_id=pk, kind=mistake.kind, at=now, **CLOCK.signature()) for pk in ids
    )
    letters = Letter.objects.filter(policy__in=ids, name=mistake.letter).exclude(
        dedupe_key__contains=TAKEN_BACK
    )
    # First those that can be stopped: a worker that has one in hand has counted its try.
    unsent = Q(state=Letter.State.QUEUED, attempts=0) | Q(state=Letter.State.FAILED)
    letters.filter(unsent).update(state=Letter.State.MOOT)
    _correct(mistake, letters.exclude(state=Letter.State.MOOT), now=now)
    letters.update(dedupe_key=_freed_key())


def _correct(mistake: Mistake, told: QuerySet[Letter], *, now: datetime) -> None:
    """One letter to each address that was told; the link only to the present holder's (T2)."""
    facts = FACTS | {
        "name": "CASE WHEN c.email = l.recipient THEN c.name ELSE '' END",
        "link": f"CASE WHEN c.email = l.recipient THEN {LINK} END",
        "starts_at": database.iso("p.starts_at"),
        "ends_at": database.iso("p.ends_at"),
    }
    wrong = list(told.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO policies_letter ({LETTER_COLUMNS})
            SELECT '{mistake.correction}', l.recipient, l.language, p.id, '',
                   {database.json_object(facts)}, '{mistake.correction}/' || l.id,
                   '<' || {database.random_hex()} || %(domain)s, 'queued', 0, %(now)s, %(now)s, ''
            FROM policies_letter l JOIN policies_policy p ON p.id = l.policy_id {JOINS}
            WHERE l.id {database.AMONG[connection.vendor]}
            ON CONFLICT (dedupe_key) DO NOTHING
            """,  # noqa: S608 — names of our own; values are parameters
            params(now) | {"ids": database.listed(wrong)},
        )


def _freed_key() -> Concat:
    return Concat(F("dedupe_key"), Value(TAKEN_BACK), Cast("pk", CharField()))
