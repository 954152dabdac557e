"""What all imports of files have in common: a pass over the file, and what comes of it.

A kind (codes, orders, drones, fees) reads a row, compares rows with what is on file block by
block, and writes them. A pass gives every row one of four outcomes. `check` makes the pass
and writes nothing. `import_rows` makes it again in one transaction, writes as it goes, and
rolls everything back when the outcome is another than the one that was checked.

Memory stays flat: a block of rows, and on disk where each key was first seen.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from policies.imports import cells, encodings, spreadsheet
from policies.imports.lines import BAD, CHANGED, NEW, Checked, FirstLines, Line
from policies.imports.spreadsheet import Row, Table, UnreadableFile
from policies.rules.errors import BadInput
from policies.rules.text import Text
from policies.shared.actor import Actor
from policies.shared.errors import Conflict

BLOCK = 2_000


# Headings as our own pages and exports write them, where they are not the column's name.
HEADINGS = {
    "e-mail": "email",
    "order": "reference",
    "order_reference": "reference",
    "serial_number": "serial",
    "drone": "serial",
    "customer": "name",
    "ordered": "placed_at",
    "shipped": "shipped_at",
    "activated": "activated_at",
}


class RecordsChanged(Conflict):
    """Records have changed since the check, and the file would now do something else."""

    def __init__(self) -> None:
        super().__init__(_("Records have changed since this file was checked. Check it again."))


class ImportKind:
    """What is particular to one kind of file. One instance makes one pass.

    `now` is the instant at which rules apply and rows are written. With `locking`
    the rows that `compare` reads stay as they are until the caller's transaction ends.
    `encoding` is what a person chose for a text that does not prove its own.
    """

    needed: ClassVar[list[str]]
    optional: ClassVar[list[str]] = []
    longest: ClassVar[dict[str, int]] = {}
    repeated: ClassVar[Any]  # the problem of a second row with the same key, with %(line)d

    def __init__(self, *, now: datetime, locking: bool = False, encoding: str = "") -> None:
        self.now = now
        self.locking = locking
        self.encoding = encoding
        self.read_from = ""  # in words
        self.columns: set[str] = set()  # those that the file has
        self.unused_headings: list[str] = []

    def lines(self, path: Path) -> Iterator[Line]:
        """The rows below the headings, their cells by name in `value`. Raises UnreadableFile."""
        tables = spreadsheet.tables(path, self.encoding)
        if not tables:
            raise UnreadableFile(_("The file is empty."))
        headed = [(table, line) for table in tables for line in self._heading_lines(table)]
        if not headed:
            raise UnreadableFile(self._missing(tables))
        table, (number, row) = headed[0]
        headings = self._headings(row, number)
        sheets = [other.sheet for other, _line in headed[1:] if other.sheet != table.sheet]
        self.read_from = place_in_words(table, number, sheets, of=len(tables))
        for line, texts in table.rows():
            if line > number:
                yield Line(line, texts, dict(zip(headings, texts, strict=False)))

    def _heading_lines(self, table: Table) -> list[Row]:
        """The first row that has all headings that are needed, if there is one."""
        fitting = (line for line in table.top if not self._lacking(self._names(line[1])))
        return list(islice(fitting, 1))

    def _names(self, row: list[str]) -> list[str]:
        names = [" ".join(cell.lower().split()).replace(" ", "_") for cell in row]
        known = {*self.needed, *self.optional}
        also = {name: HEADINGS.get(name, name) for name in names}
        return [also[name] if also[name] in known - set(names) else name for name in names]

    def _lacking(self, names: list[str]) -> list[str]:
        return [name for name in self.needed if name not in names]

    def _missing(self, tables: list[Table]) -> Text:
        """What is wrong where no table has all headings: said of the row that has most of them."""
        rows = [(self._lacking(self._names(row)), line) for one in tables for line, row in one.top]
        lacking, line = min(rows, key=lambda row: len(row[0]))
        if len(lacking) == len(self.needed):
            message = _("None of the first %(count)d lines has the headings %(missing)s.")
            return message % {"count": spreadsheet.TOP, "missing": ", ".join(lacking)}
        message = _("Line %(line)d has no heading %(missing)s, which is needed.")
        return message % {"line": line, "missing": ", ".join(lacking)}

    def _headings(self, row: list[str], line: int) -> list[str]:
        headings = self._names(row)
        known = [*self.needed, *self.optional]
        twice = [name for name in known if headings.count(name) > 1]
        if twice:
            raise UnreadableFile(
                _("The heading %(name)s appears twice in line %(line)d.")
                % {"name": twice[0], "line": line}
            )
        self.columns = set(headings)
        self.unused_headings = [name[:40] for name in headings if name and name not in known][:20]
        return headings

    def samples(self, line: Line) -> list[str]:
        """Texts of a row, read by its bytes, by which a person can tell the encoding."""
        cells_used = (line.value.get(name, "") for name in (*self.needed, *self.optional))
        return [cell for cell in cells_used if not cell.isascii()]

    def country(self, line: Line) -> str:
        """The country (ISO alpha-2) of a row whose texts mean nothing yet, if it has one."""
        return ""

    def understand(self, line: Line) -> None:
        """Turns the cells in `value` into what they mean. Raises BadInput."""
        cells.refuse_empty(line.value, self.needed)
        known = (*self.needed, *self.optional)
        cells.refuse_unreadable(line.value, known, longest=self.longest)
        line.value = self.read(line.value)

    def read(self, row: dict[str, str]) -> Any:
        """What a row of texts means, by itself. Raises BadInput."""
        raise NotImplementedError

    def key(self, value: Any) -> str:
        """What no two rows of a file may have in common."""
        raise NotImplementedError

    def compare(self, lines: list[Line]) -> None:
        """Compares rows with what is on file: sets each one's outcome and what it changes."""
        raise NotImplementedError

    def begin(self, *, size: int, actor: Actor) -> None:
        """Before the first row is written; `size` is the number of new rows. May raise Conflict."""

    def write(self, lines: list[Line], *, actor: Actor) -> None:
        """Writes compared rows, new and changed ones."""
        raise NotImplementedError

    def shown_cells(self, line: Line) -> list[str]:
        """The row's own text, as a list of what is wrong may repeat it."""
        return line.cells


def place_in_words(table: Table, line: int, others: list[str], *, of: int) -> str:
    """Where the table was found, in words; empty for the top of an only one."""
    if not table.sheet:
        message = _("Headings in line %(line)d.") if line > 1 else ""
        return str(message and message % {"line": line})
    if of == 1 and line == 1:
        return ""
    message = _("Sheet “%(sheet)s”, headings in line %(line)d.")
    place = str(message % {"sheet": table.sheet, "line": line})
    if others:
        message = _("Not read, though it has such headings: sheet “%(sheet)s”.")
        place += " " + " ".join(str(message % {"sheet": sheet}) for sheet in others[:3])
    return place


def look_through(kind: ImportKind, path: Path) -> Iterator[list[Line]]:
    """The pass: the rows of the file block by block, each with its outcome."""
    first_lines = FirstLines()
    pending = kind.lines(path)
    try:
        while block := list(islice(pending, BLOCK)):
            for line in block:
                _understand(kind, line)
            understood = [line for line in block if line.outcome != BAD]
            _refuse_repeated(kind, understood, first_lines)
            kind.compare([line for line in understood if line.outcome != BAD])
            yield block
    finally:
        first_lines.close()


def sample(kind: ImportKind, path: Path) -> tuple[list[bytes], list[str]]:
    """Some texts as bytes, and the countries of their rows; `kind` reads in encodings.RAW."""
    texts: dict[bytes, None] = {}
    countries = []
    for line in kind.lines(path):
        found = [text.encode(encodings.RAW) for text in kind.samples(line)]
        if found:
            texts |= dict.fromkeys(found)
            countries.append(kind.country(line))
        if len(texts) >= encodings.SAMPLES:
            break
    return list(texts)[: encodings.SAMPLES], [one for one in countries if one]


def _understand(kind: ImportKind, line: Line) -> None:
    try:
        kind.understand(line)
    except BadInput as error:
        line.refuse(error.message)


def _refuse_repeated(kind: ImportKind, lines: list[Line], first_lines: FirstLines) -> None:
    keys = [(kind.key(line.value), line.number) for line in lines]
    for line, first in zip(lines, first_lines.of(keys), strict=True):
        if first != line.number:
            line.refuse(kind.repeated % {"line": first})


def check(
    kind: ImportKind,
    path: Path,
    *,
    report: Callable[[Line], object] | None = None,
    tell: Callable[[int], object] | None = None,
) -> Checked:
    """Looks through the whole file and writes nothing. Raises UnreadableFile.

    `report` gets each row that is bad or has a warning, in the order of the file,
    `tell` how many rows are done.
    """
    checked = Checked()
    for block in look_through(kind, path):
        checked.add(block)
        if report:
            for line in block:
                if line.outcome == BAD or line.differences:
                    report(line)
        if tell:
            tell(checked.rows)
    return checked


def import_rows(
    kind: ImportKind,
    path: Path,
    *,
    size: int,
    fingerprint: str,
    actor: Actor,
    tell: Callable[[int], object] | None = None,
) -> Checked:
    """Writes the good rows of a checked file, all or nothing; the bad ones are left out.

    `size` (of new rows) and `fingerprint` are those of the check, `tell` gets how many rows
    are done. Raises RecordsChanged when the file would now do something else, and
    UnreadableFile.
    """
    done = Checked()
    try:
        with transaction.atomic():
            kind.begin(size=size, actor=actor)
            for block in look_through(kind, path):
                done.add(block)
                kind.write([one for one in block if one.outcome in {NEW, CHANGED}], actor=actor)
                if tell:
                    tell(done.rows)
            if done.fingerprint != fingerprint:
                raise RecordsChanged
    except IntegrityError as error:
        # Another process wrote the same between our look and our writing.
        raise RecordsChanged from error
    return done
