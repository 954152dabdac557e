"""Random years of customers, staff and clock, played through the product's public verbs.

Each deed is first asked of the book: what the book allows must succeed, what it forbids
must be refused. Whatever a day touched is compared at its end, whatever still runs every
week, and everything that ever was every quarter.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import time_machine
from django.core import mail
from django.core.management import call_command

from policies import outbox
from tests.simulation.bench import Bench
from tests.simulation.comparison import Comparison
from tests.simulation.orders_desk import OrdersDesk
from tests.simulation.papers import Paper

# Cron has bad days, for each command by itself. On a day on which the book has nothing for
# a command, it is run now and then, to see that it does nothing.
GOOD_DAY = 0.8
IDLE_RUN = 0.1
# Somebody runs a command as of another instant, or a machine's clock is wrong.
WRONG_CLOCK = 0.03
DAYS_OFF = [-20, -2, 1, 10, 40, 400]

WEEK, QUARTER = 7, 91


class World(OrdersDesk, Bench, Comparison):
    """One seed's dealer, day by day."""

    def live(self, days: int) -> None:
        for day in range(1, days + 1):
            morning = self.now
            for _deed in range(self.random.choice([0, 0, 1, 1, 2, 3])):
                self.now += timedelta(minutes=self.random.randint(1, 300))
                self.random.choice(self.deeds())()
            self.now = morning + timedelta(days=1)
            self.tick()
            if day % QUARTER == 0:
                self.compare_everything()
                self.book.tidy(self.now)
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
            *[self.advance] * 14,
            *[self.take_back] * 2,
            self.late_parcel,
            self.late_money,
            self.refund,
            self.reverse,
            self.transfer,
            self.cancel,
            *[self.order] * 2,
            *[self.ship] * 2,
            self.cancel_order,
            self.refurbish,
        ]

    # --- the clock ---------------------------------------------------------------------------

    def tick(self, *, good_day: float = GOOD_DAY, idle_run: float = IDLE_RUN) -> None:
        """Runs the commands of the clock, in the order of `run_sweeps`, and the mail."""
        if self.luck(WRONG_CLOCK):
            self.run_with_a_wrong_clock()
        for command in self.marking():
            if self.luck(good_day):
                self.sweep(command, self.now, idle_run)
        if self.luck(good_day) and self.luck(idle_run):
            self.call("lapse_permits", self.now)
        if self.luck(good_day):
            cases = self.book.chase(self.now)
            self.moved |= {case.number: case for case in cases}
            if cases or self.luck(idle_run):
                self.call("chase_claims", self.now)
            self.happened.update(f"chased: {case.state}" for case in cases)
        if self.luck(good_day):
            self.deliver(self.now)

    def marking(self) -> dict[str, Callable[[datetime], list[Paper]]]:
        """The commands that mark, or go by marks, and what they do to the book."""
        return {
            "activate_policies": self.book.activate,
            "remind_renewals": self.book.remind,
            "expire_policies": self.book.expire,
        }

    def sweep(self, command: str, at: datetime, idle_run: float) -> list[Paper]:
        """E1: first it takes back what was marked too early, by the true instant."""
        true_instant = max(at, self.now)
        if command == "remind_renewals":
            self.book.forget_early_reminders(true_instant)
        taken_back = self.book.take_back(true_instant)
        papers = self.marking()[command](at)
        self.touched |= {paper.number: paper for paper in taken_back + papers}
        if papers or taken_back or command == "remind_renewals" or self.luck(idle_run):
            self.call(command, at)
        if taken_back:
            self.happened[f"{command} took marks back"] += len(taken_back)
        return papers

    def run_with_a_wrong_clock(self) -> None:
        """The mail goes by that clock as well, or not. It decides nothing but who is told."""
        at = self.now + timedelta(days=self.some(DAYS_OFF))
        command = self.some([*self.marking(), "lapse_permits"])
        if command == "lapse_permits":
            self.call(command, at)
            return
        for paper in self.sweep(command, at, IDLE_RUN):
            paper.doubtful = paper.doubtful or at > self.now
        self.happened[f"{command} {'early' if at > self.now else 'late'}"] += 1
        if at > self.now and self.luck(0.5):
            self.deliver(at)

    def call(self, command: str, at: datetime) -> None:
        options: dict[str, Any] = {"at": at, "force": True, "chunk": self.some([1, 3, 1000])}
        with time_machine.travel(self.now, tick=False):
            call_command(command, stdout=StringIO(), stderr=StringIO(), **options)

    def deliver(self, at: datetime) -> None:
        self.book.deliver(at)
        outbox.send_due(clock=lambda: at)
        mail.outbox.clear()
