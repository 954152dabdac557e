from datetime import datetime

from policies import verification
from policies.management.sweep import ChunkedSweep


class Command(ChunkedSweep):
    help = "Marks the binding permits that were not used in time (V3)."
    done = "lapsed"

    def count(self, *, now: datetime) -> int:
        return verification.to_lapse(now=now)

    def do_chunk(self, *, now: datetime, chunk: int) -> int:
        return verification.lapse(now=now, chunk=chunk)
