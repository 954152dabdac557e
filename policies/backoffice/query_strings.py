"""Links from a page to itself: the same question with another span, page or file."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.http import QueryDict

from policies.backoffice.date_ranges import Span

# Where somebody was in the old answer means nothing in a new one.
PLACES = ("page", "before", "export")


def changed(asked: QueryDict, **changes: Any) -> str:
    """The query string of the same question with some changes, from its beginning on."""
    query = asked.copy()
    for name in PLACES:
        query.pop(name, None)
    for name, value in changes.items():
        query[name] = str(value)
    return f"?{query.urlencode()}"


def opening(offered: Iterable[Span], slug: str, others: dict[str, str] | None = None) -> QueryDict:
    """What is asked for somebody who has not asked anything yet: a span, and other filters."""
    asked = QueryDict(mutable=True)
    asked.update(others or {})
    for span in offered:
        if span.slug == slug:
            asked["first_day"], asked["last_day"] = span.first.isoformat(), span.last.isoformat()
    return asked


def to_spans(offered: Iterable[Span], asked: QueryDict) -> Iterator[dict[str, Any]]:
    for span in offered:
        days = {"first_day": span.first.isoformat(), "last_day": span.last.isoformat()}
        chosen = all(asked.get(name) == day for name, day in days.items())
        yield {"label": span.label, "url": changed(asked, **days), "chosen": chosen}
