from datetime import datetime

from policies import activation
from policies.management.sweep import MarkingSweep


class Command(MarkingSweep):
    help = "Marks the bundled plans that have begun, and writes their letters (B9)."
    done = "begun"

    def count(self, *, now: datetime) -> int:
        return activation.due(now=now)

    def do_chunk(self, *, now: datetime, chunk: int) -> int:
        return activation.activate(now=now, chunk=chunk)
