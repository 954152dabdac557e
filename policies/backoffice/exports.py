"""FACE: rows as a file to download, CSV or XLSX, however many there are.

Rows come from an iterator and are never held together: a CSV leaves as it is written, an
XLSX is put together in a temporary file. Text that a spreadsheet would take for a formula
gets an apostrophe in front; numbers stay numbers. Instants are ISO 8601 with their offset
in CSV; Excel knows no time zones, so an XLSX holds them as dates on the clock of UTC.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from itertools import chain, islice
from tempfile import TemporaryFile
from typing import Any

from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from openpyxl import Workbook
from openpyxl.utils import get_column_letter

BLOCK = 500
SHEET_ROWS = 1_048_576  # what Excel opens; more go on the next sheet
CELL_CHARACTERS = 32_767  # what Excel keeps of one cell

# A spreadsheet also reads the full-width forms of = + - @ as the beginning of a formula.
FORMULA = re.compile(r"^\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]")
# XML cannot hold these, and no cell needs them.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

Row = Sequence[Any]
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def as_csv(name: str, headings: Row, rows: Iterable[Row]) -> StreamingHttpResponse:
    """A download `name`.csv, in UTF-8 with the mark by which Excel knows it."""
    lines = chain([[_text(str(one)) for one in headings]], rows)
    return StreamingHttpResponse(
        _csv_blocks(iter(lines)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def as_xlsx(name: str, headings: Row, rows: Iterable[Row]) -> FileResponse:
    """A download `name`.xlsx. Its sheets repeat the headings."""
    book = Workbook(write_only=True)
    titles = [_text(str(one)) for one in headings]
    lines = (list(map(_xlsx_cell, row)) for row in rows)
    _fill_sheet(book, titles, lines)
    for line in lines:
        _fill_sheet(book, titles, chain([line], lines))
    file = TemporaryFile()  # noqa: SIM115 — the response closes it
    book.save(file)
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=f"{name}.xlsx", content_type=XLSX_TYPE)


FORMATS: dict[str, Callable[[str, Row, Iterable[Row]], HttpResponseBase]] = {
    "csv": as_csv,
    "xlsx": as_xlsx,
}


def _csv_blocks(lines: Iterator[Row]) -> Iterator[bytes]:
    mark = "\ufeff"
    while block := list(islice(lines, BLOCK)):
        text = StringIO()
        writer = csv.writer(text)
        writer.writerows([_csv_cell(value) for value in line] for line in block)
        yield (mark + text.getvalue()).encode()
        mark = ""


def _fill_sheet(book: Workbook, titles: list[str], lines: Iterable[Row]) -> None:
    sheet = book.create_sheet()
    # Set before the first row, which is written at once.
    sheet.freeze_panes = "A2"
    for place, title in enumerate(titles, start=1):
        sheet.column_dimensions[get_column_letter(place)].width = max(12, min(40, len(title) + 4))
    sheet.append(titles)
    for line in islice(lines, SHEET_ROWS - 1):
        sheet.append(line)


def _csv_cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return _plain(value)


def _xlsx_cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    plain = _plain(value)
    return plain[:CELL_CHARACTERS] if isinstance(plain, str) else plain


def _plain(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, int | float | Decimal | date):
        return value
    return _text(str(value))


def _text(text: str) -> str:
    """The text, changed so that no spreadsheet takes it for a formula."""
    clean = CONTROL.sub("", text)
    return f"'{clean}" if FORMULA.match(clean) else clean
