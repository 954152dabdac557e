"""The form fields on their own: a value or a sentence, never an exception."""

from datetime import UTC, datetime
from time import monotonic
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from policies.shared.fields import (
    CountryField,
    EmailField,
    LocalInstantField,
    PhoneField,
    PlainCharField,
    SerialField,
    on_the_clock_of,
)

NEW_YORK = ZoneInfo("America/New_York")
FIELDS = {
    "text": PlainCharField(max_length=120),
    "lines": PlainCharField(max_length=2000, multiline=True),
    "email": EmailField(),
    "phone": PhoneField(),
    "serial": SerialField(),
    "instant": LocalInstantField(),
    "country": CountryField(),
}


def sentence(name: str, value: str) -> str:
    with pytest.raises(ValidationError) as refusal:
        FIELDS[name].clean(value)
    (message,) = refusal.value.messages
    return message


def sentences(name: str, value: str) -> list[str]:
    try:
        FIELDS[name].clean(value)
    except ValidationError as refusal:
        return refusal.messages
    return []


@pytest.mark.parametrize(
    "text",
    [
        "Ada\x00",
        "A\x1bda",
        "Ada\u202eevil",
        "\u2066Ada\u2069 x",
        "A\u200fda",
        "Ada\nLovelace",
        "A\u2028da",
        "A\ud800da",
        "A\ue000da",
        "A\uffffda",
        "A\U000e0041da",
    ],
    ids=ascii,
)
def test_characters_that_cannot_be_seen_are_refused(text):
    assert sentence("text", text) == (
        "This contains characters that cannot be seen. Please type it by hand."
    )


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Ada  Lovelace ", "Ada  Lovelace"),
        ("Zoe\u0308", "Zoë"),
        ("李小龍", "李小龍"),
        ("نرگس\u200cها", "نرگس\u200cها"),
        ("👩\u200d🚀 Ada", "👩\u200d🚀 Ada"),
        ("\ufeffAda\u200b", "Ada"),
        ("Ada\tLovelace", "Ada Lovelace"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("'; DROP TABLE x; --", "'; DROP TABLE x; --"),
    ],
)
def test_what_people_are_called_is_kept(typed, kept):
    assert FIELDS["text"].clean(typed) == kept


@pytest.mark.parametrize("empty", ["", "   ", "\u200b", "\u200d", "\u00a0", None], ids=ascii)
def test_nothing_to_see_is_nothing(empty):
    assert sentence("text", empty) == "Please fill this in."


def test_several_lines_are_kept_with_plain_line_breaks():
    assert FIELDS["lines"].clean("It fell.\r\nThen\rit broke.") == "It fell.\nThen\nit broke."


def test_over_long_text_is_refused_by_name_of_the_limit():
    assert FIELDS["text"].clean("x" * 120) == "x" * 120
    assert sentence("text", "x" * 121) == "Please use at most 120 characters."


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("unit", ["x", "\u0301\u0323", "9", " ", "😀", "-", "\u00df"], ids=ascii)
def test_a_million_characters_are_answered_at_once(name, unit):
    # Composing that many accents would take minutes; this bound is far from both.
    started = monotonic()
    text = "a" + unit * (1_000_000 // len(unit)) + "a"
    assert sentence(name, text)
    assert monotonic() - started < 5


@given(name=st.sampled_from(sorted(FIELDS)), text=st.text(max_size=60))
def test_any_text_gives_a_value_or_a_sentence(name, text):
    assert all(message.endswith(".") for message in sentences(name, text))


@given(text=st.text(max_size=60))
def test_what_a_text_field_lets_through_can_be_stored_and_seen(text):
    try:
        kept = FIELDS["text"].clean(text)
    except ValidationError:
        return
    assert "\x00" not in kept
    assert kept.encode()
    assert kept == kept.strip() != ""
    assert FIELDS["text"].clean(kept) == kept


@pytest.mark.parametrize(
    "address",
    ["ada", "ada@", "@example.com", "a b@example.com", "ada@example", "ada@example.com,eve@x.org"],
)
def test_what_is_no_email_address_is_refused(address):
    assert sentence("email", address) == "Please enter an e-mail address, like name@example.com."


def test_an_email_address_cannot_smuggle_in_a_header():
    assert sentence("email", "ada@example.com\r\nBcc: eve@example.com") == (
        "This contains characters that cannot be seen. Please type it by hand."
    )


def test_an_email_address_is_lower_case():
    assert FIELDS["email"].clean(" Ada.L@Example.COM ") == "ada.l@example.com"


@pytest.mark.parametrize("number", ["+1 (555) 010-0123", "0171/12 34 56", "12345"])
def test_a_phone_number_is_kept_as_written(number):
    assert FIELDS["phone"].clean(number) == number


@pytest.mark.parametrize("number", ["call me", "1234", "+", "12345;drop"])
def test_what_is_no_phone_number_is_refused(number):
    assert sentence("phone", number) == (
        "Please enter a phone number with digits only, like +1 555 0100."
    )


def test_an_instant_is_read_as_browsers_send_it():
    assert FIELDS["instant"].clean("2026-01-31T10:00") == datetime(2026, 1, 31, 10, 0)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("0001-01-01T00:00", "Please check the year."),
        ("1999-12-31T23:59", "Please check the year."),
        ("9999-12-31T23:59", "Please check the year."),
        ("2026-02-30T10:00", "Please enter a date and time, like 2026-01-31T10:00."),
        ("2026-01-31", "Please enter a date and time, like 2026-01-31T10:00."),
        ("2026-01-31T25:00", "Please enter a date and time, like 2026-01-31T10:00."),
        ("2026-01-31T10:00Z", "Please enter a date and time, like 2026-01-31T10:00."),
        ("yesterday", "Please enter a date and time, like 2026-01-31T10:00."),
        ("٢٠٢٦-٠١-٣١T١٠:٠٠", "Please enter a date and time, like 2026-01-31T10:00."),
    ],
)
def test_what_is_no_instant_is_refused(typed, answer):
    assert sentence("instant", typed) == answer


@pytest.mark.parametrize(
    ("wall_clock", "hour_utc"),
    [
        ("2026-01-31T10:00", 15),
        ("2026-07-31T10:00", 14),
        ("2026-03-08T02:30", 7),  # skipped in New York: 03:30 EDT
        ("2026-11-01T01:30", 5),  # twice in New York: the first
    ],
)
def test_an_instant_is_on_the_regions_clock(wall_clock, hour_utc):
    naive = FIELDS["instant"].clean(wall_clock)
    minute, day = naive.minute, naive.day
    expected = datetime(2026, naive.month, day, hour_utc, minute, tzinfo=UTC)
    assert on_the_clock_of(NEW_YORK, naive) == expected


@pytest.mark.parametrize("year", [2000, 2100])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_first_and_the_last_year_are_instants_in_every_zone(zone, year):
    naive = FIELDS["instant"].clean(f"{year}-12-31T23:59")
    assert on_the_clock_of(ZoneInfo(zone), naive).tzname() == "UTC"


@pytest.mark.parametrize(("typed", "kept"), [("US", "US"), ("de", "DE"), (" GB ", "GB")])
def test_a_country_is_its_two_letter_code(typed, kept):
    assert FIELDS["country"].clean(typed) == kept


@pytest.mark.parametrize("typed", ["UK", "XX", "USA", "\x00", "<b>"])
def test_what_is_no_country_is_refused_without_repeating_it(typed):
    assert sentence("country", typed) == "Please choose a country from the list."


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("08q-ce 3d0", "08QCE3D0"), ("\u200b08QCE3D0", "08QCE3D0"), ("１２３４５", "12345")],
)
def test_a_serial_is_normalised(typed, kept):
    assert FIELDS["serial"].clean(typed) == kept


def test_a_serial_that_a_spreadsheet_rounded_is_refused():
    assert sentence("serial", "1.23E+15") == (
        "A spreadsheet has turned this serial number into a rounded number; type it in full."
    )


MARKS = "\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize("mark", [*MARKS, "\u00a0", "\u202f", "\u200e \u00a0"])
@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("serial", "08QCE3D0"),
        ("email", "ada@example.com"),
        ("phone", "+1 555 0100"),
        ("text", "Ada Lovelace"),
    ],
)
def test_marks_of_direction_and_spaces_at_the_edges_are_dropped(field, typed, mark):
    assert FIELDS[field].clean(f"{mark}{typed}{mark}") == typed


@pytest.mark.parametrize("mark", MARKS)
def test_marks_of_direction_inside_a_text_are_refused(mark):
    assert sentence("text", f"Ada{mark}Lovelace") == (
        "This contains characters that cannot be seen. Please type it by hand."
    )


def test_full_width_digits_are_digits():
    assert FIELDS["phone"].clean("＋８１ （３） ５５５５") == "+81 (3) 5555"
    assert FIELDS["serial"].clean("１２３４５") == "12345"
