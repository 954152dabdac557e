"""Letters about policies that sweeps write by the thousand: rows made in SQL, none in Python."""

from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import translation

from policies import outbox
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


def letters_to_holders(name: str, facts: dict[str, str], key: str, state: str) -> str:
    """SQL: one letter to the holder of each of the policies of a chunk."""
    return f"""
        INSERT INTO policies_letter ({LETTER_COLUMNS})
        SELECT '{name}', c.email, %(language)s, p.id, '', {database.json_object(facts)}, {key},
               '<' || {database.random_hex()} || %(domain)s, {state}, 0, %(now)s, %(now)s, ''
        FROM chunk p {JOINS} WHERE TRUE
        ON CONFLICT (dedupe_key) DO NOTHING
    """  # noqa: S608 — names of our own; values are parameters


def params(now: datetime) -> dict[str, Any]:
    """What every statement that writes letters needs."""
    return {
        "now": stored(now),
        "language": translation.get_language() or "en",
        "domain": f"@{outbox.mail_domain()}>",
    }


def stored(instant: datetime) -> Any:
    """An instant in the form in which the database compares it."""
    return connection.ops.adapt_datetimefield_value(instant)
