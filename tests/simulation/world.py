"""Random years of customers, staff and clock, played through the product's public verbs.

Each deed is first asked of the book: what the book allows must succeed, what it forbids
must be refused. After every day the two are compared.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from claims import chasing, intake, labels, progress
from claims.carriers.base import Label, LabelRequest
from claims.models import Claim
from policies import (
    activation,
    binding,
    cancellation,
    codes,
    drones,
    expiry,
    orders,
    people,
    renewal,
    transfer,
    verification,
)
from policies.actor import Actor
from policies.errors import Conflict, Refused
from policies.models import (
    AllowanceUse,
    Drone,
    DroneModel,
    Letter,
    Plan,
    Policy,
    Region,
)
from tests.simulation.book import PLANS, UTC, Aircraft, Book, Case, Paper, months_later

STAFF = Actor.command("simulation")
REGIONS = {"US": "US", "EU": "DE", "JP": "JP", "AU": "AU"}
MODELS = ["mavic-2-pro", "inspire-2"]
CAUSES = [
    "collision",
    "water",
    "drop",
    "other_accident",
    "product_defect",
    "lost_or_stolen",
    "third_party",
]


class PaperCarrier:
    """A carrier that sells any label."""

    name = "paper"

    def buy(self, request: LabelRequest) -> Label:
        return Label(request.reference, f"T-{request.reference}", "", b"%PDF-1.4")

    def void(self, carrier_id: str, *, reference: str) -> None:
        """Takes every label back."""

    def tracking_url(self, tracking_number: str) -> str:
        return ""


class World:
    """One seed's dealer."""

    def __init__(self, seed: int, *, start: datetime) -> None:
        self.random = random.Random(seed)
        self.now = start
        self.book = Book()
        self.number = 0
        self.regions = {code: Region.objects.get(code=code) for code in REGIONS}
        self.models = {slug: DroneModel.objects.get(slug=slug) for slug in MODELS}
        self.plans = {plan.code: plan for plan in Plan.objects.all()}
        self.orders: dict[str, Any] = {}

    # --- days --------------------------------------------------------------------------------

    def live(self, days: int) -> None:
        for _day in range(days):
            morning = self.now
            for _deed in range(self.random.choice([0, 0, 1, 1, 2])):
                self.now += timedelta(minutes=self.random.randint(1, 300))
                self.random.choice(self.deeds())()
            self.now = morning + timedelta(days=1)
            if self.random.random() < 0.8:  # cron has bad days
                self.sweep()
            self.compare()

    def deeds(self) -> list[Callable[[], None]]:
        return [
            *[self.bind] * 3,
            self.permit,
            *[self.renew] * 2,
            *[self.claim] * 3,
            *[self.advance] * 8,
            self.transfer,
            self.cancel,
            self.order,
            self.ship,
            self.refurbish,
        ]

    def sweep(self) -> None:
        for work in (activation.activate, expiry.remind, expiry.expire, verification.lapse):
            while work(now=self.now, chunk=self.random.choice([1, 3, 1000])):
                pass
        list(chasing.chase(now=self.now))
        self.book.sweep(self.now)

    # --- helpers of the deeds ----------------------------------------------------------------

    def expect(self, allowed: bool, deed: Callable[[], Any], what: str) -> Any:
        """Runs the deed and holds its success against the book's word."""
        result, refusal = None, None
        try:
            result = deed()
        except (Conflict, Refused) as said:
            refusal = said
        went = "went through" if refusal is None else f"was refused ({refusal})"
        assert (refusal is None) == allowed, f"{self.now}: {what} {went}; the book says otherwise"
        return result

    def fresh(self, prefix: str) -> str:
        self.number += 1
        return f"{prefix}{self.number:06d}"

    def some(self, things: Any) -> Any:
        things = list(things)
        return self.random.choice(things) if things else None

    # --- deeds -------------------------------------------------------------------------------

    def bind(self) -> None:
        region = self.some(REGIONS)
        model = self.some(MODELS)
        plan = self.some(PLANS)
        known = self.some(self.book.aircraft) if self.random.random() < 0.4 else None
        serial = known or self.fresh("DRONE")
        ago = self.some([None, 1, 47, 48, 48.01, 300])
        if known is None:
            activated = None if ago is None else self.now - timedelta(hours=ago)
            drones.register(serial=serial, drone_model=self.models[model], activated_at=activated)
            self.book.aircraft[serial] = Aircraft(serial, model, activated)
        lives_in = region if self.random.random() < 0.9 else self.some(REGIONS)
        code = self.sold(plan, model, region)
        email = f"{serial.lower()}@example.com"
        allowed = self.book.may_bind(serial, model, region_fits=lives_in == region, at=self.now)
        policy = self.expect(
            allowed,
            lambda: binding.bind_at_desk(
                code,
                binding.Application(
                    serial=serial, name="Sim", email=email, country=REGIONS[lives_in]
                ),
                actor=STAFF,
                now=self.now,
            ),
            f"binding {serial}",
        )
        if policy is not None:
            self.enter(policy, plan, self.now, "active")
            drone = self.book.aircraft[serial]
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
        buyer = people.known(name="Sim", email="sim@example.com", country="US", now=self.now)
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
        paper = self.some(self.book.papers)
        if paper is None:
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

    def policy(self, paper: Paper) -> Policy:
        return Policy.objects.select_related("region", "drone__drone_model", "holder", "plan").get(
            number=paper.number
        )

    def claim(self) -> None:
        paper = self.some(p for p in self.book.papers if p.start <= self.now)
        if paper is None:
            return
        cause = self.some(CAUSES)
        parts = self.some([["gimbal"], ["battery"], ["remote_controller"], ["camera", "battery"]])
        series_covers_battery = self.book.aircraft[paper.serial].model == "mavic-2-pro"
        covered = {"gimbal", "camera"} | ({"battery"} if series_covers_battery else set())
        policy = self.policy(paper)
        # A paper counts only for the drone's present life and only its newest policy answers.
        answers = self.book.lives.get((paper.serial, self.book.aircraft[paper.serial].life))
        allowed = answers is paper and self.book.open_case(paper.serial) is None
        claim = self.expect(
            allowed,
            lambda: intake.request_repair(
                intake.Request(
                    serial=paper.serial,
                    email=paper.holder,
                    cause=cause,
                    happened_on=(self.now.astimezone(paper.zone) - timedelta(days=1)).date(),
                    description="simulated",
                    parts=parts,
                    line1="1 Way",
                    city="Town",
                    country=REGIONS[policy.region.code],
                ),
                actor=STAFF,
                now=self.now,
            ),
            f"claim on {paper.number}",
        )
        if claim is not None:
            fits = bool(covered & set(parts))
            outcome = self.book.outcome(paper, cause, fits, self.now)
            assert claim.outcome == outcome, f"{self.now}: {cause} {parts} {paper}"
            self.book.cases.append(Case(claim.number, paper, paper.serial, cause, outcome))

    def advance(self) -> None:
        case = self.some(c for c in self.book.cases if not self.book.is_over(c))
        if case is None:
            return
        claim = Claim.objects.get(number=case.number)
        if case.state == "submitted":
            self.decide(case, claim)
            return
        step = self.some(
            {
                "label_sent": [self.pick_up, self.cancel_claim],
                "in_transit": [self.receive],
                "received": [self.assess],
                "assessed": [self.go_on, self.send_back],
                "awaiting_fee": [self.pay],
                "preparing": [self.send_out],
                "shipped": [self.complete],
                "returning": [self.hand_back],
            }[case.state]
        )
        step(case, claim)

    def decide(self, case: Case, claim: Claim) -> None:
        if case.outcome in {"not_covered", "needs_review"}:
            progress.decline(claim, reason="no", actor=STAFF, now=self.now)
            self.book.close(case, "declined")
            return
        left = len(case.paper.uses) < case.paper.granted
        allowed = case.outcome == "warranty" or left
        done = self.expect(
            allowed,
            lambda: progress.accept(claim, actor=STAFF, now=self.now) or True,
            f"accepting {case.number}",
        )
        if done:
            labels.work(PaperCarrier(), clock=lambda: self.now)
            case.accepted, case.state, case.since = True, "label_sent", self.now
            if case.outcome == "care":
                case.paper.uses.add(case.number)

    def pick_up(self, case: Case, claim: Claim) -> None:
        progress.pick_up(claim, actor=STAFF, now=self.now)
        case.state = "in_transit"

    def cancel_claim(self, case: Case, claim: Claim) -> None:
        progress.cancel(claim, actor=STAFF, now=self.now)
        self.book.close(case, "cancelled")

    def receive(self, case: Case, claim: Claim) -> None:
        progress.receive(claim, actor=STAFF, now=self.now)
        case.state = "received"

    def assess(self, case: Case, claim: Claim) -> None:
        progress.assess(
            claim,
            cause_found=claim.cause,
            parts_received=claim.parts,
            parts_damaged=claim.parts,
            actor=STAFF,
            now=self.now,
        )
        case.state = "assessed"

    def go_on(self, case: Case, claim: Claim) -> None:
        if case.outcome == "care":
            progress.ask_fee(claim, actor=STAFF, now=self.now)
            case.state, case.since = "awaiting_fee", self.now
        else:
            progress.prepare(claim, actor=STAFF, now=self.now)
            case.state = "preparing"

    def pay(self, case: Case, claim: Claim) -> None:
        with suppress(Conflict):
            progress.ship(
                claim,
                new_serial=self.fresh("EARLY"),
                condition="new",
                tracking_number="T",
                actor=STAFF,
                now=self.now,
            )
            raise AssertionError(f"{case.number} shipped without its fee")
        progress.pay(
            claim,
            amount=claim.fee_amount,
            currency=claim.fee_currency,
            method="card",
            reference=self.fresh("PAY"),
            actor=STAFF,
            now=self.now,
        )
        case.state, case.paid = "preparing", True

    def send_out(self, case: Case, claim: Claim) -> None:
        repaired = case.outcome == "warranty" and self.random.random() < 0.5
        serial = case.serial if repaired else self.fresh("NEW")
        progress.ship(
            claim,
            new_serial=serial,
            condition="new",
            tracking_number=self.fresh("OUT"),
            actor=STAFF,
            now=self.now,
        )
        case.state = "shipped"
        if not repaired:
            self.book.replace(case.paper, serial)

    def complete(self, case: Case, claim: Claim) -> None:
        progress.complete(claim, actor=STAFF, now=self.now)
        self.book.close(case, "completed")

    def send_back(self, case: Case, claim: Claim) -> None:
        progress.send_back(claim, reason="unfixed", actor=STAFF, now=self.now)
        case.state = "returning"

    def hand_back(self, case: Case, claim: Claim) -> None:
        progress.hand_back(claim, actor=STAFF, now=self.now)
        self.book.close(case, "returned")

    def transfer(self) -> None:
        paper = self.some(self.book.papers)
        if paper is None:
            return
        policy = self.policy(paper)
        runs = paper.marked in {"active", "scheduled"} and paper.start <= self.now < paper.end
        allowed = runs and not self.book.holds(paper)
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
        paper = self.some(self.book.papers)
        if paper is None or self.random.random() < 0.7:
            return
        open_ended = paper.marked in {"active", "scheduled"} and self.now < paper.end
        done = self.expect(
            open_ended and not self.book.holds(paper),
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
            paper.start = begins
            paper.end = months_later(begins, PLANS[plan][0], paper.zone)

    def refurbish(self) -> None:
        drone = self.some(self.book.aircraft.values())
        if drone is None or self.random.random() < 0.5:
            return
        paper = self.book.paper_of(drone.serial)
        runs = (
            paper is not None
            and paper.serial == drone.serial
            and paper.marked in {"active", "scheduled"}
            and paper.end > self.now
        )
        done = self.expect(
            not runs,
            lambda: (
                drones.start_new_life(Drone.objects.get(serial=drone.serial), now=self.now) or True
            ),
            f"new life of {drone.serial}",
        )
        if done:
            drone.life += 1
            drone.retired, drone.activated = False, None

    # --- the comparison ----------------------------------------------------------------------

    def compare(self) -> None:
        """Every policy, its uses and every claim stand as in the book."""
        in_force = set(Policy.objects.in_force(at=self.now).values_list("number", flat=True))
        rows = {
            number: (serial, ends_at, status)
            for number, serial, ends_at, status in Policy.objects.values_list(
                "number", "drone__serial", "ends_at", "status"
            )
        }
        uses: dict[str, set[str]] = {}
        for number, reference in AllowanceUse.objects.live().values_list(
            "policy__number", "reference"
        ):
            uses.setdefault(number, set()).add(reference)
        for paper in self.book.papers:
            where = f"{self.now}: {paper}"
            assert rows[paper.number] == (paper.serial, paper.end, paper.marked), where
            assert (paper.number in in_force) == paper.covers(self.now), where
            assert uses.get(paper.number, set()) == paper.uses, where
        states = dict(Claim.objects.values_list("number", "progress"))
        for case in self.book.cases:
            assert states[case.number] == case.state, f"{self.now}: {case}"

    def letters_agree(self) -> None:
        """Each reminder and each letter of expiry exactly once, and none that is not due."""
        numbers = dict(Policy.objects.values_list("pk", "number"))
        reminded: dict[str, set[tuple[Any, int]]] = {}
        for key in Letter.objects.filter(name="renewal_reminder").values_list(
            "dedupe_key", flat=True
        ):
            _name, pk, day, days = key.split("/")
            ended = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).date()
            reminded.setdefault(numbers[int(pk)], set()).add((ended, int(days)))
        expired = list(
            Letter.objects.filter(name="policy_expired").values_list("policy__number", flat=True)
        )
        for paper in self.book.papers:
            assert reminded.get(paper.number, set()) == paper.reminded, paper
            assert expired.count(paper.number) == int(paper.told_expired), paper
