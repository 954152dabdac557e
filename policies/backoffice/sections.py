"""FACE: tables that stand on a record's page below its facts; each app may add to any record."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models

from policies.rules.text import Text

Builder = Callable[[Any], "Section"]
BUILDERS: dict[type[models.Model], list[Builder]] = {}

# A page is not a list: the newest rows stand here, and a link leads to the rest.
ROWS = 50


@dataclass(frozen=True)
class Section:
    """A table: `headings`, and rows of cells that are shown as they are (links, pills, instants).

    `more` is the address of the whole list, where there are more rows than stand here.
    """

    title: Text
    headings: Sequence[Text]
    rows: list[list[Any]] = field(default_factory=list)
    more: str = ""
    # Who may see its rows; anybody who sees the record, where it is empty.
    permission: str = ""


def on(model: type[models.Model]) -> Callable[[Builder], Builder]:
    """Registers a function from a record to the section that it adds to the record's page."""

    def register(builder: Builder) -> Builder:
        BUILDERS.setdefault(model, []).append(builder)
        return builder

    return register


def of(record: models.Model, *, allowed: Callable[[str], bool]) -> list[Section]:
    """The sections of a record that a person may see, in the order in which they registered."""
    built: Iterable[Section] = (builder(record) for builder in BUILDERS.get(type(record), []))
    return [section for section in built if not section.permission or allowed(section.permission)]
