"""What all imports of files have in common: a pass over the file, and what comes of it.

A kind (codes, orders, drones, fees) reads a row, compares rows with the books block by
block, and writes them. A pass gives every row one of four outcomes. `check` makes the pass
and writes nothing. `take_in` makes it again in one transaction, writes as it goes, and takes
everything back when the outcome is another than the one that was checked.

Memory stays flat: a block of rows, and on disk where each key was first seen.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext_lazy as _

from policies.imports import spreadsheet
from policies.rules.errors import BadInput
from policies.shared.actor import Actor
from policies.shared.errors import Conflict
from policies.shared.fields import on_the_clock_of

NEW, CHANGED, SAME, BAD = "new", "changed", "same", "bad"
BLOCK = 2_000
# How many problems and changes are kept to be looked at; the others are counted.
SHOWN = 50
YEARS = range(2000, 2101)
UNREADABLE_CHARACTER = "\ufffd"


class BadRow(BadInput):
    """The row cannot be imported."""


class BooksChanged(Conflict):
    """Since the check something changed, and the file would now do something else."""

    def __init__(self) -> None:
        super().__init__(_("The books have changed since this file was checked. Check it again."))


@dataclass(slots=True)
class Line:
    """A row of the file, what it means, and what it would do to the books."""

    number: int
    cells: list[str]
    value: Any = None
    outcome: str = NEW
    problem: Any = ""
    about: str = ""
    before: str = ""
    after: str = ""
    on_file: Any = None

    def refuse(self, problem: Any) -> None:
        self.outcome, self.problem = BAD, problem

    def __str__(self) -> str:
        return f"line {self.number}: {self.problem}"


@dataclass
class Checked:
    """What came of a pass."""

    new: int = 0
    changed: int = 0
    same: int = 0
    bad: int = 0
    problems: list[Line] = field(default_factory=list)
    changes: list[Line] = field(default_factory=list)
    _hash: Any = field(default_factory=lambda: blake2b(digest_size=16))

    def add(self, block: Iterable[Line]) -> None:
        for line in block:
            setattr(self, line.outcome, getattr(self, line.outcome) + 1)
            seen = (line.number, line.outcome, line.about, line.before, line.after)
            self._hash.update(repr(seen).encode())
            kept = self.problems if line.outcome == BAD else self.changes
            if line.outcome != SAME and len(kept) < SHOWN:
                kept.append(line)

    @property
    def good(self) -> int:
        return self.new + self.changed + self.same

    @property
    def rows(self) -> int:
        return self.good + self.bad

    @property
    def fingerprint(self) -> str:
        """Equal for two passes that came to the same, row by row."""
        return self._hash.hexdigest()


class FirstLines:
    """Where each key of a file was first seen, in a temporary file that nobody can open.

    It holds digests of the keys: an activation code is never written anywhere in plain.
    """

    def __init__(self) -> None:
        self._book = sqlite3.connect("")
        self._book.execute("CREATE TABLE first (key BLOB PRIMARY KEY, line INTEGER) WITHOUT ROWID")

    def of(self, keys: list[tuple[str, int]]) -> list[int]:
        """For each key with its line, in their order, the line that had the key first."""
        digests = [(blake2b(key.encode(), digest_size=16).digest(), line) for key, line in keys]
        self._book.executemany("INSERT OR IGNORE INTO first VALUES (?, ?)", digests)
        look_up = "SELECT line FROM first WHERE key = ?"
        return [self._book.execute(look_up, (digest,)).fetchone()[0] for digest, _line in digests]

    def close(self) -> None:
        self._book.close()


class ImportKind:
    """What is particular to one kind of file. One instance makes one pass.

    `now` is the instant that rules are asked for and that rows are written at. With `locking`
    the rows that `compare` reads stay as they are until the caller's transaction ends.
    """

    needed: ClassVar[list[str]]
    optional: ClassVar[list[str]] = []
    longest: ClassVar[dict[str, int]] = {}
    repeated: ClassVar[Any]  # the problem of a second row with the same key, with %(line)d

    def __init__(self, *, now: datetime, locking: bool = False) -> None:
        self.now = now
        self.locking = locking
        self.unused_headings: list[str] = []

    def lines(self, path: Path) -> Iterator[Line]:
        """The rows below the headings, their cells by name in `value`. Raises UnreadableFile."""
        rows = spreadsheet.rows(path)
        headings: list[str] = []
        for _number, cells in islice(rows, 1):
            headings = self._headings(cells)
        if not headings:
            raise spreadsheet.UnreadableFile(_("The file is empty."))
        for number, cells in rows:
            yield Line(number, cells, dict(zip(headings, cells, strict=False)))

    def _headings(self, cells: list[str]) -> list[str]:
        headings = [cell.lower().replace(" ", "_") for cell in cells]
        known = [*self.needed, *self.optional]
        missing = [name for name in self.needed if name not in headings]
        if missing:
            raise spreadsheet.UnreadableFile(
                _("The first line must have the headings %(missing)s.")
                % {"missing": ", ".join(missing)}
            )
        twice = [name for name in known if headings.count(name) > 1]
        if twice:
            raise spreadsheet.UnreadableFile(
                _("The heading %(name)s stands in the first line twice.") % {"name": twice[0]}
            )
        self.unused_headings = [name[:40] for name in headings if name and name not in known][:20]
        return headings

    def understand(self, line: Line) -> None:
        """Turns the cells in `value` into what they mean. Raises BadInput."""
        row = line.value
        for name in self.needed:
            if not row.get(name):
                raise BadRow(_("The column %(name)s is empty.") % {"name": name})
        for name in (*self.needed, *self.optional):
            text = row.get(name, "")
            if UNREADABLE_CHARACTER in text:
                raise BadRow(
                    _("The column %(name)s cannot be read; save the file as UTF-8.")
                    % {"name": name}
                )
            if len(text) > self.longest.get(name, 255) or not text.isprintable():
                raise BadRow(
                    _("The column %(name)s is too long or not plain text.") % {"name": name}
                )
        line.value = self.read(row)

    def read(self, row: dict[str, str]) -> Any:
        """What a row of texts means, by itself. Raises BadInput."""
        raise NotImplementedError

    def key(self, value: Any) -> str:
        """What no two rows of a file may have in common."""
        raise NotImplementedError

    def compare(self, lines: list[Line]) -> None:
        """Holds understood rows against the books: sets each one's outcome and what it changes."""
        raise NotImplementedError

    def begin(self, *, size: int, actor: Actor) -> None:
        """Before the first row is written; `size` is the number of new rows. May raise Conflict."""

    def write(self, lines: list[Line], *, actor: Actor) -> None:
        """Writes compared rows, new and changed ones."""
        raise NotImplementedError

    def shown_cells(self, line: Line) -> list[str]:
        """The row's own text, as a list of what is wrong may repeat it."""
        return line.cells


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


def nobody(_said: Any) -> None:
    """Listens to what nobody wants to hear."""


def check(
    kind: ImportKind,
    path: Path,
    *,
    report: Callable[[Line], object] = nobody,
    tell: Callable[[int], object] = nobody,
) -> Checked:
    """Looks through the whole file and writes nothing. Raises UnreadableFile.

    `report` gets each bad row in the order of the file, `tell` how many rows are done.
    """
    checked = Checked()
    for block in look_through(kind, path):
        checked.add(block)
        for line in block:
            if line.outcome == BAD:
                report(line)
        tell(checked.rows)
    return checked


def take_in(
    kind: ImportKind,
    path: Path,
    *,
    size: int,
    fingerprint: str,
    actor: Actor,
    tell: Callable[[int], object] = nobody,
) -> Checked:
    """Writes the good rows of a checked file, all or nothing; the bad ones are left out.

    `size` (of new rows) and `fingerprint` are those of the check. Raises BooksChanged when
    the file would now do something else, and UnreadableFile.
    """
    done = Checked()
    try:
        with transaction.atomic():
            kind.begin(size=size, actor=actor)
            for block in look_through(kind, path):
                done.add(block)
                kind.write([one for one in block if one.outcome in {NEW, CHANGED}], actor=actor)
                tell(done.rows)
            if done.fingerprint != fingerprint:
                raise BooksChanged
    except IntegrityError as error:
        # Somebody wrote the same between our look and our writing.
        raise BooksChanged from error
    return done


# --- reading cells ---------------------------------------------------------------------------


def instant_of(row: dict[str, str], name: str, zone: ZoneInfo) -> datetime | None:
    """The instant in a column, None where it is empty; without an offset on the clock of `zone`.

    Raises BadRow.
    """
    text = row.get(name, "")
    if not text:
        return None
    try:
        found = parse_datetime(text)
        if found is None and (day := parse_date(text)):
            found = datetime(day.year, day.month, day.day)  # noqa: DTZ001 — the clock follows
    except ValueError:
        found = None
    if found is None or found.year not in YEARS:
        raise BadRow(
            _("The column %(name)s is no date and time, like 2026-01-31T10:00.") % {"name": name}
        )
    return found if found.tzinfo else on_the_clock_of(zone, found)


def day_of(row: dict[str, str], name: str) -> date:
    """The day in a column; a spreadsheet's midnight is one too. Raises BadRow."""
    text = row[name].removesuffix(" 00:00:00")
    try:
        found = parse_date(text)
    except ValueError:
        found = None
    if found is None or found.year not in YEARS:
        raise BadRow(_("The column %(name)s is no day, like 2026-01-31.") % {"name": name})
    return found
