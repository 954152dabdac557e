"""`python -m tests.benchmarks`: how much slower than a floor measured in the same run.

Runs on the server of DATABASE_URL, in a scratch database that it creates and drops. Nothing
here passes or fails: machines differ, ratios hardly do.
"""

import signal
import sys
from argparse import ArgumentParser
from types import FrameType

from django.db import connection

from tests.benchmarks import codes, dealer, pages
from tests.benchmarks.scratch import scratch_database
from tests.benchmarks.timing import Table


def main(arguments: list[str]) -> None:
    parser = ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--codes", type=int, default=100_000, help="codes made and imported")
    parser.add_argument("--policies", type=int, default=20_000, help="rows behind the staff lists")
    parser.add_argument("--rounds", type=int, default=20, help="how often a page is fetched")
    parser.add_argument("--explain", action="store_true", help="show the plans of slow queries")
    parser.add_argument("--only", choices=["codes", "pages"], help="one half of it")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, stop)
    with scratch_database() as name:
        print(f"{connection.vendor}, scratch database {name}", flush=True)
        if options.only != "pages":
            measure_codes(options.codes)
        if options.only != "codes":
            measure_pages(options.policies, options.rounds, explain=options.explain)


def measure_codes(count: int) -> None:
    table = Table(f"{count:,} codes", "inserted ready-made rows")
    codes.measure(table, count)
    table.print()
    print("\npeak memory of generate_codes, a process of its own")
    for size in (count // 5, 2 * count):
        print(f"  {size:>9,} codes  {codes.peak_megabytes(size):6.0f} MB", flush=True)


def measure_pages(policies: int, rounds: int, *, explain: bool) -> None:
    print(f"\nmaking a dealer with {policies:,} policies …", flush=True)
    facts = dealer.build(policies)
    table = Table(f"pages, {policies:,} policies", "a bare Django view")
    pages.measure(table, facts, rounds)
    table.print()
    if explain:
        pages.explain(facts)


def stop(signum: int, frame: FrameType | None) -> None:
    # As an exception it passes through scratch_database(), which drops what it made.
    raise SystemExit(128 + signum)


main(sys.argv[1:])
