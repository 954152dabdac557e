"""FACE: work that waits for a person, as queues that the dashboard counts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, QuerySet
from django.utils.translation import gettext_lazy as _

from policies.models import Letter, Order, VideoVerification
from policies.rules.text import Text

# Beyond this the dashboard says "1000+", so that no count reads a whole table.
MANY = 1_000


@dataclass(frozen=True)
class Measure:
    count: int
    oldest: datetime | None

    @property
    def many(self) -> bool:
        return self.count > MANY


@dataclass(frozen=True)
class Queue:
    """Rows that wait, since the instant in `since`; `page` and `query` are their list."""

    label: Text
    rows: QuerySet[Any]
    since: str
    page: str
    query: str
    permission: str
    trouble: bool = False

    def measure(self) -> Measure:
        """How many, counted no further than MANY, and how long the oldest has waited."""
        oldest_first = self.rows.order_by(self.since)[: MANY + 1]
        totals = oldest_first.aggregate(count=Count("pk"), oldest=Min(self.since))
        return Measure(**totals)


def queues() -> list[Queue]:
    films = VideoVerification.objects.filter(state=VideoVerification.State.SUBMITTED)
    failed = Letter.objects.filter(state=Letter.State.FAILED)
    return [
        Queue(
            _("Videos to review"),
            films,
            since="submitted_at",
            page="admin:policies_videoverification_changelist",
            query="",
            permission="policies.review_video",
        ),
        Queue(
            _("Orders to ship"),
            Order.objects.to_ship(),
            since="placed_at",
            page="admin:policies_order_changelist",
            query="state=to_ship",
            permission="policies.enter_order",
        ),
        Queue(
            _("Letters failed"),
            failed,
            since="created_at",
            page="admin:policies_letter_changelist",
            query="state__exact=failed",
            permission="policies.resend_letter",
            trouble=True,
        ),
    ]
