"""What is written into the book: policies, drones, claims, lines of orders."""

from collections.abc import Hashable, Iterator
from datetime import datetime

from tests.simulation.cases import ENDED_WITHOUT_REPLACEMENT, Case
from tests.simulation.papers import Aircraft, Line, Note, Paper, months_later


class Ledger:
    """The whole dealer on paper."""

    def __init__(self) -> None:
        self.aircraft: dict[str, Aircraft] = {}
        self.papers: list[Paper] = []
        # Papers that count against a drone's present life (B4).
        self.lives: dict[tuple[str, int], Paper] = {}
        self.lines: list[Line] = []
        self.cases: list[Case] = []
        # What may still change, so that nobody leafs through thirty years each day.
        self.notes_of_late: list[Note] = []
        self._running: dict[str, Paper] = {}
        self._open: dict[str, Case] = {}

    def running(self) -> list[Paper]:
        """The papers not marked as ended, or marked so by a run of the future."""
        self._running = {
            number: paper
            for number, paper in self._running.items()
            if paper.is_marked_running() or (paper.doubtful and paper.marked != "cancelled")
        }
        return list(self._running.values())

    def open_cases(self) -> list[Case]:
        self._open = {number: case for number, case in self._open.items() if not case.is_over()}
        return list(self._open.values())

    def open_cases_about(self, serial: str) -> Iterator[Case]:
        return (case for case in self.open_cases() if case.serial == serial)

    # --- policies ----------------------------------------------------------------------------

    def file(self, paper: Paper) -> None:
        self.papers.append(paper)
        self._running[paper.number] = paper

    def enter(self, paper: Paper) -> None:
        self.file(paper)
        paper.life = self.aircraft[paper.serial].life
        self.lives[paper.serial, paper.life] = paper

    def paper_of(self, serial: str) -> Paper | None:
        """The policy that this drone has had in its present life."""
        drone = self.aircraft.get(serial)
        paper = self.lives.get((serial, drone.life)) if drone else None
        return None if paper is None or paper.never_began() else paper

    def renew(self, paper: Paper) -> None:
        """R2: to the end, never from today."""
        paper.end = months_later(paper.end, 12, paper.zone)
        paper.granted += 1
        paper.extra_warranty += 12
        paper.renewed = True

    def replace(self, paper: Paper, new_serial: str) -> None:
        """T1: a new drone, or a free one; it inherits the activation and with it the warranty."""
        old = self.aircraft[paper.serial]
        old.retired = True
        new = self.aircraft.setdefault(new_serial, Aircraft(new_serial, old.model, None))
        new.activated = old.activated
        paper.serial, paper.life = new_serial, new.life
        self.lives[new_serial, new.life] = paper

    # --- claims ------------------------------------------------------------------------------

    def open(self, case: Case) -> None:
        self.cases.append(case)
        self._open[case.number] = case

    def close(self, case: Case, state: str, at: datetime, *news: Hashable) -> None:
        case.step(state, at, *news)
        self.lay_aside(case)

    def lay_aside(self, case: Case) -> None:
        """K4: who ends without a replacement gives it back into the allowance."""
        case.holds = False
        if case.state in ENDED_WITHOUT_REPLACEMENT:
            case.paper.uses.pop(case.number, None)

    def reopen(self, case: Case) -> None:
        """It holds its policy again: nobody else's, and no dead one."""
        self._open[case.number] = case
        case.holds = case.paper.cancelled_at is None and not case.is_anothers()

    def decide(self, case: Case, outcome: str) -> None:
        """K4: care takes a replacement, if the claim has none yet; anything else gives it back."""
        case.outcome = outcome
        if outcome != "care":
            case.paper.uses.pop(case.number, None)
            case.ordinal = None
        elif case.number not in case.paper.uses:
            case.ordinal = case.paper.take(case.number, case.ordinal_before)
            case.ordinal_before = case.ordinal
