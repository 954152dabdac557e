"""What the sales desk and its customers do: bind, renew, transfer, cancel, refurbish."""

from datetime import datetime, timedelta
from typing import Any

from policies import (
    binding,
    cancellation,
    codes,
    customers,
    drones,
    renewal,
    sales,
    transfer,
    verification,
)
from policies.models import Drone, Policy
from tests.pages import token
from tests.simulation.desk import MODELS, REGIONS, STAFF, Desk
from tests.simulation.papers import PLANS, Aircraft, Paper, months_later


class SalesDesk(Desk):
    def bind(self) -> None:
        region = self.some(REGIONS)
        model = self.some(MODELS)
        plan = self.some(PLANS)
        known = self.some(self.book.aircraft) if self.luck(0.4) else None
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
        lives_in = region if self.luck(0.9) else self.some(REGIONS)
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
        sale = sales.sell_from_stock(
            **facts, quantity=1, to=buyer, order_reference="", actor=STAFF, now=self.now, tell=False
        )
        return sale.codes.get()

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
        if early and self.luck(0.8):  # few think of it so soon
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
            self.book.unmark(paper, self.now)

    def transfer(self) -> None:
        paper = self.some_used_up()
        if paper is None:
            return
        policy = self.policy(paper)
        email = f"{self.fresh('owner').lower()}@example.com"
        old_link = token(policy)
        moved = self.expect(
            self.book.may_sell_on(paper, self.now),
            lambda: transfer.change_owner(
                policy,
                name="New Owner",
                email=email,
                country=REGIONS[policy.region.code],
                actor=STAFF,
                now=self.now,
            ),
            f"transferring {paper.number}",
        )
        if moved is not None:
            assert token(moved) != old_link
            paper.holder, paper.sold_at = email, self.now
        elif paper.is_used_up(self.now) and not self.book.is_held(paper):
            self.happened["transferring refused as used up"] += 1

    def cancel(self) -> None:
        paper = self.some_used_up()
        if paper is None or (paper.goes_on(self.now) and self.luck(0.7)):
            return
        done = self.expect(
            self.book.may_cancel(paper, self.now),
            lambda: cancellation.cancel(
                self.policy(paper), reason="simulated", actor=STAFF, now=self.now
            ),
            f"cancelling {paper.number}",
        )
        if done is not None:
            self.strike_out(paper)
        elif paper.is_used_up(self.now) and not self.book.is_held(paper):
            self.happened["cancelling refused as used up"] += 1

    def strike_out(self, paper: Paper) -> None:
        """It ends as cancelled; a mark that was set too early is taken back before (E1)."""
        self.book.unmark(paper, self.now)
        paper.cancelled_at, paper.marked = self.now, "cancelled"
        self.book.free(paper)
        self.touched[paper.number] = paper

    def refurbish(self) -> None:
        used_up = [paper for paper in self.book.running() if paper.is_used_up(self.now)]
        worn = [self.book.aircraft[paper.serial] for paper in used_up] if self.luck(0.6) else []
        drone = self.some(worn or self.book.aircraft.values())
        if drone is None or self.luck(0.5):
            return
        paper = self.book.paper_of(drone.serial)
        done = self.expect(
            self.book.may_refurbish(drone.serial, self.now),
            lambda: drones.start_new_life(Drone.objects.get(serial=drone.serial), now=self.now),
            f"refurbishing {drone.serial}",
        )
        if done:
            drone.life += 1
            drone.retired, drone.activated, drone.said = False, None, None
            if paper is not None and paper.is_used_up(self.now):
                self.happened["refurbishing done although the term runs"] += 1
