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
# What a claim is chased for, and the letter that reminds.
CHASED = {
    "label_sent": "label_reminder",
    "awaiting_fee": "fee_reminder",
    "parts_missing": "parts_reminder",
}
ENDED_WITHOUT_REPLACEMENT = {"declined", "cancelled", "lapsed", "returned"}


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
    # By the day of the end and the days before it: "queued", or "moot" for one overtaken.
    reminded: dict[tuple[date, int], str] = field(default_factory=dict)
    extra_warranty: int = 0
    told_begun: bool = False
    told_expired: bool = False

    def covers(self, at: datetime) -> bool:
        """P3, E1: by dates and uses alone, whatever has been marked."""
        if self.cancelled_at is not None:
            return False
        return self.start <= at < self.end and self.has_replacement()

    def goes_on(self, at: datetime) -> bool:
        """P3: it covers, or will; one whose replacements are all used has ended."""
        return self.covers(at) or (self.cancelled_at is None and at < self.start)

    def has_replacement(self) -> bool:
        return len(self.uses) < self.granted

    def is_marked_running(self) -> bool:
        return self.marked in {"scheduled", "active"}

    def reminders_due(self, at: datetime) -> list[int]:
        """E2: days before the end, the nearest last; a plan used up has ended (P3)."""
        if self.marked != "active" or not self.has_replacement():
            return []
        ends_on = self.end.astimezone(UTC).date()
        return [
            days
            for days in (30, 7, 1)
            if self.end - timedelta(days=days) <= at and (ends_on, days) not in self.reminded
        ]

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
    # The earliest activation that somebody stated in vain, with a code for this model (B11).
    said: datetime | None = None

    def activation(self, stated: datetime | None) -> datetime | None:
        """B11: what is on file, else the earliest of all that is said."""
        if self.activated is not None:
            return self.activated
        return min((one for one in (self.said, stated) if one is not None), default=None)


@dataclass
class Case:
    """One claim in the book."""

    number: str
    paper: Paper
    serial: str
    cause: str
    outcome: str
    since: datetime
    accepted: bool = False
    paid: bool = False
    # Who held the paper at the request, and whether the open case holds the paper.
    holder: str = ""
    holds: bool = True
    # What it was accepted as.
    at_first: str = ""
    # Money that came and pays no fee.
    spare: int = 0
    # What the letters about the assessment said: outcome and cause.
    told: list[tuple[str, str]] = field(default_factory=list)
    # Where it has been and still counts as having been; a step taken back is struck out.
    trail: list[str] = field(default_factory=lambda: ["submitted"])
    # When it first came to each place of the trail, struck out since or not.
    first: dict[tuple[str, int], datetime] = field(default_factory=dict)
    reminded: list[tuple[str, int]] = field(default_factory=list)

    @property
    def state(self) -> str:
        return self.trail[-1]

    @property
    def place(self) -> tuple[str, int]:
        """The state, and for which time it is there."""
        return self.state, self.trail.count(self.state)

    def go(self, state: str, at: datetime) -> None:
        self.trail.append(state)
        self.since = at
        self.first.setdefault(self.place, at)

    def step_back(self, at: datetime) -> None:
        self.trail.pop()
        self.since = at

    def time_left(self, at: datetime) -> timedelta | None:
        """K6: thirty days from the first coming; three from the last, if those had passed then."""
        if self.state not in CHASED:
            return None
        end = self.first[self.place] + timedelta(days=30)
        return (end if end >= self.since else self.since + timedelta(days=3)) - at


class Book:
    """The whole dealer on paper."""

    def __init__(self) -> None:
        self.aircraft: dict[str, Aircraft] = {}
        self.papers: list[Paper] = []
        # Papers that count against a drone's present life (B4).
        self.lives: dict[tuple[str, int], Paper] = {}
        self.cases: list[Case] = []
        # What may still change, so that nobody leafs through thirty years each day.
        self._running: list[Paper] = []
        self._open: list[Case] = []

    def running(self) -> list[Paper]:
        """The papers not marked as ended."""
        self._running = [paper for paper in self._running if paper.is_marked_running()]
        return self._running

    def open_cases(self) -> list[Case]:
        self._open = [case for case in self._open if not self.is_over(case)]
        return self._open

    # --- questions ---------------------------------------------------------------------------

    def may_bind(
        self,
        serial: str,
        code_model: str,
        *,
        region_fits: bool,
        at: datetime,
        stated: datetime | None = None,
    ) -> bool:
        """B1-B7, B11 for a drone that is in the book already."""
        drone = self.aircraft[serial]
        if drone.retired or drone.model != code_model or not region_fits:
            return False
        if self.paper_of(serial) is not None:
            return False
        activated = drone.activation(stated)
        if activated is None:
            return True
        if activated > at:
            return False
        in_window = at - activated <= timedelta(hours=48)
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
        return next((case for case in self.open_cases() if case.serial == serial), None)

    @staticmethod
    def is_over(case: Case) -> bool:
        return case.state in ENDED_WITHOUT_REPLACEMENT | {"completed"}

    def holds(self, paper: Paper) -> bool:
        return any(case.paper is paper and case.holds for case in self.open_cases())

    def outcome(self, paper: Paper, cause: str, parts_fit: bool, at: datetime) -> str:
        """K2 for damage of yesterday, reported now."""
        drone = self.aircraft[paper.serial]
        if cause in EXCLUDED:
            return "not_covered"
        if cause == "product_defect":
            # P8: nobody knows the activation, so it was no earlier than the binding.
            began = drone.activated or paper.start
            runs = at < months_later(began, 12 + paper.extra_warranty, paper.zone)
            before = (at.astimezone(paper.zone) - timedelta(days=1)).date()
            if runs:
                too_early = before < began.astimezone(paper.zone).date()
                return "needs_review" if too_early else "warranty"
            return "not_covered" if drone.activated else "needs_review"
        yesterday = (at.astimezone(paper.zone) - timedelta(days=1)).date()
        # P9: the customer's day, which may still be the day before in the west of the region.
        west = ZoneInfo(WESTERNMOST[paper.zone.key])
        first = paper.start.astimezone(west).date()
        in_term = first <= yesterday and paper.start <= at < paper.end
        left = len(paper.uses) < paper.granted
        if paper.cancelled_at is not None or not in_term or not left or not parts_fit:
            return "not_covered"
        return "needs_review" if cause == "other_accident" else "care"

    # --- entries -----------------------------------------------------------------------------

    def file(self, paper: Paper) -> None:
        self.papers.append(paper)
        self._running.append(paper)

    def enter(self, paper: Paper) -> None:
        self.file(paper)
        self.lives[paper.serial, self.aircraft[paper.serial].life] = paper

    def reopen(self, case: Case) -> None:
        """K15: its parcel came after it had ended."""
        case.holds = case.paper.cancelled_at is None and case.paper.holder == case.holder
        if all(one is not case for one in self._open):
            self._open.append(case)

    def may_be_taken_up(self, case: Case) -> bool:
        """K15."""
        paper = case.paper
        return (
            self.open_case(case.serial) is None
            and paper.cancelled_at is None
            and paper.holder == case.holder
            and self.paper_of(case.serial) is paper
        )

    def assess(self, case: Case, found: str) -> None:
        """K7, K4, K10: care takes a use, anything else gives it back; other news are told."""
        case.outcome = "not_covered" if found in EXCLUDED else case.at_first
        takes = case.outcome == "care"
        if takes and case.number not in case.paper.uses and not case.paper.has_replacement():
            case.outcome, takes = "not_covered", False
        (case.paper.uses.add if takes else case.paper.uses.discard)(case.number)
        if case.told[-1:] != [(case.outcome, found)]:
            case.told.append((case.outcome, found))

    def refunds_due(self, case: Case) -> int:
        """K8: money that pays no fee, and a fee whose replacement does not come."""
        in_vain = case.state in ENDED_WITHOUT_REPLACEMENT | {"returning"} or case.outcome != "care"
        return case.spare + int(case.paid and in_vain)

    def open(self, case: Case) -> None:
        self.cases.append(case)
        self._open.append(case)

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

    def close(self, case: Case, state: str, at: datetime) -> None:
        case.go(state, at)
        if state in ENDED_WITHOUT_REPLACEMENT:
            case.paper.uses.discard(case.number)

    # --- the clock: what each command does to the papers; says which papers it touched -------

    def activate(self, at: datetime) -> list[Paper]:
        """B9."""
        begun = [p for p in self.running() if p.marked == "scheduled" and p.start <= at]
        for paper in begun:
            paper.marked, paper.told_begun = "active", True
        return begun

    def remind(self, at: datetime) -> list[Paper]:
        """E2: of those due at once only the nearest is sent, and none after the end."""
        late = [p for p in self.running() if p.reminders_due(at)]
        for paper in late:
            days = paper.reminders_due(at)
            ends_on = paper.end.astimezone(UTC).date()
            paper.reminded |= dict.fromkeys([(ends_on, day) for day in days], "moot")
            if at < paper.end:
                paper.reminded[ends_on, days[-1]] = "queued"
        return late

    def expire(self, at: datetime) -> list[Paper]:
        """E1."""
        over = [p for p in self.running() if p.marked == "active" and p.end <= at]
        for paper in over:
            paper.marked, paper.told_expired = "expired", True
        return over

    def chase(self, at: datetime) -> list[Case]:
        """K6: one reminder after ten days, then the end; who has paid is left alone."""
        chased = []
        for case in list(self.open_cases()):
            left = case.time_left(at)
            if left is None or (case.state == "awaiting_fee" and case.paid):
                continue
            if left <= timedelta(0):
                if case.state == "label_sent":
                    self.close(case, "lapsed", at)
                else:
                    case.go("returning", at)
            elif at - case.first[case.place] >= timedelta(days=10):
                if case.place in case.reminded:
                    continue
                case.reminded.append(case.place)
            else:
                continue
            chased.append(case)
        return chased
