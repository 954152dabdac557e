"""A supplier's list of activation codes (C1): checked line by line, imported as one batch."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from policies import codes, sealing, withdrawal
from policies.imports import spreadsheet
from policies.imports.base import ImportKind, place_in_words
from policies.imports.cells import BadRow
from policies.imports.lines import BAD, Line
from policies.models import ActivationCode, CodeBatch, DroneModel, Plan, Region
from policies.rules import code_format
from policies.rules.text import Text
from policies.shared.actor import Actor
from policies.shared.errors import Conflict

HEADINGS = {"code", "codes", "activationcode", "activation code", "activation_code"}


def _headed(table: spreadsheet.Table) -> tuple[spreadsheet.Table, int, int] | None:
    """The table, with the line and the place of its heading for codes, if it has one."""
    for line, row in table.top:
        for place, name in enumerate(row):
            if name.lower() in HEADINGS:
                return table, line, place
    return None


class CodeImport(ImportKind):
    """The codes of one plan, model and region; `source` is the file's name, stored in the batch."""

    needed = ["code"]
    repeated = _("The same code as in line %(line)d.")
    batch: CodeBatch | None = None
    _column = 0

    def __init__(
        self,
        *,
        plan: Plan,
        drone_model: DroneModel,
        region: Region,
        source: str,
        now: datetime,
        locking: bool = False,
        encoding: str = "",
    ) -> None:
        super().__init__(now=now, locking=locking, encoding=encoding)
        self.plan, self.drone_model, self.region = plan, drone_model, region
        self.source = source

    def lines(self, path: Path) -> Iterator[Line]:
        """The column with a heading for codes, or the first of a file without headings."""
        tables = spreadsheet.tables(path, self.encoding)
        if not tables:
            raise spreadsheet.UnreadableFile(_("The file is empty."))
        headed = [found for table in tables if (found := _headed(table))]
        table, line, column = headed[0] if headed else (tables[0], 0, 0)
        if line:
            others = [other.sheet for other, *_place in headed[1:] if other.sheet != table.sheet]
            self.read_from = place_in_words(table, line, others, of=len(tables))
        self._column = column
        for number, texts in table.rows():
            if number > line:
                yield Line(number, texts, texts[column] if column < len(texts) else "")

    def samples(self, line: Line) -> list[str]:
        """Words, not whole cells: nothing that could hold a code."""
        cells = [cell for place, cell in enumerate(line.cells) if place != self._column]
        return [word for cell in cells for word in cell.split() if not word.isascii()]

    def understand(self, line: Line) -> None:
        text = line.value
        # A text that is nearly a code must not stay on a row that is refused.
        line.value, line.about = "", masked(text)
        if not text:
            raise BadRow(_("The code is missing."))
        try:
            line.value = code_format.parse(text)
        except code_format.Mistyped as error:
            raise BadRow(error.fact) from error

    def key(self, value: str) -> str:
        return value

    def compare(self, lines: list[Line]) -> None:
        withdrawn = withdrawal.objection(
            plan=self.plan, drone_model=self.drone_model, region=self.region
        )
        if withdrawn:
            for line in lines:
                line.refuse(withdrawn.message)
            return
        by_digest: dict[UUID, Line] = {
            digest: line for line in lines for digest in sealing.digests(line.value)
        }
        known = ActivationCode.objects.filter(digest__in=by_digest)
        batches = CodeBatch.objects.select_related("plan", "drone_model", "region").in_bulk(
            set(known.values_list("batch_id", flat=True).order_by().distinct())
        )
        for digest, batch_id in known.values_list("digest", "batch_id"):
            if by_digest[digest].outcome != BAD:
                by_digest[digest].refuse(self._known_in(batches[batch_id]))

    def _known_in(self, batch: CodeBatch) -> Text:
        ours = (self.plan, self.drone_model, self.region)
        if (batch.plan, batch.drone_model, batch.region) == ours:
            return _("This code is on file already.")
        message = _("This code is on file already, for something else: %(batch)s.")
        return message % {"batch": batch}

    def begin(self, *, size: int, actor: Actor) -> None:
        if not size:
            raise Conflict(_("The file has no codes that can be imported."))
        self.batch = codes.new_imported_batch(
            self.plan,
            self.drone_model,
            self.region,
            size,
            source=self.source[:255],
            actor=actor,
            now=self.now,
        )

    def write(self, lines: list[Line], *, actor: Actor) -> None:
        assert self.batch is not None
        codes.add_to_stock(self.batch, (line.value for line in lines))

    def shown_cells(self, line: Line) -> list[str]:
        return [line.about]


def masked(text: str) -> str:
    """What may be shown of a code, and of a text that was meant to be one: its end (C4).

    A code with one wrong character is nearly a code, too.
    """
    tail = code_format.normalise(text)[-4:]
    return f"… {tail}" if len(tail) == 4 and tail.isprintable() else "…"
