"""Orders by the thousand (B9): the rows that `orders` writes for one, in a few statements.

No rule is checked here: the caller has checked every order, in the transaction that this
writes in.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.db.models import Model

from policies import customers, orders
from policies.issuing import NewPolicy
from policies.models import (
    Drone,
    DroneModel,
    Event,
    Order,
    OrderEvent,
    Period,
    Policy,
    PolicyEvent,
)
from policies.shared.actor import Actor
from policies.shared.database import insert_many, update_many

DRONE_COLUMNS = ["serial", "drone_model_id", "activation_source", "life"]
EVENT_COLUMNS = "kind at by_id actor address note data".split()


@dataclass(slots=True)
class Sale:
    """An order, on file or new, and the instant of its shipment, where that is new.

    A new order brings its buyer and its drone; `drone` is None where the serial is unknown.
    """

    order: Order
    serial: str
    drone_model: DroneModel
    buyer: customers.Person
    drone: Drone | None
    shipped_at: datetime | None


def place(sales: Sequence[Sale], *, actor: Actor, now: datetime) -> None:
    """Enters new orders, and ships those with a shipment."""
    _add_drones(sales)
    buyers = customers.known_many([sale.buyer for sale in sales], now=now)
    for sale, buyer_id in zip(sales, buyers, strict=True):
        sale.order.customer_id = buyer_id
    shipped = [sale for sale in sales if sale.shipped_at]
    _schedule(shipped, actor=actor, now=now)
    _insert(Order, [sale.order for sale in sales])
    _number(sales)
    _record_orders(sales, OrderEvent.Kind.PLACED, actor=actor, now=now)
    _record_orders(shipped, OrderEvent.Kind.SHIPPED, actor=actor, now=now)


def ship(sales: Sequence[Sale], *, actor: Actor, now: datetime) -> None:
    """Ships orders that are on file and have no policy yet."""
    _schedule(sales, actor=actor, now=now)
    update_many(
        Order,
        ["shipped_at", "policy_id"],
        [(sale.shipped_at, sale.order.policy_id, sale.order.pk) for sale in sales],
    )
    _record_orders(sales, OrderEvent.Kind.SHIPPED, actor=actor, now=now)


def correct(sales: Sequence[Sale], *, actor: Actor, now: datetime) -> None:
    """Moves shipments, and the policies that have not begun along with them."""
    terms = {}
    for sale in sales:
        assert sale.shipped_at is not None
        terms[sale.order.policy_id] = orders.term(sale.order, sale.shipped_at)
    periods = Period.objects.filter(policy__in=terms).order_by().values_list("policy_id", "pk")
    columns = ["starts_at", "ends_at"]
    update_many(Policy, columns, [(*term, pk) for pk, term in terms.items()])
    update_many(Period, columns, [(*terms[policy], pk) for policy, pk in periods])
    update_many(Order, ["shipped_at"], [(sale.shipped_at, sale.order.pk) for sale in sales])
    _record(
        PolicyEvent,
        PolicyEvent.Kind.RESCHEDULED,
        (
            (pk, "", {"starts_at": starts_at.isoformat()})
            for pk, (starts_at, _ends) in terms.items()
        ),
        actor=actor,
        now=now,
    )
    _record_orders(sales, OrderEvent.Kind.CORRECTED, actor=actor, now=now)


def _add_drones(sales: Sequence[Sale]) -> None:
    new = [sale for sale in sales if sale.drone is None]
    insert_many(Drone, DRONE_COLUMNS, ((one.serial, one.drone_model.pk, "", 1) for one in new))
    rows = Drone.objects.filter(serial__in=[sale.serial for sale in new])
    by_serial = {drone.serial: drone for drone in rows}
    for sale in sales:
        sale.drone = sale.drone or by_serial[sale.serial]
        sale.order.drone_id = sale.drone.pk


def _schedule(sales: Sequence[Sale], *, actor: Actor, now: datetime) -> None:
    """Creates the policies of shipped orders, and sets them in the orders."""
    issued = [_new_policy(sale, now) for sale in sales]
    policies = [new.policy for new in issued]
    _insert(Policy, policies)
    numbers = [policy.number for policy in policies]
    ids = dict(Policy.objects.filter(number__in=numbers).values_list("number", "pk"))
    for sale, new in zip(sales, issued, strict=True):
        new.period.policy_id = ids[new.policy.number]
        sale.order.policy_id, sale.order.shipped_at = new.period.policy_id, sale.shipped_at
    _insert(Period, [new.period for new in issued])
    _record(
        PolicyEvent,
        PolicyEvent.Kind.SCHEDULED,
        ((sale.order.policy_id, sale.order.reference, {}) for sale in sales),
        actor=actor,
        now=now,
    )


def _insert(model: type[Model], rows: Iterable[Model]) -> None:
    """Whole rows, so that no column of theirs is forgotten here."""
    columns = [field.attname for field in model._meta.concrete_fields if not field.primary_key]
    insert_many(model, columns, map(attrgetter(*columns), rows))


def _new_policy(sale: Sale, now: datetime) -> NewPolicy:
    assert sale.shipped_at is not None
    assert sale.drone is not None
    return orders.new_policy(sale.order, sale.drone, sale.shipped_at, now=now)


def _number(sales: Sequence[Sale]) -> None:
    references = [sale.order.reference for sale in sales]
    rows = Order.objects.filter(reference__in=references).standing().order_by()
    ids = {
        (reference, drone): pk
        for reference, drone, pk in rows.values_list("reference", "drone_id", "pk")
    }
    for sale in sales:
        sale.order.pk = ids[sale.order.reference, sale.order.drone_id]


def _record_orders(
    sales: Sequence[Sale], kind: OrderEvent.Kind, *, actor: Actor, now: datetime
) -> None:
    """One row of history for each order; its note is the instant of a shipment."""
    placed = kind == OrderEvent.Kind.PLACED
    rows: Iterable[tuple[int, str, dict[str, Any]]] = (
        (sale.order.pk, "" if placed or not sale.shipped_at else sale.shipped_at.isoformat(), {})
        for sale in sales
    )
    _record(OrderEvent, kind, rows, actor=actor, now=now)


def _record(
    model: type[Event],
    kind: Any,
    rows: Iterable[tuple[Any, str, dict[str, Any]]],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Inserts rows of history: the id of the owner, the note, the details."""
    owner = "policy_id" if model is PolicyEvent else "order_id"
    by = actor.user.pk if actor.user else None
    insert_many(
        model,
        [owner, *EVENT_COLUMNS],
        (
            (pk, kind.value, now, by, actor.name, actor.address, note, json.dumps(data))
            for pk, note, data in rows
        ),
    )
