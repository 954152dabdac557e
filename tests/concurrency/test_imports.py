"""The import worker, killed and beside others: a file goes in whole and once, or not at all."""

import multiprocessing
import os
import random
import signal
import time
from datetime import timedelta

import pytest
from django.conf import settings as live_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection, connections
from django.utils import timezone

from policies.imports import uploads
from policies.models import Drone, Import
from policies.shared.actor import Actor
from policies.shared.errors import Conflict
from tests import factories
from tests.concurrency.conftest import one_snapshot, race

ROWS = 6_000
KILLS = 8
CLERK = Actor.command("clerk")

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.concurrency.test_imports"])


def work(database: str, media: str) -> None:
    connections["default"].settings_dict["NAME"] = database
    live_settings.MEDIA_ROOT = media
    with open(os.devnull, "w") as nobody:  # noqa: PTH123
        call_command("run_imports", stdout=nobody)


@pytest.fixture
def start(committed_db, settings):
    """Starts a worker on the database of the tests."""
    database = str(connection.settings_dict["NAME"])

    def start():
        worker = processes.Process(target=work, args=(database, str(settings.MEDIA_ROOT)))
        worker.start()
        return worker

    return start


def upload(rows: int = ROWS) -> Import:
    lines = "".join(f"0AXKILL{number:06d},mini-2\n" for number in range(rows))
    file = SimpleUploadedFile("drones.csv", f"serial,model\n{lines}".encode())
    brought = uploads.Upload(Import.Kind.DRONES, file, {})
    imported, _is_new = uploads.upload(brought, actor=CLERK, now=timezone.now())
    return imported


def confirm(imported: Import) -> None:
    uploads.confirm(
        imported,
        fingerprint=imported.fingerprint,
        actor=CLERK,
        now=timezone.now(),
    )


def kill_at_random(worker) -> None:
    time.sleep(random.random() * 0.8)
    if worker.is_alive():
        os.kill(worker.pid, signal.SIGKILL)
    worker.join(30)
    assert worker.exitcode in {0, -signal.SIGKILL}


def finish(worker) -> None:
    worker.join(120)
    assert worker.exitcode == 0


def the_lease_runs_out() -> None:
    # Killing is not their fault: the attempts don't count.
    Import.objects.filter(next_try_at__isnull=False).update(
        next_try_at=timezone.now() - timedelta(seconds=1), attempts=0
    )


def test_a_file_goes_in_whole_and_once_however_the_worker_dies(start):
    imported = upload()
    for _kill in range(KILLS):
        kill_at_random(start())
        with one_snapshot():
            imported.refresh_from_db()
            assert Drone.objects.count() == (ROWS if imported.state == "done" else 0)
        if imported.state == "checked":
            confirm(imported)
        the_lease_runs_out()
    for _step in ("check", "import"):
        finish(start())
        imported.refresh_from_db()
        if imported.state == "checked":
            confirm(imported)
    finish(start())
    imported.refresh_from_db()
    assert (imported.state, Drone.objects.count()) == ("done", ROWS)
    steps = list(imported.events.order_by("id").values_list("kind", flat=True))
    assert steps == ["uploaded", "checked", "confirmed", "done"]


def test_two_workers_take_a_file_in_once(committed_db):
    imported = upload()
    uploads.work(clock=timezone.now)
    imported.refresh_from_db()
    confirm(imported)
    results = race(*[lambda: uploads.work(clock=timezone.now)] * 2)
    assert sorted(results) == [(0, 0), (1, 0)]
    assert Drone.objects.count() == ROWS


def test_two_desks_confirm_a_file_once(committed_db):
    imported = upload(rows=50)
    copies = [Import.objects.get(pk=imported.pk) for _desk in range(2)]
    results = race(*[lambda copy=copy: confirm(copy) for copy in copies])
    [refused] = [result for result in results if result is not None]
    assert isinstance(refused, Conflict)
    assert Drone.objects.count() == 50


def test_the_same_file_from_two_desks_is_one_import(committed_db):
    race(upload, upload)
    assert Import.objects.count() == 1


def test_a_file_that_went_missing_fails_with_a_sentence(committed_db):
    imported = upload()
    uploads.work(clock=timezone.now)
    imported.refresh_from_db()
    confirm(imported)
    uploads.storage.delete(imported.stored_as)
    assert uploads.work(clock=timezone.now) == (0, 1)
    imported.refresh_from_db()
    assert (imported.state, imported.trouble) == (
        "failed",
        "The file is no longer there. Upload it again.",
    )


def test_a_file_that_stops_every_worker_is_given_up(committed_db):
    imported = factories.ImportFactory(
        state="checking", next_try_at=timezone.now(), attempts=uploads.LEASE.tries
    )
    assert uploads.work(clock=timezone.now) == (0, 1)
    imported.refresh_from_db()
    assert (imported.state, imported.trouble) == (
        "failed",
        "The worker stopped in the middle of every try.",
    )
