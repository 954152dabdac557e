"""What the shop does: drones sold together with their plans, shipped, corrected, cancelled (B9)."""

from datetime import timedelta

from policies import orders
from policies.models import Order, Policy
from tests.simulation.desk import MODELS, REGIONS, STAFF
from tests.simulation.papers import PLANS, Aircraft, Line, months_later
from tests.simulation.sales_desk import SalesDesk

HOURS_AGO = [0, 0, 0, 1, 30, 47, 60, 200]


class OrdersDesk(SalesDesk):
    def order(self) -> None:
        """Another line of an order as well as an order; a known drone as well as a new one."""
        region, plan, model = self.some(REGIONS), self.some(PLANS), self.some(MODELS)
        earlier = self.some(self.book.lines)
        known = self.some(self.book.aircraft) if self.luck(0.3) else None
        serial = known or self.fresh("SHOP")
        reference = earlier.reference if earlier and self.luck(0.3) else self.fresh("O")
        if earlier and self.luck(0.1):
            serial = earlier.serial
        placed = self.now - timedelta(hours=self.some([0, 0, 24]))
        order = self.expect(
            self.book.may_order(reference, serial, model),
            lambda: orders.place(
                orders.Purchase(
                    reference=reference,
                    serial=serial,
                    serial_confirmed=serial,  # it need not come from stock (B12)
                    drone_model=self.models[model],
                    plan=self.plans[plan],
                    name="Sim",
                    email=f"{serial.lower()}@example.com",
                    country=REGIONS[region],
                    placed_at=placed,
                ),
                actor=STAFF,
                now=self.now,
            ),
            f"ordering {serial} in {reference}",
        )
        if order is not None:
            self.book.aircraft.setdefault(serial, Aircraft(serial, model, None))
            self.book.lines.append(Line(reference, serial, plan, placed))

    def ship(self) -> None:
        line = self.some_line()
        if line is None:
            return
        self.send(line)
        # A slip is noticed soon, if ever.
        if self.luck(0.2):
            self.send(line)
        elif self.luck(0.1):
            self.take_out(line)

    def send(self, line: Line) -> None:
        """For the first time, or with another day: the plan moves along until it has begun."""
        shipped = self.now - timedelta(hours=self.some(HOURS_AGO))
        policy = self.expect(
            self.book.may_ship(line, shipped, self.now),
            lambda: orders.ship(self.row(line), shipped_at=shipped, actor=STAFF, now=self.now),
            f"shipping {line.serial} of {line.reference}",
        )
        if policy is None:
            return
        begins = shipped + timedelta(hours=48)
        if line.paper is None:
            fresh = Policy.objects.select_related("region", "drone", "holder").get(pk=policy.pk)
            line.paper = self.enter(fresh, line.plan, begins, "scheduled")
        else:
            line.paper.start = begins
            line.paper.end = months_later(begins, PLANS[line.plan][0], line.paper.zone)
            self.touched[line.paper.number] = line.paper
            self.happened["shipment corrected"] += 1

    def cancel_order(self) -> None:
        line = self.some_line()
        if line is not None and self.luck(0.6):
            self.take_out(line)

    def take_out(self, line: Line) -> None:
        done = self.expect(
            self.book.may_cancel_order(line, self.now),
            lambda: orders.cancel(self.row(line), reason="simulated", actor=STAFF, now=self.now),
            f"unordering {line.serial} of {line.reference}",
        )
        if done:
            line.cancelled = True
            if line.paper is not None:
                self.strike_out(line.paper)
                self.happened["plan cancelled with its order"] += 1

    def some_line(self) -> Line | None:
        """One of which something may still become, as a rule."""
        lines = self.book.lines
        to_ship = [line for line in lines if line.is_to_ship()]
        to_begin = [line for line in lines if line.paper and self.now < line.paper.start]
        return self.some(self.some([to_ship, to_ship, to_begin, lines]) or lines)

    def row(self, line: Line) -> Order:
        """One of the same name that was cancelled may have been entered before, and since."""
        rows = Order.objects.filter(reference=line.reference, drone__serial=line.serial)
        alike = [one for one in self.book.lines if one.name() == line.name()]
        place = next(place for place, one in enumerate(alike) if one is line)
        return rows.order_by("id")[place]
