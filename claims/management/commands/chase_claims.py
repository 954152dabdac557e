from collections.abc import Iterator
from datetime import datetime

from claims import chasing
from policies.management.sweep import SweepCommand


class Command(SweepCommand):
    help = "Reminds of unused labels and unpaid fees, and ends what has waited too long (K6)."

    def count(self, *, now: datetime) -> int:
        return chasing.count(now=now)

    def sweep(self, *, now: datetime, dry_run: bool, chunk: int) -> Iterator[chasing.Chased]:
        return chasing.chase(now=now, dry_run=dry_run, chunk=chunk)
