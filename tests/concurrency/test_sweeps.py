"""The sweep that ends policies: killed, doubled, and beside renewals and cancellations (E1, E2)."""

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections

from policies import cancellation, codes, expiry, marks, renewal
from policies.models import (
    Drone,
    Letter,
    Period,
    Plan,
    Policy,
    PolicyEvent,
    ReminderDay,
)
from policies.shared.actor import Actor
from policies.shared.errors import Conflict
from tests import factories
from tests.concurrency.conftest import one_snapshot

DUE = 3_000
RUNNING = 200
KILLS = 10
CHUNK = 25
YEAR = timedelta(days=365)
DESK = Actor.command("sales desk")

# Each sweep is a process of its own, forked from one that has loaded the program and has
# never opened a connection.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.concurrency.test_sweeps"])


def sweep(work: Callable[..., int], database: str, now: Any) -> None:
    """In a process of its own; pauses between chunks, as a busy server would."""
    connections["default"].settings_dict["NAME"] = database
    while work(now=now, chunk=CHUNK):
        time.sleep(random.random() * 0.01)


@pytest.fixture
def start(committed_db, now):
    """Starts a sweep on the database of the tests."""

    def start(work: Callable[..., int] = expiry.expire):
        database = str(connection.settings_dict["NAME"])
        process = processes.Process(target=sweep, args=(work, database, now))
        process.start()
        return process

    return start


@pytest.fixture
def policies(ann, shelf, now) -> list[Policy]:
    """3,000 that have ended in the last minutes, and 200 that go on."""
    return make_policies(ann, shelf, now, count=DUE)


def make_policies(ann, shelf, now, *, count: int) -> list[Policy]:
    model = shelf["drone_model"]
    serials = [f"0AXCSWEEP{number:06d}" for number in range(count + RUNNING)]
    drones = Drone.objects.bulk_create(Drone(serial=one, drone_model=model) for one in serials)
    made = Policy.objects.bulk_create(
        Policy(
            plan=shelf["plan"],
            region=shelf["region"],
            drone=drone,
            holder=ann,
            starts_at=end_of(number, count, now) - YEAR,
            ends_at=end_of(number, count, now),
            created_at=now - YEAR,
        )
        for number, drone in enumerate(drones)
    )
    sold = factories.of_today(model)
    Period.objects.bulk_create(
        Period(
            policy=policy,
            plan=shelf["plan"],
            starts_at=policy.starts_at,
            ends_at=policy.ends_at,
            months=12,
            replacements=2,
            binding_window_hours=48,
            cover_terms=sold,
            created_at=policy.created_at,
        )
        for policy in made
    )
    return made


def end_of(number: int, count: int, now):
    """The first `count` end one millisecond before each other, the last of them now."""
    return now - timedelta(milliseconds=number) if number < count else now + 60 * timedelta(days=1)


def finish(process) -> None:
    process.join(120)
    assert process.exitcode == 0
    process.close()


def kill(process) -> None:
    """It may have come to its end by itself before."""
    if process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
    process.join(30)
    assert process.exitcode in {0, -signal.SIGKILL}
    process.close()


def wait_for_the_first_chunk(process, rows: Any) -> None:
    before = rows.count()
    while process.is_alive() and rows.count() == before:
        time.sleep(0.002)


def each_once(rows: Any) -> bool:
    return set(Counter(rows.values_list("policy", flat=True)).values()) == {1}


def ended() -> Any:
    return PolicyEvent.objects.filter(kind="expired")


def told() -> Any:
    return Letter.objects.filter(name="policy_expired")


def assert_all_have_ended_once(policies: list[Policy]) -> None:
    assert Policy.objects.filter(status="expired").count() == DUE
    assert set(Policy.objects.filter(status="active")) == set(policies[DUE:])
    assert ended().count() == DUE
    assert told().count() == DUE
    assert each_once(ended())
    assert each_once(told())


def test_a_sweep_killed_ten_times_ends_each_policy_once(policies, start):
    for _kill in range(KILLS):
        process = start()
        wait_for_the_first_chunk(process, ended())
        time.sleep(random.random() * 0.05)
        kill(process)
        # Each chunk is whole, whenever the process died.
        with one_snapshot():
            marked = set(Policy.objects.filter(status="expired").values_list("pk", flat=True))
            assert set(ended().values_list("policy", flat=True)) == marked
            assert set(told().values_list("policy", flat=True)) == marked
    finish(start())
    assert_all_have_ended_once(policies)


def test_two_sweeps_side_by_side_end_each_policy_once(policies, start):
    both = [start(), start()]
    for process in both:
        finish(process)
    finish(start())  # what one of them held when the other looked for more
    assert_all_have_ended_once(policies)


def test_reminders_killed_and_doubled_are_written_once(policies, start, now):
    Policy.objects.filter(pk__in=[policy.pk for policy in policies[:DUE]]).update(
        ends_at=now + timedelta(days=7)
    )
    letters = Letter.objects.filter(name="renewal_reminder")
    for _kill in range(3):
        process = start(expiry.remind)
        wait_for_the_first_chunk(process, letters)
        kill(process)
    for process in [start(expiry.remind), start(expiry.remind)]:
        finish(process)
    finish(start(expiry.remind))
    assert sorted(ReminderDay.objects.values_list("days", flat=True)) == [1, 7, 30]
    assert letters.filter(state="queued", dedupe_key__endswith="/7").count() == DUE
    assert letters.filter(state="moot", dedupe_key__endswith="/30").count() == DUE
    assert letters.count() == 2 * DUE


def test_two_sweeps_side_by_side_take_each_early_mark_back_once(policies, start, now):
    for policy in policies[:DUE]:
        policy.ends_at += YEAR
    Policy.objects.bulk_update(policies[:DUE], ["ends_at"])
    while expiry.expire(now=now + 2 * YEAR, chunk=10_000):
        pass
    told().update(state="sent", sent_at=now, attempts=1)
    for process in [start(marks.take_back), start(marks.take_back)]:
        finish(process)
    finish(start(marks.take_back))
    assert Policy.objects.filter(status="active").count() == DUE + RUNNING
    taken_back = PolicyEvent.objects.filter(kind="unexpired")
    corrected = Letter.objects.filter(name="policy_not_expired")
    assert (taken_back.count(), corrected.count()) == (DUE + RUNNING, DUE + RUNNING)
    assert each_once(taken_back)
    assert each_once(corrected)


def test_no_renewal_or_cancellation_beside_the_sweep_is_overwritten(ann, shelf, start, now):
    policies = make_policies(ann, shelf, now, count=600)[:600]
    at_the_desk = random.sample(policies, 160)
    refresh_plus = Plan.objects.get(code="refresh-plus")
    codes.generate(**shelf | {"plan": refresh_plus}, count=100)
    # Whoever is at the desk came in time: the sweep is what is late.
    in_time = now - timedelta(hours=1)
    renewed, cancelled = set(), set()
    process = start()
    for place, policy in enumerate(at_the_desk):
        if place % 2:
            renewal.sell_and_renew(
                policy, plan=refresh_plus, order_reference="", actor=DESK, now=in_time
            )
            renewed.add(policy.pk)
        else:
            with suppress(Conflict):
                cancellation.cancel(policy, reason="Sold", actor=DESK, now=in_time)
                cancelled.add(policy.pk)
    finish(process)
    assert_nothing_was_overwritten(policies, renewed, cancelled, now)


def assert_nothing_was_overwritten(policies, renewed, cancelled, now) -> None:
    for policy in Policy.objects.filter(pk__in=[policy.pk for policy in policies]):
        expected = "cancelled" if policy.pk in cancelled else "expired"
        assert policy.status == ("active" if policy.pk in renewed else expected)
        assert (policy.ends_at > now) == (policy.pk in renewed)
        assert policy.cancel_reason == ("Sold" if policy.pk in cancelled else "")
    assert each_once(ended())
    assert set(ended().values_list("policy")) == set(told().values_list("policy"))
    # By its dates a policy can be cancelled in time although it is marked already (E1), but
    # nothing marks one that is cancelled.
    cancellations = dict(
        PolicyEvent.objects.filter(kind="cancelled").values_list("policy_id", "pk")
    )
    assert set(cancellations) == cancelled
    for event in ended().filter(policy__in=cancelled):
        assert event.pk < cancellations[event.policy_id]
