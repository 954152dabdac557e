from collections.abc import Iterator
from datetime import datetime

from claims.reporting.figures import PARTS
from policies.management.sweep import SweepCommand, Swept, Tally
from policies.reporting import figures


class Command(SweepCommand):
    help = "Counts the figures of the dashboard again."

    def count(self, *, now: datetime) -> int:
        return len(PARTS)

    def sweep(self, *, now: datetime, dry_run: bool, chunk: int) -> Iterator[Swept]:
        tally = Tally("parts counted")
        for part, count in PARTS.items():
            if not dry_run:
                figures.take(part, count, now=now)
            tally.seen += 1
            yield tally
