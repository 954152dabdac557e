"""What carriers report: signed, heard once, and never more than a hint (K10)."""

import hashlib
import hmac
import json

import pytest
from django.test import Client
from django.urls import include, path

from claims import webhooks
from claims.models import CarrierMessage, Shipment
from tests.claims.conftest import fresh, left, letters_of, timeline
from tests.concurrency.conftest import outcomes, race

SECRET = "sécret of the webhook"
URL = "/carriers/easypost/webhook/"


class urlconf:  # noqa: N801 — a module of URLs of its own
    urlpatterns = [
        path("carriers/easypost/webhook/", webhooks.easypost),
        path("", include("config.urls")),
    ]


@pytest.fixture(autouse=True)
def configured(settings):
    settings.EASYPOST_WEBHOOK_SECRET = SECRET
    settings.ROOT_URLCONF = urlconf


@pytest.fixture
def claim(house, policy):
    """Its label is sent, under the number IN00001 or so."""
    return house.claim_at("label_sent", policy)


def number_of(claim) -> str:
    return claim.shipments.get(direction="inbound").tracking_number


def event(tracking_code: str, status: str, event_id: str = "evt_1", **changed) -> dict:
    tracker = {
        "id": "trk_1",
        "object": "Tracker",
        "mode": "test",
        "tracking_code": tracking_code,
        "status": status,
        "carrier": "USPS",
        "tracking_details": [],
    }
    return {
        "id": event_id,
        "object": "Event",
        "mode": "test",
        "description": "tracker.updated",
        "previous_attributes": {"status": "pre_transit"},
        "result": tracker,
        "status": "pending",
    } | changed


def signature(body: bytes, secret: str = "se\u0301cret of the webhook") -> str:
    # The accent as a character of its own: that is the form EasyPost's own clients sign with.
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return f"hmac-sha256-hex={digest}"


def post(body, **headers) -> int:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"x-hmac-signature": signature(content)} | headers
    client = Client(enforce_csrf_checks=True)
    response = client.post(URL, content, content_type="application/json", headers=headers)
    return response.status_code


# --- what it means -------------------------------------------------------------------


@pytest.mark.parametrize("status", ["in_transit", "out_for_delivery"])
def test_a_parcel_that_moves_has_been_picked_up(claim, status):
    assert post(event(number_of(claim), status)) == 200
    assert timeline(claim)[-1] == "in_transit"
    assert letters_of(claim)[-1] == "claim_in_transit"
    assert claim.events.last().actor == "easypost"
    assert claim.shipments.get().delivered_at is None


def test_a_delivered_parcel_is_noted_for_staff_who_open_the_box(claim):
    post(event(number_of(claim), "in_transit", "evt_1"))
    assert post(event(number_of(claim), "delivered", "evt_2")) == 200
    assert fresh(claim).progress == "in_transit"
    assert claim.shipments.get().delivered_at is not None


def test_a_parcel_delivered_without_a_word_before_was_picked_up_first(claim):
    assert post(event(number_of(claim), "delivered")) == 200
    assert fresh(claim).progress == "in_transit"
    assert claim.shipments.get().delivered_at is not None


@pytest.mark.parametrize(
    "status",
    ["unknown", "pre_transit", "available_for_pickup", "return_to_sender", "failure", "cancelled"],
)
def test_other_news_changes_nothing(claim, status):
    assert post(event(number_of(claim), status)) == 200
    assert fresh(claim).progress == "label_sent"
    assert not CarrierMessage.objects.exists()


def test_other_events_change_nothing(claim):
    assert post(event(number_of(claim), "in_transit", description="tracker.created")) == 200
    assert post({"description": "batch.updated"}) == 200
    assert fresh(claim).progress == "label_sent"


def test_a_parcel_of_somebody_else_is_no_error(claim):
    assert post(event("9400199999999999999999", "in_transit")) == 200
    assert fresh(claim).progress == "label_sent"
    assert not CarrierMessage.objects.exists()


@pytest.mark.parametrize("state", ["received", "shipped", "cancelled", "lapsed"])
def test_late_news_of_a_claim_that_moved_on_is_no_error(house, policy, state):
    claim = house.claim_at(state, policy)
    before = timeline(claim)
    assert post(event(number_of(claim), "in_transit")) == 200
    assert timeline(claim) == before


def test_a_cancelled_claim_s_parcel_that_arrives_all_the_same_is_noted(house, policy):
    claim = house.claim_at("cancelled", policy)
    assert post(event(number_of(claim), "delivered")) == 200
    assert claim.shipments.get().delivered_at is not None
    assert left(policy) == 2


def test_a_replacement_that_was_delivered_is_noted_and_nothing_else(house, policy):
    claim = house.claim_at("shipped", policy)
    out = claim.shipments.get(direction="outbound")
    assert post(event(out.tracking_number, "delivered")) == 200
    assert fresh(claim).progress == "shipped"
    assert Shipment.objects.get(pk=out.pk).delivered_at is not None


# --- once ------------------------------------------------------------------------------


def test_the_same_event_again_changes_nothing(claim, house):
    body = event(number_of(claim), "in_transit")
    assert post(body) == 200
    house.do(claim, "undo")  # staff know better: it was another parcel
    assert post(body) == 200
    assert fresh(claim).progress == "label_sent"
    assert CarrierMessage.objects.count() == 1


def test_the_same_event_twice_at_once_is_one_step(committed_db, house, policy):
    claim = house.claim_at("label_sent", policy)
    body = event(number_of(claim), "delivered")
    results = race(lambda: post(body), lambda: post(body))
    assert results == [200, 200], outcomes(results)
    assert timeline(claim).count("in_transit") == 1
    assert CarrierMessage.objects.count() == 1


def test_two_events_about_one_parcel_at_once_are_one_step(committed_db, house, policy):
    claim = house.claim_at("label_sent", policy)
    number = number_of(claim)
    results = race(
        lambda: post(event(number, "in_transit", "evt_1")),
        lambda: post(event(number, "delivered", "evt_2")),
    )
    assert results == [200, 200], outcomes(results)
    assert timeline(claim).count("in_transit") == 1
    assert claim.shipments.get().delivered_at is not None


# --- who may speak ---------------------------------------------------------------------


def test_without_a_secret_there_is_nobody_here(settings, claim):
    settings.EASYPOST_WEBHOOK_SECRET = ""
    assert post(event(number_of(claim), "in_transit")) == 404
    assert fresh(claim).progress == "label_sent"


@pytest.mark.parametrize(
    "header",
    ["", "hmac-sha256-hex=", "hmac-sha256-hex=" + "0" * 64, "ümläut", signature(b"another body")],
)
def test_who_cannot_sign_is_not_heard(claim, header):
    body = event(number_of(claim), "in_transit")
    assert post(body, **{"x-hmac-signature": header}) == 403
    assert fresh(claim).progress == "label_sent"


def test_a_signature_with_another_secret_is_wrong(claim):
    content = json.dumps(event(number_of(claim), "in_transit")).encode()
    assert post(content, **{"x-hmac-signature": signature(content, "guess")}) == 403


def test_it_only_listens_to_posts(db):
    assert Client().get(URL).status_code == 405
    assert Client().put(URL).status_code == 405


# --- rubbish ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"[]",
        b"null",
        event("IN00001", "in_transit", result=None),
        event("IN00001", "in_transit", result=["x"]),
        event("IN00001", "in_transit", id=None),
        event("IN00001", "in_transit", id=7),
        event("IN00001", "in_transit", id="x" * 81),
        event("IN00001", "in_transit", id="evt\x00"),
        event("IN\x00", "in_transit"),
        event("\ud800", "in_transit"),
        event("", "in_transit"),
        event("9" * 65, "in_transit"),
    ],
    ids=lambda body: str(body)[:30],
)
def test_signed_rubbish_is_refused(db, body):
    assert post(body) == 400


def test_a_status_of_any_shape_is_ignored(claim):
    for status in [None, 7, [], {}, "x" * 10_000]:
        assert post(event(number_of(claim), status)) == 200
    assert fresh(claim).progress == "label_sent"


def test_an_endless_body_is_not_read(db):
    assert post(b"x" * (512 * 1024 + 1)) == 413
