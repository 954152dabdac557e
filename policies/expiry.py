"""The end of policies, and the reminders before it (E1, E2, P3).

Both sweeps are set-based: a chunk is one transaction of a few statements, whatever its
size. Whether a policy is in force never depends on them.
"""

from datetime import datetime, timedelta

from django.db import connection, transaction

from policies import renewal
from policies.bulk_letters import FACTS, letters_to_holders, params, stored
from policies.models import Policy, PolicyEvent, ReminderDay
from policies.models.policy import REPLACEMENT_LEFT_SQL
from policies.shared import database


def due(*, now: datetime) -> int:
    """How many policies have ended and are not marked yet."""
    return Policy.objects.filter(status=Policy.Status.ACTIVE, ends_at__lte=now).count()


def expire(*, now: datetime, chunk: int) -> int:
    """Marks one chunk of ended policies, with their events and letters; 0 when none is left.

    The rows are locked, with the whole predicate looked at again, before they are changed:
    a renewal or a cancellation that committed meanwhile is never overwritten.
    """
    facts = FACTS | {"ends_at": database.iso("p.ends_at")}
    events = f"""
        INSERT INTO policies_policyevent (policy_id, kind, at, actor, note, data)
        SELECT p.id, '{PolicyEvent.Kind.EXPIRED.value}', %(now)s, 'expire_policies', '', '{{}}'
        FROM chunk p
    """  # noqa: S608 — names of our own; values are parameters
    # The day is part of the key because a policy renewed in its last instant ends twice.
    key = f"'policy_expired/' || p.id || '/' || {database.day('p.ends_at')}"
    letters = letters_to_holders("policy_expired", facts, key, "'queued'")
    with transaction.atomic(), connection.cursor() as cursor:
        return database.work_on_chunk(
            cursor,
            "policies_policy",
            "p.status = 'active' AND p.ends_at <= %(now)s",
            order="p.ends_at, p.id",
            inserts=[events, letters],
            change="status = 'expired'",
            params=params(now) | {"chunk": chunk},
        )


def remind(*, now: datetime, chunk: int) -> int:
    """Writes one chunk of the reminders that are due; 0 when none is left (E2).

    Each goes out once per policy, term and day, while the policy has a replacement left:
    one whose replacements are all used has ended already (P3), unless a claim gives one
    back. After a pause of the sweep several may be due at once: only the last is sent, the
    others are recorded as overtaken, so that nobody gets three letters on one day and the
    next run finds nothing due.
    """
    days = list(ReminderDay.objects.order_by("-days").values_list("days", flat=True))
    for position, before in enumerate(days):
        nearer = days[position + 1] if position + 1 < len(days) else 0
        count = _remind_before(before, nearer, now=now, chunk=chunk)
        if count:
            return count
    return 0


def to_remind(*, now: datetime) -> int:
    """How many reminders are due and not written yet."""
    total = 0
    with connection.cursor() as cursor:
        for before in ReminderDay.objects.values_list("days", flat=True):
            _key, predicate = _reminder_due(before)
            cursor.execute(
                f"SELECT COUNT(*) FROM policies_policy p WHERE {predicate}",  # noqa: S608
                {"within": stored(now + timedelta(days=before))},
            )
            total += cursor.fetchone()[0]
    return total


def _reminder_due(before: int) -> tuple[str, str]:
    """SQL: the key of the reminder `before` days before the end, and when it is to be written."""
    key = f"'reminder/' || p.id || '/' || {database.day('p.ends_at')} || '/{before}'"
    predicate = f"""
        p.status = 'active' AND p.ends_at <= %(within)s
        AND NOT EXISTS (SELECT 1 FROM policies_letter l WHERE l.dedupe_key = {key})
        AND {REPLACEMENT_LEFT_SQL}
    """  # noqa: S608 — names of our own; values are parameters
    return key, predicate


def _remind_before(before: int, nearer: int, *, now: datetime, chunk: int) -> int:
    key, predicate = _reminder_due(before)
    given = params(now) | {
        "chunk": chunk,
        "within": stored(now + timedelta(days=before)),
        "nearer": stored(now + timedelta(days=nearer)),
    }
    state = "CASE WHEN p.ends_at <= %(nearer)s THEN 'moot' ELSE 'queued' END"
    facts = FACTS | {
        "ends_at": database.iso("p.ends_at"),
        "offer": renewal.OFFER_SQL,
        "offer_replacements": renewal.OFFERED_REPLACEMENTS_SQL,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        return database.work_on_chunk(
            cursor,
            "policies_policy",
            predicate,
            order="p.ends_at, p.id",
            inserts=[letters_to_holders("renewal_reminder", facts, key, state)],
            params=given,
        )
