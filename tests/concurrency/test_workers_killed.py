"""Both workers, killed fifty times at random: nothing is bought twice, nothing is lost (K5)."""

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from datetime import datetime
from email import message_from_string
from pathlib import Path

import pytest
from django.conf import settings as live_settings
from django.core.files.storage import default_storage
from django.core.mail.backends.filebased import EmailBackend
from django.core.management import call_command
from django.db import connection, connections
from django.utils import timezone

from claims import progress
from claims.carriers.in_house import InHouse, tracking_number
from claims.models import Claim, ClaimEvent, Shipment
from claims.parcels import shipping
from policies.models import Letter
from policies.shared.actor import Actor
from policies.shared.errors import Conflict
from tests import factories

KILLS = 50
CLAIMS = 60
CANCELLED = 20
LETTERS = 400
DESK = Actor.command("claims desk")

# Each worker is a process of its own, forked from one that has loaded the program and has
# never opened a connection: fifty starts in seconds.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.concurrency.test_workers_killed"])


# --- in the worker's process ------------------------------------------------------


class Bookkeeping(InHouse):
    """Sells slowly, and keeps in a folder which reference was asked for, sold and taken back."""

    folder = Path()

    def buy(self, request):
        self.note("asked", request.reference)
        time.sleep(random.random() * 0.02)
        self.note("sold", request.reference)
        time.sleep(random.random() * 0.02)
        return super().buy(request)

    def void(self, carrier_id, *, reference):
        time.sleep(random.random() * 0.02)
        self.note("void", reference)

    def note(self, book: str, reference: str) -> None:
        page = os.open(self.folder / book, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(page, f"{reference}\n".encode())
        os.close(page)


class SlowPost(EmailBackend):
    """A file for each connection; a moment for each letter."""

    def write_message(self, message):
        super().write_message(message)
        time.sleep(random.random() * 0.01)


def work(command: str, database: str, folder: Path, media: str) -> None:
    connections["default"].settings_dict["NAME"] = database
    live_settings.MEDIA_ROOT = media
    live_settings.CARRIER = f"{__name__}.Bookkeeping"
    live_settings.EMAIL_BACKEND = f"{__name__}.SlowPost"
    live_settings.EMAIL_FILE_PATH = str(folder)
    Bookkeeping.folder = folder
    with (folder / "said.txt").open("a") as said:
        call_command(command, stdout=said)


# --- in the test ------------------------------------------------------------------


@pytest.fixture
def start(committed_db, tmp_path, settings):
    """Starts a worker on the database of the tests."""
    database = str(connection.settings_dict["NAME"])

    def start(command: str):
        worker = processes.Process(
            target=work, args=(command, database, tmp_path, str(settings.MEDIA_ROOT))
        )
        worker.start()
        return worker

    return start


@pytest.fixture
def claims(committed_db, now) -> list[Claim]:
    """Accepted, their labels ordered."""
    policy = factories.PolicyFactory()
    drones = factories.DroneFactory.create_batch(CLAIMS)
    claims = [
        Claim.objects.create(
            policy=policy,
            drone=drone,
            name="Ann Lee",
            email="ann@example.com",
            cause="collision",
            happened_on=now.date(),
            description="It flew into a tree.",
            line1="1 Main Street",
            city="Albany",
            country="US",
            submitted_at=now,
            progress="submitted",
            progress_at=now,
            waits_since=now,
            outcome="warranty",
            accepted_at=now,
        )
        for drone in drones
    ]
    for claim in claims:
        ClaimEvent.objects.create(
            claim=claim, kind=ClaimEvent.Kind.MOVED, at=now, after="submitted", actor="customer"
        )
        shipping.order_label(claim, now=now)
    return claims


def kill_at_random(worker) -> bool:
    """Whether it was still at work."""
    time.sleep(random.random() * 0.3)
    alive = worker.is_alive()
    if alive:
        os.kill(worker.pid, signal.SIGKILL)
    worker.join(30)
    assert not worker.is_alive()
    assert worker.exitcode in {0, -signal.SIGKILL}
    worker.close()
    return alive


def cancel_if_open(claim: Claim, now: datetime) -> None:
    with suppress(Conflict):
        progress.cancel(claim, actor=DESK, now=now)


def message_ids(folder: Path) -> Counter:
    """The whole letters in the mailbox: the half one that a killed worker left doesn't count."""
    found: Counter = Counter()
    for file in folder.glob("*.log"):
        for text in file.read_text().split("-" * 79 + "\n"):
            message = message_from_string(text)
            if message["Message-ID"] and text.rstrip().endswith("--"):
                found[message["Message-ID"]] += 1
    return found


def finish(worker) -> None:
    worker.join(120)
    assert worker.exitcode == 0
    worker.close()


def book(folder: Path, name: str) -> Counter:
    page = folder / name
    return Counter(page.read_text().split()) if page.exists() else Counter()


def five_minutes_later() -> None:
    """The orders in dead hands are due again, and killing fifty workers is not their fault."""
    Shipment.objects.filter(state__in=["wanted", "voiding"]).update(
        next_try_at=timezone.now(), attempts=0
    )


def test_no_label_is_bought_twice_or_lost_however_workers_die(claims, start, tmp_path, now):
    to_be_cancelled = random.sample(claims, CANCELLED)
    killed = 0
    for _kill in range(KILLS):
        worker = start("buy_labels")
        if to_be_cancelled and random.random() < 0.6:
            time.sleep(random.random() * 0.1)
            cancel_if_open(to_be_cancelled.pop(), now)
        killed += kill_at_random(worker)
        in_dead_hands = Shipment.objects.filter(state="wanted", attempts__gt=0).first()
        if in_dead_hands and random.random() < 0.5:
            progress.cancel(in_dead_hands.claim, actor=DESK, now=now)
        five_minutes_later()
    for claim in to_be_cancelled:
        cancel_if_open(claim, now)
    finish(start("buy_labels"))
    five_minutes_later()
    finish(start("buy_labels"))

    assert killed >= 10  # at work, when they were killed
    sold = book(tmp_path, "sold")
    orders = {shipment.reference: shipment for shipment in Shipment.objects.all()}
    assert len(orders) == CLAIMS  # one order each, whatever happened
    assert set(sold) <= set(orders)  # and no reference that nobody ordered
    for reference, shipment in orders.items():
        claim = Claim.objects.get(pk=shipment.claim_id)
        moves = list(claim.events.filter(kind="moved").values_list("after", flat=True))
        letters = Letter.objects.filter(reference=claim.number, name="claim_label").count()
        if claim.progress == "cancelled":
            assert shipment.state == "void"
            assert (reference in sold) <= (reference in book(tmp_path, "void"))
        else:
            assert claim.progress == "label_sent"
            assert shipment.state == "bought"
            assert shipment.tracking_number == tracking_number(reference)
            assert default_storage.size(shipment.label.name) > 10_000
            assert moves == ["submitted", "label_sent"]
            assert letters == 1


def test_no_letter_is_lost_however_workers_die(committed_db, start, tmp_path):
    outbox = factories.LetterFactory.create_batch(LETTERS)
    killed = 0
    for _kill in range(KILLS):
        if not Letter.objects.filter(state="queued").exists():  # a fast machine is kept busy
            outbox += factories.LetterFactory.create_batch(LETTERS // 4)
        killed += kill_at_random(start("send_letters"))
        Letter.objects.filter(state="queued").update(next_try_at=timezone.now(), attempts=0)
    finish(start("send_letters"))

    assert killed >= 10
    assert Letter.objects.filter(state="sent").count() == len(outbox)
    delivered = message_ids(tmp_path)
    assert set(delivered) == {letter.message_id for letter in outbox}
    # Twice only where the worker died between sending and saying so.
    assert sum(delivered.values()) <= len(outbox) + KILLS
