"""Marking what has ended, against one hand-written statement that does the same at once.

Three policies in ten are due. Before each round everything is put back and the table
rewritten, so that no round works in the traces of another.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from policies import bulk_letters, expiry
from policies.models import Customer, Drone, Letter, Period, Policy, PolicyEvent
from policies.shared import database
from tests.benchmarks import dealer
from tests.benchmarks.codes import PEAK, ROOT
from tests.benchmarks.scratch import analyse, empty
from tests.benchmarks.timing import Table, milliseconds

ROUNDS = 2
DUE = 0.3
AT = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
CHUNKS = (10_000, 50_000)


class Ending(dealer.Rows):
    """Active policies, bound at desks without codes; the first three in ten have ended."""

    def insert(self) -> None:
        self.put(Customer, "name email phone country created_at", self.customers())
        drone = "serial drone_model_id activated_at activation_source life retired_at"
        self.put(Drone, drone, self.drones())
        policy = "number plan_id region_id drone_id drone_life holder_id status"
        self.put(Policy, f"{policy} starts_at ends_at cancel_reason created_at", self.policies())
        period = "policy_id number plan_id code_id starts_at ends_at months replacements"
        self.put(
            Period, f"{period} warranty_months binding_window_hours created_at", self.periods()
        )

    def starts_at(self, n: int) -> datetime:
        # Sold one after another and ending in that order, but for some disorder in each thousand.
        place = (n - n % 1_000 + n * 619 % 1_000) / self.count
        days = 30 * (place - DUE) / DUE if place < DUE else 300 * (place - DUE) + 0.01
        return AT - dealer.YEAR + timedelta(days=days)

    def policies(self) -> Iterator[tuple[Any, ...]]:
        for row in super().policies():
            yield (*row[:6], "active", *row[7:])

    def periods(self) -> Iterator[tuple[Any, ...]]:
        for row in super().periods():
            yield (*row[:3], None, *row[4:])


def build(policies: int) -> int:
    """Makes the rows; returns how many are due."""
    facts = dealer.Facts(
        user=None,  # type: ignore[arg-type]
        policies=policies,
        number="POL-BENCHMRK",
        token="x" * 43,
        serial="1581FBENCHMARK",
        email="benchmark@example.com",
        name="Bea Benchmark",
        order_reference="",
        code="",
    )
    empty("policies_policy", "policies_drone", "policies_customer")
    with transaction.atomic():
        dealer.trust_us()
        rows = Ending(facts)
        rows.ids = {dealer.ActivationCode: 0}
        rows.insert()
    analyse()
    return expiry.due(now=AT)


def put_back() -> None:
    with transaction.atomic():
        empty("policies_policyevent", "policies_letter")
        Policy.objects.filter(status="expired").update(status="active")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM FULL ANALYZE policies_policy")
            cursor.execute("CHECKPOINT")


def measure(table: Table) -> None:
    floor: list[float] = []
    swept: dict[int, list[float]] = {chunk: [] for chunk in CHUNKS}
    for _round in range(ROUNDS):
        put_back()
        floor.append(milliseconds(at_once))
        for chunk, timings in swept.items():
            put_back()
            timings.append(milliseconds(lambda chunk=chunk: sweep(chunk)))
    table.add("one statement for all of it", floor)
    for chunk, timings in swept.items():
        table.add(f"expire_policies --chunk {chunk}", timings)


def sweep(chunk: int) -> None:
    while expiry.expire(now=AT, chunk=chunk):
        pass


def at_once() -> None:
    """The floor, as one would type it at the database's own prompt."""
    facts = bulk_letters.FACTS | {"ends_at": database.iso("p.ends_at")}
    told = f"""
        INSERT INTO policies_letter ({bulk_letters.LETTER_COLUMNS})
        SELECT 'policy_expired', c.email, 'en', p.id, '', {database.json_object(facts)},
               'policy_expired/' || p.id, '<' || {database.random_hex()} || '@example.com>',
               'queued', 0, %(now)s, %(now)s, ''
        FROM {{source}} p {bulk_letters.JOINS}
    """
    noted = """
        INSERT INTO policies_policyevent (policy_id, kind, at, actor, note, data)
        SELECT p.id, 'expired', %(now)s, 'expire_policies', '', '{{}}' FROM {source} p
    """
    change = "UPDATE policies_policy SET status = 'expired'"
    due = "status = 'active' AND ends_at <= %(now)s"
    now = {"now": connection.ops.adapt_datetimefield_value(AT)}
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"WITH changed AS ({change} WHERE {due} RETURNING *), "
                f"noted AS ({noted.format(source='changed')}) {told.format(source='changed')}",
                now,
            )
            return
        source = f"(SELECT * FROM policies_policy WHERE {due})"
        cursor.execute(noted.format(source=source), now)
        cursor.execute(told.format(source=source), now)
        cursor.execute(f"{change} WHERE {due}", now)


# --- processes of their own ------------------------------------------------------------------

COMMAND = [sys.executable, "manage.py", "expire_policies", "--at", AT.isoformat(), "--force"]


def peak_megabytes() -> float:
    """The most memory that `manage.py expire_policies` had, in MB."""
    put_back()
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *COMMAND],
        cwd=ROOT,
        env={**os.environ},
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout) / 1024


def start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        COMMAND, cwd=ROOT, env={**os.environ}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def kill_and_resume(kills: int, due: int) -> None:
    """Kills the command at random points, then lets it finish; the books must be whole."""
    put_back()
    for _kill in range(kills):
        worker = start()
        before = expiry.due(now=AT)
        while expiry.due(now=AT) == before and worker.poll() is None:  # it has to load first
            time.sleep(0.05)
        time.sleep(random.random() * 2)
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
        print(f"  killed, {expiry.due(now=AT):,} left", flush=True)
    print(f"  {start().communicate()[0].decode().strip()}")
    print(f"  {in_order(due)}", flush=True)


def side_by_side(due: int) -> None:
    put_back()
    workers = [start(), start()]
    for worker in workers:
        print(f"  {worker.communicate()[0].decode().strip()}")
    print(f"  {in_order(due)}", flush=True)


def in_order(due: int) -> str:
    """Exactly one event and one letter for each policy that was due, or which number is wrong."""
    events = PolicyEvent.objects.filter(kind="expired")
    letters = Letter.objects.filter(name="policy_expired")
    counts = {
        "marked": Policy.objects.filter(status="expired", ends_at__lte=AT).count(),
        "events": events.count(),
        "policies with an event": events.values("policy").distinct().count(),
        "letters": letters.count(),
        "policies with a letter": letters.values("policy").distinct().count(),
    }
    wrong = {name: count for name, count in counts.items() if count != due}
    early = Policy.objects.filter(status="expired", ends_at__gt=AT).count()
    return (
        f"WRONG: {wrong}, {early} ended early" if wrong or early else f"{due:,} of each, in order"
    )
