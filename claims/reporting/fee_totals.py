"""Replacement fees added up: by region and month, and never across currencies. Reads only."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncMonth

from claims.models import FeePayment


@dataclass(frozen=True)
class FeeTotal:
    """`month` is its first instant on the viewer's clock; None for a total of all months."""

    currency: str
    region: str
    month: datetime | None
    count: int
    taken: Decimal
    refunded: Decimal

    @property
    def kept(self) -> Decimal:
        return self.taken - self.refunded


def by_month(payments: QuerySet[FeePayment]) -> list[FeeTotal]:
    """Newest month first; a fee that went back counts in the month in which it came."""
    went_back = Sum("amount", filter=Q(refunded_at__isnull=False))
    rows = (
        payments.annotate(month=TruncMonth("received_at"))
        .order_by("-month", "claim__policy__region__name", "currency")
        .values("month", "claim__policy__region__name", "currency")
        .annotate(count=Count("pk"), taken=Sum("amount"), refunded=Coalesce(went_back, Decimal(0)))
    )
    return [
        FeeTotal(
            currency=row["currency"],
            region=row["claim__policy__region__name"],
            month=row["month"],
            count=row["count"],
            taken=row["taken"],
            refunded=row["refunded"],
        )
        for row in rows
    ]


def by_currency(totals: Iterable[FeeTotal]) -> list[FeeTotal]:
    """One total for each currency, in the order of their names."""
    sums: dict[str, FeeTotal] = {}
    for one in totals:
        so_far = sums.get(one.currency) or FeeTotal(
            one.currency, "", None, 0, Decimal(0), Decimal(0)
        )
        sums[one.currency] = FeeTotal(
            currency=one.currency,
            region="",
            month=None,
            count=so_far.count + one.count,
            taken=so_far.taken + one.taken,
            refunded=so_far.refunded + one.refunded,
        )
    return [sums[currency] for currency in sorted(sums)]
