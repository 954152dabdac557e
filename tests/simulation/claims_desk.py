"""What the claims desk and its customers do, from the request to the replacement."""

from contextlib import suppress
from datetime import timedelta

from claims import assessment, intake, labels, progress
from claims.carriers.base import Label, LabelRequest
from claims.models import Claim
from policies.shared.errors import Conflict
from tests.simulation.book import ENDED_WITHOUT_REPLACEMENT, Case
from tests.simulation.desk import REGIONS, STAFF, Desk

# Most damage is covered, so that allowances are used up and not only asked about.
CAUSES = [
    *["collision", "water", "drop"] * 3,
    "other_accident",
    "product_defect",
    "lost_or_stolen",
    "third_party",
]
PARTS = [*[["gimbal"], ["camera", "battery"]] * 3, ["battery"], ["remote_controller"]]


class PaperCarrier:
    """A carrier that sells any label."""

    name = "paper"

    def buy(self, request: LabelRequest) -> Label:
        return Label(request.reference, f"T-{request.reference}", "", b"%PDF-1.4")

    def void(self, carrier_id: str, *, reference: str) -> None:
        """Takes every label back."""


class ClaimsDesk(Desk):
    def claim(self) -> None:
        asked = self.some_paper()
        if asked is None:
            return
        # The drone and the holder's e-mail are what is asked with. In a new life of the drone
        # its newest paper answers, to its own holder.
        answers = self.book.paper_of(asked.serial)
        known = answers is not None and answers.holder == asked.holder and answers.start <= self.now
        paper = answers if known else asked
        allowed = known and self.book.open_case(paper.serial) is None
        cause = self.some(CAUSES)
        parts = self.some(PARTS)
        series_covers_battery = self.book.aircraft[paper.serial].model == "mavic-2-pro"
        covered = {"gimbal", "camera"} | ({"battery"} if series_covers_battery else set())
        policy = self.policy(paper)
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
            case = Case(claim.number, paper, paper.serial, cause, outcome, self.now)
            case.holder, case.at_first = paper.holder, outcome
            self.book.open(case)
            self.moved[case.number] = case

    def advance(self) -> None:
        case = self.some(self.book.open_cases())
        if case is None:
            return
        self.moved[case.number] = case
        self.touched[case.paper.number] = case.paper
        claim = Claim.objects.get(number=case.number)
        if case.state == "submitted":
            self.decide(case, claim)
            return
        step = self.some(
            {
                "label_sent": [*[self.pick_up] * 4, self.cancel_claim],
                "in_transit": [self.receive],
                "received": [*[self.assess] * 4, self.miss_parts],
                "parts_missing": [*[self.receive] * 2, self.miss_parts_again],
                "assessed": [*[self.go_on] * 4, self.assess_anew, self.send_back],
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
            self.book.close(case, "declined", self.now)
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
            case.accepted = True
            case.go("label_sent", self.now)
            if case.outcome == "care":
                case.paper.uses.add(case.number)

    def pick_up(self, case: Case, claim: Claim) -> None:
        progress.pick_up(claim, actor=STAFF, now=self.now)
        case.go("in_transit", self.now)

    def cancel_claim(self, case: Case, claim: Claim) -> None:
        progress.cancel(claim, actor=STAFF, now=self.now)
        self.book.close(case, "cancelled", self.now)

    def receive(self, case: Case, claim: Claim) -> None:
        progress.receive(claim, actor=STAFF, now=self.now)
        case.go("received", self.now)

    def assess(self, case: Case, claim: Claim) -> None:
        assessment.assess(
            claim,
            cause_found=claim.cause,
            parts_received=claim.parts,
            parts_damaged=claim.parts,
            actor=STAFF,
            now=self.now,
        )
        case.go("assessed", self.now)
        self.book.assess(case, claim.cause)

    def assess_anew(self, case: Case, claim: Claim) -> None:
        """Taken back, and decided on another cause, or on the same one again."""
        found = self.some([claim.cause, "deliberate"])
        progress.undo(claim, reason="wrong", actor=STAFF, now=self.now)
        case.step_back(self.now)
        assessment.assess(
            claim,
            cause_found=found,
            parts_received=claim.parts,
            parts_damaged=claim.parts,
            actor=STAFF,
            now=self.now,
        )
        case.go("assessed", self.now)
        self.book.assess(case, found)
        assert Claim.objects.get(pk=claim.pk).outcome == case.outcome, f"{self.now}: {case}"

    def miss_parts(self, case: Case, claim: Claim) -> None:
        progress.miss_parts(claim, missing="The battery.", actor=STAFF, now=self.now)
        case.go("parts_missing", self.now)

    def miss_parts_again(self, case: Case, claim: Claim) -> None:
        """Taken back, and taken again at once: the time that the customer has stays as it is."""
        progress.undo(claim, reason="wrong", actor=STAFF, now=self.now)
        case.step_back(self.now)
        self.miss_parts(case, claim)

    def go_on(self, case: Case, claim: Claim) -> None:
        if case.outcome == "not_covered":
            self.send_back(case, claim)
        elif case.outcome == "care" and not case.paid:
            progress.ask_fee(claim, actor=STAFF, now=self.now)
            case.go("awaiting_fee", self.now)
        else:
            progress.prepare(claim, actor=STAFF, now=self.now)
            case.go("preparing", self.now)

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
        case.paid = True
        case.go("preparing", self.now)

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
        case.go("shipped", self.now)
        if not repaired:
            self.book.replace(case.paper, serial)

    def complete(self, case: Case, claim: Claim) -> None:
        progress.complete(claim, actor=STAFF, now=self.now)
        self.book.close(case, "completed", self.now)

    def send_back(self, case: Case, claim: Claim) -> None:
        progress.send_back(claim, reason="unfixed", actor=STAFF, now=self.now)
        case.go("returning", self.now)

    def hand_back(self, case: Case, claim: Claim) -> None:
        progress.hand_back(claim, actor=STAFF, now=self.now)
        self.book.close(case, "returned", self.now)

    # --- what comes late ---------------------------------------------------------------------

    def late_parcel(self) -> None:
        """K15: of a claim that has lapsed, or that the customer cancelled."""
        case = self.some(one for one in self.book.cases if one.state in {"cancelled", "lapsed"})
        if case is None:
            return
        self.moved[case.number] = case
        self.touched[case.paper.number] = case.paper
        claim = Claim.objects.get(number=case.number)
        if self.random.random() < 0.3:
            self.late_return(case, claim)
            return
        done = self.expect(
            self.book.may_be_taken_up(case),
            lambda: progress.receive(claim, actor=STAFF, now=self.now) or True,
            f"taking up {case.number}",
        )
        if done:
            case.go("received", self.now)
            self.book.reopen(case)
            if case.outcome == "care" and not case.paper.has_replacement():
                case.outcome = "not_covered"
            if case.outcome == "care":
                case.paper.uses.add(case.number)

    def late_return(self, case: Case, claim: Claim) -> None:
        done = self.expect(
            self.book.open_case(case.serial) is None,
            lambda: progress.send_back(claim, reason="late", actor=STAFF, now=self.now) or True,
            f"sending back {case.number}",
        )
        if done:
            case.go("returning", self.now)
            self.book.reopen(case)

    def late_money(self) -> None:
        """K8: before it was asked for, or when nothing is owed."""
        case = self.some(one for one in self.book.cases if one.accepted)
        if case is None:
            return
        claim = Claim.objects.get(number=case.number)
        over = case.state in ENDED_WITHOUT_REPLACEMENT | {"returning"}
        owes = case.outcome == "care" and not case.paid and not over
        early = owes and case.state in {"in_transit", "received", "parts_missing"}
        self.expect(
            early or not owes,
            lambda: progress.pay(
                claim,
                amount=claim.fee_amount if early else 5,
                currency=claim.policy.region.currency,
                method="card",
                reference=self.fresh("LATE"),
                actor=STAFF,
                now=self.now,
            ),
            f"money for {case.number}",
        )
        if early:
            case.paid = True
        elif not owes:
            case.spare += 1
