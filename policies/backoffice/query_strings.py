"""Links from a page to itself: the same query with another span, page or file format."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.http import QueryDict

from policies.backoffice.date_ranges import Span

# A place in the old answer means nothing in a new one.
PLACES = ("page", "before", "export")


def changed(current: QueryDict, **changes: Any) -> str:
    """The query string of the same query with some changes, from its first page on."""
    query = current.copy()
    for name in PLACES:
        query.pop(name, None)
    for name, value in changes.items():
        query[name] = str(value)
    return f"?{query.urlencode()}"


def opening(offered: Iterable[Span], slug: str, others: dict[str, str] | None = None) -> QueryDict:
    """The query of a page that was opened without one: a span, and other filters."""
    query = QueryDict(mutable=True)
    query.update(others or {})
    for span in offered:
        if span.slug == slug:
            query["first_day"], query["last_day"] = span.first.isoformat(), span.last.isoformat()
    return query


def to_spans(offered: Iterable[Span], current: QueryDict) -> Iterator[dict[str, Any]]:
    for span in offered:
        days = {"first_day": span.first.isoformat(), "last_day": span.last.isoformat()}
        chosen = all(current.get(name) == day for name, day in days.items())
        yield {"label": span.label, "url": changed(current, **days), "chosen": chosen}
