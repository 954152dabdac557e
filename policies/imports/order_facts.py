"""Orders as a file has them, and what is on file about them: a few queries for a block of rows."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.db.models import F

from policies.customers import Person
from policies.models import Drone, DroneModel, Order, Plan, Policy, Region

LineName = tuple[str, str]  # reference and serial


@dataclass(frozen=True, slots=True)
class Listed:
    """An order as the file has it. `serial` is normalised, instants are aware."""

    reference: str
    serial: str
    drone_model: DroneModel
    plan: Plan
    region: Region
    buyer: Person
    placed_at: datetime | None
    shipped_at: datetime | None

    @property
    def line_name(self) -> LineName:
        return self.reference, self.serial

    def as_order(self, *, now: datetime) -> Order:
        """A new order under the terms of today (P4), not saved, without buyer and drone.

        What is covered is frozen when it is written: a check writes nothing.
        """
        return Order(
            reference=self.reference,
            plan=self.plan,
            region=self.region,
            months=self.plan.months,
            replacements=self.plan.replacements,
            warranty_months=self.plan.warranty_months,
            binding_window_hours=self.region.binding_window_hours,
            placed_at=self.placed_at or self.shipped_at or now,
        )


@dataclass(frozen=True)
class OnFile:
    """What is on file about the orders and the drones of a block."""

    lines: dict[LineName, Order]
    serials_of: dict[str, list[str]]  # by reference, of lines that stand
    drones: dict[str, Drone]
    standing: dict[int, list[Order]]  # not cancelled, by the ids of their drones
    had_a_plan: set[int]  # ids of drones, in their present life

    @classmethod
    def about(cls, listed: list[Listed], *, locking: bool) -> Self:
        references = [one.reference for one in listed]
        policies = Policy.objects.filter(order__reference__in=references)
        rows = Order.objects.filter(reference__in=references)
        drones = Drone.objects.filter(serial__in=[one.serial for one in listed])
        if locking:
            # In the order in which every verb locks: policy, order, drone.
            list(policies.select_for_update(of=("self",)).order_by("pk").values_list("pk"))
            rows = rows.select_for_update(of=("self",)).order_by("pk")
            drones = drones.select_for_update(of=("self",)).order_by("pk")
        related = ["policy", "region", "plan", "customer", "drone__drone_model"]
        lines = _by_name(rows.select_related(*related))
        by_serial = {drone.serial: drone for drone in drones}
        ids = {drone.pk for drone in by_serial.values()}
        ids |= {order.drone_id for order in lines.values()}
        standing: defaultdict[int, list[Order]] = defaultdict(list)
        for order in Order.objects.filter(drone__in=ids).standing().order_by("pk"):
            standing[order.drone_id].append(order)
        counting = Policy.objects.counting().filter(drone__in=ids, drone_life=F("drone__life"))
        return cls(
            lines=lines,
            serials_of=_serials_of(lines),
            drones=by_serial,
            standing=standing,
            had_a_plan=set(counting.order_by().values_list("drone_id", flat=True)),
        )


def _by_name(rows: Iterable[Order]) -> dict[LineName, Order]:
    """The line that each name means: the one that stands, else the one cancelled last."""
    ordered = sorted(rows, key=lambda order: (order.cancelled_at is None, order.pk))
    return {(order.reference, order.drone.serial): order for order in ordered}


def _serials_of(lines: dict[LineName, Order]) -> dict[str, list[str]]:
    serials: defaultdict[str, list[str]] = defaultdict(list)
    for (reference, serial), order in lines.items():
        if order.cancelled_at is None:
            serials[reference].append(serial)
    return serials
