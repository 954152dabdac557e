from datetime import datetime

from policies import expiry
from policies.management.sweep import ChunkedSweep


class Command(ChunkedSweep):
    help = "Writes the reminders before the end of a term, with the renewal offer (E2)."
    done = "reminders written"

    def count(self, *, now: datetime) -> int:
        return expiry.to_remind(now=now)

    def do_chunk(self, *, now: datetime, chunk: int) -> int:
        return expiry.remind(now=now, chunk=chunk)
