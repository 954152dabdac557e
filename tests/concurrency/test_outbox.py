"""Workers beside each other: each letter is sent once, each fact told once."""

from collections import Counter

import pytest
from django.core import mail

from policies import outbox
from policies.models import Letter
from tests import factories
from tests.concurrency.conftest import race

LETTERS = 120


@pytest.fixture
def waiting(committed_db):
    return factories.LetterFactory.create_batch(LETTERS)


def test_two_workers_send_each_letter_once(waiting, now):
    def work() -> tuple[int, int]:
        return outbox.send_due(clock=lambda: now, batch=7)

    (first, nothing_wrong), (second, nothing_wrong_either) = race(work, work)
    assert first + second == LETTERS
    assert (nothing_wrong, nothing_wrong_either) == (0, 0)
    assert Counter(sent.message()["Message-ID"] for sent in mail.outbox) == Counter(
        letter.message_id for letter in waiting
    )
    assert Letter.objects.filter(state="sent", attempts=1).count() == LETTERS


def test_one_fact_told_by_two_at_once_is_one_letter(committed_db, now):
    def write() -> None:
        for number in range(100):
            outbox.queue(
                "link_requested",
                to="ann@example.com",
                context={},
                dedupe_key=f"link_requested/{number}",
                now=now,
            )

    assert race(write, write) == [None, None]
    assert Letter.objects.count() == 100
