"""Customers are reminded, and what waits too long ends (K6)."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from io import StringIO

import pytest
import time_machine
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection

from claims import chasing, progress
from claims.models import Claim, Deadline
from claims.progress_page import timeline as timelines
from policies.models import Letter
from tests import factories
from tests.claims.conftest import (
    DESK,
    NOW,
    everything_written,
    fresh,
    left,
    letters_of,
    timeline,
)
from tests.concurrency.conftest import race

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)


@pytest.fixture
def labelled(house, policy) -> Claim:
    return house.claim_at("label_sent", policy)


@pytest.fixture
def unpaid(house, policy) -> Claim:
    return house.claim_at("awaiting_fee", policy)


def chase(at, **how) -> str:
    *_, last = chasing.chase(now=at, **how)
    return str(last)


def reminders(claim) -> list[str]:
    return [name for name in letters_of(claim) if name.endswith("reminder")]


# --- labels ------------------------------------------------------------------------


def test_an_unused_label_is_left_alone_for_ten_days(labelled):
    at = labelled.progress_at + 10 * DAY - INSTANT
    assert chase(at) == "0 reminded, 0 lapsed, 0 to be returned"
    assert reminders(labelled) == []


def test_after_ten_days_the_customer_is_reminded_once(labelled):
    at = labelled.progress_at + 10 * DAY
    assert chase(at) == "1 reminded, 0 lapsed, 0 to be returned"
    assert chase(at + DAY) == "0 reminded, 0 lapsed, 0 to be returned"
    assert reminders(labelled) == ["label_reminder"]
    letter = Letter.objects.get(name="label_reminder")
    assert letter.recipient == "ann@example.com"
    assert letter.context["ends_at"] == (labelled.progress_at + 30 * DAY).isoformat()
    assert letter.context["attachments"][0]["name"] == f"{labelled.number}-label.pdf"


def test_after_thirty_days_the_claim_lapses_and_the_use_comes_back(labelled, policy):
    assert left(policy) == 1
    assert chase(labelled.progress_at + 30 * DAY - INSTANT).startswith("1 reminded, 0 lapsed")
    assert fresh(labelled).progress == "label_sent"
    assert chase(labelled.progress_at + 30 * DAY) == "0 reminded, 1 lapsed, 0 to be returned"
    assert fresh(labelled).progress == "lapsed"
    assert left(policy) == 2
    assert letters_of(labelled)[-1] == "claim_lapsed"
    assert labelled.events.last().actor == "chase_claims"
    assert labelled.shipments.get().state == "voiding"


def test_a_sweep_that_comes_late_ends_the_claim_without_a_useless_reminder(labelled):
    assert chase(labelled.progress_at + 90 * DAY) == "0 reminded, 1 lapsed, 0 to be returned"
    assert reminders(labelled) == []


def test_the_days_are_data(labelled):
    Deadline.objects.filter(kind="label").update(remind_after_days=2, ends_after_days=3)
    assert chase(labelled.progress_at + 2 * DAY).startswith("1 reminded")
    assert chase(labelled.progress_at + 3 * DAY).startswith("0 reminded, 1 lapsed")


# --- fees --------------------------------------------------------------------------


def test_an_unpaid_fee_is_reminded_of_after_ten_days(unpaid):
    assert chase(unpaid.progress_at + 10 * DAY - INSTANT).startswith("0 reminded")
    assert chase(unpaid.progress_at + 10 * DAY).startswith("1 reminded")
    assert chase(unpaid.progress_at + 11 * DAY).startswith("0 reminded")
    assert reminders(unpaid) == ["fee_reminder"]


def test_after_thirty_days_without_the_fee_the_drone_goes_back(unpaid, policy):
    assert chase(unpaid.progress_at + 30 * DAY) == "0 reminded, 0 lapsed, 1 to be returned"
    assert fresh(unpaid).progress == "returning"
    assert unpaid.events.last().public_note == "The replacement fee was not paid in time."
    assert left(policy) == 1  # given back when the drone is back with its owner


# --- missing parts -----------------------------------------------------------------


@pytest.fixture
def incomplete(house, policy) -> Claim:
    return house.claim_at("parts_missing", policy)


def test_missing_parts_are_reminded_of_after_ten_days(incomplete):
    assert chase(incomplete.progress_at + 10 * DAY - INSTANT).startswith("0 reminded")
    assert chase(incomplete.progress_at + 10 * DAY).startswith("1 reminded")
    assert chase(incomplete.progress_at + 11 * DAY).startswith("0 reminded")
    assert reminders(incomplete) == ["parts_reminder"]
    facts = Letter.objects.get(name="parts_reminder").context
    assert facts["note"] == "Please send the battery, too."
    assert facts["ends_at"] == (incomplete.progress_at + 30 * DAY).isoformat()


def test_after_thirty_days_without_the_parts_the_drone_goes_back(incomplete, policy):
    assert chase(incomplete.progress_at + 30 * DAY) == "0 reminded, 0 lapsed, 1 to be returned"
    assert fresh(incomplete).progress == "returning"
    assert incomplete.events.last().public_note == "The missing parts did not arrive in time."
    letter = Letter.objects.get(name="claim_returning")
    assert letter.context["note"] == "The missing parts did not arrive in time."
    assert left(policy) == 1  # given back when the drone is back with its owner


def test_who_waited_for_parts_before_there_was_a_time_has_all_of_it(incomplete):
    long_ago = incomplete.progress_at - timedelta(days=90)
    Claim.objects.update(progress_at=long_ago, waits_since=long_ago)
    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        import_module(
            "claims.migrations.0007_deadlines_and_payments"
        ).count_from_where_claims_stand(apps, None)
    chase(NOW + timedelta(days=2))
    assert (fresh(incomplete).progress, reminders(incomplete)) == ("parts_missing", [])
    chase(NOW + timedelta(days=12))
    assert reminders(incomplete) == ["parts_reminder"]
    chase(NOW + timedelta(days=31))
    assert fresh(incomplete).progress == "returning"


def test_parts_that_are_missing_a_second_time_have_their_whole_time(house, incomplete):
    chase(incomplete.progress_at + 10 * DAY)
    house.now = incomplete.progress_at + 29 * DAY
    claim = house.take(incomplete, "receive", "miss_parts")
    assert claim.waits_since == claim.progress_at
    assert chase(claim.progress_at + 30 * DAY - INSTANT).startswith("1 reminded, 0 lapsed, 0")
    assert chase(claim.progress_at + 30 * DAY) == "0 reminded, 0 lapsed, 1 to be returned"


# --- steps taken back (K6) ---------------------------------------------------------


def told_end(claim, letter: str) -> str:
    row = Letter.objects.filter(name=letter, reference=claim.number).latest("id")
    return row.context["ends_at"]


def page_end(claim):
    claims = timelines.claims_with_facts().prefetch_related("events", "decisions")
    return timelines.of(claims.get(pk=claim.pk)).deadline


WAITS = [
    ("label_sent", ["pick_up", "undo"], "lapsed"),
    ("awaiting_fee", ["undo", "ask_fee"], "returning"),
    ("parts_missing", ["undo", "miss_parts"], "returning"),
]


@pytest.mark.parametrize(("state", "again", "end"), WAITS)
def test_a_step_taken_back_and_taken_again_keeps_its_first_deadline(
    house, policy, state, again, end
):
    claim = house.claim_at(state, policy)
    ends_at = claim.progress_at + 30 * DAY
    assert chase(claim.progress_at + 12 * DAY).startswith("1 reminded")
    house.now = claim.progress_at + 20 * DAY
    written = len(letters_of(claim))
    claim = house.take(claim, *again)
    assert claim.progress == state
    assert page_end(claim) == ends_at
    assert letters_of(claim)[written:] == (["claim_in_transit"] if state == "label_sent" else [])
    assert chase(ends_at - INSTANT) == "0 reminded, 0 lapsed, 0 to be returned"
    chase(ends_at)
    assert fresh(claim).progress == end


@pytest.mark.parametrize(("state", "again", "end"), WAITS)
def test_who_gets_a_step_back_after_its_end_has_three_days(house, policy, state, again, end):
    claim = house.claim_at(state, policy)
    assert chase(claim.progress_at + 12 * DAY).startswith("1 reminded")
    first, *rest = again
    house.do(claim, first)
    house.now = claim.progress_at + 40 * DAY
    claim = house.take(claim, *rest)
    assert claim.progress == state
    ends_at = claim.progress_at + 3 * DAY
    assert page_end(claim) == ends_at
    assert chase(ends_at - INSTANT) == "0 reminded, 0 lapsed, 0 to be returned"
    chase(ends_at)
    assert fresh(claim).progress == end


@pytest.mark.parametrize(
    ("state", "letter"),
    [("awaiting_fee", "claim_fee_due"), ("parts_missing", "claim_parts_missing")],
)
def test_the_letter_names_the_date_that_page_and_sweep_go_by(house, policy, state, letter):
    claim = house.claim_at(state, policy)
    assert told_end(claim, letter) == page_end(claim).isoformat()
    house.do(claim, "undo")
    house.now = claim.progress_at + 40 * DAY
    claim = house.take(claim, {"awaiting_fee": "ask_fee", "parts_missing": "miss_parts"}[state])
    assert told_end(claim, letter) == (claim.progress_at + 3 * DAY).isoformat()
    assert page_end(claim) == claim.progress_at + 3 * DAY


@pytest.mark.parametrize("waited", [-30, -29, -3, 0, 1])
@pytest.mark.parametrize("back", [0, 1, 27, 29, 30, 31, 60])
def test_the_end_as_a_sum_and_as_a_condition_agree(labelled, waited, back):
    deadline = Deadline.objects.get(kind="label")
    Claim.objects.filter(pk=labelled.pk).update(waits_since=labelled.progress_at - back * DAY)
    claim = fresh(labelled)
    for at in (
        claim.progress_at - waited * DAY,
        deadline.ends_at(claim),
        deadline.ends_at(claim) - INSTANT,
    ):
        over = Claim.objects.filter(deadline.over(at=at)).exists()
        assert over == (deadline.ends_at(claim) <= at)


# --- who waits for us --------------------------------------------------------------


def test_who_has_paid_is_neither_reminded_nor_given_up(house, policy):
    paid = house.take(house.claim_at("preparing", policy), "undo")
    assert paid.progress == "awaiting_fee"
    for days in (10, 30, 90):
        chased = chase(paid.progress_at + days * DAY)
        assert chased == "0 reminded, 0 lapsed, 0 to be returned"
    assert reminders(paid) == []
    assert fresh(paid).progress == "awaiting_fee"


@pytest.mark.parametrize("state", ["submitted", "in_transit", "assessed", "preparing", "shipped"])
def test_whoever_waits_for_us_is_not_chased(house, policy, state):
    claim = house.claim_at(state, policy)
    assert chase(claim.progress_at + 90 * DAY) == "0 reminded, 0 lapsed, 0 to be returned"


# --- again, and side by side --------------------------------------------------------


def test_what_moves_between_look_and_step_is_left_alone(labelled, house):
    sweep = chasing.chase(now=labelled.progress_at + 30 * DAY)
    house.do(labelled, "pick_up")
    *_, last = sweep
    assert str(last) == "0 reminded, 0 lapsed, 0 to be returned"
    assert fresh(labelled).progress == "in_transit"


@pytest.mark.parametrize("days", [10, 30])
def test_a_claim_that_moves_while_the_sweep_has_it_in_hand_is_left_alone(house, policy, ann, days):
    first, second = (house.claim_at("label_sent", plan) for plan in [policy, another_plan(ann)])
    at = max(first.progress_at, second.progress_at) + days * DAY
    # The second one is picked up after the sweep has read it, and before it gets there.
    with pick_up_meanwhile(second, trigger=first):
        *_, last = chasing.chase(now=at)
    assert last.reminded + last.lapsed == 1
    assert timeline(second)[-1] == "in_transit"
    assert reminders(second) == []


def another_plan(holder):
    drone = factories.DroneFactory(serial="0AXCANN0000002")
    return factories.PolicyFactory(drone=drone, holder=holder)


@contextmanager
def pick_up_meanwhile(claim, trigger):
    """Lets the carrier take the claim's parcel at the moment when `trigger` gets its letter."""

    def watch(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if 'INTO "policies_letter"' in sql and trigger.number in params:
            progress.pick_up(claim, actor=DESK, now=claim.progress_at)
        return result

    with connection.execute_wrapper(watch):
        yield


def test_two_sweeps_at_once_do_each_thing_once(committed_db, house):
    claims = []
    for number in range(6):
        drone = factories.DroneFactory(serial=f"0AXCTWO{number:07d}")
        claims.append(house.claim_at("label_sent", factories.PolicyFactory(drone=drone)))
    for days, expected in [(10, ["label_reminder"]), (30, ["label_reminder", "claim_lapsed"])]:
        at = max(claim.progress_at for claim in claims) + days * DAY
        results = race(lambda at=at: chase(at, chunk=2), lambda at=at: chase(at, chunk=2))
        assert all(isinstance(result, str) for result in results), results
        for claim in claims:
            assert letters_of(claim)[2:] == expected
    assert all(timeline(claim).count("lapsed") == 1 for claim in claims)


@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_every_claim_is_reached_whatever_the_chunk(house, ann, chunk):
    claims = []
    for number in range(3):
        drone = factories.DroneFactory(serial=f"0AXCANN000001{number}")
        plan = factories.PolicyFactory(drone=drone, holder=ann)
        claims.append(house.claim_at("label_sent", plan))
    at = house.now + 10 * DAY
    assert chase(at, chunk=chunk).startswith("3 reminded")
    assert chase(house.now + 30 * DAY, chunk=chunk).startswith("0 reminded, 3 lapsed")


# --- the command --------------------------------------------------------------------


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("chase_claims", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_the_command_says_in_one_line_what_it_did(labelled):
    at = labelled.progress_at + 10 * DAY
    assert run("--at", at.isoformat()) == (
        "chase_claims: 1 reminded, 0 lapsed, 0 to be returned.\n"
    )


def test_a_dry_run_says_the_same_and_changes_nothing(labelled):
    before = everything_written()
    for days, expected in [
        (10, "1 reminded, 0 lapsed, 0 to be returned"),
        (30, "0 reminded, 1 lapsed, 0 to be returned"),
    ]:
        at = labelled.progress_at + days * DAY
        assert run("--at", at.isoformat(), "--dry-run") == (
            f"chase_claims: {expected} (dry run: nothing was changed).\n"
        )
        assert everything_written() == before


def test_a_dry_run_knows_who_was_reminded_already(labelled):
    at = (labelled.progress_at + 10 * DAY).isoformat()
    run("--at", at)
    assert run("--at", at, "--dry-run").startswith("chase_claims: 0 reminded")


def test_without_an_instant_it_is_now(labelled):
    with time_machine.travel(labelled.progress_at + 10 * DAY, tick=False):
        assert run().startswith("chase_claims: 1 reminded")


def test_the_instant_may_be_in_any_time_zone(labelled):
    at = datetime(2026, 3, 20, 13, 0, tzinfo=UTC)
    Claim.objects.filter(pk=labelled.pk).update(waits_since=at - 10 * DAY)
    assert run("--at", "2026-03-20T08:59:59-04:00").startswith("chase_claims: 0 reminded")
    assert run("--at", "2026-03-20T09:00:00-04:00").startswith("chase_claims: 1 reminded")


@pytest.mark.parametrize("offset", ["", "Z", "+00:00"])
def test_an_instant_without_an_offset_is_utc(labelled, offset):
    at = datetime(2026, 3, 20, 13, 0, tzinfo=UTC)
    Claim.objects.filter(pk=labelled.pk).update(waits_since=at - 10 * DAY)
    assert run("--at", f"2026-03-20T12:59:59{offset}").startswith("chase_claims: 0 reminded")
    assert run("--at", f"2026-03-20T13:00:00{offset}").startswith("chase_claims: 1 reminded")


def test_a_date_is_its_first_instant_in_utc(labelled):
    at = datetime(2026, 3, 20, 0, 0, tzinfo=UTC)
    Claim.objects.filter(pk=labelled.pk).update(waits_since=at - 10 * DAY)
    assert run("--at", "2026-03-19").startswith("chase_claims: 0 reminded")
    assert run("--at", "2026-03-20").startswith("chase_claims: 1 reminded")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--at", "2026-02-30T09:00Z"], "is not an instant; write 2026-03-10T15:00Z"),
        (["--at", "2026-02-30"], "is not an instant"),
        (["--at", ""], "is not an instant"),
        (["--at", "0001-01-01"], "lies outside the years 2000 to 2999"),
        (["--at", "9999-12-31T23:59Z"], "lies outside the years 2000 to 2999"),
        (["--at", "tomorrow"], "is not an instant"),
        (["--chunk", "0"], "is not a number from 1 to 1,000,000"),
        (["--chunk", "-1"], "is not a number from 1 to 1,000,000"),
        (["--chunk", "many"], "is not a number from 1 to 1,000,000"),
    ],
)
def test_what_it_cannot_read_it_answers_with_a_sentence(arguments, sentence):
    with pytest.raises(CommandError, match=sentence):
        run(*arguments)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_it_shows_how_far_it_is(labelled, house, ann):
    house.claim_at("label_sent", another_plan(ann))
    screen = Terminal()
    at = (house.now + 10 * DAY).isoformat()
    call_command("chase_claims", "--at", at, "--chunk", "1", stdout=StringIO(), stderr=screen)
    assert "\r[###############...............]  50% of 2" in screen.getvalue()
    assert "\r[##############################] 100% of 2" in screen.getvalue()
    assert screen.getvalue().endswith("\r")  # and wipes it away


def test_where_nobody_watches_it_shows_nothing(labelled, house):
    screen = StringIO()
    at = (house.now + 10 * DAY).isoformat()
    call_command("chase_claims", "--at", at, stdout=StringIO(), stderr=screen)
    assert screen.getvalue() == ""
