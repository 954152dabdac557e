"""The end of policies, and the reminders before it (E1, E2, P3).

Both sweeps are set-based: a chunk is one transaction of a few statements, whatever its
size. Whether a policy is in force never depends on them.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import translation

from policies import outbox, renewal
from policies.models import Policy, PolicyEvent, ReminderDay
from policies.models.policy import REPLACEMENT_LEFT_SQL
from policies.shared import database

LETTER_COLUMNS = (
    "name, recipient, language, policy_id, reference, context, dedupe_key, message_id, "
    "state, attempts, created_at, next_try_at, last_error"
)

# What every letter about a policy needs; the names are those of the templates.
FACTS = {
    "name": "c.name",
    "number": "p.number",
    "plan": "pl.name",
    "serial": "d.serial",
    "drone_model": "m.name",
    "time_zone": "r.time_zone",
    "token": "p.token",
}
JOINS = """
JOIN policies_customer c ON c.id = p.holder_id
JOIN policies_plan pl ON pl.id = p.plan_id
JOIN policies_drone d ON d.id = p.drone_id
JOIN policies_dronemodel m ON m.id = d.drone_model_id
JOIN policies_region r ON r.id = p.region_id
"""


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
    letters = _letters("policy_expired", facts, key, "'queued'")
    with transaction.atomic(), connection.cursor() as cursor:
        return database.work_on_chunk(
            cursor,
            "policies_policy",
            "p.status = 'active' AND p.ends_at <= %(now)s",
            order="p.ends_at, p.id",
            inserts=[events, letters],
            change="status = 'expired'",
            params=_params(now) | {"chunk": chunk},
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
                {"within": _stored(now + timedelta(days=before))},
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
    params = _params(now) | {
        "chunk": chunk,
        "within": _stored(now + timedelta(days=before)),
        "nearer": _stored(now + timedelta(days=nearer)),
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
            inserts=[_letters("renewal_reminder", facts, key, state)],
            params=params,
        )


def _letters(name: str, facts: dict[str, str], key: str, state: str) -> str:
    """SQL: one letter to the holder of each of the policies of a chunk."""
    return f"""
        INSERT INTO policies_letter ({LETTER_COLUMNS})
        SELECT '{name}', c.email, %(language)s, p.id, '', {database.json_object(facts)}, {key},
               '<' || {database.random_hex()} || %(domain)s, {state}, 0, %(now)s, %(now)s, ''
        FROM chunk p {JOINS} WHERE TRUE
        ON CONFLICT (dedupe_key) DO NOTHING
    """  # noqa: S608 — names of our own; values are parameters


def _params(now: datetime) -> dict[str, Any]:
    return {
        "now": _stored(now),
        "language": translation.get_language() or "en",
        "domain": f"@{outbox.mail_domain()}>",
    }


def _stored(instant: datetime) -> Any:
    """An instant in the form in which the database compares it."""
    return connection.ops.adapt_datetimefield_value(instant)
