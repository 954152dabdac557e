"""Tables in the files that suppliers and shops send: CSV in any usual spelling, or XLSX."""

import csv
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile, ZipFile, is_zipfile

from django.utils.translation import gettext_lazy as _
from openpyxl import Workbook, load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from policies.imports import cells, encodings
from policies.rules.errors import BadInput

# How far down a table's headings may stand, below a title and blank rows that don't count.
TOP = 10
DELIMITERS = ",;\t|"
# The limits of an XLSX, which may unpack to a thousand times its size. What lies in columns
# beyond these is not read.
UNPACKED_BYTES = 200_000_000
SHEETS = 20
SHEET_ROWS = 1_048_576
SHEET_COLUMNS = 64
# A spreadsheet keeps 15 digits of a number and makes up the rest.
EXACT_UP_TO = 10**15
# What openpyxl raises for archives and sheets that are broken, half-way too.
BROKEN_XLSX = (
    *(BadZipFile, InvalidFileException, ParseError, zlib.error),
    *(AttributeError, EOFError, KeyError, LookupError, NotImplementedError, TypeError, ValueError),
)

Row = tuple[int, list[str]]


class UnreadableFile(BadInput):
    """The file as a whole cannot be read as a table."""


class EncodingUnknown(UnreadableFile):
    """The file is text in an encoding that it does not prove, and nobody has chosen one."""

    def __init__(self) -> None:
        super().__init__(
            _("This file is not UTF-8. Choose the encoding in which it is to be read.")
        )


@dataclass(frozen=True)
class Table:
    """A sheet of a workbook, or a CSV file taken apart at one of the usual delimiters.

    `top` are the first of its rows that are not blank. `encoding` is empty for a workbook.
    """

    path: Path
    top: list[Row]
    place: int = 0
    sheet: str = ""
    delimiter: str = ""
    encoding: str = ""

    def rows(self) -> Iterator[Row]:
        """The rows that are not blank, each with its line in the file, counted from 1.

        Cells are clean text. Memory stays flat. Raises UnreadableFile, also half-way.
        """
        rows = _csv_rows(self) if self.delimiter else self._sheet_rows()
        # The bytes of a text whose encoding is not known yet mean nothing.
        clean = str if self.encoding == encodings.RAW else cells.clean
        for line, row in rows:
            texts = [clean(cell) for cell in row]
            if any(texts):
                yield line, texts

    def _sheet_rows(self) -> Iterator[Row]:
        with _workbook(self.path) as book:
            # What is wider below its first rows is not read.
            yield from _sheet_rows(book, self.place, max(len(row) for _line, row in self.top))


def tables(path: Path, encoding: str = "") -> list[Table]:
    """The tables that a file may hold, the likeliest first; none where there is no row.

    `encoding` is needed only for a text that does not prove its own. Raises UnreadableFile.
    """
    if not is_zipfile(path):
        return _csv_tables(path, encoding or _proven(path))
    with _workbook(path) as book:
        every = [
            Table(path, _top(_sheet_rows(book, place, SHEET_COLUMNS)), place, sheet.title)
            for place, sheet in enumerate(book.worksheets[:SHEETS])
        ]
    return [table for table in every if table.top]


def proven_encoding(path: Path) -> str:
    """An encoding that needs no choice, utf-8 for a workbook; empty where one is needed.

    Raises UnreadableFile.
    """
    if is_zipfile(path):
        return "utf-8"
    encoding = encodings.certain(path)
    if encoding in {"", "utf-8"}:
        with path.open("rb") as file:
            if b"\0" in file.read(encodings.CHUNK):
                raise UnreadableFile(_("This is neither a CSV nor an XLSX file."))
    return encoding


def _proven(path: Path) -> str:
    encoding = proven_encoding(path)
    if not encoding:
        raise EncodingUnknown
    return encoding


def _top(rows: Iterator[Row]) -> list[Row]:
    cleaned = ((line, [cells.clean(cell) for cell in row]) for line, row in rows)
    top = list(islice(((line, row) for line, row in cleaned if any(row)), TOP))
    width = max((_width(row) for _line, row in top), default=0)
    return [(line, row[:width]) for line, row in top]


def _width(row: Sequence[str]) -> int:
    return max((place for place, cell in enumerate(row, start=1) if cell), default=0)


# --- CSV -------------------------------------------------------------------------------------


def _csv_tables(path: Path, encoding: str) -> list[Table]:
    """One for each delimiter that the first lines have, the most frequent first."""
    with _text(path, encoding) as file:
        lines = [*islice(file, 2 * TOP)]
    first = lines[0] if lines else ""
    stated = _stated_delimiter(first)
    counts = {one: sum(line.count(one) for line in lines) for one in DELIMITERS}
    # The first line has most often the headings; below it there may be text with commas.
    usual = sorted(DELIMITERS, key=lambda one: (first.count(one), counts[one]), reverse=True)
    delimiters = [stated] if stated else [usual[0], *(one for one in usual[1:] if counts[one])]
    empty = [Table(path, [], delimiter=one, encoding=encoding) for one in delimiters]
    every = []
    for place, one in enumerate(empty):
        try:
            top = _top(_csv_rows(one))
        except UnreadableFile:
            if not place:
                raise
            continue  # only a guess at the delimiter
        every.append(Table(path, top, delimiter=one.delimiter, encoding=encoding))
    return [table for table in every if table.top]


def _csv_rows(table: Table) -> Iterator[Row]:
    with _text(table.path, table.encoding) as file:
        first = file.readline()
        skipped = 1 if _stated_delimiter(first) else 0
        reader = csv.reader(file if skipped else chain([first], file), delimiter=table.delimiter)
        try:
            for row in reader:
                # A quoted cell may span lines: its row counts as the line it ends on.
                yield reader.line_num + skipped, row
        except csv.Error as error:
            raise UnreadableFile(
                _("Line %(line)d is not CSV: %(error)s.")
                % {"line": reader.line_num + skipped, "error": error}
            ) from error


def _text(path: Path, encoding: str) -> IO[str]:
    return path.open(encoding=encoding, errors="replace", newline="")


def _stated_delimiter(first_line: str) -> str:
    """What Excel writes and reads as a first line of its own: `sep=;`."""
    text = first_line.rstrip("\r\n").strip('"')
    stated = text[4:] if text[:4].lower() == "sep=" else ""
    return stated if len(stated) == 1 and stated not in '"\\' else ""


# --- XLSX ------------------------------------------------------------------------------------


@contextmanager
def _workbook(path: Path) -> Iterator[Workbook]:
    # Opened here: openpyxl leaves open what it cannot read.
    with path.open("rb") as file:
        try:
            _refuse_bombs(path)
            book = load_workbook(file, read_only=True, data_only=True)
        except UnreadableFile:
            raise
        except BROKEN_XLSX as error:
            raise UnreadableFile(_("This is neither a CSV nor an XLSX file.")) from error
        yield book


def _sheet_rows(book: Workbook, place: int, width: int) -> Iterator[Row]:
    line = 0
    try:
        sheet = book.worksheets[place]
        # The size that a sheet states of itself may be a lie, and a long one to read.
        sheet.reset_dimensions()
        rows = sheet.iter_rows(values_only=True, max_row=SHEET_ROWS, max_col=SHEET_COLUMNS)
        for line, row in enumerate(rows, start=1):
            yield line, [_as_text(cell) for cell in row[:width]]
    except BROKEN_XLSX as error:
        raise UnreadableFile(
            _("The XLSX file is broken after line %(line)d.") % {"line": line}
        ) from error


def unpacked_size(path: Path) -> int:
    """How many bytes there are to read, when an XLSX is unpacked. Raises UnreadableFile."""
    if not is_zipfile(path):
        return path.stat().st_size
    try:
        # The sizes that an archive states are safe to trust: no more than that is unpacked.
        with ZipFile(path) as archive:
            return sum(member.file_size for member in archive.infolist())
    except BROKEN_XLSX as error:
        raise UnreadableFile(_("This is neither a CSV nor an XLSX file.")) from error


def _refuse_bombs(path: Path) -> None:
    if unpacked_size(path) > UNPACKED_BYTES:
        raise UnreadableFile(
            _("This file unpacks to more than %(size)d MB. Please save it as CSV.")
            % {"size": UNPACKED_BYTES // 1_000_000}
        )


def _as_text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, int | float) and abs(cell) >= EXACT_UP_TO:
        return f"{cell:.2E}"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
