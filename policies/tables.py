"""Rows of the files that suppliers and shops send: CSV in any usual spelling, or XLSX."""

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, is_zipfile

from django.utils.translation import gettext_lazy as _
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
CHUNK = 1 << 16

Row = tuple[int, list[str]]


class UnreadableFile(ValueError):
    """The file is not a table at all; `message` says what it looks like."""

    def __init__(self, message: Any) -> None:
        self.message = message
        super().__init__(message)


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
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError, ValueError) as error:
        raise UnreadableFile(_("This is neither a CSV nor an XLSX file.")) from error
    try:
        sheet = book.worksheets[0]
        for line, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
            yield line, [_as_text(cell) for cell in cells]
    finally:
        book.close()


def _as_text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
