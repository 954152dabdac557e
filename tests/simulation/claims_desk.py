"""What customers do with their claims, and who takes them in: request, decide, chase parcels."""

from datetime import timedelta

from claims import intake, progress
from claims.carriers.base import Label, LabelRequest
from claims.models import Claim
from claims.parcels import labels
from tests.simulation.cases import ENDED_BEFORE_ARRIVAL, Case
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
DAYS_AGO = [1, 1, 1, 1, 0, 3, 40]


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
        paper = answers if answers and known else asked
        cause, parts = self.some(CAUSES), self.some(PARTS)
        ago = timedelta(days=self.some(DAYS_AGO))
        request = intake.Request(
            serial=paper.serial,
            email=paper.holder,
            cause=cause,
            happened_on=(self.now.astimezone(paper.zone) - ago).date(),
            description="simulated",
            parts=parts,
            line1="1 Way",
            city="Town",
            country=REGIONS[self.policy(paper).region.code],
        )
        claim = self.expect(
            known and not any(self.book.open_cases_about(paper.serial)),
            lambda: intake.request_repair(request, actor=STAFF, now=self.now),
            f"claiming on {paper.number}",
        )
        if claim is None:
            return
        fits = self.is_covered(parts, paper.serial)
        outcome, _why = self.book.ruling(paper, cause, fits, request.happened_on, self.now)
        assert claim.outcome == outcome, f"{self.now}: {cause} {parts} {paper}"
        case = Case(claim.number, paper, paper.serial, cause, outcome, self.now)
        case.tell()
        self.book.open(case)
        self.moved[case.number] = case

    def is_covered(self, parts: list[str], serial: str) -> bool:
        """P6: the battery of a Mavic, and never that of an Inspire."""
        battery = {"battery"} if self.book.aircraft[serial].model == "mavic-2-pro" else set()
        return bool(({"gimbal", "camera"} | battery) & set(parts))

    def decide(self, case: Case, claim: Claim) -> None:
        if self.luck(0.05):
            self.cancel_claim(case, claim)
        elif case.outcome in {"not_covered", "needs_review"}:
            progress.decline(claim, reason="no", actor=STAFF, now=self.now)
            self.book.close(case, "declined", self.now, "no")
        else:
            done = self.expect(
                self.book.may_accept(case),
                lambda: progress.accept(claim, actor=STAFF, now=self.now),
                f"accepting {case.number}",
            )
            if done:
                labels.work(PaperCarrier(), clock=lambda: self.now)
                self.book.accept(case)
                case.step("label_sent", self.now)

    def cancel_claim(self, case: Case, claim: Claim) -> None:
        progress.cancel(claim, actor=STAFF, now=self.now)
        self.book.close(case, "cancelled", self.now)

    def pick_up(self, case: Case, claim: Claim) -> None:
        progress.pick_up(claim, actor=STAFF, now=self.now)
        case.step("in_transit", self.now)

    def receive(self, case: Case, claim: Claim) -> None:
        progress.receive(claim, actor=STAFF, now=self.now)
        case.step("received", self.now)

    # --- parcels that come after the end (K15) -----------------------------------------------

    def late_parcel(self) -> None:
        """Of a claim that ended not long ago, as a rule."""
        ended = [case for case in self.book.cases if case.state in ENDED_BEFORE_ARRIVAL]
        case = self.some(ended[-5:] if self.luck(0.7) else ended)
        if case is None:
            return
        claim = Claim.objects.get(number=case.number)
        self.moved[case.number] = case
        self.touched[case.paper.number] = case.paper
        self.some([self.take_up, self.take_up, self.return_late])(case, claim)

    def take_up(self, case: Case, claim: Claim) -> None:
        done = self.expect(
            self.book.may_take_up(case),
            lambda: progress.receive(claim, actor=STAFF, now=self.now),
            f"reviving {case.number}",
        )
        if done:
            left = self.book.take_up(case)
            case.step("received", self.now, "taken up", left)
            self.book.reopen(case)

    def return_late(self, case: Case, claim: Claim) -> None:
        done = self.expect(
            self.book.may_send_back_late(case),
            lambda: progress.send_back(claim, reason="late", actor=STAFF, now=self.now),
            f"returning {case.number}",
        )
        if done:
            case.step("returning", self.now, "late", "", case.due_in_all())
            self.book.reopen(case)
