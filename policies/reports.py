"""Figures for the dashboard and for whoever watches the house. Reads only."""

from datetime import datetime, timedelta

from django.db.models import Max

from policies.models import Letter, Policy, SweepRun

# Cron runs them hourly or daily; two hours beyond a day is late.
PATIENCE = timedelta(hours=26)
SWEEPS = [
    "activate_policies",
    "remind_renewals",
    "expire_policies",
    "lapse_permits",
    "chase_claims",
]


def oldest_due_letter(*, now: datetime) -> datetime | None:
    """Since when the longest-waiting letter is due for sending, or None (aware, UTC)."""
    return (
        Letter.objects.due(at=now)
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
