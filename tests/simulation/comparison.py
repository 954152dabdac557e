"""What the product says, held against the book."""

from collections import Counter
from collections.abc import Collection
from datetime import UTC, date, datetime

from claims.models import Claim, FeePayment
from claims.reporting import queues
from policies.models import AllowanceUse, Drone, Hold, Letter, Order, Policy
from tests.simulation.cases import CHASED, LETTERS, Case
from tests.simulation.desk import Desk
from tests.simulation.papers import Paper

OF_THE_CLOCK = [
    *("policy_activated", "policy_not_begun", "policy_expired", "policy_not_expired"),
    "renewal_reminder",
]
OF_A_STEP = [*LETTERS.values(), "claim_fee_received", *CHASED.values()]


class Comparison(Desk):
    def compare_everything(self) -> None:
        """Whatever is over stays as it was, and there is nothing that the book does not know."""
        self.compare(self.book.papers, self.book.cases)
        self.compare_drones()
        self.agree(Policy.objects.count(), len(self.book.papers), "how many policies there are")
        self.agree(Claim.objects.count(), len(self.book.cases), "how many claims there are")
        self.compare_orders()
        self.compare_refunds()
        failed = Letter.objects.filter(state="failed").values_list("name", "last_error")
        self.agree(list(failed), [], "letters that could not be sent")

    def compare(self, papers: Collection[Paper], cases: Collection[Case]) -> None:
        """These policies, their uses and letters, and these claims stand as in the book."""
        if papers:
            self.compare_papers(papers)
            self.compare_notes(papers)
        if cases:
            self.compare_cases(cases)
            self.compare_letters(cases)

    def agree(self, found: object, written: object, about: object) -> None:
        assert found == written, (
            f"{self.now}: the product says {found}, the book {written}, of {about}"
        )

    # --- policies ----------------------------------------------------------------------------

    def compare_papers(self, papers: Collection[Paper]) -> None:
        policies = Policy.objects.order_by().filter(number__in=[paper.number for paper in papers])
        in_force = set(policies.in_force(at=self.now).values_list("number", flat=True))
        held = set(
            Hold.objects.filter(policy__in=policies).values_list("policy__number", flat=True)
        )
        columns = ("number", "drone__serial", "holder__email", "starts_at", "ends_at", "status")
        rows = {number: facts for number, *facts in policies.values_list(*columns)}
        uses: dict[str, dict[str, int]] = {}
        for number, reference, ordinal in (
            AllowanceUse.objects.live()
            .filter(policy__in=policies)
            .order_by()
            .values_list("policy__number", "reference", "ordinal")
        ):
            uses.setdefault(number, {})[reference] = ordinal
        for paper in papers:
            written = [paper.serial, paper.holder, paper.start, paper.end, paper.marked]
            self.agree(rows[paper.number], written, paper)
            self.agree(paper.number in in_force, paper.covers(self.now), paper)
            self.agree(paper.number in held, self.book.is_held(paper), paper)
            self.agree(uses.get(paper.number, {}), paper.uses, paper)

    def compare_notes(self, papers: Collection[Paper]) -> None:
        """Each letter of the clock exactly once, and none that is not due (E1, E2)."""
        found: dict[str, Counter[tuple[str, str, str]]] = {}
        letters = Letter.objects.filter(
            policy__number__in=[paper.number for paper in papers], name__in=OF_THE_CLOCK
        )
        for number, name, to, state, key in letters.order_by().values_list(
            "policy__number", "name", "recipient", "state", "dedupe_key"
        ):
            # What was taken back has lost the name of its cause, and got one of its own.
            wrong = "/taken back/" in key
            about = _reminder(key) if name == "renewal_reminder" and not wrong else ""
            what = f"{name} {about} {wrong}"
            found.setdefault(number, Counter())[what, to, state] += 1
        for paper in papers:
            expected = Counter(
                (
                    f"{note.name} {'' if note.wrong or not note.about else note.about} {note.wrong}",
                    note.to,
                    note.state,
                )
                for note in paper.notes
            )
            self.agree(found.get(paper.number, Counter()), expected, paper)

    # --- claims ------------------------------------------------------------------------------

    def compare_cases(self, cases: Collection[Case]) -> None:
        rows = {
            number: facts
            for number, *facts in Claim.objects.filter(number__in=[case.number for case in cases])
            .order_by()
            .values_list("number", "progress", "outcome", "ordinal")
        }
        for case in cases:
            self.agree(rows[case.number], [case.state, case.outcome, case.ordinal], case)

    def compare_letters(self, cases: Collection[Case]) -> None:
        """K6, K10: one letter for each piece of news, in this order."""
        found: dict[str, list[tuple[str, bool]]] = {}
        letters = Letter.objects.filter(
            reference__in=[case.number for case in cases], name__in=OF_A_STEP
        )
        for number, name, context in letters.order_by("id").values_list(
            "reference", "name", "context"
        ):
            found.setdefault(number, []).append((name, "correction" in context))
        for case in cases:
            self.agree(found.get(case.number, []), case.letters, case)

    def compare_refunds(self) -> None:
        """K8: what each claim has due, and which claims the queue shows."""
        found: dict[str, list[str]] = {}
        for number, reference in (
            FeePayment.objects.due().order_by("id").values_list("claim__number", "reference")
        ):
            found.setdefault(number, []).append(reference)
        due = {
            case.number: [payment.reference for payment in case.due()]
            for case in self.book.cases
            if case.due()
        }
        self.agree(found, due, "what is to be paid back")
        [queue] = [queue for queue in queues.QUEUES if queue.slug == "refund"]
        in_queue = queue.claims().values_list("number", flat=True)
        self.agree(set(in_queue), due.keys(), "the queue of refunds")

    # --- drones and orders -------------------------------------------------------------------

    def compare_drones(self) -> None:
        rows = {
            serial: (retired is not None, life, activated)
            for serial, retired, life, activated in Drone.objects.order_by().values_list(
                "serial", "retired_at", "life", "activated_at"
            )
        }
        for drone in self.book.aircraft.values():
            written = (drone.retired, drone.life, drone.activated)
            self.agree(rows[drone.serial], written, drone)

    def compare_orders(self) -> None:
        rows = Order.objects.order_by("id").values_list(
            "reference", "drone__serial", "policy__number", "cancelled_at"
        )
        written = [
            (line.reference, line.serial, line.paper.number if line.paper else None, line.cancelled)
            for line in self.book.lines
        ]
        self.agree([(*facts, at is not None) for *facts, at in rows], written, "orders")


def _reminder(key: str) -> tuple[date, int]:
    _name, _policy, day, days = key.split("/")
    return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).date(), int(days)
