"""Figures of the claims desk for the dashboard's snapshot."""

from collections.abc import Callable
from datetime import datetime, timedelta
from statistics import quantiles
from typing import Any

from django.db.models import Count, F, Sum

from claims.models import Claim, ClaimEvent, FeePayment, Progress
from policies.reporting import figures
from policies.reporting.figures import DAYS, Figures, per_day

DAY = timedelta(days=1)


def of_claims(*, now: datetime) -> Figures:
    return {
        "received": per_day(Claim.objects.all(), "submitted_at", now=now),
        "outcomes": {str(days): _outcomes(days, now=now) for days in DAYS},
        "turnaround": {str(days): _turnaround(days, now=now) for days in DAYS},
        "fees": {str(days): _fees(days, now=now) for days in DAYS},
    }


def _outcomes(days: int, *, now: datetime) -> dict[str, int]:
    """Claims of the last `days` by their latest decision."""
    since = now - timedelta(days=days)
    recent = Claim.objects.filter(submitted_at__gt=since, submitted_at__lte=now)
    counted = recent.order_by().values("outcome").annotate(n=Count("pk"))
    return {row["outcome"]: row["n"] for row in counted}


def _turnaround(days: int, *, now: datetime) -> dict[str, Any]:
    """Days from the request to the replacement, for what shipped in the last `days`."""
    shipped = ClaimEvent.objects.filter(
        kind=ClaimEvent.Kind.MOVED,
        after=Progress.SHIPPED,
        at__gt=now - timedelta(days=days),
        at__lte=now,
        claim__progress__in=[Progress.SHIPPED, Progress.COMPLETED],
    )
    took = shipped.order_by().values_list(F("at") - F("claim__submitted_at"), flat=True)
    return spread([each / DAY for each in took.iterator(chunk_size=10_000)])


def spread(values: list[float]) -> dict[str, Any]:
    """Number, median and 90th percentile; the latter two are None where there is no value."""
    if not values:
        return {"count": 0, "median": None, "p90": None}
    if len(values) == 1:
        return {"count": 1, "median": values[0], "p90": values[0]}
    tenths = quantiles(values, n=10, method="inclusive")
    return {"count": len(values), "median": tenths[4], "p90": tenths[8]}


def _fees(days: int, *, now: datetime) -> dict[str, str]:
    """Replacement fees taken in the last `days` and not paid back, by currency."""
    taken = FeePayment.objects.filter(
        received_at__gt=now - timedelta(days=days), received_at__lte=now, refunded_at__isnull=True
    )
    summed = taken.order_by().values("currency").annotate(total=Sum("amount"))
    return {row["currency"]: str(row["total"]) for row in summed.order_by("currency")}


# What the dashboard shows, and who counts it.
PARTS: dict[str, Callable[..., Figures]] = {
    "policies": figures.of_policies,
    "claims": of_claims,
}
