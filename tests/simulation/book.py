"""An independent, deliberately simple model of the business: a book kept by hand.

It shares no code with the product: months are counted on the fingers, the rules of the
documentation are written down once more as plain sentences in Python. Whatever the product
does must agree with this book.
"""

import calendar
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

UTC = ZoneInfo("UTC")
EXCLUDED = {"lost_or_stolen", "unsuitable_conditions", "deliberate", "third_party"}
PLANS = {"care-1y": (12, 2), "care-2y": (24, 3)}
ENDED_WITHOUT_REPLACEMENT = {"declined", "cancelled", "lapsed", "returned"}


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
    renewed: bool = False
    cancelled_at: datetime | None = None
    marked: str = "active"
    uses: set[str] = field(default_factory=set)
    reminded: set[tuple[date, int]] = field(default_factory=set)
    extra_warranty: int = 0
    told_expired: bool = False

    def covers(self, at: datetime) -> bool:
        """P3, E1: by dates and uses alone, whatever has been marked."""
        if self.cancelled_at is not None:
            return False
        return self.start <= at < self.end and len(self.uses) < self.granted

    def never_began(self) -> bool:
        return self.cancelled_at is not None and self.cancelled_at < self.start


@dataclass
class Aircraft:
    serial: str
    model: str
    activated: datetime | None
    retired: bool = False
    life: int = 1
    permits: list[datetime] = field(default_factory=list)  # deadlines of unused ones


@dataclass
class Case:
    """One claim in the book."""

    number: str
    paper: Paper
    serial: str
    cause: str
    outcome: str
    state: str = "submitted"
    accepted: bool = False
    since: datetime | None = None
    paid: bool = False


class Book:
    """The whole dealer on paper."""

    def __init__(self) -> None:
        self.aircraft: dict[str, Aircraft] = {}
        self.papers: list[Paper] = []
        # Papers that count against a drone's present life (B4).
        self.lives: dict[tuple[str, int], Paper] = {}
        self.cases: list[Case] = []

    # --- questions ---------------------------------------------------------------------------

    def may_bind(self, serial: str, code_model: str, *, region_fits: bool, at: datetime) -> bool:
        """B1-B7 for a drone that is in the book already."""
        drone = self.aircraft[serial]
        if drone.retired or drone.model != code_model or not region_fits:
            return False
        if self.paper_of(serial) is not None:
            return False
        if drone.activated is None:
            return True
        if drone.activated > at:
            return False
        in_window = at - drone.activated <= timedelta(hours=48)
        return in_window or any(at <= deadline for deadline in drone.permits)

    def paper_of(self, serial: str) -> Paper | None:
        """The policy that this drone has had in its present life."""
        drone = self.aircraft.get(serial)
        paper = self.lives.get((serial, drone.life)) if drone else None
        return None if paper is None or paper.never_began() else paper

    def may_renew(self, paper: Paper, at: datetime) -> bool:
        """P1, R1."""
        return paper.plan == "care-1y" and not paper.renewed and paper.covers(at)

    def open_case(self, serial: str) -> Case | None:
        return next((c for c in self.cases if c.serial == serial and not self.is_over(c)), None)

    @staticmethod
    def is_over(case: Case) -> bool:
        return case.state in ENDED_WITHOUT_REPLACEMENT | {"completed"}

    def holds(self, paper: Paper) -> bool:
        return any(case.paper is paper and not self.is_over(case) for case in self.cases)

    def outcome(self, paper: Paper, cause: str, parts_fit: bool, at: datetime) -> str:
        """K2 for damage of yesterday, reported now."""
        drone = self.aircraft[paper.serial]
        if cause in EXCLUDED:
            return "not_covered"
        if cause == "product_defect":
            if drone.activated is None:
                return "needs_review"
            months = 12 + paper.extra_warranty
            runs = at < months_later(drone.activated, months, paper.zone)
            return "warranty" if runs else "not_covered"
        yesterday = (at.astimezone(paper.zone) - timedelta(days=1)).date()
        first = paper.start.astimezone(paper.zone).date()
        in_term = first <= yesterday and paper.start <= at < paper.end
        left = len(paper.uses) < paper.granted
        if paper.cancelled_at is not None or not in_term or not left or not parts_fit:
            return "not_covered"
        return "needs_review" if cause == "other_accident" else "care"

    # --- entries -----------------------------------------------------------------------------

    def enter(self, paper: Paper) -> None:
        self.papers.append(paper)
        self.lives[paper.serial, self.aircraft[paper.serial].life] = paper

    def renew(self, paper: Paper) -> None:
        """R2: to the end, never from today."""
        paper.end = months_later(paper.end, 12, paper.zone)
        paper.granted += 1
        paper.extra_warranty += 12
        paper.renewed = True

    def replace(self, paper: Paper, new_serial: str) -> None:
        """T1."""
        old = self.aircraft[paper.serial]
        old.retired = True
        self.aircraft[new_serial] = Aircraft(new_serial, old.model, old.activated)
        paper.serial = new_serial
        self.lives[new_serial, 1] = paper

    def close(self, case: Case, state: str) -> None:
        case.state = state
        if state in ENDED_WITHOUT_REPLACEMENT:
            case.paper.uses.discard(case.number)

    def sweep(self, at: datetime) -> None:
        """What the clock's commands do to the papers (B9, E1, E2, K6)."""
        for paper in self.papers:
            if paper.marked == "scheduled" and paper.start <= at:
                paper.marked = "active"
            if paper.marked != "active":
                continue
            for days in (30, 7, 1):
                if paper.end - timedelta(days=days) <= at:
                    paper.reminded.add((paper.end.astimezone(UTC).date(), days))
            if paper.end <= at:
                paper.marked, paper.told_expired = "expired", True
        for case in self.cases:
            late = case.since is not None and at - case.since >= timedelta(days=30)
            if case.state == "label_sent" and late:
                self.close(case, "lapsed")
            elif case.state == "awaiting_fee" and late:
                case.state, case.since = "returning", at
