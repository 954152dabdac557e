"""Rows as files: what a spreadsheet makes of them, and how much memory they take."""

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO

import pytest
from django.http import FileResponse
from openpyxl import load_workbook

from policies.backoffice import exports

AT = datetime(2026, 3, 10, 16, 0, 30, 999, tzinfo=UTC)


def body(response) -> bytes:
    content = b"".join(response.streaming_content)
    close_file_of(response)
    return content


def close_file_of(response) -> None:
    """What `response.close()` does, without the end of a request, at which Django looks for
    database connections to close."""
    if isinstance(response, FileResponse):
        response.file_to_stream.close()


def csv_of(*cells) -> str:
    return body(exports.as_csv("x", ["h"], [cells])).decode("utf-8-sig").splitlines()[1]


def sheet_of(*rows) -> list[list]:
    book = load_workbook(BytesIO(body(exports.as_xlsx("x", ["one", "two"], rows))))
    return [[cell.value for cell in row] for row in book.worksheets[0].iter_rows()]


def test_a_csv_begins_with_the_mark_that_excel_knows_utf_8_by():
    response = exports.as_csv("stock", ["Größe"], [["ü"]])
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="stock.csv"'
    assert body(response) == b"\xef\xbb\xbfGr\xc3\xb6\xc3\x9fe\r\n\xc3\xbc\r\n"


def test_only_the_first_block_of_a_csv_has_the_mark():
    whole = body(exports.as_csv("x", ["n"], ([n] for n in range(1_200))))
    assert whole.count(b"\xef\xbb\xbf") == 1
    assert len(whole.splitlines()) == 1_201


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1 555 0100", "'+1 555 0100"),
        ("-2", "'-2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("  =cmd|' /C calc'!A0", "'  =cmd|' /C calc'!A0"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\x00=1", "'=1"),
        ("a=b", "a=b"),
        ("POL-ABCD2345", "POL-ABCD2345"),
        ("🛸 1–2", "🛸 1–2"),
    ],
)
def test_text_never_becomes_a_formula(typed, written):
    assert csv_of(typed) == written
    [_titles, [cell, _empty]] = sheet_of([typed, ""])
    assert cell == written


def test_a_carriage_return_does_not_smuggle_a_formula_in():
    assert body(exports.as_csv("x", ["h"], [["\r=1"]])).endswith(b'"\'\r=1"\r\n')
    assert body(exports.as_csv("x", ["h"], [["\n=1"]])).endswith(b'"\'\n=1"\r\n')


def test_headings_are_made_harmless_too():
    assert body(exports.as_csv("x", ["=h"], [])).decode("utf-8-sig") == "'=h\r\n"


def test_numbers_stay_numbers_and_instants_carry_their_offset():
    assert csv_of(7, -7, Decimal("-119.00"), 2.5, None) == "7,-7,-119.00,2.5,"
    assert csv_of(AT, date(2026, 3, 10)) == "2026-03-10T16:00:30+00:00,2026-03-10"


def test_an_xlsx_holds_numbers_as_numbers_and_dates_as_dates():
    [titles, amounts, days] = sheet_of([Decimal("119.50"), -3], [AT, date(2026, 3, 10)])
    assert titles == ["one", "two"]
    assert amounts == [119.5, -3]
    assert days == [AT.replace(tzinfo=None, microsecond=0), datetime(2026, 3, 10)]  # noqa: DTZ001


def test_characters_that_xml_refuses_are_left_out():
    assert sheet_of(["a\x00\x0b\x1fb\ufffe", "x" * 40_000])[1] == ["ab", "x" * 32_767]


def test_more_rows_than_a_sheet_takes_go_on_the_next_one(monkeypatch):
    monkeypatch.setattr(exports, "SHEET_ROWS", 4)
    file = BytesIO(body(exports.as_xlsx("x", ["n"], ([n] for n in range(7)))))
    sheets = [[cell for [cell] in one.values] for one in load_workbook(file).worksheets]
    assert sheets == [["n", 0, 1, 2], ["n", 3, 4, 5], ["n", 6]]


def wide_rows(count: int) -> Iterator[list[str]]:
    """Held together, 8,000 of them would take 24 MB."""
    return ([f"{n}-{m}".rjust(600, "x") for m in range(5)] for n in range(count))


@pytest.mark.parametrize("write", [exports.as_csv, exports.as_xlsx])
def test_many_rows_take_no_more_memory_than_a_block(write):
    tracemalloc.start()
    try:
        response = write("x", ["n"] * 5, wide_rows(8_000))
        size = sum(map(len, response.streaming_content))
        close_file_of(response)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 100_000
    assert peak < 15 * 1024 * 1024
