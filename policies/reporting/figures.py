"""FACE: figures of the business, counted by a sweep and kept as a snapshot.

Counting a million policies takes seconds, so nobody waits for it: the dashboard reads one row
and says as of when it is.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import TruncDate

from policies.models import ActivationCode, Order, Period, Plan, Policy, Snapshot

DAYS = [30, 90, 365]
# A plan is low when what is left lasts less than this many days at the present pace.
LASTS = 30
PACE = 90
SHOWN = 50

Figures = dict[str, Any]


def take(name: str, count: Callable[..., Figures], *, now: datetime) -> Snapshot:
    """Counts as of `now` and keeps it in place of what was there."""
    snapshot, _created = Snapshot.objects.update_or_create(
        name=name, defaults={"taken_at": now, "figures": count(now=now)}
    )
    return snapshot


def latest(name: str) -> Snapshot | None:
    return Snapshot.objects.filter(name=name).first()


def per_day(rows: QuerySet[Any], field: str, *, now: datetime) -> dict[str, int]:
    """How many rows fall on each UTC day of the last year; days without one are left out."""
    since = now - timedelta(days=max(DAYS))
    days = (
        rows.filter(**{f"{field}__gt": since, f"{field}__lte": now})
        .order_by()
        .values(day=TruncDate(field))
        .annotate(n=Count("pk"))
    )
    return {row["day"].isoformat(): row["n"] for row in days}


def of_policies(*, now: datetime) -> Figures:
    sold = ActivationCode.objects.filter(state=ActivationCode.State.SOLD)
    ordered = Order.objects.filter(cancelled_at__isnull=True)
    return {
        "codes_sold": per_day(sold, "sale__sold_at", now=now),
        "orders": per_day(ordered, "placed_at", now=now),
        "in_term": Policy.objects.in_term(at=now).count(),
        "renewals": {str(days): _renewals(days, now=now) for days in DAYS},
        "low_stock": _low_stock(now=now),
    }


def _renewals(days: int, *, now: datetime) -> dict[str, int]:
    """Of the renewable terms that ended in the last `days`: how many were renewed (R1)."""
    renewed = Period.objects.filter(policy=OuterRef("policy"), number=2)
    ended = Period.objects.filter(
        number=1,
        plan__in=Plan.objects.filter(renewals__isnull=False),
        ends_at__gt=now - timedelta(days=days),
        ends_at__lte=now,
    ).exclude(policy__status=Policy.Status.CANCELLED)
    return ended.annotate(goes_on=Exists(renewed)).aggregate(
        ended=Count("pk"), renewed=Count("pk", filter=Q(goes_on=True))
    )


def _low_stock(*, now: datetime) -> list[dict[str, Any]]:
    """What sold in the last PACE days and will be sold out within LASTS, soonest first."""
    names = {
        "plan": "batch__plan__name",
        "drone_model": "batch__drone_model__name",
        "region": "batch__region__name",
        "plan_id": "batch__plan_id",
        "drone_model_id": "batch__drone_model_id",
        "region_id": "batch__region_id",
    }
    keys = {name: F(path) for name, path in names.items() if name.endswith("_id")}
    recently = Q(state="sold", sale__sold_at__gt=now - timedelta(days=PACE), sale__sold_at__lte=now)
    on_offer = Q(  # of what is withdrawn nothing comes into stock any more (P10)
        batch__plan__is_withdrawn=False,
        batch__drone_model__is_withdrawn=False,
        batch__drone_model__series__is_withdrawn=False,
        batch__region__is_withdrawn=False,
    )
    selling = (
        ActivationCode.objects.filter(recently, on_offer)
        .order_by()
        .values(**{name: F(path) for name, path in names.items()})
        .annotate(sold=Count("pk"))
    )
    stocked = ActivationCode.objects.in_stock().order_by().values(**keys).annotate(left=Count("pk"))
    left = {_key(row): row["left"] for row in stocked}
    lines: list[dict[str, Any]] = [{**row, "left": left.get(_key(row), 0)} for row in selling]
    for line in lines:
        line["lasts"] = days_left(line["left"], line["sold"])
    low = [line for line in lines if line["lasts"] < LASTS]
    return sorted(low, key=lambda line: int(line["lasts"]))[:SHOWN]


def _key(row: Any) -> tuple[int, int, int]:
    return row["plan_id"], row["drone_model_id"], row["region_id"]


def days_left(left: int, sold: int) -> int:
    """How long a stock lasts when `sold` went in the last PACE days."""
    return left * PACE // sold
