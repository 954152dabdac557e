"""What is done to a drone that has arrived, to its money, and how a step is taken back."""

from claims import assessment, progress
from claims.models import Claim
from tests.simulation.cases import ENDED, Case, Payment
from tests.simulation.claims_desk import CAUSES, PARTS, ClaimsDesk
from tests.simulation.desk import STAFF

MISSING = ["The battery.", "The propellers."]
REASONS = ["unfixed", "The customer wants it back."]


class Bench(ClaimsDesk):
    def advance(self) -> None:
        case = self.some(self.book.open_cases())
        if case is None:
            return
        step = self.some(
            {
                "submitted": [self.decide],
                "label_sent": [*[self.pick_up] * 3, self.receive, self.cancel_claim],
                "in_transit": [self.receive],
                "received": [*[self.assess] * 4, self.miss_parts],
                "parts_missing": [*[self.receive] * 2, *[self.wait] * 6, self.send_back],
                "assessed": [*[self.go_on] * 5, self.send_back],
                "awaiting_fee": [*[self.go_on] * 5, *[self.wait] * 6, self.send_back],
                "preparing": [self.send_out],
                "shipped": [self.complete],
                "returning": [self.hand_back],
            }[case.state]
        )
        step(case, self.look_up(case))

    def wait(self, case: Case, claim: Claim) -> None:
        """The customer does nothing, and is chased for it (K6)."""

    def look_up(self, case: Case) -> Claim:
        self.moved[case.number] = case
        self.touched[case.paper.number] = case.paper
        return Claim.objects.get(number=case.number)

    # --- steps taken back (K10) --------------------------------------------------------------

    def take_back(self) -> None:
        """Of an open claim, as a rule, or of one that has just ended."""
        ended = [case for case in self.book.cases[-20:] if case.state in ENDED]
        case = self.some(self.book.open_cases() if self.luck(0.9) else ended)
        if case is None:
            return
        claim = self.look_up(case)
        for _step in range(self.some([1, 1, 1, 2, 3])):
            undone = case.state
            done = self.expect(
                self.book.may_take_back(case),
                lambda: progress.undo(claim, reason="wrong", actor=STAFF, now=self.now),
                f"undoing {undone} of {case.number}",
            )
            if done:
                self.book.take_back_step(case, self.now)
                self.happened[f"{undone} undone"] += 1

    # --- the work ----------------------------------------------------------------------------

    def assess(self, case: Case, claim: Claim) -> None:
        """What is found is what was reported, as a rule."""
        cause = case.cause if self.luck(0.7) else self.some(CAUSES)
        parts = claim.parts if self.luck(0.8) else self.some(PARTS)
        assessment.assess(
            claim,
            cause_found=cause,
            parts_received=claim.parts,
            parts_damaged=parts,
            actor=STAFF,
            now=self.now,
        )
        outcome, why = self.book.ruling(
            case.paper,
            cause,
            self.is_covered(parts, case.serial),
            claim.happened_on,
            case.submitted,
            own=case.number,
        )
        reasons = (*why, *parts) if outcome != case.outcome else ()
        self.book.decide(case, outcome)
        case.step("assessed", self.now, cause, tuple(parts), reasons)

    def miss_parts(self, case: Case, claim: Claim) -> None:
        missing = self.some(MISSING)
        progress.miss_parts(claim, missing=missing, actor=STAFF, now=self.now)
        case.step("parts_missing", self.now, missing)

    def go_on(self, case: Case, claim: Claim) -> None:
        """To the money, if any is owed; else to the replacement or the repair."""
        if case.owes() and case.state == "assessed" and self.luck(0.9):
            progress.ask_fee(claim, actor=STAFF, now=self.now)
            case.step("awaiting_fee", self.now)
        elif case.owes():
            self.pay_the_fee(case, claim)
        else:
            done = self.expect(
                case.outcome in {"care", "warranty"},
                lambda: self.try_to_prepare(claim),
                f"preparing {case.number}",
            )
            if done:
                case.step("preparing", self.now)

    def pay_the_fee(self, case: Case, claim: Claim) -> None:
        """K8: nothing goes out before."""
        for deed in (self.try_to_ship, self.try_to_prepare):
            self.expect(False, lambda deed=deed: deed(claim), f"{deed.__name__} {case.number}")
        self.pay(case, claim, fee_of=case.ordinal)

    def try_to_ship(self, claim: Claim, serial: str = "") -> None:
        serial = serial or self.fresh("EARLY")
        progress.ship(
            claim,
            new_serial=serial,
            serial_confirmed=serial,  # it need not come from stock (B12)
            condition="new",
            tracking_number=self.fresh("OUT"),
            actor=STAFF,
            now=self.now,
        )

    def try_to_prepare(self, claim: Claim) -> None:
        progress.prepare(claim, actor=STAFF, now=self.now)

    def send_out(self, case: Case, claim: Claim) -> None:
        """The repaired drone, a new one, or one from the shelf, which must be free (K9)."""
        if case.owes():  # the payment was another claim's
            self.pay_the_fee(case, claim)
            return
        repaired = case.outcome == "warranty" and self.luck(0.5)
        shelf = self.some(self.book.aircraft) if self.luck(0.3) else None
        serial = case.serial if repaired else shelf or self.fresh("NEW")
        itself = serial == case.serial
        allowed = case.outcome == "warranty" if itself else self.book.may_replace(case, serial)
        done = self.expect(
            allowed, lambda: self.try_to_ship(claim, serial), f"replacing {case.serial} by {serial}"
        )
        if done:
            case.sent_out = True
            case.step("shipped", self.now, serial)
            if not itself:
                self.book.replace(case.paper, serial)
                case.drone = serial

    def complete(self, case: Case, claim: Claim) -> None:
        progress.complete(claim, actor=STAFF, now=self.now)
        self.book.close(case, "completed", self.now)

    def send_back(self, case: Case, claim: Claim) -> None:
        """With the carrier's number, the drone has left the house."""
        reason = self.some(REASONS)
        tracking = self.fresh("BACK") if self.luck(0.3) else ""
        progress.send_back(
            claim, reason=reason, tracking_number=tracking, actor=STAFF, now=self.now
        )
        case.sent_out = bool(tracking)
        case.go("returning", self.now)
        case.tell(reason, tracking, case.due_in_all())

    def hand_back(self, case: Case, claim: Claim) -> None:
        progress.hand_back(claim, actor=STAFF, now=self.now)
        self.book.close(case, "returned", self.now, case.due_in_all())

    # --- money (K8) --------------------------------------------------------------------------

    def pay(self, case: Case, claim: Claim, fee_of: int | None) -> None:
        reference = self.fresh("PAY")
        owed = case.owes()
        done = self.expect(
            self.book.may_pay(case, fee_of),
            lambda: progress.pay(
                claim,
                amount=claim.fee_amount if fee_of else 5,
                currency=claim.policy.region.currency,
                method="card",
                reference=reference,
                actor=STAFF,
                now=self.now,
            ),
            f"paying {case.number}",
        )
        if not done:
            return
        case.payments.append(Payment(reference, fee_of))
        if owed and case.state in {"assessed", "awaiting_fee"}:
            case.step("preparing", self.now)
        if not owed:
            self.happened[f"money at {case.state} that pays no fee"] += 1

    def late_money(self) -> None:
        """For any claim, whether it was accepted, waits for money, or is long over."""
        case = self.some(self.book.cases[-10:] if self.luck(0.7) else self.book.cases)
        if case is not None:
            fee_of = case.ordinal if self.luck(0.6) else None
            self.pay(case, self.look_up(case), fee_of)

    def refund(self) -> None:
        """To somebody who has one due, as a rule; the oldest goes first."""
        due = [case for case in self.book.cases if case.due()]
        case = self.some(due if due and self.luck(0.8) else self.book.cases)
        if case is None:
            return
        claim = self.look_up(case)
        done = self.expect(
            bool(case.due()),
            lambda: progress.refund(claim, reference=self.fresh("R"), actor=STAFF, now=self.now),
            f"refunding {case.number}",
        )
        if done:
            oldest = case.due()[0]
            oldest.is_live, oldest.paid_back_at = False, self.now

    def reverse(self) -> None:
        """A payment that belongs to another claim."""
        case = self.some(case for case in self.book.cases[-20:] if case.payments)
        if case is None or self.luck(0.5):
            return
        payment = self.some(case.live() or case.payments)
        claim = self.look_up(case)
        done = self.expect(
            self.book.may_reverse(case, payment),
            lambda: progress.reverse_payment(
                claim, reference=payment.reference, reason="wrong", actor=STAFF, now=self.now
            ),
            f"reversing {payment.reference}",
        )
        if done:
            payment.is_live = False
