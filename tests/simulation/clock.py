"""What the clock does to the book: each command by hand, and the mail.

Each says which papers or claims it touched.
"""

from datetime import datetime, timedelta

from tests.simulation.cases import Case
from tests.simulation.ledger import Ledger
from tests.simulation.papers import Note, Paper

# The letter that told of a mark, and the one that corrects it (E1).
TOLD = {"expired": "policy_expired", "active": "policy_activated"}
CORRECTED = {"expired": "policy_not_expired", "active": "policy_not_begun"}
BEFORE = {"expired": "active", "active": "scheduled"}


class Clock(Ledger):
    def activate(self, at: datetime) -> list[Paper]:
        """B9."""
        begun = [p for p in self.running() if p.marked == "scheduled" and p.start <= at]
        for paper in begun:
            paper.marked = "active"
            self.write(paper, "policy_activated", at)
        return begun

    def remind(self, at: datetime) -> list[Paper]:
        """E2: of those due at once only the nearest is sent, and none after the end."""
        late = [paper for paper in self.running() if paper.reminders_due(at)]
        for paper in late:
            nearest = paper.reminders_passed(at)[-1]
            for days in paper.reminders_due(at):
                note = self.write(paper, "renewal_reminder", at)
                note.about = (paper.ends_on(), days)
                note.state = "queued" if days == nearest and at < paper.end else "moot"
        return late

    def expire(self, at: datetime) -> list[Paper]:
        """E1."""
        over = [p for p in self.running() if p.marked == "active" and p.end <= at]
        for paper in over:
            paper.marked = "expired"
            self.write(paper, "policy_expired", at)
        return over

    def take_back(self, at: datetime) -> list[Paper]:
        """E1: a mark set too early decides nothing, and goes; `at` is the true instant."""
        early = [paper for paper in self.running() if paper.is_marked_too_early(at)]
        for paper in early:
            self.unmark(paper, at)
        return early

    def unmark(self, paper: Paper, at: datetime) -> None:
        """Who was told of the mark is told of the mistake; what was not sent never will be."""
        while paper.is_marked_too_early(at):
            for note in list(paper.told(TOLD[paper.marked])):
                note.wrong = True
                if note.state == "sent":
                    self.write(paper, CORRECTED[paper.marked], at, to=note.to)
                else:
                    note.state = "moot"
            paper.marked = BEFORE[paper.marked]

    def forget_early_reminders(self, at: datetime) -> None:
        """E2: those of a run of the future that nobody has got are written again in their time."""
        for note in self.notes_of_late:
            if note.name == "renewal_reminder" and note.written > at and note.state != "sent":
                note.state, note.wrong = "moot", True

    def deliver(self, at: datetime) -> None:
        """The mail goes out."""
        for note in self.notes_of_late:
            if note.state == "queued" and note.written <= at:
                note.state = "sent"

    def chase(self, at: datetime) -> list[Case]:
        """K6: one reminder after ten days, then the end; who has paid is left alone."""
        chased = []
        for case in list(self.open_cases()):
            deadline = case.deadline()
            if deadline is None or (case.state == "awaiting_fee" and not case.owes()):
                continue
            if deadline <= at:
                self.give_up(case, at)
            elif at - case.first[case.place] >= timedelta(days=10):
                if case.place in case.reminded:
                    continue
                case.remind()
            else:
                continue
            chased.append(case)
        return chased

    def give_up(self, case: Case, at: datetime) -> None:
        if case.state == "label_sent":
            self.close(case, "lapsed", at)
        else:
            too_late = f"{case.state}: not in time"
            case.go("returning", at)
            case.tell(too_late, "", case.due_in_all())

    # --- letters -----------------------------------------------------------------------------

    def write(self, paper: Paper, name: str, at: datetime, to: str = "") -> Note:
        note = Note(name, to or paper.holder, at)
        paper.notes.append(note)
        self.notes_of_late.append(note)
        return note

    def tidy(self, at: datetime) -> None:
        """What has really happened by now is no longer in doubt."""
        for paper in self.running():
            paper.doubtful = paper.doubtful and at < paper.end
        self.notes_of_late = [
            note for note in self.notes_of_late if note.written > at or note.state == "queued"
        ]
