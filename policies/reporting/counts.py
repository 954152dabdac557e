"""Figures for reports, the dashboard and the health checks. Reads only."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Q, QuerySet

from policies.models import (
    ActivationCode,
    CodeBatch,
    Import,
    Letter,
    Policy,
    SweepRun,
)
from policies.models.clock import SWEEPS

# Cron runs them hourly or daily; two hours beyond a day is late.
PATIENCE = timedelta(hours=26)


def oldest_due_letter(*, now: datetime) -> datetime | None:
    """Since when the longest-waiting letter is due for sending, or None (aware, UTC)."""
    return (
        Letter.objects.due(at=now)
        .order_by("next_try_at")
        .values_list("next_try_at", flat=True)
        .first()
    )


def oldest_due_import(*, now: datetime) -> datetime | None:
    """Since when the longest-waiting file is due for the import worker, or None (aware, UTC)."""
    return (
        Import.objects.filter(next_try_at__lte=now)
        .order_by("next_try_at")
        .values_list("next_try_at", flat=True)
        .first()
    )


def overdue_sweeps(*, now: datetime) -> list[str]:
    """The sweeps that have not run for more than a day, where there is something to sweep."""
    if not Policy.objects.exists():
        return []
    latest = dict(
        SweepRun.objects.filter(finished_at__isnull=False)
        .values_list("name")
        .annotate(last=Max("finished_at"))
    )
    return [name for name in SWEEPS if name not in latest or now - latest[name] > PATIENCE]


def count_by(rows: QuerySet[Any], *columns: str) -> list[tuple[Any, ...]]:
    """How many rows for each combination of columns, in the order of the columns."""
    groups = rows.order_by(*columns).values_list(*columns)
    return list(groups.annotate(count=Count("pk")))


STOCK: dict[str, dict[str, Any]] = {
    "in_stock": {"state": ActivationCode.State.IN_STOCK},
    # A redeemed code is a sold one that a policy holds.
    "sold": {"state": ActivationCode.State.SOLD},
    "redeemed": {"period__isnull": False},
    "void": {"state": ActivationCode.State.VOID},
}


def code_totals(batches: QuerySet[CodeBatch]) -> dict[str, int]:
    """How many codes of these batches there are: `size`, and those in each state."""
    return codes_by_state(ActivationCode.objects.filter(batch__in=batches.order_by()))


def codes_by_state(codes: QuerySet[ActivationCode]) -> dict[str, int]:
    """How many there are: `size`, and those in each state; `sold` counts the redeemed, too."""
    totals = {name: Count("pk", filter=Q(**facts)) for name, facts in STOCK.items()}
    return codes.aggregate(size=Count("pk"), **totals)


def stock() -> list[tuple[str, str, str, int]]:
    """Plan, model, region and how many of their codes are in stock, where there are any."""
    # Batch by batch from the index of codes in stock: joined, every code would be read.
    of_batch = dict(
        ActivationCode.objects.in_stock().order_by().values_list("batch").annotate(count=Count("*"))
    )
    left: Counter[tuple[str, str, str]] = Counter()
    batches = CodeBatch.objects.filter(pk__in=of_batch)
    for batch in batches.select_related("plan", "drone_model", "region"):
        left[batch.plan.name, batch.drone_model.name, batch.region.name] += of_batch[batch.pk]
    return sorted((*goods, count) for goods, count in left.items())


def with_code_totals(batches: QuerySet[CodeBatch]) -> QuerySet[CodeBatch]:
    """Annotates each batch with its number of codes in each state. Reads all its codes."""
    return batches.annotate(
        **{
            name: Count("codes", filter=Q(**{f"codes__{key}": fact for key, fact in facts.items()}))
            for name, facts in STOCK.items()
        }
    )


def sell_through(sold: int, void: int, size: int) -> float | None:
    """Percent of the codes that could be sold which were; None where there is nothing to sell."""
    sellable = size - void
    return round(100 * sold / sellable, 1) if sellable > 0 else None
