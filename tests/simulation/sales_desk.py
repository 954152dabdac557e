"""What the sales desk and its customers do: bind, renew, order, ship, transfer, cancel."""

from datetime import datetime, timedelta
from typing import Any

from policies import (
    binding,
    cancellation,
    codes,
    customers,
    drones,
    orders,
    renewal,
    transfer,
    verification,
)
from policies.models import Drone, Policy
from tests.simulation.book import PLANS, Aircraft, Paper, months_later
from tests.simulation.desk import MODELS, REGIONS, STAFF, Desk


class SalesDesk(Desk):
    def bind(self) -> None:
        region = self.some(REGIONS)
        model = self.some(MODELS)
        plan = self.some(PLANS)
        known = self.some(self.book.aircraft) if self.random.random() < 0.4 else None
        serial = known or self.fresh("DRONE")
        ago = self.some([None, 1, 47, 48, 48.01, 300])
        if known is None:
            activated = None if ago is None else self.now - timedelta(hours=ago)
            drones.register(
                serial=serial,
                drone_model=self.models[model],
                activated_at=activated,
                now=self.now,
            )
            self.book.aircraft[serial] = Aircraft(serial, model, activated)
        lives_in = region if self.random.random() < 0.9 else self.some(REGIONS)
        code = self.sold(plan, model, region)
        email = f"{serial.lower()}@example.com"
        says = self.some([None, None, None, 1, 47, 48.01, 300])
        stated = None if says is None else self.now - timedelta(hours=says)
        allowed = self.book.may_bind(
            serial, model, region_fits=lives_in == region, at=self.now, stated=stated
        )
        policy = self.expect(
            allowed,
            lambda: binding.bind_at_desk(
                code,
                binding.Application(
                    serial=serial,
                    name="Sim",
                    email=email,
                    country=REGIONS[lives_in],
                    activated_at=stated,
                ),
                actor=STAFF,
                now=self.now,
            ),
            f"binding {serial}",
        )
        drone = self.book.aircraft[serial]
        if policy is None and stated is not None and model == drone.model:
            drone.said = min(drone.said or stated, stated)
        if policy is not None:
            drone.activated = drone.activation(stated)
            self.enter(policy, plan, self.now, "active")
            in_time = drone.activated is None or (self.now - drone.activated <= timedelta(hours=48))
            if not in_time:
                drone.permits.remove(max(drone.permits))

    def sold(self, plan: str, model: str, region: str) -> Any:
        facts = {
            "plan": self.plans[plan],
            "drone_model": self.models[model],
            "region": self.regions[region],
        }
        codes.generate(**facts, count=1, actor=STAFF, now=self.now)
        buyer = customers.known(name="Sim", email="sim@example.com", country="US", now=self.now)
        [code] = codes.sell_from_stock(
            **facts, quantity=1, to=buyer, order_reference="", actor=STAFF, now=self.now, tell=False
        )
        return code

    def enter(self, policy: Policy, plan: str, start: datetime, marked: str) -> Paper:
        months, granted = PLANS[plan]
        zone = policy.region.zone
        paper = Paper(
            number=policy.number,
            serial=policy.drone.serial,
            holder=policy.holder.email,
            plan=plan,
            zone=zone,
            start=start,
            end=months_later(start, months, zone),
            granted=granted,
            marked=marked,
        )
        self.book.enter(paper)
        self.touched[paper.number] = paper
        return paper

    def permit(self) -> None:
        drone = self.some(self.book.aircraft.values())
        if drone is None:
            return
        allowed = not drone.retired and self.book.paper_of(drone.serial) is None
        permit = self.expect(
            allowed,
            lambda: verification.grant_after_repair(
                Drone.objects.get(serial=drone.serial),
                region=self.regions["US"],
                note="repair",
                actor=STAFF,
                now=self.now,
            ),
            f"permit for {drone.serial}",
        )
        if permit is not None:
            drone.permits.append(self.now + timedelta(hours=72))

    def renew(self) -> None:
        paper = self.some_paper()
        if paper is None:
            return
        early = paper.end - self.now > timedelta(days=120)
        if early and self.random.random() < 0.8:  # few think of it so soon
            return
        policy = self.policy(paper)
        codes.generate(
            plan=self.plans["refresh-plus"],
            drone_model=policy.drone.drone_model,
            region=policy.region,
            count=1,
            actor=STAFF,
            now=self.now,
        )
        renewed = self.expect(
            self.book.may_renew(paper, self.now),
            lambda: renewal.sell_and_renew(
                policy,
                plan=self.plans["refresh-plus"],
                order_reference="",
                actor=STAFF,
                now=self.now,
            ),
            f"renewing {paper.number}",
        )
        if renewed is not None:
            self.book.renew(paper)

    def transfer(self) -> None:
        paper = self.some_paper()
        if paper is None:
            return
        policy = self.policy(paper)
        allowed = paper.covers(self.now) and not self.book.holds(paper)
        email = f"{self.fresh('owner').lower()}@example.com"
        moved = self.expect(
            allowed,
            lambda: transfer.change_owner(
                policy,
                name="New Owner",
                email=email,
                country=REGIONS[policy.region.code],
                actor=STAFF,
                now=self.now,
            ),
            f"transfer of {paper.number}",
        )
        if moved is not None:
            assert moved.token != policy.token
            paper.holder = email

    def cancel(self) -> None:
        paper = self.some_paper()
        if paper is None or self.random.random() < 0.7:
            return
        done = self.expect(
            paper.goes_on(self.now) and not self.book.holds(paper),
            lambda: cancellation.cancel(
                self.policy(paper), reason="simulated", actor=STAFF, now=self.now
            ),
            f"cancelling {paper.number}",
        )
        if done is not None:
            paper.cancelled_at, paper.marked = self.now, "cancelled"

    def order(self) -> None:
        region, plan, model = self.some(REGIONS), self.some(PLANS), self.some(MODELS)
        serial = self.fresh("SHOP")
        order = orders.place(
            orders.Purchase(
                reference=self.fresh("O"),
                serial=serial,
                drone_model=self.models[model],
                plan=self.plans[plan],
                name="Sim",
                email=f"{serial.lower()}@example.com",
                country=REGIONS[region],
            ),
            actor=STAFF,
            now=self.now,
        )
        self.book.aircraft[serial] = Aircraft(serial, model, None)
        self.orders[order.reference] = (order, plan, None)

    def ship(self) -> None:
        reference = self.some(self.orders)
        if reference is None:
            return
        order, plan, paper = self.orders[reference]
        taken = self.book.paper_of(order.drone.serial)
        if paper is None:
            allowed = taken is None and not self.book.aircraft[order.drone.serial].retired
        else:
            allowed = paper.marked == "scheduled" and self.now < paper.start
        policy = self.expect(
            allowed,
            lambda: orders.ship(order, shipped_at=self.now, actor=STAFF, now=self.now),
            f"shipping {reference}",
        )
        if policy is None:
            return
        begins = self.now + timedelta(hours=48)
        if paper is None:
            fresh = Policy.objects.select_related("region", "drone", "holder").get(pk=policy.pk)
            paper = self.enter(fresh, plan, begins, "scheduled")
            self.orders[reference] = (order, plan, paper)
        else:
            self.touched[paper.number] = paper
            paper.start = begins
            paper.end = months_later(begins, PLANS[plan][0], paper.zone)

    def refurbish(self) -> None:
        drone = self.some(self.book.aircraft.values())
        if drone is None or self.random.random() < 0.5:
            return
        paper = self.book.paper_of(drone.serial)
        runs = paper is not None and paper.serial == drone.serial and paper.goes_on(self.now)
        done = self.expect(
            not runs
            and not any(case.paper.serial == drone.serial for case in self.book.open_cases()),
            lambda: (
                drones.start_new_life(Drone.objects.get(serial=drone.serial), now=self.now) or True
            ),
            f"new life of {drone.serial}",
        )
        if done:
            drone.life += 1
            drone.retired, drone.activated, drone.said = False, None, None
