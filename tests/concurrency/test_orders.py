"""An order that is cancelled, or shipped again, while its shipment is being recorded (B9)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from django.db import connection

from policies import orders
from policies.models import Order, Policy
from policies.shared.actor import Actor
from policies.shared.errors import Conflict
from tests.concurrency.conftest import elsewhere

DESK = Actor.command("test")


@contextmanager
def before_the_order_is_locked(act: Callable[[], Any]) -> Iterator[None]:
    """Calls `act` once: on PostgreSQL when the order's policy has been looked for already.

    On SQLite the first lock is the transaction itself.
    """
    door = "BEGIN" if connection.vendor == "sqlite" else 'FROM "policies_order"'
    acted: list[bool] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if door in sql and not acted:
            acted.append(True)
            act()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield
    assert acted


@pytest.fixture
def order(ann, shelf, now) -> Order:
    purchase = orders.Purchase(
        reference="W-1",
        serial="0AXCSHOP0001",
        drone_model=shelf["drone_model"],
        plan=shelf["plan"],
        name=ann.name,
        email=ann.email,
        country="US",
    )
    return orders.place(purchase, actor=DESK, now=now)


@pytest.fixture
def ship(order, now) -> Callable[[], Policy]:
    return lambda: orders.ship(order, shipped_at=order.placed_at, actor=DESK, now=now)


def test_b9_no_order_is_cancelled_below_its_plan(order, ship, now):
    with before_the_order_is_locked(lambda: elsewhere(ship)), suppress(Conflict):
        orders.cancel(order, reason="Changed their mind", actor=DESK, now=now)
    order.refresh_from_db()
    cancelled = order.cancelled_at is not None
    assert order.policy.status == ("cancelled" if cancelled else "scheduled")


def test_b9_an_order_that_two_clerks_ship_brings_one_plan(order, ship):
    with before_the_order_is_locked(lambda: elsewhere(ship)), suppress(Conflict):
        ship()
    assert [policy.status for policy in Policy.objects.all()] == ["scheduled"]
