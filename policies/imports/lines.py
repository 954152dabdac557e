"""The rows of a file, what each would do, and all of them counted."""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from django.utils.translation import gettext_lazy as _

from policies.rules.text import Text

NEW, CHANGED, SAME, BAD = "new", "changed", "same", "bad"
# How many problems and changes a result lists; the others are only counted.
LISTED = 50


@dataclass(slots=True)
class Line:
    """A row of the file, what it means, and what it would change on file.

    `about` names the row, `who` the person in it, `differences` what a person should look at:
    what it says otherwise than the books and does not change, what looks wrong about its serial
    number.
    """

    number: int
    cells: list[str]
    value: Any = None
    outcome: str = NEW
    problem: Any = ""
    about: str = ""
    who: str = ""
    before: str = ""
    after: str = ""
    on_file: Any = None
    differences: list[Text] = field(default_factory=list)

    def refuse(self, problem: Any) -> None:
        self.outcome, self.problem = BAD, problem

    def differs(self, column: str, *, books: object, file: object) -> None:
        """Notes that the file says something else, which the import leaves as it is."""
        nothing = _("nothing")
        message = _("%(column)s: the books say %(books)s, the file says %(file)s.")
        facts = {"column": column, "books": books or nothing, "file": file or nothing}
        self.differences.append(message % facts)

    def doubts(self, serial: str, doubts: Iterable[Text]) -> None:
        """Notes what looks wrong about a serial number, which is taken all the same (B12)."""
        self.differences += [f"{serial}: {doubt}" for doubt in doubts]

    def __str__(self) -> str:
        return f"line {self.number}: {self.problem}"


@dataclass
class Checked:
    """What came of a pass."""

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[Line] = field(default_factory=list)
    changes: list[Line] = field(default_factory=list)
    # The first rows that a person should look at, and how many there are.
    differing: list[Line] = field(default_factory=list)
    differences: int = 0
    _hash: Any = field(default_factory=lambda: blake2b(digest_size=16))

    def add(self, block: Iterable[Line]) -> None:
        for line in block:
            self.counts[line.outcome] += 1
            result = (line.number, line.outcome, line.about, line.before, line.after)
            self._hash.update(repr(result).encode())
            examples = self.problems if line.outcome == BAD else self.changes
            if line.outcome != SAME and len(examples) < LISTED:
                examples.append(line)
            if line.differences and line.outcome != BAD:
                self.differences += 1
                if len(self.differing) < LISTED:
                    self.differing.append(line)

    @property
    def new(self) -> int:
        return self.counts[NEW]

    @property
    def changed(self) -> int:
        return self.counts[CHANGED]

    @property
    def same(self) -> int:
        return self.counts[SAME]

    @property
    def bad(self) -> int:
        return self.counts[BAD]

    @property
    def good(self) -> int:
        return self.rows - self.bad

    @property
    def rows(self) -> int:
        return self.counts.total()

    @property
    def fingerprint(self) -> str:
        """Equal for two passes that came to the same, row by row."""
        return str(self._hash.hexdigest())


class FirstLines:
    """Where each key of a file was first seen, in a temporary file that nobody can open.

    It holds digests of the keys: an activation code is never written anywhere in plain.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("")
        self._database.execute(
            "CREATE TABLE first (key BLOB PRIMARY KEY, line INTEGER) WITHOUT ROWID"
        )

    def of(self, keys: list[tuple[str, int]]) -> list[int]:
        """For each key with its line, in their order, the line that had the key first."""
        digests = [(blake2b(key.encode(), digest_size=16).digest(), line) for key, line in keys]
        self._database.executemany("INSERT OR IGNORE INTO first VALUES (?, ?)", digests)
        query = "SELECT line FROM first WHERE key = ?"
        return [self._database.execute(query, (digest,)).fetchone()[0] for digest, _line in digests]

    def close(self) -> None:
        self._database.close()
