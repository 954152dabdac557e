"""One form sent sixteen times at the same moment, on every kind of page, is acted on once."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from claims.models import Claim, ClaimEvent
from policies.models import (
    ActivationCode,
    CodeBatch,
    Letter,
    Policy,
    PolicyEvent,
    VideoVerification,
)
from policies.shared import roles
from tests import factories
from tests.claims.conftest import House
from tests.concurrency.conftest import race
from tests.pages import press

AT_ONCE = 16


@pytest.fixture(autouse=True)
def in_march() -> Iterator[None]:
    """While the policies of the factories run."""
    with time_machine.travel(datetime(2026, 3, 10, 16, tzinfo=UTC)):
        yield


def sixteen_times(client: Client, url: str, button: str, typed: dict[str, Any]) -> list[Any]:
    """Fetches the page, and presses its button in sixteen browsers with the same cookies."""
    opened = client.get(url)

    def send() -> Any:
        browser = Client()
        browser.cookies.update(client.cookies)
        answer = press(browser, opened, button, typed)
        return (answer.status_code, answer.get("Location", ""))

    answers = race(*[send] * AT_ONCE)
    assert len(set(answers)) == 1, answers
    return answers


@pytest.fixture
def employ(committed_db) -> Callable[[str], Client]:
    def hire(role: str) -> Client:
        user = User.objects.create_user(role.lower(), password="x", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client = Client()
        client.force_login(user)
        return client

    return hire


def test_sixteen_sales(employ, shelf):
    made = factories.ActivationCodeFactory.create_batch(AT_ONCE)
    batch = made[0].batch
    sale = {"plan": batch.plan_id, "drone_model": batch.drone_model_id, "region": batch.region_id}
    sale |= {"quantity": "1", "name": "Ann Lee", "email": "ann@example.com", "country": "US"}
    url = reverse("admin:policies_activationcode_sell")
    sixteen_times(employ(roles.SALES), url, "Sell codes", sale)
    assert ActivationCode.objects.exclude(state="in_stock").count() == 1
    assert Letter.objects.filter(name="code_sold").count() == 1


def test_sixteen_batches(employ, shelf):
    typed = {"plan": shelf["plan"].pk, "drone_model": shelf["drone_model"].pk}
    typed |= {"region": shelf["region"].pk, "count": "5"}
    url = reverse("admin:policies_codebatch_generate")
    sixteen_times(employ(roles.MANAGER), url, "Issue a batch of codes", typed)
    assert CodeBatch.objects.count() == 1


def test_sixteen_changes_of_owner(employ, committed_db):
    policy = factories.PolicyFactory()
    url = reverse("admin:policies_policy_change-owner", args=[policy.pk])
    zoe = {"name": "Zoe", "email": "zoe@example.com", "country": "US"}
    sixteen_times(employ(roles.MANAGER), url, "Change the owner", zoe)
    assert PolicyEvent.objects.filter(kind="transferred").count() == 1


def test_sixteen_arrivals_by_the_bulk_page(employ, committed_db):
    house = House()
    claims = [house.claim_at("in_transit", factories.PolicyFactory()) for _claim in range(2)]
    desk = employ(roles.CLAIMS)
    listed = desk.get(reverse("admin:claims_claim_changelist"))
    ticked = {"_selected_action": [claim.pk for claim in claims], "action": "receive"}
    asked = press(desk, listed, "Go", ticked)

    def send() -> int:
        browser = Client()
        browser.cookies.update(desk.cookies)
        return int(press(browser, asked, "They arrived").status_code)

    assert set(race(*[send] * AT_ONCE)) == {302}
    assert ClaimEvent.objects.filter(after="received").count() == 2


def test_sixteen_activations(committed_db, shelf, ann):
    code = factories.ActivationCodeFactory(sold=True)
    typed = {
        "code": factories.whole(code),
        "serial": "08QCE3D0",
        "model": code.batch.drone_model.slug,
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "country": "US",
        "activated": "no",
        "accept_terms": "on",
    }
    sixteen_times(Client(), "/activate/", "Activate", typed)
    assert Policy.objects.count() == 1


def test_sixteen_requests_and_sixteen_cancellations(committed_db):
    policy = factories.PolicyFactory()
    typed = {
        "serial": policy.drone.serial,
        "email": policy.holder.email,
        "cause": "collision",
        "happened_on": f"{policy.starts_at:%Y-%m-%d}",
        "description": "It flew into a tree.",
        "parts": ["aircraft"],
        "address_line1": "1 Main Street",
        "city": "Albany",
        "state": "NY",
        "postal_code": "12207",
        "country": "US",
        "accept_terms": "on",
    }
    answers = sixteen_times(Client(), "/repair/", "Send the request", typed)
    assert Claim.objects.count() == 1
    assert set(Letter.objects.values_list("name", flat=True)) == {"claim_received"}
    sixteen_times(Client(), f"{answers[0][1]}cancel/", "Yes, cancel it", {})
    assert ClaimEvent.objects.filter(after="cancelled").count() == 1


def test_sixteen_films(committed_db):
    film = {
        "serial": "0AXCANN0000001",
        "model": "mavic-2-pro",
        "name": "Ann Lee",
        "email": "ann@example.com",
        "country": "US",
        "video_url": "https://youtu.be/dQw4w9WgXcQ",
        "read_instructions": "on",
    }
    opened = Client().get("/verification/")

    def send() -> int:
        return int(press(Client(), opened, "Send the video", film).status_code)

    assert set(race(*[send] * AT_ONCE)) == {200, 429}  # five an hour for each mailbox
    assert VideoVerification.objects.count() == 1
    assert Letter.objects.count() == 1
