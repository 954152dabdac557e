"""Making and importing codes, against inserting the same rows ready-made."""

import csv
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from django.db import connection, transaction
from django.utils import timezone

from policies import codes, sealing
from policies.imports import base
from policies.imports.codes import CodeImport
from policies.imports.lines import Checked
from policies.models import DroneModel, Plan, Region
from policies.rules import code_format
from policies.shared.actor import Actor
from tests.benchmarks.scratch import empty
from tests.benchmarks.timing import Table, milliseconds

ROUNDS = 3
from tests import ROOT

ACTOR = Actor.command("benchmark")

# Between us and the child stands a small process: a child's peak also counts what its
# parent held when it was started.
PEAK = (
    "import resource, subprocess, sys; "
    "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


def catalogue() -> dict[str, Plan | DroneModel | Region]:
    return {
        "plan": Plan.objects.get(code="care-1y"),
        "drone_model": DroneModel.objects.get(slug="mavic-2-pro"),
        "region": Region.objects.get(code="US"),
    }


def measure(table: Table, count: int) -> None:
    floor, made, checked, taken = [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "codes.csv"
        for _round in range(ROUNDS):
            floor.append(timed(insert_ready_made(count)))
            made.append(timed(lambda: generate(count)))
            write_file(path, count)
            empty_stock()
            start = perf_counter()
            ready = base.check(code_import(), path)
            checked.append((perf_counter() - start) * 1_000)
            taken.append(timed(lambda ready=ready: import_ready(path, ready)))
    table.add("insert ready-made rows", floor)
    table.add("generate: make, seal, insert", made)
    table.add("import: read and check a file", checked)
    table.add("import: seal, insert", taken)


def timed(action: Callable[[], object]) -> float:
    """How long it takes on empty tables."""
    empty_stock()
    return milliseconds(action)


def empty_stock() -> None:
    empty("policies_activationcode", "policies_codebatch")


def generate(count: int) -> None:
    codes.generate(**catalogue(), count=count, actor=ACTOR, now=timezone.now())


def code_import() -> CodeImport:
    return CodeImport(**catalogue(), source="codes.csv", now=timezone.now())


def import_ready(path: Path, ready: Checked) -> None:
    base.import_rows(
        code_import(), path, size=ready.new, fingerprint=ready.fingerprint, actor=ACTOR
    )


def write_file(path: Path, count: int) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["code"])
        writer.writerows([code_format.grouped(code)] for code in codes.new_codes(count))


def insert_ready_made(count: int) -> Callable[[], None]:
    """The floor: everything made and formatted beforehand, one COPY or one `executemany`."""
    columns = ", ".join(codes.STOCK_COLUMNS)
    sealed = [(sealing.seal(code), code[-4:]) for code in codes.new_codes(count)]
    if connection.vendor == "postgresql":
        lines = "".join(
            f"{{batch}}\t{seal.digest}\t\\\\x{seal.sealed.hex()}\t{seal.key_id}\t{tail}\tin_stock\t\n"
            for seal, tail in sealed
        )

        def copy() -> None:
            with transaction.atomic(), connection.cursor() as cursor:
                ready = lines.replace("{batch}", str(new_batch()))
                with cursor.copy(f"COPY policies_activationcode ({columns}) FROM STDIN") as target:
                    target.write(ready)

        return copy
    marks = ", ".join(["%s"] * len(codes.STOCK_COLUMNS))

    def execute_many() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            batch = new_batch()
            cursor.executemany(
                f"INSERT INTO policies_activationcode ({columns}) VALUES ({marks})",
                [
                    (batch, seal.digest.hex, seal.sealed, seal.key_id, tail, "in_stock", "")
                    for seal, tail in sealed
                ],
            )

    return execute_many


def new_batch() -> int:
    batch = code_batch(1)
    batch.save()
    return batch.pk


def code_batch(size: int) -> codes.CodeBatch:
    return codes.CodeBatch(
        **catalogue(), origin="generated", size=size, created_at=timezone.now(), actor="benchmark"
    )


def peak_megabytes(count: int) -> float:
    """The most memory that `manage.py generate_codes` had, in MB."""
    empty_stock()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "manage.py", "generate_codes"]
        command += ["--plan", "care-1y", "--model", "mavic-2-pro", "--region", "US"]
        command += ["--count", str(count), "--out", str(Path(folder) / "codes.csv")]
        done = subprocess.run(
            [sys.executable, "-c", PEAK, *command],
            cwd=ROOT,
            env={**os.environ},
            check=True,
            capture_output=True,
            text=True,
        )
    return int(done.stdout) / 1024
