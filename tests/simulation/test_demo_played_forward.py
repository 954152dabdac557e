"""The demo dealer, played forward for fourteen months by `run_sweeps` (B9, E1, E2, P3, K6).

What must happen on which day comes from the book, which is filled from the demo's own
policies: it shares no code with the sweeps.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import transaction

from claims.models import Claim
from policies import orders
from policies.models import (
    AllowanceUse,
    DroneModel,
    Letter,
    Plan,
    Policy,
    PolicyEvent,
)
from policies.shared.actor import Actor
from tests.simulation.book import Book
from tests.simulation.cases import CHASED, Case
from tests.simulation.papers import PLANS, Paper, months_later

# In winter, so that the clocks of most regions change twice on the way.
START = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
DAYS = 14 * 30 + 6
LAST = START + timedelta(days=DAYS)
SHOP = Actor.command("test")


@pytest.fixture(autouse=True)
def no_query_per_row() -> None:
    """Fourteen months ask one thing after another on purpose."""


@pytest.fixture
def demo(db) -> None:
    """The demo dealer, and three drones sold together with their plans."""
    with time_machine.travel(START, tick=False):
        call_command("demo", stdout=StringIO())
        for number, hours in enumerate((1, 30, 47)):
            serial = f"1581FBUNDLE{number:09d}"
            bundle = orders.Purchase(
                reference=f"BUNDLE-{number}",
                serial=serial,
                serial_confirmed=serial,  # it is none of the drones in stock (B12)
                drone_model=DroneModel.objects.get(slug="mavic-3"),
                plan=Plan.objects.get(code="care-1y"),
                name="Pia Bauer",
                email=f"pia{number}@example.com",
                country="DE",
            )
            order = orders.place(bundle, actor=SHOP, now=START - timedelta(days=3))
            shipped_at = START - timedelta(hours=hours)
            orders.ship(order, shipped_at=shipped_at, actor=SHOP, now=shipped_at)


@pytest.fixture
def book(demo) -> Book:
    """The demo's policies and open claims, copied by hand; months are counted once more."""
    book = Book()
    policies = Policy.objects.select_related("plan", "region", "drone", "holder")
    for policy in policies.prefetch_related("uses", "periods"):
        months, granted = PLANS[policy.plan.code]
        paper = Paper(
            number=policy.number,
            serial=policy.drone.serial,
            holder=policy.holder.email,
            plan=policy.plan.code,
            zone=policy.region.zone,
            start=policy.starts_at,
            end=months_later(policy.starts_at, months, policy.region.zone),
            granted=granted,
            marked=policy.status,
            uses={
                use.reference: use.ordinal for use in policy.uses.all() if use.given_back_at is None
            },
        )
        book.file(paper)
        if len(policy.periods.all()) == 2:
            book.renew(paper)
        assert policy.ends_at == paper.end
    papers = {paper.number: paper for paper in book.papers}
    for claim in Claim.objects.open().select_related("policy", "drone", "replacement"):
        paper = papers[claim.policy.number]
        serial = claim.drone.serial
        case = Case(claim.number, paper, serial, claim.cause, claim.outcome, claim.submitted_at)
        case.drone = (claim.replacement or claim.drone).serial
        case.go(claim.progress, claim.progress_at)
        book.open(case)
    return book


def run_sweeps(at: datetime) -> None:
    call_command("run_sweeps", at=at, force=True, stdout=StringIO(), stderr=StringIO())


Line = tuple[str, str, str]


def expected(book: Book, at: datetime) -> list[Line]:
    """What the book says of the letters of this day: name, about what, state."""
    begun = [("policy_activated", paper.number, "queued") for paper in book.activate(at)]
    reminded = [
        ("renewal_reminder", f"{paper.number} {days}", note.state)
        for paper in book.remind(at)
        for (_ends_on, days), note in paper.reminded().items()
        if note.written == at
    ]
    over = [("policy_expired", paper.number, "queued") for paper in book.expire(at)]
    return begun + reminded + over + list(chased(book.chase(at)))


def chased(cases: Iterable[Case]) -> Iterable[Line]:
    letters = {"lapsed": "claim_lapsed", "returning": "claim_returning"}
    for case in cases:
        yield letters.get(case.state) or CHASED[case.state], case.number, "queued"


def written(at: datetime) -> list[Line]:
    """The letters that were written at this instant."""
    numbers = dict(Policy.objects.values_list("pk", "number"))
    rows = Letter.objects.filter(created_at=at).values_list(
        "name", "policy_id", "reference", "dedupe_key", "state"
    )
    return [
        (name, _about(name, numbers.get(policy, ""), reference, key), state)
        for name, policy, reference, key, state in rows
    ]


def _about(name: str, policy: str, reference: str, key: str) -> str:
    return (
        f"{policy} {key.rpartition('/')[2]}" if name == "renewal_reminder" else reference or policy
    )


def end_state() -> dict[str, Any]:
    """What must be the same however often the clock stood still.

    Not in it: *when* something was marked, whether a reminder was sent or overtaken, and the
    reminders about claims, which a long pause skips (the claim has ended by then).
    """
    reminders = Letter.objects.filter(name="renewal_reminder")
    about_once = Letter.objects.filter(name__in=["policy_activated", "policy_expired"])
    return {
        "policies": dict(Policy.objects.values_list("number", "status")),
        "claims": dict(Claim.objects.open().values_list("number", "progress")),
        "uses": set(AllowanceUse.objects.live().values_list("policy__number", "reference")),
        "told": Counter(about_once.values_list("name", "policy__number")),
        "marked": Counter(
            PolicyEvent.objects.filter(kind__in=["activated", "expired"]).values_list(
                "kind", "policy__number"
            )
        ),
        "reminded": Counter(
            (number, tuple(key.split("/")[2:]))
            for number, key in reminders.values_list("policy__number", "dedupe_key")
        ),
    }


def by_the_book(book: Book) -> dict[str, Any]:
    begun = [paper.number for paper in book.papers if any(paper.told("policy_activated"))]
    over = [paper.number for paper in book.papers if any(paper.told("policy_expired"))]
    return {
        "policies": {paper.number: paper.marked for paper in book.papers},
        "claims": {case.number: case.state for case in book.open_cases()},
        "uses": {(paper.number, use) for paper in book.papers for use in paper.uses},
        "told": Counter(
            [("policy_activated", number) for number in begun]
            + [("policy_expired", number) for number in over]
        ),
        "marked": Counter(
            [("activated", number) for number in begun] + [("expired", number) for number in over]
        ),
        "reminded": Counter(
            (paper.number, (f"{ends_on}", f"{days}"))
            for paper in book.papers
            for ends_on, days in paper.reminded()
        ),
    }


def everything() -> list[Any]:
    tables = (Policy, PolicyEvent, AllowanceUse, Claim, Letter)
    return [list(table.objects.order_by("pk").values()) for table in tables]


def test_each_beginning_reminder_and_end_comes_on_its_day_and_once(book):
    happened: Counter[str] = Counter()
    for day in range(DAYS + 1):
        at = START + timedelta(days=day)
        lines = expected(book, at)
        run_sweeps(at)
        assert sorted(written(at)) == sorted(lines), at
        happened.update(name for name, _about, _state in lines)
    # The months were not empty, and the demo's past was caught up with on the first day.
    assert happened["policy_activated"] == 4  # the three from here, and one of the demo
    assert happened["policy_expired"] > 60
    assert happened["renewal_reminder"] > 150
    assert happened["claim_lapsed"] + happened["claim_returning"] > 3
    assert end_state() == by_the_book(book)
    before = everything()
    run_sweeps(LAST)
    assert everything() == before


def test_days_that_were_skipped_and_caught_up_with_end_in_the_same_books(book):
    for day in range(DAYS + 1):
        expected(book, START + timedelta(days=day))
    for days in (range(0, DAYS, 8), [*range(12), 100, 101, 290, 340], []):
        beginning = transaction.savepoint()
        for day in [*days, DAYS]:
            at = START + timedelta(days=day)
            run_sweeps(at)
            # However much is caught up with, nobody is written to twice about one end.
            sent = Letter.objects.filter(name="renewal_reminder", state="queued", created_at=at)
            assert sent.count() == sent.values("policy").distinct().count()
        assert end_state() == by_the_book(book)
        transaction.savepoint_rollback(beginning)
