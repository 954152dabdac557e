from datetime import datetime

from policies.management.sweep import ChunkedSweep
from policies.shared import once, visitors


class Command(ChunkedSweep):
    help = "Deletes what outlived its day: counts of visitors' attempts, keys of forms."
    done = "deleted"

    def count(self, *, now: datetime) -> int:
        return visitors.outlived(now=now).count() + once.outlived(now=now).count()

    def do_chunk(self, *, now: datetime, chunk: int) -> int:
        return visitors.forget(now=now, chunk=chunk) + once.forget(now=now, chunk=chunk)
