"""Counting attempts of strangers, and knowing one stranger from another."""

from datetime import timedelta

import pytest
from django import forms
from django.core.management import call_command
from django.http import QueryDict
from django.test import RequestFactory

import claims.views
import policies.views
from policies.models import Throttle
from policies.shared import visitors
from policies.shared.fields import LONGEST_ECHO, PlainCharField

HOUR = timedelta(hours=1)


@pytest.fixture
def attempt(db, now):
    """One attempt at five an hour, some time after `now`."""

    def count(
        who: str = "198.51.100.7", *, after: timedelta = timedelta(0), scope: str = "activate"
    ):
        return visitors.allow(scope, who, limit=5, per=HOUR, now=now + after)

    return count


def test_exactly_as_many_attempts_as_the_limit_are_allowed(attempt):
    assert [attempt() for _ in range(8)] == [True] * 5 + [False] * 3


def test_each_person_and_each_page_is_counted_alone(attempt):
    for _ in range(5):
        attempt()
    assert attempt() is False
    assert attempt("198.51.100.8") is True
    assert attempt(scope="cover") is True


def test_an_ipv6_network_is_one_person(attempt):
    for number in range(5):
        assert attempt(f"2001:db8:0:1::{number}") is True
    assert attempt("2001:db8:0:1:ffff::1") is False
    assert attempt("2001:db8:0:2::1") is True
    assert attempt("::ffff:198.51.100.7") is True
    assert attempt("::ffff:198.51.100.8") is True


@pytest.mark.parametrize(
    ("after", "allowed"),
    [
        (timedelta(minutes=59, seconds=59), False),
        (HOUR - timedelta(microseconds=1), False),
        (HOUR, True),
        (HOUR + timedelta(seconds=1), True),
        (timedelta(days=400), True),
    ],
)
def test_a_new_window_begins_when_the_first_is_over(attempt, after, allowed):
    for _ in range(5):
        attempt()
    assert attempt(after=after) is allowed


def test_a_new_window_counts_from_one_again(attempt):
    for _ in range(9):
        attempt()
    assert [attempt(after=HOUR) for _ in range(6)] == [True] * 5 + [False]


def test_who_goes_on_trying_does_not_lengthen_the_window(attempt):
    for _ in range(5):
        attempt()
    assert attempt(after=timedelta(minutes=50)) is False
    assert attempt(after=HOUR) is True


def test_a_limit_of_one(db, now):
    def once():
        return visitors.allow("link", "POL-ABCD2345", limit=1, per=HOUR, now=now)

    assert [once(), once()] == [True, False]


def test_a_very_long_name_is_counted_too(attempt):
    assert [attempt("x" * 5_000) for _ in range(6)] == [True] * 5 + [False]


def test_counting_is_one_statement(attempt, django_assert_num_queries):
    with django_assert_num_queries(1):
        attempt()
    with django_assert_num_queries(1):
        attempt()


def test_a_day_later_the_sweep_forgets_who_tried_and_no_sooner(attempt, now, capsys):
    attempt("198.51.100.1")
    attempt("198.51.100.2")
    attempt("198.51.100.3", after=timedelta(hours=2))
    call_command("tidy", at=now + timedelta(days=1))
    assert Throttle.objects.count() == 3
    call_command("tidy", at=now + timedelta(days=1, hours=1), dry_run=True)
    assert Throttle.objects.count() == 3
    call_command("tidy", at=now + timedelta(days=1, hours=1), chunk=1)
    assert Throttle.objects.get().key == "activate:198.51.100.3"
    assert "tidy: 2 deleted." in capsys.readouterr().out


@pytest.mark.parametrize("module", [policies.views, claims.views])
def test_no_limit_counts_longer_than_its_rows_are_kept(module):
    limits = [value for value in vars(module).values() if isinstance(value, visitors.Limit)]
    assert limits
    assert all(limit.per < visitors.FORGOTTEN_AFTER for limit in limits)


# --- whose address? ----------------------------------------------------------
# The proxies of the house stand at 10.0.0.x; "203.0.113.9" is what a visitor invents.


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        # No proxy of ours: the header is the visitor's own invention.
        (0, None, "192.0.2.1"),
        (0, "203.0.113.9", "192.0.2.1"),
        # One proxy: the last entry is what it saw.
        (1, "198.51.100.7", "198.51.100.7"),
        (1, "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        (1, "203.0.113.9,198.51.100.7", "198.51.100.7"),
        (1, "203.0.113.9, 203.0.113.8, 198.51.100.7", "198.51.100.7"),
        (1, "2001:db8::7", "2001:db8::7"),
        (1, None, "192.0.2.1"),
        (1, "", "192.0.2.1"),
        (1, "203.0.113.9, ", "192.0.2.1"),
        # Two: the last but one.
        (2, "198.51.100.7, 10.0.0.2", "198.51.100.7"),
        (2, "203.0.113.9, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        (2, "10.0.0.2", "192.0.2.1"),
        (2, ", 10.0.0.2", "192.0.2.1"),
    ],
)
def test_the_address_is_what_our_outermost_proxy_saw(settings, proxies, forwarded, address):
    settings.PROXY_COUNT = proxies
    headers = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    request = RequestFactory().get("/activate/", REMOTE_ADDR="192.0.2.1", **headers)
    assert visitors.client_address(request) == address


class Order(forms.Form):
    name = PlainCharField(max_length=20)
    sizes = forms.MultipleChoiceField(choices=[("s", "S"), ("m", "M"), ("l", "L")])
    gift = forms.BooleanField()
    card = forms.FileField()


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("name=Ann&sizes=s&sizes=l&gift=on", ("Ann", ["s", "l"], True)),
        ("", (None, [], False)),
        (f"name={'x' * 9_000}&sizes=xxl", ("x" * LONGEST_ECHO, ["xxl"], False)),
    ],
)
def test_a_form_beyond_the_limit_shows_what_was_typed_and_checks_nothing(typed, shown):
    form = visitors.as_typed(Order, QueryDict(typed))
    assert not form.is_bound
    assert (form["name"].value(), form["sizes"].value(), form["gift"].value()) == shown
    assert form["card"].value() is None
