"""The arithmetic of terms. Pure: plain values in, plain values out; all instants are aware."""

from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

UTC = ZoneInfo("UTC")


class Stage(StrEnum):
    """Where a policy is in its life."""

    CANCELLED = "cancelled"
    NOT_STARTED = "not_started"
    IN_FORCE = "in_force"
    USED_UP = "used_up"
    ENDED = "ended"


def add_months(instant: datetime, months: int, zone: ZoneInfo) -> datetime:
    """The same wall-clock time in `zone`, `months` calendar months later, in UTC (P2).

    Month ends clamp. A wall-clock time that a daylight-saving change skips moves forward
    by the change; one that happens twice means the first.
    """
    wall_clock = instant.astimezone(zone).replace(tzinfo=None)
    later = wall_clock + relativedelta(months=months)
    return later.replace(tzinfo=zone, fold=0).astimezone(UTC)


def binding_deadline(activated_at: datetime, window_hours: int) -> datetime:
    """The last instant, in UTC, at which an activated drone may be bound (B2).

    Real hours, not wall clock: Python would add wall-clock hours to an instant that comes
    in the zone of a region, an hour wrong over each daylight-saving change.
    """
    return activated_at.astimezone(UTC) + timedelta(hours=window_hours)


def within_binding_window(activated_at: datetime, window_hours: int, *, at: datetime) -> bool:
    """Whether `at` lies in the binding window; the boundary instant still counts (B2)."""
    return at <= binding_deadline(activated_at, window_hours)


def permit_open(opened_at: datetime, deadline_at: datetime, *, at: datetime) -> bool:
    """Whether a binding permit still opens the door at `at`; its last instant counts (B3)."""
    return opened_at <= at <= deadline_at


def in_term(starts_at: datetime, ends_at: datetime, *, at: datetime) -> bool:
    """Whether `at` lies in the term; the end itself no longer does (P2, P3)."""
    return starts_at <= at < ends_at


def stage(
    starts_at: datetime,
    ends_at: datetime,
    *,
    cancelled: bool,
    replacements_left: int,
    at: datetime,
) -> Stage:
    """Where a policy is in its life at `at`; it can be used while it is in force (P3, E1).

    The one meaning of "in force" for the whole house. Its set-based twins are in
    `models/policy.py`.
    """
    if cancelled:
        return Stage.CANCELLED
    if at < starts_at:
        return Stage.NOT_STARTED
    if not in_term(starts_at, ends_at, at=at):
        return Stage.ENDED
    return Stage.IN_FORCE if replacements_left > 0 else Stage.USED_UP


def warranty_end(activated_at: datetime, months: int, zone: ZoneInfo) -> datetime:
    """When the manufacturer's warranty ends: `months` from the drone's activation (P8)."""
    return add_months(activated_at, months, zone)
