"""Who did what, when, from where: the rows of all event tables and Django's log as one list.

The event tables are those of the installed apps: this module names none. No statement unites
them. Each table gives its newest few rows before a position, through its own index, and the
answers are merged, so that a page costs the same among millions.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from heapq import merge
from itertools import islice
from typing import Any, NamedTuple

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import ForeignKey, Model, Q, QuerySet
from django.utils.text import capfirst

from policies.backoffice import log_entries
from policies.backoffice.cells import page_of_row
from policies.models import Event

CHUNK = 2_000


class Position(NamedTuple):
    """Where a row lies in the history: its instant, then its table, then its key."""

    at: datetime
    table: str
    pk: int

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.table}~{self.pk}"

    @classmethod
    def parse(cls, text: str) -> "Position | None":
        """The position that an address names, or None if it names none."""
        at, _mark, rest = text.partition("~")
        table, _mark, pk = rest.partition("~")
        try:
            position = cls(datetime.fromisoformat(at), table, int(pk))
        except ValueError:
            return None
        known = table in {each.name for each in tables()} and position.at.tzinfo is not None
        # No row has such a key or such a year, and the databases refuse them with an error.
        possible = 0 < position.pk < 2**63 and 1 < position.at.year < 9999
        return position if known and possible else None


@dataclass(frozen=True)
class Line:
    position: Position
    kind: str
    about: str
    url: str
    who: str
    address: str
    what: str
    changes: list[str]
    note: str
    # An event records the same operation; only the event is shown then.
    has_event: bool = False

    @property
    def at(self) -> datetime:
        return self.position.at


@dataclass(frozen=True)
class Query:
    """Which rows to show; empty fields mean all. From `since` on, and before `until` (UTC)."""

    since: datetime | None = None
    until: datetime | None = None
    who: str = ""
    address: str = ""
    model: type[Model] | None = None
    # Only what is about these rows.
    among: dict[type[Model], list[Any]] | None = None


class Table:
    """One table that tells of things done; `instant` is its column of instants."""

    name: str
    instant: str
    rows: QuerySet[Any]

    def narrowed(self, query: Query) -> QuerySet[Any]:
        """The rows that the query wants, newest first."""
        rows = self._by(self.rows, query)
        if query.since:
            rows = rows.filter(**{f"{self.instant}__gte": query.since})
        if query.until:
            rows = rows.filter(**{f"{self.instant}__lt": query.until})
        return rows.order_by(f"-{self.instant}", "-pk")

    def before(self, rows: QuerySet[Any], position: Position | None) -> QuerySet[Any]:
        if position is None:
            return rows
        at = {self.instant: position.at}
        older = Q(**{f"{self.instant}__lt": position.at})
        if self.name == position.table:
            older |= Q(pk__lt=position.pk, **at)
        elif self.name < position.table:
            older |= Q(**at)
        # Said once more for the index, which does not see through the "or".
        return rows.filter(older, **{f"{self.instant}__lte": position.at})

    def _by(self, rows: QuerySet[Any], query: Query) -> QuerySet[Any]:
        raise NotImplementedError

    def line(self, row: Any) -> Line:
        raise NotImplementedError


class EventTable(Table):
    instant = "at"

    def __init__(self, model: type[Event]) -> None:
        self.name = model._meta.db_table
        self.field = next(
            field
            for field in model._meta.concrete_fields
            if isinstance(field, ForeignKey) and field.name != "by"
        )
        self.about: type[Model] = self.field.related_model
        self.rows = model._default_manager.select_related(self.field.name)

    def _by(self, rows: QuerySet[Any], query: Query) -> QuerySet[Any]:
        if query.model not in {None, self.about}:
            return rows.none()
        if query.among is not None:
            rows = rows.filter(**{f"{self.field.name}__in": query.among.get(self.about, [])})
        if query.who:
            rows = rows.filter(actor=query.who)
        return rows.filter(address=query.address) if query.address else rows

    def line(self, event: Event) -> Line:
        about = getattr(event, self.field.name)
        return Line(
            position=Position(event.at, self.name, event.pk),
            kind=str(capfirst(self.about._meta.verbose_name)),
            about=str(about),
            url=_page_of(self.about, about.pk),
            who=event.actor,
            address=event.address or "",
            what=event.what,
            changes=[event.change] if event.change else [],
            note=event.note,
        )


class LogTable(Table):
    name = LogEntry._meta.db_table
    instant = "action_time"
    rows = LogEntry.objects.select_related("user", "content_type")

    def _by(self, rows: QuerySet[Any], query: Query) -> QuerySet[Any]:
        if query.model is not None:
            rows = rows.filter(content_type=ContentType.objects.get_for_model(query.model))
        if query.among is not None:
            rows = rows.filter(_objects(query.among))
        if query.who:
            rows = rows.filter(user__username=query.who)
        mark = log_entries.mark_of(query.address)
        return rows.filter(change_message__contains=mark) if query.address else rows

    def line(self, entry: LogEntry) -> Line:
        message = log_entries.read(entry)
        model = entry.content_type.model_class() if entry.content_type else None
        gone = model is None or entry.action_flag == DELETION or not entry.object_id
        return Line(
            position=Position(entry.action_time, self.name, entry.pk),
            kind=str(capfirst(model._meta.verbose_name)) if model else "",
            about=entry.object_repr,
            url="" if gone or model is None else _page_of(model, entry.object_id),
            who=entry.user.get_username(),
            address=message.address,
            what=message.what,
            changes=message.changes,
            note="",
            has_event=message.has_event,
        )


@cache
def tables() -> list[Table]:
    events = [model for model in apps.get_models() if issubclass(model, Event)]
    return [LogTable(), *(EventTable(model) for model in events)]


def kinds() -> list[type[Model]]:
    """The models whose rows can have a history."""
    return [model for model in apps.get_models() if admin.site.is_registered(model)]


def event_exists(obj: Model, *, at: datetime, by: int | None) -> bool:
    """Whether an event records what the user with the key `by` did to `obj` at this instant."""
    return any(
        table.rows.filter(**{table.field.name: obj.pk, "at": at, "by": by}).exists()
        for table in tables()
        if isinstance(table, EventTable) and isinstance(obj, table.about)
    )


def newest(query: Query, *, limit: int, before: Position | None = None) -> list[Line]:
    """At most `limit` lines, newest first, from just before a position on."""
    return list(
        islice(_merged(_in_blocks(table, query, limit, before) for table in tables()), limit)
    )


def every(query: Query) -> Iterator[Line]:
    """All lines, newest first, without holding them."""
    return _merged(
        map(table.line, table.narrowed(query).iterator(chunk_size=CHUNK)) for table in tables()
    )


def _in_blocks(table: Table, query: Query, block: int, before: Position | None) -> Iterator[Line]:
    """The lines of one table, newest first, `block` rows at a time and only when asked for.

    One block is enough for a page, unless the log's rows have events and are left out.
    """
    rows = table.narrowed(query)
    while True:
        count = 0
        for row in table.before(rows, before)[:block]:
            line = table.line(row)
            count, before = count + 1, line.position
            yield line
        if count < block:
            return


def _merged(tables_of_lines: Iterable[Iterator[Line]]) -> Iterator[Line]:
    """The lines of all tables, newest first, each operation once."""
    lines = merge(*tables_of_lines, key=lambda line: line.position, reverse=True)
    return (line for line in lines if not line.has_event)


def _objects(among: dict[type[Model], list[Any]]) -> Q:
    """These rows as Django's log names them."""
    meant = {model: [str(pk) for pk in pks] for model, pks in among.items() if pks}
    named = Q(pk=None)
    for model, kind in ContentType.objects.get_for_models(*meant).items():
        named |= Q(content_type=kind, object_id__in=meant[model])
    return named


def _page_of(model: type[Model], pk: Any) -> str:
    return page_of_row(model, pk) if admin.site.is_registered(model) else ""
