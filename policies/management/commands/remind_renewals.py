from datetime import datetime

from policies import expiry, marks
from policies.management.sweep import MarkingSweep, true_instant


class Command(MarkingSweep):
    help = "Writes the reminders before the end of a term, with the renewal offer (E2)."
    done = "reminders written"

    def count(self, *, now: datetime) -> int:
        return expiry.to_remind(now=now)

    def do_chunk(self, *, now: datetime, chunk: int) -> int:
        return expiry.remind(now=now, chunk=chunk)

    def take_back(self, *, now: datetime, dry_run: bool, chunk: int) -> int:
        if not dry_run:
            marks.take_back_reminders(now=true_instant(now))
        return super().take_back(now=now, dry_run=dry_run, chunk=chunk)
