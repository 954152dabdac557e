"""`python -m tests.benchmarks`: how much slower than a floor measured in the same run.

Runs on the server of DATABASE_URL, in a scratch database that it creates and drops. Nothing
here passes or fails: machines differ, ratios hardly do.
"""

import signal
import sys
from argparse import ArgumentParser
from types import FrameType

from django.db import connection

from tests.benchmarks import codes, dealer, pages, sweeps
from tests.benchmarks.scratch import scratch_database
from tests.benchmarks.timing import Table


def main(arguments: list[str]) -> None:
    parser = ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--codes", type=int, default=100_000, help="codes made and imported")
    parser.add_argument("--policies", type=int, default=20_000, help="rows behind pages and sweeps")
    parser.add_argument("--rounds", type=int, default=20, help="how often a page is fetched")
    parser.add_argument("--explain", action="store_true", help="show the plans of slow queries")
    parser.add_argument("--kills", type=int, default=0, help="kill the sweep so often, too")
    parser.add_argument("--only", choices=["codes", "pages", "sweeps"], help="a third of it")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, stop)
    with scratch_database() as name:
        print(f"{connection.vendor}, scratch database {name}", flush=True)
        if options.only in {None, "codes"}:
            measure_codes(options.codes)
        if options.only in {None, "pages"}:
            measure_pages(options.policies, options.rounds, explain=options.explain)
        if options.only in {None, "sweeps"}:
            measure_sweeps(options.policies, options.kills)


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


def measure_sweeps(policies: int, kills: int) -> None:
    print(f"\nmaking {policies:,} policies …", flush=True)
    due = sweeps.build(policies)
    table = Table(f"ending {due:,} of {policies:,} policies", "one statement for all of it")
    sweeps.measure(table)
    table.print()
    print(f"\npeak memory of expire_policies: {sweeps.peak_megabytes():.0f} MB", flush=True)
    if kills:
        print(f"\nkilled {kills} times and resumed", flush=True)
        sweeps.kill_and_resume(kills, due)
        print("\ntwo side by side", flush=True)
        sweeps.side_by_side(due)


def stop(signum: int, frame: FrameType | None) -> None:
    # As an exception it passes through scratch_database(), which drops what it made.
    raise SystemExit(128 + signum)


main(sys.argv[1:])
