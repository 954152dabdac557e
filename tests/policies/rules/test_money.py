"""How many decimals money has, and how it is shown. No database anywhere in this file."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.rules import money


@pytest.mark.parametrize(
    ("amount", "currency", "fits"),
    [
        ("119", "USD", True),
        ("119.00", "USD", True),
        ("119.50", "USD", True),
        ("119.500", "USD", True),
        ("119.505", "USD", False),
        ("119", "JPY", True),
        ("119.00", "JPY", True),
        ("119.50", "JPY", False),
        ("119.01", "JPY", False),
        ("119.50", "TWD", True),  # ISO 4217 gives it cents, whatever shops there do
        ("119.50", "XAF", False),
        ("119.50", "UGX", False),
        ("119.50", "KWD", True),
        ("119.505", "KWD", False),  # a fils, and no column that keeps it
        ("0", "JPY", True),
        ("119.0000000001", "USD", False),
        ("9999999999.99", "USD", True),
        ("9999999999.99", "CLP", False),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency(amount, currency, fits):
    assert money.fits(Decimal(amount), currency) is fits


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("1299", "USD", "USD 1,299.00"),
        ("119.5", "EUR", "EUR 119.50"),
        ("0", "USD", "USD 0.00"),
        ("12900.00", "JPY", "JPY 12,900"),
        ("3700", "TWD", "TWD 3,700.00"),
        ("3700.50", "TWD", "TWD 3,700.50"),
        ("65000.00", "XAF", "XAF 65,000"),
        ("37.50", "KWD", "KWD 37.500"),
    ],
)
def test_an_amount_is_shown_with_its_currency(amount, currency, shown):
    expected = shown.replace(" ", "\N{NO-BREAK SPACE}")
    assert money.shown(Decimal(amount), currency) == expected
    assert money.shown(amount, currency) == expected  # letters hold amounts as text
    assert f"{currency}\N{NO-BREAK SPACE}{money.figure(amount, currency)}" == expected


def test_there_are_only_the_currencies_of_iso_4217():
    assert all(money.is_currency(code) for code in ["USD", "EUR", "JPY", "KWD"])
    assert set(money.DECIMALS) - money.CURRENCIES == {"UYI"}  # a unit of account
    for code in ("ZZZ", "REA", "usd", "", "XXX"):
        assert not money.is_currency(code)


def test_a_fraction_that_should_not_be_there_is_not_rounded_away():
    assert money.figure(Decimal("119.50"), "JPY") == "119.50"


@pytest.mark.parametrize(
    ("currency", "sentence"),
    [
        ("JPY", "An amount in JPY has no decimals."),
        ("USD", "An amount in USD has at most 2 decimals."),
        ("KWD", "An amount in KWD has at most 2 decimals."),
    ],
)
def test_the_sentence_says_how_many_decimals_there_may_be(currency, sentence):
    assert str(money.misfit(currency)) == sentence


@given(
    amount=st.decimals(0, 10**10 - 1, places=2),
    currency=st.sampled_from(["USD", "TWD", "JPY", "KRW", "XPF", "KWD", "TND"]),
)
def test_what_fits_is_shown_to_the_last_digit(amount, currency):
    if money.fits(amount, currency):
        assert Decimal(money.figure(amount, currency).replace(",", "")) == amount
