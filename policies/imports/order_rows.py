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
class Entry:
    """An order, on file or new, and the instant of its shipment, where that is new.

    A new order brings its buyer and its drone; `drone` is None where the serial is unknown.
    """

    order: Order
    serial: str
    drone_model: DroneModel
    buyer: customers.Person
    drone: Drone | None
    shipped_at: datetime | None


def place(entries: Sequence[Entry], *, actor: Actor, now: datetime) -> None:
    """Enters new orders, and ships those with a shipment."""
    _add_drones(entries)
    buyers = customers.known_many([entry.buyer for entry in entries], now=now)
    for entry, buyer_id in zip(entries, buyers, strict=True):
        entry.order.customer_id = buyer_id
    shipped = [entry for entry in entries if entry.shipped_at]
    _schedule(shipped, actor=actor, now=now)
    _insert(Order, [entry.order for entry in entries])
    _number(entries)
    _record_orders(entries, OrderEvent.Kind.PLACED, actor=actor, now=now)
    _record_orders(shipped, OrderEvent.Kind.SHIPPED, actor=actor, now=now)


def ship(entries: Sequence[Entry], *, actor: Actor, now: datetime) -> None:
    """Ships orders that are on file and have no policy yet."""
    _schedule(entries, actor=actor, now=now)
    update_many(
        Order,
        ["shipped_at", "policy_id"],
        [(entry.shipped_at, entry.order.policy_id, entry.order.pk) for entry in entries],
    )
    _record_orders(entries, OrderEvent.Kind.SHIPPED, actor=actor, now=now)


def correct(entries: Sequence[Entry], *, actor: Actor, now: datetime) -> None:
    """Moves shipments, and the policies that have not begun along with them."""
    terms = {}
    for entry in entries:
        assert entry.shipped_at is not None
        terms[entry.order.policy_id] = orders.term(entry.order, entry.shipped_at)
    periods = Period.objects.filter(policy__in=terms).order_by().values_list("policy_id", "pk")
    columns = ["starts_at", "ends_at"]
    update_many(Policy, columns, [(*term, pk) for pk, term in terms.items()])
    update_many(Period, columns, [(*terms[policy], pk) for policy, pk in periods])
    update_many(Order, ["shipped_at"], [(entry.shipped_at, entry.order.pk) for entry in entries])
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
    _record_orders(entries, OrderEvent.Kind.CORRECTED, actor=actor, now=now)


def _add_drones(entries: Sequence[Entry]) -> None:
    new = [entry for entry in entries if entry.drone is None]
    insert_many(Drone, DRONE_COLUMNS, ((one.serial, one.drone_model.pk, "", 1) for one in new))
    rows = Drone.objects.filter(serial__in=[entry.serial for entry in new])
    by_serial = {drone.serial: drone for drone in rows}
    for entry in entries:
        entry.drone = entry.drone or by_serial[entry.serial]
        entry.order.drone_id = entry.drone.pk


def _schedule(entries: Sequence[Entry], *, actor: Actor, now: datetime) -> None:
    """Creates the policies of shipped orders, and sets them in the orders."""
    issued = [_new_policy(entry, now) for entry in entries]
    policies = [new.policy for new in issued]
    _insert(Policy, policies)
    numbers = [policy.number for policy in policies]
    ids = dict(Policy.objects.filter(number__in=numbers).values_list("number", "pk"))
    for entry, new in zip(entries, issued, strict=True):
        new.period.policy_id = ids[new.policy.number]
        entry.order.policy_id, entry.order.shipped_at = new.period.policy_id, entry.shipped_at
    _insert(Period, [new.period for new in issued])
    _record(
        PolicyEvent,
        PolicyEvent.Kind.SCHEDULED,
        ((entry.order.policy_id, entry.order.reference, {}) for entry in entries),
        actor=actor,
        now=now,
    )


def _insert(model: type[Model], rows: Iterable[Model]) -> None:
    """Whole rows, so that no column of theirs is forgotten here."""
    columns = [field.attname for field in model._meta.concrete_fields if not field.primary_key]
    insert_many(model, columns, map(attrgetter(*columns), rows))


def _new_policy(entry: Entry, now: datetime) -> NewPolicy:
    assert entry.shipped_at is not None
    assert entry.drone is not None
    return orders.new_policy(entry.order, entry.drone, entry.shipped_at, now=now)


def _number(entries: Sequence[Entry]) -> None:
    references = [entry.order.reference for entry in entries]
    rows = Order.objects.filter(reference__in=references).standing().order_by()
    ids = {
        (reference, drone): pk
        for reference, drone, pk in rows.values_list("reference", "drone_id", "pk")
    }
    for entry in entries:
        entry.order.pk = ids[entry.order.reference, entry.order.drone_id]


def _record_orders(
    entries: Sequence[Entry], kind: OrderEvent.Kind, *, actor: Actor, now: datetime
) -> None:
    """One row of history for each order; its note is the instant of a shipment."""
    placed = kind == OrderEvent.Kind.PLACED
    rows: Iterable[tuple[int, str, dict[str, Any]]] = (
        (entry.order.pk, "" if placed or not entry.shipped_at else entry.shipped_at.isoformat(), {})
        for entry in entries
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
