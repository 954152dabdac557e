from datetime import datetime

from policies import expiry
from policies.management.sweep import MarkingSweep


class Command(MarkingSweep):
    help = "Marks the policies that have ended, and writes their letters (E1)."
    done = "expired"

    def count(self, *, now: datetime) -> int:
        return expiry.due(now=now)

    def do_chunk(self, *, now: datetime, chunk: int) -> int:
        return expiry.expire(now=now, chunk=chunk)
