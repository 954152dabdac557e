"""The papers of the book: months on the fingers, policies, drones, lines of orders."""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

UTC = ZoneInfo("UTC")
PLANS = {"care-1y": (12, 2), "care-2y": (24, 3)}
REMINDERS = (30, 7, 1)

# The region's clock, and the clock of its westernmost place.
WESTERNMOST = {
    "America/New_York": "Pacific/Pago_Pago",
    "Europe/Berlin": "Atlantic/Azores",
    "Asia/Tokyo": "Asia/Tokyo",
    "Australia/Sydney": "Australia/Perth",
}


def months_later(start: datetime, months: int, zone: ZoneInfo) -> datetime:
    local = start.astimezone(zone)
    year, month = local.year, local.month
    for _month in range(months):
        month += 1
        if month == 13:
            year, month = year + 1, 1
    day = min(local.day, calendar.monthrange(year, month)[1])
    moved = local.replace(year=year, month=month, day=day, fold=0)
    return moved.astimezone(UTC)


@dataclass
class Note:
    """One letter that the clock wrote about a policy, and what became of it."""

    name: str
    to: str
    written: datetime
    state: str = "queued"  # then "sent", or "moot" for one that nobody gets
    # Of a reminder: the day of the end, and how many days before.
    about: tuple[date, int] | None = None
    # What it told of had not happened, and was taken back (E1).
    wrong: bool = False


@dataclass
class Paper:
    """One policy in the book."""

    number: str
    serial: str
    holder: str
    plan: str
    zone: ZoneInfo
    start: datetime
    end: datetime
    granted: int
    life: int = 1  # of the drone
    renewed: bool = False
    cancelled_at: datetime | None = None
    sold_at: datetime | None = None  # to its present owner (T2)
    marked: str = "active"
    # A run of the future has marked it; that may have to be taken back.
    doubtful: bool = False
    # By the claim's number: which replacement it took.
    uses: dict[str, int] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    extra_warranty: int = 0

    # --- what holds, by dates and uses alone, whatever has been marked (E1) -----------------

    def covers(self, at: datetime) -> bool:
        """P3."""
        if self.cancelled_at is not None:
            return False
        return self.start <= at < self.end and self.has_replacement()

    def goes_on(self, at: datetime) -> bool:
        """P3: it covers, or will; one whose replacements are all used has ended."""
        return self.covers(at) or (self.cancelled_at is None and at < self.start)

    def is_used_up(self, at: datetime) -> bool:
        in_term = self.cancelled_at is None and self.start <= at < self.end
        return in_term and not self.has_replacement()

    def has_replacement(self) -> bool:
        return len(self.uses) < self.granted

    def never_began(self) -> bool:
        return self.cancelled_at is not None and self.cancelled_at < self.start

    # --- replacements (K4) -------------------------------------------------------------------

    def take(self, claim: str, wish: int | None) -> int:
        """The one that it had before, where that is free; else the first that is."""
        free = [one for one in range(1, self.granted + 1) if one not in self.uses.values()]
        self.uses[claim] = wish if wish in free else free[0]
        return self.uses[claim]

    # --- what is marked, and told ------------------------------------------------------------

    def is_marked_running(self) -> bool:
        return self.marked in {"scheduled", "active"}

    def is_marked_too_early(self, at: datetime) -> bool:
        """E1."""
        ended, begun = self.marked == "expired", self.marked == "active"
        return (ended and at < self.end) or (begun and at < self.start)

    def told(self, name: str) -> Iterator[Note]:
        return (note for note in self.notes if note.name == name and not note.wrong)

    def reminded(self) -> dict[tuple[date, int], Note]:
        return {note.about: note for note in self.told("renewal_reminder") if note.about}

    def reminders_passed(self, at: datetime) -> list[int]:
        """E2: days before the end, the nearest last."""
        return [days for days in REMINDERS if self.end - timedelta(days=days) <= at]

    def reminders_due(self, at: datetime) -> list[int]:
        """E2; a plan used up has ended (P3)."""
        if self.marked != "active" or not self.has_replacement():
            return []
        ends_on, reminded = self.ends_on(), self.reminded()
        return [days for days in self.reminders_passed(at) if (ends_on, days) not in reminded]

    def ends_on(self) -> date:
        return self.end.astimezone(UTC).date()


@dataclass
class Aircraft:
    serial: str
    model: str
    activated: datetime | None
    retired: bool = False
    life: int = 1
    permits: list[datetime] = field(default_factory=list)  # deadlines of unused ones
    # The earliest activation that somebody stated in vain, with a code for this model (B11).
    said: datetime | None = None

    def activation(self, stated: datetime | None) -> datetime | None:
        """B11: what is on file, else the earliest of all that is said."""
        if self.activated is not None:
            return self.activated
        return min((one for one in (self.said, stated) if one is not None), default=None)


@dataclass
class Line:
    """One drone of an order, with its plan (B9)."""

    reference: str
    serial: str
    plan: str
    placed: datetime
    paper: Paper | None = None  # from the shipment on
    cancelled: bool = False

    def name(self) -> tuple[str, str]:
        return self.reference, self.serial

    def is_to_ship(self) -> bool:
        return self.paper is None and not self.cancelled
