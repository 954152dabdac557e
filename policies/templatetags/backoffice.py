"""What the staff's templates need beyond Django's own."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.text import capfirst

from policies.backoffice import times

register = template.Library()

TAG = len("<td")


@register.filter
def when(at: datetime | None) -> str:
    return times.when(at)


@register.filter
def age(at: datetime | None) -> str:
    return times.age(at, now=timezone.now())


@register.filter
def under(cells: Sequence[Any], headings: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Each cell of a row with the heading of its column."""
    return zip(headings, cells, strict=True)


@register.filter
def labelled(cells: Iterable[str], headers: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The cells of a row, each with its column's heading, which a phone shows beside it.

    Django hands out whole cells: they are cut after their tag, where the heading goes in.
    """
    for cell, header in zip(cells, headers, strict=False):
        ticks = "action-checkbox" in header.get("class_attrib", "")
        label = "" if ticks else capfirst(header["text"])
        yield {"tag": cell[:TAG], "label": label, "rest": cell[TAG:]}
