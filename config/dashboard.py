"""The first page of the back office: what needs doing, how the business goes, how the clock runs.

Queues are counted at each look, through indexes and no further than a thousand. Figures are the
last snapshot that the sweeps have taken.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Max
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from claims.models import Outcome
from claims.reporting import workload as claims_workload
from config import charts
from policies.models import Snapshot, SweepRun
from policies.models.clock import SWEEPS
from policies.reporting import counts, figures, workload
from policies.reporting.figures import DAYS
from policies.reporting.workload import Measure, Queue
from policies.rules.text import Text

SEES_FIGURES = "policies.view_snapshot"
SEES_CLOCK = "policies.view_sweeprun"


@dataclass(frozen=True)
class Tile:
    queue: Queue
    measure: Measure

    @property
    def url(self) -> str:
        return f"{reverse(self.queue.page)}?{self.queue.query}".rstrip("?")


def context(request: HttpRequest) -> dict[str, Any]:
    now = timezone.now()
    every = list(tiles(request))
    waiting = [tile for tile in every if tile.measure.count]
    page: dict[str, Any] = {
        "tiles": sorted(waiting, key=lambda tile: not tile.queue.trouble),
        "nothing": [tile for tile in every if not tile.measure.count],
    }
    if request.user.has_perm(SEES_FIGURES):
        page["business"] = business(days_asked(request))
    if request.user.has_perm(SEES_CLOCK):
        page["clock"] = clock(now=now)
    return page


def tiles(request: HttpRequest) -> Iterator[Tile]:
    """The queues that are this person's work."""
    for queue in [*claims_workload.queues(), *workload.queues()]:
        if request.user.has_perm(queue.permission):
            yield Tile(queue, queue.measure())


def days_asked(request: HttpRequest) -> int:
    days = request.GET.get("days", "")
    return int(days) if days in map(str, DAYS) else DAYS[0]


# --- figures -----------------------------------------------------------------


def business(days: int) -> dict[str, Any]:
    policies, claims = figures.latest("policies"), figures.latest("claims")
    if policies is None or claims is None:
        return {"days": days, "choices": DAYS, "taken_at": None}
    return {
        "days": days,
        "choices": DAYS,
        "taken_at": min(policies.taken_at, claims.taken_at),
        **_of_policies(policies, days),
        **_of_claims(claims, days),
    }


def _of_policies(snapshot: Snapshot, days: int) -> dict[str, Any]:
    values = snapshot.figures
    renewals = values["renewals"][str(days)]
    sold = Counter(values["codes_sold"]) + Counter(values["orders"])
    return {
        # A snapshot of release 1.0 has the same count under a name that promised more.
        "in_term": values["in_term"] if "in_term" in values else values["in_force"],
        "sold": _chart(_("Plans sold"), sold, days, snapshot),
        "renewals": renewals,
        "renewal_rate": _share(renewals["renewed"], renewals["ended"]),
        "low_stock": [line | {"url": _codes_in_stock(line)} for line in values["low_stock"]],
    }


def _codes_in_stock(line: dict[str, Any]) -> str:
    """The list of the codes that are left of a line of the stock."""
    query = {
        "state": "in_stock",
        "batch__plan__id__exact": line["plan_id"],
        "batch__drone_model__id__exact": line["drone_model_id"],
        "batch__region__id__exact": line["region_id"],
    }
    return f"{reverse('admin:policies_activationcode_changelist')}?{urlencode(query)}"


def _of_claims(snapshot: Snapshot, days: int) -> dict[str, Any]:
    values = snapshot.figures
    outcomes = values["outcomes"][str(days)]
    total = sum(outcomes.values())
    return {
        "received": _chart(_("Claims received"), values["received"], days, snapshot),
        "outcomes": [
            {"label": outcome.label, "count": count, "share": _share(count, total)}
            for outcome in Outcome
            if (count := outcomes.get(outcome.value))
        ],
        "turnaround": values["turnaround"][str(days)],
        "fees": values["fees"][str(days)],
    }


def _chart(title: Text, per_day: dict[str, int], days: int, snapshot: Snapshot) -> charts.Chart:
    return charts.over_time(title, per_day, days=days, last=snapshot.taken_at.date())


def _share(part: int, whole: int) -> int | None:
    """In per cent, or None of nothing."""
    return round(100 * part / whole) if whole else None


# --- the clock ---------------------------------------------------------------


def clock(*, now: datetime) -> dict[str, Any]:
    late = set(counts.overdue_sweeps(now=now))
    newest = SweepRun.objects.order_by().values("name").annotate(newest=Max("pk"))
    runs = {run.name: run for run in SweepRun.objects.filter(pk__in=newest.values("newest"))}
    return {
        "late": bool(late),
        "sweeps": [{"name": name, "run": runs.get(name), "late": name in late} for name in SWEEPS],
        "letters_wait_since": counts.oldest_due_letter(now=now),
    }
