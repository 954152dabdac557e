"""Figures of the claims desk for the dashboard's snapshot."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Sum

from claims.models import Claim, ClaimEvent, FeePayment, Progress
from claims.reporting import turnaround
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
    """Days from the request to the replacement, for what shipped in the last `days`.

    The median and the 90th percentile are None where nothing shipped.
    """
    shipped = ClaimEvent.objects.filter(
        kind=ClaimEvent.Kind.MOVED,
        after=Progress.SHIPPED,
        at__gt=now - timedelta(days=days),
        at__lte=now,
    )
    groups = turnaround.waits(Claim.objects.filter(pk__in=shipped.values("claim")))
    if not groups:
        return {"count": 0, "median": None, "p90": None}
    [waits] = groups
    median, ninetieth = waits.median / DAY, waits.ninetieth / DAY
    return {"count": waits.shipped, "median": median, "p90": ninetieth}


def _fees(days: int, *, now: datetime) -> dict[str, str]:
    """Replacement fees taken in the last `days` and not paid back, by currency."""
    taken = FeePayment.objects.filter(
        received_at__gt=now - timedelta(days=days), received_at__lte=now
    ).live()
    summed = taken.order_by().values("currency").annotate(total=Sum("amount"))
    return {row["currency"]: str(row["total"]) for row in summed.order_by("currency")}


# What the dashboard shows, and who counts it.
PARTS: dict[str, Callable[..., Figures]] = {
    "policies": figures.of_policies,
    "claims": of_claims,
}
