"""Everything in which SQLite and PostgreSQL differ, in one place.

The rest of the code is plain ORM and SQL that both understand. Row locks are the one
difference that needs nothing here: on SQLite a transaction takes the write lock when it
begins (`transaction_mode=IMMEDIATE`), on PostgreSQL `select_for_update()` takes the row's.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection, connections, models, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from policies.models import CoverTerms, Event

REFUSE_CHANGE = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'history is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$
"""


def append_only_sql(table: str, vendor: str) -> list[str]:
    """Statements that make a table refuse UPDATE and DELETE."""
    if vendor == "postgresql":
        return [
            REFUSE_CHANGE,
            f'CREATE OR REPLACE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON "{table}" '
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
        ]
    return [
        f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        "BEGIN SELECT RAISE(ABORT, 'history is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    ]


def drop_append_only_sql(table: str, vendor: str) -> list[str]:
    if vendor == "postgresql":
        return [f'DROP TRIGGER IF EXISTS {table}_append_only ON "{table}"']
    return [f"DROP TRIGGER IF EXISTS {table}_no_{verb}" for verb in ("update", "delete")]


OVERDRAWN = """
NEW.given_back_at IS NULL AND NEW.ordinal >
(SELECT COALESCE(SUM(replacements), 0) FROM policies_period WHERE policy_id = NEW.policy_id)
"""


def allowance_guard_sql(vendor: str) -> list[str]:
    """Statements that make the ledger refuse a use beyond what the periods grant (K4).

    With the unique live ordinal this needs no lock: two takers of the last replacement
    both want the same ordinal, and one of them loses.
    """
    if vendor == "postgresql":
        return [
            f"""
            CREATE OR REPLACE FUNCTION refuse_overdraft() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN IF {OVERDRAWN} THEN
                RAISE EXCEPTION 'allowance overdrawn' USING ERRCODE = 'check_violation';
            END IF; RETURN NEW; END $$
            """,
            "CREATE OR REPLACE TRIGGER allowance_guard BEFORE INSERT OR UPDATE "
            "ON policies_allowanceuse FOR EACH ROW EXECUTE FUNCTION refuse_overdraft()",
        ]
    return [
        f"CREATE TRIGGER IF NOT EXISTS allowance_guard_{verb.lower()} BEFORE {verb} "
        f"ON policies_allowanceuse WHEN {OVERDRAWN} "
        "BEGIN SELECT RAISE(ABORT, 'allowance overdrawn'); END"
        for verb in ("INSERT", "UPDATE")
    ]


def drop_allowance_guard_sql(vendor: str) -> list[str]:
    if vendor == "postgresql":
        return ["DROP TRIGGER IF EXISTS allowance_guard ON policies_allowanceuse"]
    return [f"DROP TRIGGER IF EXISTS allowance_guard_{verb}" for verb in ("insert", "update")]


def drop_functions_sql(vendor: str) -> list[str]:
    """Statements that take away what the triggers of PostgreSQL call."""
    if vendor != "postgresql":
        return []
    return [f"DROP FUNCTION IF EXISTS {name}()" for name in ("refuse_change", "refuse_overdraft")]


def run(schema_editor: BaseDatabaseSchemaEditor, statements: Iterable[str]) -> None:
    """Runs statements from a migration. They hold no parameters, so nothing is interpolated."""
    for statement in statements:
        schema_editor.execute(statement, params=None)


def _append_only_tables() -> list[str]:
    models = (CoverTerms, Event)
    return [model._meta.db_table for model in apps.get_models() if issubclass(model, models)]


def create_append_only_triggers(connection: BaseDatabaseWrapper) -> None:
    """Puts every history table's triggers back, as the migrations made them."""
    with connection.cursor() as cursor:
        for table in _append_only_tables():
            for statement in append_only_sql(table, connection.vendor):
                cursor.execute(statement)


def drop_append_only_triggers(connection: BaseDatabaseWrapper) -> None:
    """Lets a database be emptied, as between tests. Never called by the product itself."""
    with connection.cursor() as cursor:
        for table in _append_only_tables():
            for statement in drop_append_only_sql(table, connection.vendor):
                cursor.execute(statement)


def insert_many(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    block: int = 10_000,
) -> int:
    """Inserts plain rows by the ten thousand, in the caller's transaction; returns how many.

    COPY on PostgreSQL, `executemany` on SQLite: several times faster than `bulk_create`,
    and memory stays flat because no model instance is made. Defaults of the model do not
    apply: `columns` names every column without a database default.
    """
    connection = connections[router.db_for_write(model)]
    table = connection.ops.quote_name(model._meta.db_table)
    names = ", ".join(connection.ops.quote_name(name) for name in columns)
    rows = iter(rows)
    count = 0
    with connection.cursor() as cursor:
        while chunk := list(islice(rows, block)):
            if connection.vendor == "postgresql":
                # What COPY refuses shows when the block ends, where Django does not translate it.
                with (
                    connection.wrap_database_errors,
                    cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy,
                ):
                    for row in chunk:
                        copy.write_row(row)
            else:
                marks = ", ".join(["%s"] * len(columns))
                values = [tuple(_sqlite_value(value) for value in row) for row in chunk]
                cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)  # noqa: S608 — names of our own
            count += len(chunk)
    return count


def update_many(
    model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Sets `columns` of many rows, each to its own values; the last value of each is the id.

    In the caller's transaction. PostgreSQL gets the statements in one go, without waiting
    for each answer.
    """
    connection = connections[router.db_for_write(model)]
    table = connection.ops.quote_name(model._meta.db_table)
    values = list(rows)
    if connection.vendor != "postgresql":
        values = [tuple(_sqlite_value(value) for value in row) for row in values]
    assignments = ", ".join(f"{connection.ops.quote_name(name)} = %s" for name in columns)
    with connection.cursor() as cursor:
        if values:
            cursor.executemany(f"UPDATE {table} SET {assignments} WHERE id = %s", values)  # noqa: S608 — names of our own


def in_small_letters(texts: Iterable[str]) -> dict[str, str]:
    """The texts as the database's LOWER() writes them: for some letters Python differs."""
    listed = json.dumps(sorted(set(texts)))
    if connection.vendor == "postgresql":
        select = "SELECT value, lower(value) FROM jsonb_array_elements_text(%s::jsonb)"
    else:
        select = "SELECT value, lower(value) FROM json_each(%s)"
    with connection.cursor() as cursor:
        cursor.execute(select, [listed])
        return dict(cursor.fetchall())


def _sqlite_value(value: Any) -> Any:
    # Django keeps a uuid as 32 hexadecimal characters on SQLite, and an instant as UTC
    # without saying so.
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
    return value.hex if isinstance(value, UUID) else value


def estimated_count(queryset: models.QuerySet[Any], exact_up_to: int = 1_000) -> int:
    """How many rows: exact up to a limit, beyond it the planner's estimate if there is one."""
    exact = queryset.order_by()[: exact_up_to + 1].count()
    if exact <= exact_up_to:
        return exact
    if connections[queryset.db].vendor == "postgresql":
        bare = queryset.order_by().values("pk")
        [plan] = json.loads(bare.explain(format="json"))
        return max(exact, int(plan["Plan"]["Plan Rows"]))
    return queryset.order_by().count()


# --- set-based statements: names and SQL are our own, values are parameters -----------------


def delete_chunk(rows: models.QuerySet[Any], *, chunk: int) -> int:
    """Deletes at most `chunk` rows, those that another process holds left out; returns how many."""
    with transaction.atomic():
        oldest = rows.order_by("pk").select_for_update(skip_locked=True)
        pks = list(oldest.values_list("pk", flat=True)[:chunk])
        deleted: int = rows.model._default_manager.filter(pk__in=pks).delete()[0]
    return deleted


def work_on_chunk(
    cursor: Any,
    table: str,
    predicate: str,
    *,
    order: str,
    inserts: list[str],
    change: str = "",
    params: dict[str, Any],
) -> int:
    """Picks and locks the next `%(chunk)s` rows of `table` and works on them; returns how many.

    They are those that satisfy `predicate` on alias `p`. `change` is the SET of an UPDATE of
    them, `inserts` find them as they are then under the name `chunk`.
    """
    pick = f"FROM {table} p WHERE {predicate} ORDER BY {order} LIMIT %(chunk)s"
    if connection.vendor == "postgresql":
        return _work_at_once(cursor, table, pick, inserts, change, params)
    # The transaction holds the only write lock already, so nothing changes between these.
    cursor.execute(f"SELECT p.id {pick}", params)
    ids = [pk for (pk,) in cursor.fetchall()]
    given = params | {"ids": json.dumps(ids)}
    these = "WHERE id IN (SELECT value FROM json_each(%(ids)s))"
    if ids and change:
        cursor.execute(f"UPDATE {table} SET {change} {these}", given)  # noqa: S608
    for insert in inserts if ids else []:
        cursor.execute(f"WITH chunk AS (SELECT * FROM {table} {these}) {insert}", given)  # noqa: S608
    return len(ids)


def _work_at_once(
    cursor: Any, table: str, pick: str, inserts: list[str], change: str, params: dict[str, Any]
) -> int:
    """One statement, so that no list of ids goes to and fro.

    Rows that another sweep holds are skipped, and a row that changed while we came to its
    lock is checked again. Rows of history and letters follow from what was changed.
    """
    pick += " FOR UPDATE OF p SKIP LOCKED"
    if change:
        these = "WHERE id IN (SELECT id FROM picked)"
        parts = [
            f"picked AS MATERIALIZED (SELECT p.id {pick})",
            f"chunk AS (UPDATE {table} SET {change} {these} RETURNING *)",  # noqa: S608
        ]
    else:
        parts = [f"chunk AS MATERIALIZED (SELECT p.* {pick})"]
    parts += [f"written_{number} AS ({insert})" for number, insert in enumerate(inserts)]
    cursor.execute(f"WITH {', '.join(parts)} SELECT COUNT(*) FROM chunk", params)  # noqa: S608
    return int(cursor.fetchone()[0])


# SQL: that a column is one of `%(ids)s`, which `listed` writes as the database takes it.
AMONG = {
    "postgresql": "= ANY(%(ids)s)",
    "sqlite": "IN (SELECT value FROM json_each(%(ids)s))",
}


def listed(ids: list[int]) -> Any:
    """Ids as one parameter, however many they are."""
    return ids if connection.vendor == "postgresql" else json.dumps(ids)


def json_object(facts: dict[str, str]) -> str:
    """SQL: an object from names to SQL expressions."""
    function = "jsonb_build_object" if connection.vendor == "postgresql" else "json_object"
    pairs = ", ".join(f"'{name}', {expression}" for name, expression in facts.items())
    return f"{function}({pairs})"


def json_list(expression: str, *, by: str) -> str:
    """SQL: an array of what an expression is in each row of a group; in order where it can be."""
    if connection.vendor == "postgresql":
        return f"jsonb_agg({expression} ORDER BY {by})"
    return f"json_group_array({expression})"


def iso(column: str) -> str:
    """SQL: an instant as ISO 8601 text in UTC, as Python writes it."""
    if connection.vendor == "postgresql":
        pattern = 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'
        return f"to_char({column} AT TIME ZONE 'UTC', '{pattern}')"
    return f"(replace({column}, ' ', 'T') || '+00:00')"


def day(column: str) -> str:
    """SQL: the day of an instant in UTC, as text."""
    if connection.vendor == "postgresql":
        return f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
    return f"substr({column}, 1, 10)"


def random_hex() -> str:
    """SQL: 32 random hexadecimal characters, others for each row."""
    if connection.vendor == "postgresql":
        return "replace(gen_random_uuid()::text, '-', '')"
    return "lower(hex(randomblob(16)))"
