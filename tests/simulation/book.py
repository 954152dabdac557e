"""An independent, deliberately simple model of the business: a book kept by hand.

It shares no code with the product: months are counted on the fingers, the rules of the
documentation are written down once more as plain sentences in Python. Whatever the product
does must agree with this book. Here it is asked what may be done; `ledger.py` is what is
written into it, `clock.py` what the sweeps do, `papers.py` and `cases.py` are its pages.
"""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.simulation.cases import CAN_BE_TAKEN_BACK, ENDED, ENDED_BEFORE_ARRIVAL, Case, Payment
from tests.simulation.clock import Clock
from tests.simulation.papers import WESTERNMOST, Line, Paper, months_later

EXCLUDED = {"lost_or_stolen", "unsuitable_conditions", "deliberate", "third_party"}

# What is decided, and which facts of it the customer is told if it is news.
Ruling = tuple[str, tuple[bool, ...]]


class Book(Clock):
    # --- drones and policies -----------------------------------------------------------------

    def may_bind(
        self,
        serial: str,
        code_model: str,
        *,
        region_fits: bool,
        at: datetime,
        stated: datetime | None = None,
    ) -> bool:
        """B1-B7, B11 for a drone that is in the book already."""
        drone = self.aircraft[serial]
        if drone.model != code_model or not region_fits or not self.may_have_a_plan(serial):
            return False
        activated = drone.activation(stated)
        if activated is None:
            return True
        if activated > at:
            return False
        in_window = at - activated <= timedelta(hours=48)
        return in_window or any(at <= deadline for deadline in drone.permits)

    def may_have_a_plan(self, serial: str) -> bool:
        """B4: one in each life, and none for a drone that was handed in."""
        return not self.aircraft[serial].retired and self.paper_of(serial) is None

    def may_renew(self, paper: Paper, at: datetime) -> bool:
        """P1, R1."""
        return paper.plan == "care-1y" and not paper.renewed and paper.covers(at)

    def may_sell_on(self, paper: Paper, at: datetime) -> bool:
        """T2, P3."""
        return paper.covers(at) and not self.is_held(paper)

    def may_cancel(self, paper: Paper, at: datetime) -> bool:
        """T3, P3."""
        return paper.goes_on(at) and not self.is_held(paper)

    def is_held(self, paper: Paper) -> bool:
        return any(case.paper is paper and case.holds for case in self.open_cases())

    def may_refurbish(self, serial: str, at: datetime) -> bool:
        """B6, P3: no policy of it goes on, and it does not lie on the bench."""
        paper = self.paper_of(serial)
        if paper is not None and paper.serial == serial and paper.goes_on(at):
            return False
        return not any(case.drone == serial for case in self.open_cases())

    def may_replace(self, case: Case, serial: str) -> bool:
        """K9: a new drone, or a free one of the same model."""
        drone = self.aircraft.get(serial)
        if drone is None:
            return True
        fits = drone.model == self.aircraft[case.paper.serial].model
        return fits and self.may_have_a_plan(serial) and not self.is_sold(serial)

    # --- orders (B9) -------------------------------------------------------------------------

    def is_sold(self, serial: str) -> bool:
        """In an order that has not been shipped."""
        return any(line.serial == serial and line.is_to_ship() for line in self.lines)

    def may_order(self, reference: str, serial: str, model: str) -> bool:
        lines = [one for one in self.lines if one.serial == serial and not one.cancelled]
        if self.is_sold(serial) or any(line.reference == reference for line in lines):
            return False
        drone = self.aircraft.get(serial)
        return drone is None or (drone.model == model and self.may_have_a_plan(serial))

    def may_ship(self, line: Line, shipped: datetime, at: datetime) -> bool:
        if line.cancelled or shipped < line.placed:
            return False
        if line.paper is None:
            return self.may_have_a_plan(line.serial)
        return line.paper.cancelled_at is None and at < line.paper.start

    def may_cancel_order(self, line: Line, at: datetime) -> bool:
        return not line.cancelled and (line.paper is None or at < line.paper.start)

    def free(self, paper: Paper) -> None:
        """A policy that is cancelled before it began frees its order, and the drone with it."""
        for line in self.lines:
            if line.paper is paper and paper.never_began():
                line.cancelled = True

    # --- claims ------------------------------------------------------------------------------

    def ruling(
        self,
        paper: Paper,
        cause: str,
        parts_fit: bool,
        day: date,
        requested: datetime,
        own: str = "",
    ) -> Ruling:
        """K2, K7 for damage of that day, reported then; `own` is the claim that is decided about.

        P9: the day may still be the day before in the west of the region.
        """
        if cause in EXCLUDED:
            return "not_covered", ()
        west = ZoneInfo(WESTERNMOST[paper.zone.key])
        if cause == "product_defect":
            return self.defect(paper, day, requested, west)
        in_term = paper.start.astimezone(west).date() <= day and requested < paper.end
        alive = paper.cancelled_at is None or paper.cancelled_at > requested
        left = paper.has_replacement() or own in paper.uses
        why = (in_term, alive, left, parts_fit)
        if not all(why):
            return "not_covered", why
        return "needs_review" if cause == "other_accident" else "care", why

    def defect(self, paper: Paper, day: date, requested: datetime, west: ZoneInfo) -> Ruling:
        """P8: where nobody knows the activation, it was no earlier than the binding."""
        drone = self.aircraft[paper.serial]
        began = drone.activated or paper.start
        if requested < months_later(began, 12 + paper.extra_warranty, paper.zone):
            too_early = day < began.astimezone(west).date()
            return "needs_review" if too_early else "warranty", (True, too_early)
        return "not_covered" if drone.activated else "needs_review", (False, False)

    def may_accept(self, case: Case) -> bool:
        return case.outcome == "warranty" or (
            case.outcome == "care" and case.paper.has_replacement()
        )

    def accept(self, case: Case) -> None:
        case.accepted = True
        case.at_acceptance = case.outcome
        self.decide(case, case.outcome)

    # --- late parcels (K15) ------------------------------------------------------------------

    def may_send_back_late(self, case: Case) -> bool:
        """Whoever's the policy is: only not while another claim is open for the drone (K3)."""
        return case.state in ENDED_BEFORE_ARRIVAL and not any(self.open_cases_about(case.serial))

    def may_take_up(self, case: Case) -> bool:
        """While the policy is that owner's and that drone's, and the claim was covered."""
        paper = case.paper
        same = paper.serial == case.serial and not case.is_anothers()
        drone_lives_on = paper.life == self.aircraft[case.serial].life
        covered = case.outcome in {"care", "warranty"} and paper.cancelled_at is None
        return self.may_send_back_late(case) and same and drone_lives_on and covered

    def take_up(self, case: Case) -> bool:
        """Accepted as at first; where no replacement is left it is not covered. Is one left?"""
        left = case.outcome != "care" or case.paper.has_replacement()
        case.accepted = True
        case.at_end = case.outcome, case.ordinal
        case.at_acceptance = case.outcome if left else "not_covered"
        self.decide(case, case.at_acceptance)
        return left

    # --- money (K8) --------------------------------------------------------------------------

    def may_pay(self, case: Case, fee_of: int | None) -> bool:
        """Exactly what is owed; where nothing is, whatever comes."""
        return case.accepted and (not case.owes() or fee_of == case.ordinal)

    def may_reverse(self, case: Case, payment: Payment) -> bool:
        """Not what a replacement went out on, unless another has come that pays for it."""
        alike = [one for one in case.live() if one.fee_of == payment.fee_of]
        went_out = case.state in {"shipped", "completed"} and payment is case.paying()
        return payment.is_live and (not went_out or len(alike) > 1)

    # --- steps taken back (K10) --------------------------------------------------------------

    def may_take_back(self, case: Case) -> bool:
        if case.state not in CAN_BE_TAKEN_BACK or len(case.trail) == 1:
            return False
        if case.state == "returning":
            return not case.sent_out and not case.was_paid_back()
        if case.state == "assessed":
            takes = case.at_acceptance == "care" and case.number not in case.paper.uses
            return case.paper.has_replacement() or not takes
        if case.state == "completed":
            dead = case.paper.cancelled_at is not None or case.is_anothers()
            return not dead and not any(self.open_cases_about(case.serial))
        return True

    def take_back_step(self, case: Case, at: datetime) -> None:
        undone = case.state
        case.step_back(at)
        if undone == "assessed":
            self.decide(case, case.at_acceptance)
        if case.state in ENDED:
            self.lay_aside(case)
            if undone == "received":
                case.outcome, case.ordinal = case.at_end
        elif undone in ENDED:
            self.reopen(case)
