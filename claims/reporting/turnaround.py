"""How long customers waited for their replacement: from the request until it was shipped.

Reads only; the report and the dashboard's snapshot both ask here. The median and the 90th
percentile are nearest ranks: the wait of a real claim that so many percent of the claims did
not exceed. Both databases find them in one statement.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from django.db.models import (
    Case,
    Count,
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    When,
    Window,
)
from django.db.models.functions import RowNumber

from claims.models import Claim, ClaimEvent, Progress

SHIPPED = [Progress.SHIPPED, Progress.COMPLETED]


class Waits(NamedTuple):
    """The claims of one group that were shipped, and how long they took."""

    group: tuple[Any, ...]
    shipped: int
    median: timedelta
    ninetieth: timedelta


def with_wait(claims: QuerySet[Claim]) -> QuerySet[Any]:
    """Annotates `shipped_at` and `wait`, both None for a claim whose replacement is not out."""
    shipments = ClaimEvent.objects.filter(
        claim=OuterRef("pk"), kind=ClaimEvent.Kind.MOVED, after=Progress.SHIPPED
    )
    shipped_at = Subquery(shipments.order_by("-at", "-id").values("at")[:1])
    return claims.annotate(
        shipped_at=Case(
            When(progress__in=SHIPPED, then=shipped_at), default=None, output_field=DateTimeField()
        )
    ).annotate(
        wait=ExpressionWrapper(F("shipped_at") - F("submitted_at"), output_field=DurationField())
    )


def waits(claims: QuerySet[Claim], *columns: str) -> list[Waits]:
    """The waits of each group of shipped claims; of all of them, where no column is named."""
    groups: dict[tuple[Any, ...], dict[int, timedelta]] = {}
    sizes: dict[tuple[Any, ...], tuple[int, int, int]] = {}
    for *group, place, size, half, most, wait in _ranked(claims, columns):
        groups.setdefault(tuple(group), {})[place] = wait
        sizes[tuple(group)] = (size, half, most)
    return [
        Waits(group, size, groups[group][half], groups[group][most])
        for group, (size, half, most) in sizes.items()
    ]


def _ranked(claims: QuerySet[Claim], columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """At most two claims of each group: the one in the middle, and the one nine tenths up."""
    group = [F(column) for column in columns] or None
    size = Window(Count("*"), partition_by=group)
    shipped = with_wait(claims).filter(progress__in=SHIPPED, shipped_at__isnull=False)
    ranked: QuerySet[Any, tuple[Any, ...]] = (
        shipped.annotate(
            place=Window(RowNumber(), partition_by=group, order_by=["wait", "pk"]), size=size
        )
        .annotate(
            half=ExpressionWrapper((F("size") + 1) / 2, output_field=IntegerField()),
            most=ExpressionWrapper((F("size") * 9 + 9) / 10, output_field=IntegerField()),
        )
        .filter(Q(place=F("half")) | Q(place=F("most")))
        .order_by(*columns, "place")
        .values_list(*columns, "place", "size", "half", "most", "wait")
    )
    return ranked.iterator()


def in_days(wait: timedelta | None) -> float | None:
    return None if wait is None else round(wait / timedelta(days=1), 1)
