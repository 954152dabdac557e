from datetime import datetime

from policies.management.sweep import ChunkedSweep
from policies.shared import visitors


class Command(ChunkedSweep):
    help = "Deletes the counts of visitors' attempts that are older than a day."
    done = "deleted"

    def count(self, *, now: datetime) -> int:
        return visitors.outlived(now=now).count()

    def do_chunk(self, *, now: datetime, chunk: int) -> int:
        return visitors.forget(now=now, chunk=chunk)
