from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from django.utils import timezone

from policies import marks
from policies.models import SweepRun

BAR = 30
INSTANT_HELP = (
    "as if it were this instant, in ISO 8601, as in 2026-03-10T15:00Z or 2026-03-10T10:00-05:00; "
    "UTC where no offset is given, midnight UTC where no time is; now unless given"
)

FORCE_HELP = "let --at be later than now, and do what falls due by then"


@dataclass
class Tally:
    """A plain count, as in "3 expired"."""

    done: str
    seen: int = 0

    def __str__(self) -> str:
        return f"{self.seen} {self.done}"


@dataclass
class Marked(Tally):
    """The same, with the marks that were taken back before, where there were any."""

    back: int = 0

    def __str__(self) -> str:
        return f"{self.done}, {self.back} too early marks taken back" if self.back else self.done


class Swept(Protocol):
    """What a sweep has done so far: `str()` of it is the summary, as in "3 expired"."""

    seen: int


def refuse_the_future(options: dict[str, Any]) -> None:
    """Raises CommandError for an `--at` that is still to come, unless asked for twice (E1)."""
    at = options["at"]
    if at and at > timezone.now() and not (options["dry_run"] or options["force"]):
        raise CommandError(
            f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC is later than now, and what falls due by "
            "then would be done today: plans marked as ended, claims ended, letters written. "
            "Add --dry-run to see what it would be, or --force to do it."
        )


class SweepCommand(BaseCommand):
    """Finds what is due at an instant, and does it in chunks: `count` and `sweep` say what.

    A sweep may run twice or side by side, and may be stopped at any point: each chunk is
    whole, and the next run goes on from there.
    """

    chunk = 500

    def count(self, *, now: datetime) -> int:
        """How much there is to look at, for the progress bar."""
        raise NotImplementedError

    def sweep(self, *, now: datetime, dry_run: bool, chunk: int) -> Iterator[Swept]:
        """Does it; yields the running total after each chunk, and at least once."""
        raise NotImplementedError

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--at",
            type=instant,
            metavar="INSTANT",
            help=INSTANT_HELP,
        )
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
        parser.add_argument("--force", action="store_true", help=FORCE_HELP)
        parser.add_argument(
            "--chunk",
            type=at_least_one,
            default=self.chunk,
            metavar="N",
            help=f"how many at a time; {self.chunk} unless given",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_the_future(options)
        now, dry_run = options["at"] or timezone.now(), options["dry_run"]
        so_far: Swept | None = None
        run = None if dry_run else self._begun(now)
        try:
            bar = ProgressBar(self.stderr, self.count(now=now))
            for so_far in self.sweep(now=now, dry_run=dry_run, chunk=options["chunk"]):
                bar.show(so_far.seen)
            bar.clear()
        except KeyboardInterrupt:
            raise CommandError(self._line(f"stopped after {so_far or 'nothing'}.")) from None
        except OperationalError as error:
            raise CommandError(
                self._line(f"stopped after {so_far or 'nothing'}: {error}")
            ) from None
        if run is not None:
            run.finished_at, run.summary = timezone.now(), str(so_far)[:255]
            run.save(update_fields=["finished_at", "summary"])
        nothing_done = " (dry run: nothing was changed)" if dry_run else ""
        self.stdout.write(self._line(f"{so_far}{nothing_done}."))

    def _begun(self, now: datetime) -> SweepRun:
        return SweepRun.objects.create(name=self.name, at=now, started_at=timezone.now())

    def _line(self, text: str) -> str:
        return f"{self.name}: {text}"

    @property
    def name(self) -> str:
        """The command's name, as it is typed."""
        return type(self).__module__.rpartition(".")[2]


class ChunkedSweep(SweepCommand):
    """A sweep of one set-based statement after another, until nothing is left.

    It ends on an empty chunk, never on a short one: a chunk is short too when another sweep
    holds some of its rows.
    """

    chunk = 10_000
    done = ""

    def do_chunk(self, *, now: datetime, chunk: int) -> int:
        """Does one chunk in a transaction of its own; returns how many rows it did."""
        raise NotImplementedError

    def sweep(self, *, now: datetime, dry_run: bool, chunk: int) -> Iterator[Swept]:
        tally = Tally(self.done)
        if dry_run:
            tally.seen = self.count(now=now)
            yield tally
            return
        while did := self.do_chunk(now=now, chunk=chunk):
            tally.seen += did
            yield tally
        yield tally


class MarkingSweep(ChunkedSweep):
    """A sweep that sets marks or goes by them: first it takes back those set too early (E1)."""

    def sweep(self, *, now: datetime, dry_run: bool, chunk: int) -> Iterator[Swept]:
        back = self.take_back(now=now, dry_run=dry_run, chunk=chunk)
        for tally in super().sweep(now=now, dry_run=dry_run, chunk=chunk):
            yield Marked(str(tally), seen=tally.seen, back=back)

    def take_back(self, *, now: datetime, dry_run: bool, chunk: int) -> int:
        if dry_run:
            return marks.too_early(now=true_instant(now))
        return sum(iter(lambda: marks.take_back(now=true_instant(now), chunk=chunk), 0))


def true_instant(now: datetime) -> datetime:
    """What is too early for `--at` may be right by now: a run as of the past takes nothing back."""
    return max(now, timezone.now())


class ProgressBar:
    """One line that is written over; nothing where the output is not a terminal."""

    def __init__(self, out: Any, total: int) -> None:
        self.out, self.total = out, total
        self.shown = bool(total) and out.isatty()

    def show(self, seen: int) -> None:
        if self.shown:
            share = min(seen / self.total, 1)
            bar = ("#" * round(share * BAR)).ljust(BAR, ".")
            self.out.write(f"\r[{bar}] {share:4.0%} of {self.total:,}", ending="")
            self.out.flush()

    def clear(self) -> None:
        if self.shown:
            self.out.write("\r" + " " * (BAR + 30) + "\r", ending="")


def instant(text: str) -> datetime:
    """An instant in ISO 8601. Without an offset it is UTC; a bare date is its first instant."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:  # the 30th of February, too
        raise ArgumentTypeError(f"{text!r} is not an instant; write 2026-03-10T15:00Z") from None
    if not 2000 <= parsed.year <= 2999:  # a sweep counts days from it, in both directions
        raise ArgumentTypeError(f"{text!r} lies outside the years 2000 to 2999")
    return parsed if timezone.is_aware(parsed) else parsed.replace(tzinfo=UTC)


def at_least_one(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1_000_000:
        raise ArgumentTypeError(f"{text!r} is not a number from 1 to 1,000,000")
    return int(text)
