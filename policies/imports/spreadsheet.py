"""Rows of the files that suppliers and shops send: CSV in any usual spelling, or XLSX."""

import codecs
import csv
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile, ZipFile, is_zipfile

from django.utils.translation import gettext_lazy as _
from openpyxl import Workbook, load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from policies.rules.errors import BadInput

BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
CHUNK = 1 << 16
# The limits of an XLSX, which may unpack to a thousand times its size. What lies in columns
# beyond these is not read.
UNPACKED_BYTES = 200_000_000
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


def rows(path: Path) -> Iterator[Row]:
    """The rows that are not blank, each with its line in the file, counted from 1.

    Cells are stripped text. Memory stays flat. Raises UnreadableFile, also half-way.
    """
    source = _xlsx_rows(path) if is_zipfile(path) else _csv_rows(path)
    for line, cells in source:
        stripped = [cell.strip() for cell in cells]
        if any(stripped):
            yield line, stripped


def _csv_rows(path: Path) -> Iterator[Row]:
    encoding = _encoding(path)
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        first = file.readline()
        file.seek(0)
        delimiter = max(",;\t|", key=first.count)
        reader = csv.reader(file, delimiter=delimiter)
        try:
            for cells in reader:
                # A quoted cell may span lines: its row counts as the line it ends on.
                yield reader.line_num, cells
        except csv.Error as error:
            raise UnreadableFile(
                _("Line %(line)d is not CSV: %(error)s.")
                % {"line": reader.line_num, "error": error}
            ) from error


def _encoding(path: Path) -> str:
    """The file's encoding: by its mark, else UTF-8 if it is valid, else what Windows writes."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        start = file.read(CHUNK)
        for bom, encoding in BOMS.items():
            if start.startswith(bom):
                return encoding
        if b"\0" in start:
            raise UnreadableFile(_("This is neither a CSV nor an XLSX file."))
        try:
            while start:
                decoder.decode(start)
                start = file.read(CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def _xlsx_rows(path: Path) -> Iterator[Row]:
    # Opened here: openpyxl leaves open what it cannot read.
    with path.open("rb") as file:
        try:
            _refuse_bombs(path)
            book = load_workbook(file, read_only=True, data_only=True)
        except UnreadableFile:
            raise
        except BROKEN_XLSX as error:
            raise UnreadableFile(_("This is neither a CSV nor an XLSX file.")) from error
        yield from _sheet_rows(book)


def _sheet_rows(book: Workbook) -> Iterator[Row]:
    line = 0
    try:
        sheet = book.worksheets[0]
        # The size that a sheet states of itself may be a lie, and a long one to read.
        sheet.reset_dimensions()
        cells_of = sheet.iter_rows(values_only=True, max_row=SHEET_ROWS, max_col=SHEET_COLUMNS)
        width = 0  # of the first row that is not blank; what is wider below it is not read
        for line, cells in enumerate(cells_of, start=1):
            width = width or _width(cells)
            yield line, [_as_text(cell) for cell in cells[:width]]
    except BROKEN_XLSX as error:
        raise UnreadableFile(
            _("The XLSX file is broken after line %(line)d.") % {"line": line}
        ) from error


def _width(cells: Sequence[object]) -> int:
    return max((place for place, cell in enumerate(cells, start=1) if cell is not None), default=0)


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
