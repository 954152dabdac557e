"""A repair request beside what ends or moves its policy: the lock decides (K2, K3, T1-T3)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from claims import intake, progress
from claims.models import Claim
from claims.photos import Picture
from policies import cancellation, cover, replacement, transfer
from policies.models import Hold, Letter, Policy
from policies.shared.errors import Conflict
from tests import factories
from tests.claims.conftest import ACTIVATED, DESK, NOW, House
from tests.concurrency.conftest import before_the_lock, elsewhere, while_held
from tests.pages import form_with
from tests.public.test_repair import picture

PICTURE = Picture(b"the bytes of a picture", 640, 480)


@pytest.fixture
def house(committed_db) -> House:
    return House()


@pytest.fixture
def policy(ann) -> Policy:
    drone = factories.DroneFactory(serial="0AXCANN0000001", activated_at=ACTIVATED)
    return factories.PolicyFactory(drone=drone, holder=ann)


@pytest.fixture
def ask(policy, house) -> Callable[[], Claim | Conflict]:
    """Ann's request as she began it: whatever happens to her policy meanwhile."""
    said = {"serial": "0AXCANN0000001", "email": "ann@example.com", "pictures": [PICTURE] * 2}

    def request() -> Claim | Conflict:
        try:
            return House(house.now).request(policy, **said)
        except Conflict as refusal:
            return refusal

    return request


def cancel(policy: Policy) -> None:
    """Two seconds after the request came to the door."""
    later = NOW + timedelta(seconds=2)
    cancellation.cancel(policy, reason="Sold in error", actor=DESK, now=later)


def sell(policy: Policy) -> None:
    transfer.change_owner(
        policy, name="Cy Roe", email="cy@example.com", country="US", actor=DESK, now=NOW
    )


def replace(policy: Policy) -> None:
    replacement.move(
        cover.lock(policy),
        new_serial="0AXCNEW0000001",
        condition="new",
        reference="CLM-AAAA2222",
        actor=DESK,
        now=NOW,
    )


def files() -> list[str]:
    folder = "claims/photos"
    return sorted(default_storage.listdir(folder)[1]) if default_storage.exists(folder) else []


def objections(claim: Claim) -> list[str]:
    return [each["code"] for each in claim.decisions.get().reasons if each["objects"]]


# --- the request reads, somebody else commits, the request locks -----------------------------


def test_k2_a_policy_cancelled_between_reading_and_locking_is_decided_as_cancelled(policy, ask):
    with before_the_lock("policies_policy", lambda: elsewhere(lambda: cancel(policy))):
        claim = ask()
    assert (claim.outcome, objections(claim)) == ("not_covered", ["cancelled"])
    # It comes after the cancellation that it met, whatever its clock read before the wait.
    assert claim.submitted_at == datetime(2026, 3, 10, 15, 0, 2, tzinfo=UTC)
    assert claim.photos.count() == 2
    with pytest.raises(Conflict, match="overrule it first"):
        progress.accept(claim, actor=DESK, now=claim.submitted_at)


@pytest.mark.parametrize("change", [sell, replace])
def test_k3_who_has_the_plan_no_more_when_it_is_locked_opens_nothing(policy, ask, change):
    before = files()
    with before_the_lock("policies_policy", lambda: elsewhere(lambda: change(policy))):
        answer = ask()
    assert isinstance(answer, intake.NoMatch), answer
    assert (Claim.objects.count(), Hold.objects.count(), files()) == (0, 0, before)
    assert not Letter.objects.filter(name__startswith="claim_").exists()


def test_k3_a_request_opened_between_reading_and_locking_is_the_one(policy, ask, house):
    before = files()
    with before_the_lock("policies_policy", lambda: elsewhere(lambda: house.request(policy))):
        answer = ask()
    assert isinstance(answer, intake.AlreadyOpen), answer
    [letter] = Letter.objects.filter(name="claim_link_requested")
    assert (letter.reference, files()) == (Claim.objects.get().number, before)


# --- the lock is held while the request reads, and given up when it asks for it ---------------


def test_k2_a_request_that_waits_for_a_cancellation_is_decided_on_it(policy, ask):
    claim = while_held("policies_policy", lambda: cancel(policy), ask)
    assert (claim.outcome, objections(claim)) == ("not_covered", ["cancelled"])


@pytest.mark.parametrize("change", [sell, replace])
def test_t2_a_request_that_waits_for_the_next_owner_or_drone_finds_no_plan(policy, ask, change):
    answer = while_held("policies_policy", lambda: change(policy), ask)
    assert isinstance(answer, intake.NoMatch), answer
    assert (Claim.objects.count(), Hold.objects.count()) == (0, 0)


# --- the way through the page -----------------------------------------------------------------


@pytest.fixture
def filled_in(policy, client) -> dict[str, object]:
    """As a program sends it, without the one-time key: with it, SQLite locks before it reads."""
    return form_with("serial", client.get("/repair/").text) | {
        "serial": "0AXCANN0000001",
        "email": "ann@example.com",
        "cause": "collision",
        "happened_on": "2026-03-08",
        "description": "It flew into a tree.",
        "parts": ["aircraft", "gimbal"],
        "photos": SimpleUploadedFile("photo.jpg", picture(), "image/jpeg"),
        "address_line1": "1 Main Street",
        "city": "Albany",
        "state": "NY",
        "postal_code": "12207",
        "country": "US",
        "accept_terms": "on",
        "once": "",
    }


@time_machine.travel(NOW, tick=False)
def test_k2_a_form_that_meets_a_cancellation_is_decided_as_cancelled(client, policy, filled_in):
    with before_the_lock("policies_policy", lambda: elsewhere(lambda: cancel(policy))):
        response = client.post("/repair/", filled_in)
    claim = Claim.objects.get()
    assert (response.status_code, claim.outcome, objections(claim)) == (
        302, "not_covered", ["cancelled"])  # fmt: skip
    assert "The plan has been cancelled." in client.get(response.url).text


@time_machine.travel(NOW, tick=False)
def test_t2_a_form_of_the_former_owner_is_answered_like_a_stranger_s(client, policy, filled_in):
    before = files()
    with before_the_lock("policies_policy", lambda: elsewhere(lambda: sell(policy))):
        response = client.post("/repair/", filled_in)
    assert (response.status_code, Claim.objects.count(), files()) == (200, 0, before)
    assert "We cannot find a care plan for this serial number and e-mail address." in response.text
    assert "It flew into a tree." in response.text
