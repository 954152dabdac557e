from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from django.db import connection, transaction

from policies.models import DroneModel, Plan, Region
from policies.shared.actor import Actor
from tests import factories


@pytest.fixture(autouse=True)
def no_query_per_row() -> None:
    """The same verb many times over is what these tests are about."""


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 3, 10, 15, 0, tzinfo=UTC)


@pytest.fixture
def visitor() -> Actor:
    return Actor.customer(address="198.51.100.7")


@pytest.fixture
def ann(committed_db):
    return factories.CustomerFactory(name="Ann Lee", email="ann@example.com")


@pytest.fixture
def shelf(committed_db, now) -> dict[str, Any]:
    """1-Year codes for a Mavic 2 Pro in the United States."""
    return {
        "plan": Plan.objects.get(code="care-1y"),
        "drone_model": DroneModel.objects.get(slug="mavic-2-pro"),
        "region": Region.objects.get(code="US"),
        "actor": Actor.command("test"),
        "now": now,
    }


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Several reads of one moment.

    On PostgreSQL a server process may commit after the process that it worked for was killed:
    between two reads the rows of a chunk can appear.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def race(*runners: Callable[[], Any]) -> list[Any]:
    """Runs all at the same moment, each on a connection of its own.

    Gives back what each returned or raised, whatever it was.
    """
    results: list[Any] = [None] * len(runners)
    start = Barrier(len(runners))

    def run(place: int, runner: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            start.wait(timeout=30)
            results[place] = runner()
        except BaseException as error:  # noqa: BLE001 — the test looks at it
            results[place] = error
        finally:
            connection.close()

    threads = [Thread(target=run, args=item) for item in enumerate(runners)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    return results


def outcomes(results: list[Any]) -> list[str]:
    """The names of what came out, sorted: ["CodeRefused", "Policy"]."""
    return sorted(type(result).__name__ for result in results)


def elsewhere(act: Callable[[], Any]) -> None:
    """Does it and commits it, on a connection of its own."""

    def run() -> None:
        with transaction.atomic():
            act()

    [error] = race(run)
    if error is not None:
        raise error


@contextmanager
def before_the_lock(table: str, act: Callable[[], Any]) -> Iterator[None]:
    """Calls `act` once, after this connection has read the table and before it locks a row.

    SQLite knows no row locks: there the lock is the beginning of a transaction that may write.
    """
    seen: list[str] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("BEGIN") if connection.vendor == "sqlite" else "FOR UPDATE" in sql:
            if "read" in seen and "acted" not in seen:
                seen.append("acted")
                act()
        elif f'FROM "{table}"' in sql:
            seen.append("read")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield
    assert "acted" in seen


def while_held(
    table: str, hold: Callable[[], Any], runner: Callable[[], Any], *, limit: float = 60
) -> Any:
    """What `runner` returned or raised, which reads the table while `hold` is not committed yet.

    `runner` has a connection of its own. The lock that `hold` took is given up when `runner`
    is about to ask for it.
    """
    results: list[Any] = []
    at_the_door = Event()

    def run() -> None:
        try:
            with before_the_lock(table, at_the_door.set):
                results.append(runner())
        except BaseException as error:  # noqa: BLE001 — the test looks at it
            results.append(error)
        finally:
            connection.close()

    thread = Thread(target=run)
    with transaction.atomic():
        hold()
        thread.start()
        assert at_the_door.wait(limit)
    thread.join(limit)
    assert not thread.is_alive()
    return results[0]
