"""Rows in a worker's hands: claimed with a lease, tried again, written by one try alone."""

from datetime import timedelta

import pytest

from policies.models import Letter
from policies.shared import leases
from policies.shared.leases import Lease
from tests import factories

LEASE = Lease(lasts=timedelta(minutes=5), tries=3)


@pytest.fixture
def claim(db, now):
    def claim(*, batch: int = 1, after: timedelta = timedelta(0), **values) -> list[Letter]:
        due = Letter.objects.due(at=now + after)
        return leases.claim(due, LEASE, now=now + after, batch=batch, **values)

    return claim


def waiting_since(now, **ago: float) -> Letter:
    return factories.LetterFactory(next_try_at=now - timedelta(**ago))


def test_what_has_waited_longest_is_claimed_first(claim, now):
    waiting_since(now, minutes=1)
    second, first = waiting_since(now, minutes=2), waiting_since(now, minutes=3)
    assert claim() == [first]
    assert claim() == [second]


def test_a_batch_comes_in_the_order_in_which_it_was_entered(claim, now):
    letters = [waiting_since(now, minutes=minutes) for minutes in (1, 3, 2)]
    assert claim(batch=2) == letters[1:]


def test_a_claim_is_a_try_and_lasts_as_long_as_the_lease(claim, now):
    waiting_since(now, minutes=1)
    [row] = claim()
    assert (row.attempts, row.next_try_at) == (1, now + timedelta(minutes=5))
    assert claim(after=timedelta(minutes=5) - timedelta(seconds=1)) == []
    [again] = claim(after=timedelta(minutes=5))
    assert (again, again.attempts) == (row, 2)


def test_other_columns_are_set_along_with_the_claim(claim, now):
    waiting_since(now, minutes=1)
    [row] = claim(last_error="being tried")
    assert row.last_error == "being tried"


def test_nothing_due_is_nothing_claimed(claim, now):
    factories.LetterFactory(next_try_at=now + timedelta(seconds=1))
    assert claim() == []


def test_the_try_that_made_the_claim_writes_its_result(claim, now):
    waiting_since(now, minutes=1)
    [row] = claim()
    assert leases.write(row, last_error="no answer", next_try_at=now)
    assert (row.last_error, row.next_try_at) == ("no answer", now)
    row.refresh_from_db()
    assert (row.last_error, row.next_try_at) == ("no answer", now)


def test_a_try_whose_lease_another_worker_has_taken_over_writes_nothing(claim, now):
    waiting_since(now, minutes=1)
    [slow] = claim()
    [next_one] = claim(after=timedelta(minutes=5))
    assert not leases.write(slow, last_error="late")
    assert slow.last_error == ""
    assert leases.write(next_one, last_error="in time")
    slow.refresh_from_db()
    assert slow.last_error == "in time"


def test_a_row_that_somebody_moved_on_meanwhile_is_left_alone(claim, now):
    waiting_since(now, minutes=1)
    [row] = claim()
    Letter.objects.update(state=Letter.State.SENT, sent_at=now)
    assert not leases.write(row, state=Letter.State.FAILED, last_error="late")
    row.refresh_from_db()
    assert row.state == "sent"


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(1, 1), (2, 5), (3, 30), (4, 120), (5, 360), (6, 1440), (7, None)]
)
def test_the_pauses_grow_until_the_last_try(attempts, minutes, now):
    row = Letter(attempts=attempts)
    seven = Lease(lasts=timedelta(minutes=5), tries=7)
    expected = None if minutes is None else now + timedelta(minutes=minutes)
    assert seven.next_try_at(row, now=now) == expected


@pytest.mark.parametrize(("attempts", "used_up"), [(1, False), (3, False), (4, True)])
def test_a_lease_is_used_up_when_every_try_has_ended_without_a_word(attempts, used_up):
    assert LEASE.is_used_up(Letter(attempts=attempts)) is used_up


def test_a_try_that_overran_does_not_write_to_the_claim_after_a_person_s_new_start(claim, now):
    """Attempts count from 0 again then, so that they alone would not tell the claims apart."""
    waiting_since(now, minutes=1)
    [overran] = claim()
    Letter.objects.update(attempts=0, next_try_at=now + timedelta(minutes=6))
    [present] = claim(after=timedelta(minutes=6))
    assert (overran.attempts, present.attempts) == (1, 1)
    assert not leases.write(overran, last_error="too late")
    assert leases.write(present, last_error="in time")
    assert Letter.objects.get().last_error == "in time"
