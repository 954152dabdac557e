"""A shop's list of orders (B9): checked line by line, then entered, all or nothing.

Columns by heading: reference, serial, model, plan, name, email, country, and, where known,
phone, placed_at, shipped_at (ISO 8601; without an offset on the clock of the region). One order
may hold several drones: reference and serial name the line. A line that is on file is not
entered again: a new shipment instant corrects the old one.

What `orders.place` and `orders.ship` do for one order is done here for a block of them. The
rules are those of `orders`, called for each order.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from zoneinfo import ZoneInfo

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from policies import orders
from policies.customers import Person
from policies.imports import order_rows
from policies.imports.base import ImportKind
from policies.imports.cells import BadRow, read_instant
from policies.imports.lines import CHANGED, NEW, SAME, FirstLines, Line
from policies.imports.order_rows import Sale
from policies.models import Drone, DroneModel, Order, Plan, Policy, Region, RegionCountry
from policies.models.code import SoldTerms
from policies.rules import serials
from policies.rules.text import Text
from policies.shared import emails
from policies.shared.actor import Actor

UTC = ZoneInfo("UTC")

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
        """A new order under the terms of today (P4), not saved, without buyer and drone."""
        return Order(
            reference=self.reference,
            plan=self.plan,
            region=self.region,
            **SoldTerms.of_today(self.plan, self.region)._asdict(),
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


class OrderImport(ImportKind):
    """One pass over a list of orders; `shipped` counts the shipments it records or corrects."""

    needed = ["reference", "serial", "model", "plan", "name", "email", "country"]
    optional = ["phone", "placed_at", "shipped_at"]
    longest = {"reference": 64, "name": 120, "email": 254, "phone": 40}
    repeated = _("The same reference and serial number as in line %(line)d.")

    def __init__(self, *, now: datetime, locking: bool = False, encoding: str = "") -> None:
        super().__init__(now=now, locking=locking, encoding=encoding)
        self.models = {model.slug: model for model in DroneModel.objects.all()}
        self.plans = {plan.code: plan for plan in Plan.objects.filter(renews=None)}
        served = RegionCountry.objects.select_related("region")
        self.regions = {str(one.country): one.region for one in served}
        self.serials = FirstLines()
        self.shipped = 0

    def country(self, line: Line) -> str:
        text: str = line.value.get("country", "")
        return text.strip().upper()

    def read(self, row: dict[str, str]) -> Listed:
        try:
            email = emails.normalise(row["email"])
        except emails.BadEmail as error:
            raise BadRow(
                _("email must be an address like name@example.com, of at most 254 characters.")
            ) from error
        country = row["country"].upper()
        if country not in self.regions:
            raise BadRow(_("Care plans are not sold in this country."))
        if row["model"].lower() not in self.models:
            raise BadRow(_("No such model."))
        if row["plan"].lower() not in self.plans:
            raise BadRow(_("This plan is unknown, or is not sold with a drone."))
        region = self.regions[country]
        return Listed(
            reference=row["reference"],
            serial=serials.normalise(row["serial"]),
            drone_model=self.models[row["model"].lower()],
            plan=self.plans[row["plan"].lower()],
            region=region,
            buyer=Person(row["name"], email, country, row.get("phone", "")),
            placed_at=self._instant(row, "placed_at", region),
            shipped_at=self._instant(row, "shipped_at", region),
        )

    def _instant(self, row: dict[str, str], name: str, region: Region) -> datetime | None:
        instant = read_instant(row, name, region.zone)
        if instant and orders.is_too_far_ahead(instant, now=self.now):
            raise BadRow(_("%(name)s is more than a year ahead.") % {"name": name})
        return instant

    def key(self, value: Listed) -> str:
        return repr(value.line_name)

    def compare(self, lines: list[Line]) -> None:
        on_file = OnFile.about([line.value for line in lines], locking=self.locking)
        for line in lines:
            listed: Listed = line.value
            line.about, line.who = f"{listed.reference}, {listed.serial}", listed.buyer.name
            line.after = _shown(listed.shipped_at)
            order = on_file.lines.get(listed.line_name)
            objection = (
                self._compare_new(line, on_file)
                if order is None
                else self._compare_known(line, order, on_file)
            )
            if objection:
                line.refuse(objection)
        self._refuse_drones_sold_twice([line for line in lines if line.outcome == NEW])
        to_write = (line for line in lines if line.outcome in {NEW, CHANGED})
        self.shipped += sum(line.value.shipped_at is not None for line in to_write)

    def _compare_new(self, line: Line, on_file: OnFile) -> Text | None:
        listed: Listed = line.value
        order, drone = listed.as_order(now=self.now), on_file.drones.get(listed.serial)
        line.on_file = _sale(listed, order, drone)
        others = on_file.serials_of.get(listed.reference)
        if others:
            message = _("reference: the books have this order with %(serials)s; a line is added.")
            line.differences.append(message % {"serials": ", ".join(others[:3])})
        if drone is not None:
            stands = orders.objection_to_line(listed.reference, on_file.standing.get(drone.pk, []))
            objection = (
                stands.message
                if stands
                else orders.objection_to_drone(
                    drone, listed.drone_model.pk, had_a_plan=drone.pk in on_file.had_a_plan
                )
            )
            if objection:
                return objection
        if listed.shipped_at is None:
            return None
        return orders.objection_to_shipment(order, None, listed.shipped_at, now=self.now)

    def _compare_known(self, line: Line, order: Order, on_file: OnFile) -> Text | None:
        listed: Listed = line.value
        line.before = _shown(order.shipped_at)
        line.on_file = _sale(listed, order, order.drone)
        self._compare_facts(line, order)
        if listed.shipped_at in {None, order.shipped_at}:
            line.outcome, line.after = SAME, line.before
            return None
        assert listed.shipped_at is not None
        line.outcome = CHANGED
        objection = orders.objection_to_shipment(
            order, order.policy, listed.shipped_at, now=self.now
        )
        if objection or order.policy is not None:
            return objection
        return orders.objection_to_drone(
            order.drone,
            order.drone.drone_model_id,
            had_a_plan=order.drone_id in on_file.had_a_plan,
        )

    def _compare_facts(self, line: Line, order: Order) -> None:
        """Names what the file says otherwise and a file does not change: all but the shipment."""
        listed: Listed = line.value
        buyer, model = order.customer, order.drone.drone_model
        if order.cancelled_at is not None:
            line.differences.append(
                _("This order was cancelled on %(day)s; a file does not enter it again.")
                % {"day": f"{order.cancelled_at:%Y-%m-%d}"}
            )
        facts: list[tuple[str, object, object]] = [
            ("model", model, listed.drone_model),
            ("plan", order.plan, listed.plan),
            ("email", buyer.email, listed.buyer.email),
            ("country", str(buyer.country), listed.buyer.country),
        ]
        if buyer.name.casefold() != listed.buyer.name.casefold():
            facts.append(("name", buyer.name, listed.buyer.name))
        if listed.buyer.phone:
            facts.append(("phone", buyer.phone, listed.buyer.phone))
        if listed.placed_at is not None:
            facts.append(("placed_at", _shown(order.placed_at), _shown(listed.placed_at)))
        if listed.shipped_at is None and "shipped_at" in self.columns:
            facts.append(("shipped_at", _shown(order.shipped_at), ""))
        for column, books, file in facts:
            if books != file:
                line.differs(column, books=books, file=file)

    def _refuse_drones_sold_twice(self, lines: list[Line]) -> None:
        firsts = self.serials.of([(line.value.serial, line.number) for line in lines])
        for line, first in zip(lines, firsts, strict=True):
            if first != line.number:
                line.refuse(_("The same serial number as in line %(line)d.") % {"line": first})

    def write(self, lines: list[Line], *, actor: Actor) -> None:
        new = [line.on_file for line in lines if line.outcome == NEW]
        changed = [line.on_file for line in lines if line.outcome == CHANGED]
        to_ship = [sale for sale in changed if sale.order.policy_id is None]
        to_correct = [sale for sale in changed if sale.order.policy_id is not None]
        order_rows.place(new, actor=actor, now=self.now)
        order_rows.ship(to_ship, actor=actor, now=self.now)
        order_rows.correct(to_correct, actor=actor, now=self.now)


def _sale(listed: Listed, order: Order, drone: Drone | None) -> Sale:
    return Sale(
        order=order,
        serial=listed.serial,
        drone_model=listed.drone_model,
        buyer=listed.buyer,
        drone=drone,
        shipped_at=listed.shipped_at,
    )


def _shown(instant: datetime | None) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if instant else ""
