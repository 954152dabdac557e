"""The file of whole codes is on disk before its batch is in the books, or there is neither (C6)."""

import csv
import multiprocessing
import os
import resource
import signal
import stat
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from policies import codes
from policies.management.commands import generate_codes
from policies.models import ActivationCode, CodeBatch

# A process of its own, forked from one that has loaded the program and never opened a connection.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload([__name__])


def issue(out: Path, count: int = 3) -> str:
    said = StringIO()
    what = ("--plan", "care-1y", "--model", "mavic-2-pro", "--region", "US")
    call_command("generate_codes", *what, f"--count={count}", f"--out={out}", stdout=said)
    return said.getvalue()


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def written(out: Path) -> list[str]:
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert {(row["plan"], row["model"], row["region"]) for row in rows} == {
        ("care-1y", "mavic-2-pro", "US")
    }
    return [row["code"] for row in rows]


def test_a_file_holds_the_whole_codes_of_its_batch_for_its_owner_alone(db, tmp_path):
    out = tmp_path / "codes.csv"
    said = issue(out, 30)
    [batch] = CodeBatch.objects.all()
    assert said == f"Batch {batch.pk}: 30 codes in stock, written to {out}.\n"
    assert {codes.find(code).pk for code in written(out)} == set(
        batch.codes.values_list("pk", flat=True)
    )
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert names_in(tmp_path) == ["codes.csv"]


def test_codes_are_never_written_over_a_file(db, tmp_path):
    out = tmp_path / "codes.csv"
    out.write_text("old")
    with pytest.raises(CommandError, match="exists already"):
        issue(out)
    assert out.read_text() == "old"
    assert not CodeBatch.objects.exists()


def test_a_folder_that_is_not_there_is_named(db, tmp_path):
    with pytest.raises(CommandError, match="cannot be written: No such file"):
        issue(tmp_path / "nowhere" / "codes.csv")
    assert not CodeBatch.objects.exists()


# --- a disk that is full, a process that is killed --------------------------------


def with_a_full_disk(database: str, out: Path, count: int) -> None:
    """No file may grow once the codes are made: those of a small batch wait in memory until then."""
    connections["default"].settings_dict["NAME"] = database
    make = generate_codes.Command._generate

    def make_and_fill_the_disk(*args):
        batch = make(*args)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        return batch

    generate_codes.Command._generate = make_and_fill_the_disk
    issue(out, count)


def killed_after_the_commit(database: str, out: Path, count: int) -> None:
    connections["default"].settings_dict["NAME"] = database
    Path.rename = lambda *args: os.kill(os.getpid(), signal.SIGKILL)
    issue(out, count)


def killed_before_the_commit(database: str, out: Path, count: int) -> None:
    connections["default"].settings_dict["NAME"] = database
    generate_codes._sync_folder = lambda path: os.kill(os.getpid(), signal.SIGKILL)
    issue(out, count)


def run(target, out: Path, count: int = 100) -> int | None:
    name = connections["default"].settings_dict["NAME"]
    process = processes.Process(target=target, args=(name, out, count))
    process.start()
    process.join(60)
    return process.exitcode


def test_a_full_disk_leaves_neither_file_nor_batch(committed_db, tmp_path):
    assert run(with_a_full_disk, tmp_path / "codes.csv") == 1  # it said so and ended
    assert names_in(tmp_path) == []
    assert not CodeBatch.objects.exists()
    assert not ActivationCode.objects.exists()


def test_killed_before_the_commit_it_leaves_no_batch_and_no_file_of_that_name(
    committed_db, tmp_path
):
    out = tmp_path / "codes.csv"
    assert run(killed_before_the_commit, out) == -signal.SIGKILL
    assert not CodeBatch.objects.exists()
    assert names_in(tmp_path) == ["codes.csv.part"]
    assert "3 codes in stock" in issue(out)
    assert len(written(out)) == 3
    assert names_in(tmp_path) == ["codes.csv"]


def test_killed_after_the_commit_the_file_is_whole_and_the_next_run_names_it(
    committed_db, tmp_path
):
    out = tmp_path / "codes.csv"
    assert run(killed_after_the_commit, out) == -signal.SIGKILL
    [batch] = CodeBatch.objects.all()
    assert names_in(tmp_path) == ["codes.csv.part"]
    assert issue(out) == f"Batch {batch.pk} was issued by an earlier run; its file is now {out}.\n"
    assert CodeBatch.objects.count() == 1
    assert {codes.find(code).batch_id for code in written(out)} == {batch.pk}
    assert len(written(out)) == batch.size == 100
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_two_runs_do_not_write_one_file(db, tmp_path):
    out = tmp_path / "codes.csv"
    part = tmp_path / "codes.csv.part"
    with part.open("x") as file:
        generate_codes._lock(file, part)
        with pytest.raises(CommandError, match="being written by another process"):
            issue(out)
    assert part.exists()
    assert not CodeBatch.objects.exists()
