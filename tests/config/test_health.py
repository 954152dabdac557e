import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.db.migrations.recorder import MigrationRecorder
from django.urls import reverse
from django.utils import timezone

from policies.models import Letter, SweepRun
from tests import ROOT, factories


def letter(*, due_minutes_ago: int, state: str = "queued") -> Letter:
    now = timezone.now()
    return Letter.objects.create(
        name="policy_bound",
        recipient="ann@example.com",
        dedupe_key=f"test-{due_minutes_ago}-{state}",
        message_id=f"<{due_minutes_ago}-{state}@testserver>",
        state=state,
        created_at=now - timedelta(days=1),
        next_try_at=now - timedelta(minutes=due_minutes_ago),
        sent_at=now if state == "sent" else None,
    )


def test_the_addresses_are_a_contract():
    assert reverse("healthz") == "/healthz"
    assert reverse("readyz") == "/readyz"


def test_a_running_process_is_healthy_without_any_database(client):
    # No `db` fixture: a query would fail this test.
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


def test_ready_with_a_database_up_to_date_and_nothing_waiting(client, db):
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


@pytest.mark.parametrize("url", ["/healthz", "/readyz"])
def test_an_answer_is_never_cached_and_only_read(client, db, url):
    assert "no-store" in client.get(url).headers["Cache-Control"]
    assert client.post(url).status_code == 405


def test_not_ready_while_a_migration_is_missing(client, db):
    MigrationRecorder.Migration.objects.filter(app="policies").latest("id").delete()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "not ready", "reason": "migrations are not applied"}


def test_a_sweep_that_did_not_run_for_a_day_is_a_warning_and_no_more(client, db):
    factories.PolicyFactory()
    now = timezone.now()
    others = (
        "activate_policies",
        "remind_renewals",
        "lapse_permits",
        "chase_claims",
        "tidy",
        "take_figures",
    )
    for name in others:
        SweepRun.objects.create(name=name, at=now, started_at=now, finished_at=now)
    yesterday = now - timedelta(hours=27)
    SweepRun.objects.create(
        name="expire_policies", at=yesterday, started_at=yesterday, finished_at=yesterday
    )
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "warnings": ["the sweep expire_policies has not run for a day"],
    }


def test_not_ready_when_a_letter_has_waited_longer_than_a_worker_would_let_it(client, db):
    letter(due_minutes_ago=16)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["reason"] == "letters are waiting: the letter worker is not running"


def test_ready_while_a_letter_waits_a_little_or_for_its_next_try(client, db):
    letter(due_minutes_ago=14)
    letter(due_minutes_ago=-60)
    assert client.get("/readyz").status_code == 200


def test_ready_in_spite_of_old_letters_that_are_sent_or_given_up(client, db):
    letter(due_minutes_ago=600, state="sent")
    letter(due_minutes_ago=600, state="failed")
    assert client.get("/readyz").status_code == 200


def test_not_ready_without_a_database():
    script = (
        "import django; django.setup()\n"
        "from django.test import Client\n"
        "r = Client(HTTP_HOST='localhost').get('/readyz', secure=True)\n"
        "print(r.status_code, r.content.decode())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": "sqlite:////nowhere/at/all.sqlite3"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert '503 {"status": "not ready", "reason": "the database does not answer"}' in done.stdout


def test_a_warning_while_a_file_waits_for_its_worker(client, db):
    waiting = factories.ImportFactory(
        state="uploaded", next_try_at=timezone.now() - timedelta(minutes=14)
    )
    assert client.get("/readyz").json() == {"status": "ok"}
    waiting.next_try_at -= timedelta(minutes=2)
    waiting.save()
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "warnings": ["files are waiting: the import worker is not running"],
    }
