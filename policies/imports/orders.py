"""A shop's list of orders (B9): checked line by line, then entered, all or nothing.

Columns by heading: reference, serial, model, plan, name, email, country, and, where known,
phone, placed_at, shipped_at (ISO 8601; without an offset on the clock of the region). One order
may hold several drones: reference and serial name the line. A line that is on file is not
entered again: a new shipment instant corrects the old one.

What `orders.place` and `orders.ship` do for one order is done here for a block of them. The
rules are those of `orders`, called for each order.
"""

from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

from policies import drones, freezing, orders
from policies.customers import Person
from policies.imports import names, order_rows
from policies.imports.base import ImportKind
from policies.imports.cells import BadRow, objection_to_printing, read_instant, serial_of
from policies.imports.lines import CHANGED, NEW, SAME, FirstLines, Line
from policies.imports.order_facts import Listed, OnFile
from policies.imports.order_rows import Entry
from policies.models import Drone, DroneModel, Order, Plan, Region, RegionCountry
from policies.rules.text import Text
from policies.shared import emails
from policies.shared.actor import Actor

UTC = ZoneInfo("UTC")


class OrderImport(ImportKind):
    """One pass over a list of orders; `shipped` counts the shipments it records or corrects."""

    needed = ["reference", "serial", "model", "plan", "name", "email", "country"]
    optional = ["phone", "placed_at", "shipped_at"]
    longest = {"reference": 64, "name": 120, "email": 254, "phone": 40}
    repeated = _("The same reference and serial number as in line %(line)d.")

    def __init__(self, *, now: datetime, locking: bool = False, encoding: str = "") -> None:
        super().__init__(now=now, locking=locking, encoding=encoding)
        self.models = names.models()
        self.plans = names.by_any_name(Plan.objects.filter(renews=None), "code")
        served = RegionCountry.objects.select_related("region")
        self.regions = {str(one.country): one.region for one in served}
        self.serials = FirstLines()
        self.shipped = 0
        self.cover_terms: dict[int, int] = {}

    @cached_property
    def models_in_stock(self) -> set[int]:
        """The ids of models of which unsold drones are on file when the pass begins (B12)."""
        return set(drones.unsold().order_by().values_list("drone_model_id", flat=True).distinct())

    def country(self, line: Line) -> str:
        return names.country_code(line.value.get("country", ""))

    def read(self, row: dict[str, str]) -> Listed:
        try:
            email = emails.normalise(row["email"])
        except emails.BadDomain:
            raise
        except emails.BadEmail as error:
            raise BadRow(
                _("email must be an address like name@example.com, of at most 254 characters.")
            ) from error
        country = names.country(row["country"])
        if country not in self.regions:
            raise BadRow(_("Care plans are not sold in this country."))
        model, plan = names.model(row["model"], self.models), self._plan(row["plan"])
        region = self.regions[country]
        return Listed(
            reference=row["reference"],
            serial=serial_of(row),
            drone_model=model,
            plan=plan,
            region=region,
            buyer=Person(row["name"], email, country, row.get("phone", "")),
            placed_at=self._instant(row, "placed_at", region),
            shipped_at=self._instant(row, "shipped_at", region),
        )

    def _plan(self, text: str) -> Plan:
        plan = self.plans.get(names.folded(text))
        if plan is None:
            message = _("No plan “%(name)s” is sold with a drone. Known are: %(known)s.")
            known = ", ".join(
                dict.fromkeys(plan.code for plan in self.plans.values() if plan.is_on_offer)
            )
            raise BadRow(message % {"name": text[:40], "known": known})
        return plan

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
        line.on_file = _entry(listed, order, drone)
        # Not of a line on file: its name is not taken over, and the shop sends its whole list.
        withdrawn = orders.objection_to_withdrawn(listed.plan, listed.drone_model, listed.region)
        if withdrawn:
            return withdrawn.message
        if objection := objection_to_printing("name", listed.buyer.name):
            return objection
        others = on_file.serials_of.get(listed.reference)
        if others:
            message = _("reference: the books have this order with %(serials)s; a line is added.")
            line.differences.append(message % {"serials": ", ".join(others[:3])})
        if drone is None:
            model = listed.drone_model
            in_stock = model.pk in self.models_in_stock
            line.doubts(listed.serial, drones.doubts_about(listed.serial, model, in_stock=in_stock))
        else:
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
        line.on_file = _entry(listed, order, order.drone)
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
        to_ship = [entry for entry in changed if entry.order.policy_id is None]
        to_correct = [entry for entry in changed if entry.order.policy_id is not None]
        for entry in new:
            entry.order.cover_terms_id = self._frozen(entry.drone_model)
        order_rows.place(new, actor=actor, now=self.now)
        order_rows.ship(to_ship, actor=actor, now=self.now)
        order_rows.correct(to_correct, actor=actor, now=self.now)

    def _frozen(self, drone_model: DroneModel) -> int:
        """What the catalogue covers today for a model: asked once for a file."""
        if drone_model.pk not in self.cover_terms:
            self.cover_terms[drone_model.pk] = freezing.cover_terms_of_today(drone_model).pk
        return self.cover_terms[drone_model.pk]


def _entry(listed: Listed, order: Order, drone: Drone | None) -> Entry:
    return Entry(
        order=order,
        serial=listed.serial,
        drone_model=listed.drone_model,
        buyer=listed.buyer,
        drone=drone,
        shipped_at=listed.shipped_at,
    )


def _shown(instant: datetime | None) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if instant else ""
