"""A form is acted on once: the key, its day, and what is kept of it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import RequestFactory

from policies.models import SentForm
from policies.shared import once

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)


def sent(key: str = "", *, now: datetime = NOON, path: str = "/buy/", **content) -> once.Sending:
    request = RequestFactory().post(path, content | {"once": key})
    request.user = AnonymousUser()
    return once.sending(request, now=now)


def done(sending: once.Sending, *, now: datetime = NOON) -> None:
    assert sending.earlier(now=now) is None
    sending.answered({"message": "Sold."}, now=now)


def test_without_a_key_each_post_is_acted_on():
    assert sent("") is None


def test_a_key_is_good_for_a_day_and_not_a_microsecond_longer():
    key = once.key(now=NOON)
    assert sent(key, now=NOON + timedelta(days=1)) is not None
    with pytest.raises(once.Expired):
        sent(key, now=NOON + timedelta(days=1) + MICROSECOND)


@pytest.mark.parametrize(
    "rubbish", ["x", "\x00", "9" * 5_000, "[]", "1773144000.000000 first abc:def"]
)
def test_a_key_that_is_none_of_ours_is_not_taken(rubbish):
    with pytest.raises(once.Expired):
        sent(rubbish)


def test_the_same_form_again_gets_the_first_answer():
    key = once.key(now=NOON)
    done(sent(key, serial="A"))
    again = sent(key, serial="A").earlier(now=NOON + SECOND)
    assert (again.at, again.data, again.same_content) == (NOON, {"message": "Sold."}, True)
    changed = sent(key, serial="B").earlier(now=NOON + SECOND)
    assert (changed.data, changed.same_content) == ({"message": "Sold."}, False)


def test_a_form_that_was_refused_may_be_sent_again():
    key = once.key(now=NOON)
    assert sent(key).earlier(now=NOON) is None
    assert sent(key).earlier(now=NOON + SECOND) is None


def test_the_same_content_from_a_tab_that_was_open_already_is_the_same_form():
    first, second = once.key(now=NOON), once.key(now=NOON + SECOND)
    done(sent(first, serial="A"), now=NOON + 2 * SECOND)
    assert sent(second, serial="A").earlier(now=NOON + 3 * SECOND).same_content
    assert sent(second, serial="B").earlier(now=NOON + 3 * SECOND) is None
    assert sent(second, serial="A", path="/other/").earlier(now=NOON + 3 * SECOND) is None


def test_the_same_content_from_a_page_that_was_opened_since_is_asked_about_for_ten_minutes():
    done(sent(once.key(now=NOON), serial="A"))
    later = once.key(now=NOON + SECOND)
    limit = NOON + timedelta(minutes=10)
    assert sent(later, serial="A").earlier(now=limit).opened_later
    assert sent(later, serial="A").earlier(now=limit + MICROSECOND) is None
    confirmed = once.key(now=NOON + 2 * SECOND, confirms=True)
    done(sent(confirmed, serial="A"), now=NOON + 3 * SECOND)
    assert not sent(confirmed, serial="A").earlier(now=NOON + 4 * SECOND).opened_later


def test_a_file_counts_by_what_is_in_it_and_is_read_from_its_start_afterwards():
    def with_file(text: bytes):
        request = RequestFactory().post("/", {"file": SimpleUploadedFile("a.csv", text)})
        request.POST = request.POST.copy()
        request.POST["once"] = once.key(now=NOON)
        request.user = AnonymousUser()
        sending = once.sending(request, now=NOON)
        assert request.FILES["file"].read() == text
        return sending.content

    assert with_file(b"one") == with_file(b"one")
    assert with_file(b"one") != with_file(b"two")


def test_what_is_kept_is_forgotten_when_no_key_can_meet_it():
    done(sent(once.key(now=NOON)), now=NOON)
    call_command("tidy", at=NOON + timedelta(days=1))
    assert SentForm.objects.count() == 2
    call_command("tidy", at=NOON + timedelta(days=1) + MICROSECOND)
    assert not SentForm.objects.exists()
