"""Letters that are written by the thousand: rows made in SQL, none in Python."""

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

# The link to the policy's page that works; each has had a letter with it before one of these.
LINK = """(SELECT k.id FROM policies_link k
    WHERE k.policy_id = p.id AND k.reference = '' AND k.revoked_at IS NULL)"""

# What every letter about a policy needs; the names are those of the templates.
FACTS = {
    "name": "c.name",
    "number": "p.number",
    "plan": "pl.name",
    "serial": "d.serial",
    "drone_model": "m.name",
    "time_zone": "r.time_zone",
    "link": LINK,
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


def letters_to_buyers(name: str, these: str) -> str:
    """SQL: for each sale that has some of these codes, one letter to its buyer (C6).

    Why, stays in the house. It is done once to a code: the first names the letter.
    """
    code = database.json_object(
        {"last_four": "c.last_four", "plan": "pl.name", "drone_model": "m.name"}
    )
    kept = "SELECT COUNT(*) FROM policies_activationcode k WHERE k.sale_id = s.id"
    facts = {
        "name": "b.name",
        "region": "r.name",
        "order_reference": "s.order_reference",
        "codes": database.json_list(code, by="c.id"),
        "kept": f"({kept} AND k.state = 'sold')",
    }
    return f"""
        INSERT INTO policies_letter ({LETTER_COLUMNS}, sale_id)
        SELECT '{name}', b.email, %(language)s, NULL, s.order_reference,
               {database.json_object(facts)}, '{name}/' || MIN(c.id),
               '<' || {database.random_hex()} || %(domain)s, 'queued', 0, %(now)s, %(now)s, '', s.id
        FROM policies_activationcode c
        JOIN policies_sale s ON s.id = c.sale_id
        JOIN policies_customer b ON b.id = s.buyer_id
        JOIN policies_region r ON r.id = s.region_id
        JOIN policies_codebatch cb ON cb.id = c.batch_id
        JOIN policies_plan pl ON pl.id = cb.plan_id
        JOIN policies_dronemodel m ON m.id = cb.drone_model_id
        WHERE c.id {these} GROUP BY s.id, b.id, r.id
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
