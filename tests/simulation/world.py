"""Random years of customers, staff and clock, played through the product's public verbs.

Each deed is first asked of the book: what the book allows must succeed, what it forbids
must be refused. Whatever a day touched is compared at its end, whatever still runs every
week, and everything that ever was every quarter.
"""

from collections import Counter
from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta

from claims import chasing
from claims.models import Claim, FeePayment
from policies import activation, expiry, verification
from policies.models import AllowanceUse, Letter, Policy
from tests.simulation.book import CHASED, UTC, Case, Paper
from tests.simulation.claims_desk import ClaimsDesk
from tests.simulation.sales_desk import SalesDesk

# Cron has bad days, for each command by itself. On a day on which the book has nothing for
# a command, it is run now and then, to see that it does nothing.
GOOD_DAY = 0.8
IDLE_RUN = 0.1

WEEK, QUARTER = 7, 91


class World(SalesDesk, ClaimsDesk):
    """One seed's dealer, day by day."""

    def live(self, days: int) -> None:
        for day in range(1, days + 1):
            morning = self.now
            for _deed in range(self.random.choice([0, 0, 1, 1, 2])):
                self.now += timedelta(minutes=self.random.randint(1, 300))
                self.random.choice(self.deeds())()
            self.now = morning + timedelta(days=1)
            self.tick()
            if day % QUARTER == 0:
                self.compare_everything()
            elif day % WEEK == 0:
                self.compare(self.book.running(), self.book.open_cases())
            else:
                self.compare(self.touched.values(), self.moved.values())
            self.touched, self.moved = {}, {}

    def deeds(self) -> list[Callable[[], None]]:
        return [
            *[self.bind] * 3,
            self.permit,
            *[self.renew] * 2,
            *[self.claim] * 3,
            *[self.advance] * 8,
            self.late_parcel,
            self.late_money,
            self.transfer,
            self.cancel,
            self.order,
            self.ship,
            self.refurbish,
        ]

    # --- the clock ---------------------------------------------------------------------------

    def tick(self, *, good_day: float = GOOD_DAY, idle_run: float = IDLE_RUN) -> None:
        """Runs the commands of the clock, in the order of `run_sweeps`."""
        for sweep, by_hand in (
            (activation.activate, self.book.activate),
            (expiry.remind, self.book.remind),
            (expiry.expire, self.book.expire),
            (verification.lapse, lambda _now: []),
        ):
            if self.random.random() < good_day:
                papers = by_hand(self.now)
                self.touched |= {paper.number: paper for paper in papers}
                if papers or self.random.random() < idle_run:
                    chunk = self.random.choice([1, 3, 1000])
                    while sweep(now=self.now, chunk=chunk):
                        pass
        if self.random.random() < good_day:
            cases = self.book.chase(self.now)
            self.moved |= {case.number: case for case in cases}
            if cases or self.random.random() < idle_run:
                list(chasing.chase(now=self.now))

    # --- the comparison ----------------------------------------------------------------------

    def compare_everything(self) -> None:
        """Whatever is over stays as it was, and there is nothing that the book does not know."""
        self.compare(self.book.papers, self.book.cases)
        assert Policy.objects.count() == len(self.book.papers), f"{self.now}"
        assert Claim.objects.count() == len(self.book.cases), f"{self.now}"

    def compare(self, papers: Collection[Paper], cases: Collection[Case]) -> None:
        """These policies, their uses and these claims stand as in the book."""
        if papers:
            self.compare_papers(papers)
        if cases:
            states = dict(
                Claim.objects.filter(number__in=[case.number for case in cases])
                .order_by()
                .values_list("number", "progress")
            )
            for case in cases:
                assert states[case.number] == case.state, f"{self.now}: {case}"

    def compare_papers(self, papers: Collection[Paper]) -> None:
        policies = Policy.objects.order_by().filter(number__in=[paper.number for paper in papers])
        in_force = set(policies.in_force(at=self.now).values_list("number", flat=True))
        columns = ("number", "drone__serial", "holder__email", "starts_at", "ends_at", "status")
        rows = {number: facts for number, *facts in policies.values_list(*columns)}
        uses: dict[str, set[str]] = {}
        for number, reference in (
            AllowanceUse.objects.live()
            .filter(policy__in=policies)
            .order_by()
            .values_list("policy__number", "reference")
        ):
            uses.setdefault(number, set()).add(reference)
        for paper in papers:
            where = f"{self.now}: {paper}"
            written = [paper.serial, paper.holder, paper.start, paper.end, paper.marked]
            assert rows[paper.number] == written, where
            assert (paper.number in in_force) == paper.covers(self.now), where
            assert uses.get(paper.number, set()) == paper.uses, where

    def letters_agree(self) -> None:
        """Each letter of the clock exactly once, and none that is not due."""
        numbers = dict(Policy.objects.values_list("pk", "number"))
        reminded: dict[str, dict[tuple[date, int], str]] = {}
        reminders = Letter.objects.filter(name="renewal_reminder")
        for key, state in reminders.values_list("dedupe_key", "state"):
            _name, pk, day, days = key.split("/")
            ended = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).date()
            reminded.setdefault(numbers[int(pk)], {})[ended, int(days)] = state
        assert sum(len(of_one) for of_one in reminded.values()) == reminders.count()
        expired, begun = self.written("policy_expired"), self.written("policy_activated")
        for paper in self.book.papers:
            assert reminded.get(paper.number, {}) == paper.reminded, paper
            assert expired.count(paper.number) == int(paper.told_expired), paper
            assert begun.count(paper.number) == int(paper.told_begun), paper
        chased: dict[str, list[str]] = {}
        for number, name in Letter.objects.filter(name__in=CHASED.values()).values_list(
            "reference", "name"
        ):
            chased.setdefault(number, []).append(name)
        for case in self.book.cases:
            expected = sorted(CHASED[state] for state, _time in case.reminded)
            assert sorted(chased.get(case.number, [])) == expected, case

        assessed: dict[str, list[tuple[str, bool]]] = {}
        for number, facts in (
            Letter.objects.filter(name="claim_assessed")
            .order_by("id")
            .values_list("reference", "context")
        ):
            assessed.setdefault(number, []).append((facts["outcome"], "correction" in facts))
        for case in self.book.cases:
            told = [(outcome, place > 0) for place, (outcome, _cause) in enumerate(case.told)]
            assert assessed.get(case.number, []) == told, case

    def money_agrees(self) -> None:
        """Nothing that came and pays no fee is forgotten."""
        due = Counter(FeePayment.objects.due().values_list("claim__number", flat=True))
        for case in self.book.cases:
            assert due[case.number] == self.book.refunds_due(case), case

    def written(self, letter: str) -> list[str]:
        """The numbers of the policies that this letter was written about, once for each."""
        about = Letter.objects.filter(name=letter)
        return list(about.values_list("policy__number", flat=True))
