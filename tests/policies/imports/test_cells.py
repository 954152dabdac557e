"""Cells as people and spreadsheets write them. No database anywhere in this file."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from policies.imports import cells
from policies.imports.cells import BadRow

NEW_YORK = ZoneInfo("America/New_York")


def refused(read) -> str:
    with pytest.raises(BadRow) as refusal:
        read()
    return str(refusal.value.message)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-10T09:00", datetime(2026, 3, 10, 13, 0, tzinfo=UTC)),
        ("2026-03-10 09:00:00", datetime(2026, 3, 10, 13, 0, tzinfo=UTC)),
        ("2026-03-10T09:00Z", datetime(2026, 3, 10, 9, 0, tzinfo=UTC)),
        ("2026-03-10T09:00+01:00", datetime(2026, 3, 10, 8, 0, tzinfo=UTC)),
        ("2026-03-10", datetime(2026, 3, 10, 4, 0, tzinfo=UTC)),
        ("", None),
    ],
)
def test_an_instant_without_an_offset_is_on_the_clock_of_the_region(text, instant):
    assert cells.read_instant({"shipped_at": text}, "shipped_at", NEW_YORK) == instant


def test_a_column_that_is_not_there_is_an_empty_one():
    assert cells.read_instant({}, "shipped_at", NEW_YORK) is None


@pytest.mark.parametrize("text", ["soon", "2026-02-30", "10.03.2026", "0001-01-01", "9999-12-31"])
def test_what_is_not_an_instant_is_refused(text):
    assert (
        refused(lambda: cells.read_instant({"shipped_at": text}, "shipped_at", NEW_YORK))
        == "shipped_at must be a date and time, such as 2026-01-31T10:00."
    )


@pytest.mark.parametrize("text", ["2027-01-01", "2027-01-01 00:00:00"])
def test_a_date_may_bear_a_spreadsheet_s_midnight(text):
    assert cells.date_of({"valid_from": text}, "valid_from") == date(2027, 1, 1)


@pytest.mark.parametrize(
    "text", ["soon", "2027-02-30", "2027-01-01 09:00:00", "1999-12-31", "2101-01-01"]
)
def test_what_is_not_a_date_is_refused(text):
    assert (
        refused(lambda: cells.date_of({"valid_from": text}, "valid_from"))
        == "valid_from must be a date, such as 2026-01-31."
    )


@pytest.mark.parametrize("row", [{}, {"name": ""}])
def test_a_needed_column_is_not_empty(row):
    assert refused(lambda: cells.refuse_empty(row, ["name"])) == "name is missing."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Ann\ufffdLee", "name cannot be read. Save the file as UTF-8."),
        ("Ann\x00Lee", "name has characters that cannot be printed."),
        ("\u202eAnn", "name has characters that cannot be printed."),
        ("A" * 11, "name must have at most 10 characters."),
    ],
)
def test_a_cell_is_short_plain_text(text, sentence):
    check = {"names": ["name"], "longest": {"name": 10}}
    assert refused(lambda: cells.refuse_unreadable({"name": text}, **check)) == sentence
    cells.refuse_unreadable({"name": "Ann Lee"}, **check)
    cells.refuse_unreadable({"name": "", "other": text}, **check)
