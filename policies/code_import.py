"""A supplier's list of codes (C1): checked line by line, then taken in as one batch."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from policies import codes, sealing, tables
from policies.actor import Actor
from policies.errors import Conflict
from policies.models import ActivationCode, CodeBatch, DroneModel, Plan, Region

HEADINGS = {"code", "codes", "activationcode", "activation code", "activation_code"}
BLOCK = 1_000


@dataclass(frozen=True)
class Problem:
    line: int
    text: Any

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}"


@dataclass
class Checked:
    """What a file holds: good codes with their lines, and what is wrong with the others."""

    source: str
    good: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def check(path: Path) -> Checked:
    """Reads the whole file and looks its codes up. Writes nothing. Raises UnreadableFile."""
    checked = Checked(source=path.name)
    for line, text in _cells(path):
        try:
            code = codes.parse(text)
        except codes.Mistyped as error:
            checked.problems.append(Problem(line, error.message))
            continue
        first = checked.good.setdefault(code, line)
        if first != line:
            problem = format_lazy(_("The same code as in line {first}."), first=first)
            checked.problems.append(Problem(line, problem))
    for code in list(_already_known(checked.good)):
        line = checked.good.pop(code)
        checked.problems.append(Problem(line, _("This code is on file already.")))
    checked.problems.sort(key=lambda problem: problem.line)
    return checked


def _cells(path: Path) -> Iterator[tuple[int, str]]:
    """The column of codes: the one with the heading, or the first of a file without headings."""
    rows = tables.rows(path)
    column = 0
    for line, cells in islice(rows, 1):
        names = [cell.lower() for cell in cells]
        headings = [index for index, name in enumerate(names) if name in HEADINGS]
        if headings:
            column = headings[0]
        else:
            yield line, cells[0]
    for line, cells in rows:
        yield line, cells[column] if column < len(cells) else ""


def _already_known(good: dict[str, int]) -> Iterator[str]:
    pending = iter(list(good))
    while block := list(islice(pending, BLOCK)):
        by_digest: dict[UUID, str] = {
            digest: code for code in block for digest in sealing.digests(code)
        }
        known = ActivationCode.objects.filter(digest__in=by_digest)
        yield from {by_digest[digest] for digest in known.values_list("digest", flat=True)}


def take_in(
    checked: Checked,
    *,
    plan: Plan,
    drone_model: DroneModel,
    region: Region,
    actor: Actor,
    now: datetime,
) -> CodeBatch:
    """Puts the good codes into stock as one batch, all or nothing.

    Raises Conflict when there is none, or when one came on file since the check.
    """
    if not checked.good:
        raise Conflict(_("The file holds no code that can be imported."))
    try:
        with transaction.atomic():
            batch = codes.new_imported_batch(
                plan,
                drone_model,
                region,
                len(checked.good),
                source=checked.source[:255],
                actor=actor,
                now=now,
            )
            codes.add_to_stock(batch, iter(checked.good))
    except IntegrityError as error:
        raise Conflict(
            _("Some of these codes have just been imported by somebody else. Check the file again.")
        ) from error
    return batch
