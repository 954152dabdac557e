"""Labels from EasyPost, spoken to over its wire format (K5)."""

import socket
from dataclasses import replace
from decimal import Decimal

import pytest

from claims import carriers
from claims.carriers import easypost
from claims.carriers.base import Address, CarrierError, LabelRequest, Parcel
from claims.carriers.easypost import EasyPost
from claims.parcels import labels
from tests.claims.carriers import fake_easypost
from tests.claims.carriers.fake_easypost import KEY, PDF, FakeEasyPost
from tests.claims.conftest import fresh, letters_of

REQUEST = LabelRequest(
    "CLM-7KQ2MX9P-1",
    "CLM-7KQ2MX9P",
    sender=Address("Ann Lee", "12 Elm Street", "Apt 4", "Portland", "OR", "97201", "US"),
    receiver=Address(
        "Demo Drone Service Center US", "100 Example Avenue", "", "Albany", "NY", "12207", "US"
    ),
    parcel=Parcel("Mavic 2 Pro", 36, 28, 20, 2_700, Decimal(1_000), "880622", "CN"),
)


@pytest.fixture
def fake():
    fake = FakeEasyPost()
    yield fake
    fake.close()


@pytest.fixture
def carrier(fake, settings, monkeypatch):
    settings.CARRIER = "claims.carriers.easypost.EasyPost"
    settings.EASYPOST_API_KEY = KEY
    settings.EASYPOST_API_BASE = f"{fake.address}/v2"
    monkeypatch.setattr(easypost, "TIMEOUT", 0.3)
    return carriers.carrier()


# --- buying ----------------------------------------------------------------------


def test_a_label_is_bought_at_the_lowest_price(carrier, fake):
    bought = carrier.buy(REQUEST)
    assert bought.carrier_id == "shp_00000000000000000000000000000000"
    assert bought.tracking_number == "9400100000000000000000"
    assert bought.tracking_url == "https://track.easypost.com/9400100000000000000000"
    assert bought.pdf == PDF
    assert fake.calls == ["retrieve", "create", "buy", "download"]
    [shipment] = fake.shipments.values()
    assert shipment["selected_rate"]["rate"] == "9.49"


def test_it_tells_easypost_from_whom_to_whom_and_in_which_format(carrier, fake):
    carrier.buy(REQUEST)
    [shipment] = fake.shipments.values()
    assert shipment["reference"] == "CLM-7KQ2MX9P-1"
    assert shipment["from_address"] == {
        "name": "Ann Lee",
        "street1": "12 Elm Street",
        "street2": "Apt 4",
        "city": "Portland",
        "state": "OR",
        "zip": "97201",
        "country": "US",
    }
    assert shipment["to_address"]["name"] == "Demo Drone Service Center US"
    assert shipment["parcel"] == {"length": 14.2, "width": 11.0, "height": 7.9, "weight": 95.2}
    assert "customs_info" not in shipment
    assert shipment["options"] == {
        "label_format": "PDF",
        "label_size": "4x6",
        "print_custom_1": "CLM-7KQ2MX9P",
    }


def test_asked_again_under_one_reference_it_is_the_same_label_bought_once(carrier, fake):
    first, second = carrier.buy(REQUEST), carrier.buy(REQUEST)
    assert first == second
    assert fake.bought == ["CLM-7KQ2MX9P-1"]


def test_another_reference_is_another_label(carrier, fake):
    first = carrier.buy(REQUEST)
    second = carrier.buy(replace(REQUEST, reference="CLM-7KQ2MX9P-2"))
    assert first.tracking_number != second.tracking_number
    assert fake.bought == ["CLM-7KQ2MX9P-1", "CLM-7KQ2MX9P-2"]


def test_a_sale_whose_answer_was_lost_is_found_again_and_not_repeated(carrier, fake):
    fake.trouble["buy"] = [fake_easypost.SILENCE]
    with pytest.raises(CarrierError) as refusal:
        carrier.buy(REQUEST)
    assert not refusal.value.permanent
    assert carrier.buy(REQUEST).pdf == PDF
    assert fake.bought == ["CLM-7KQ2MX9P-1"]
    assert len(fake.shipments) == 1


def test_a_shipment_left_without_a_label_is_bought_at_today_s_prices(carrier, fake):
    fake.trouble["buy"] = [fake_easypost.DOWN]
    with pytest.raises(CarrierError):
        carrier.buy(REQUEST)
    fake.rates = [fake_easypost.RATES[2] | {"id": "rate_new", "rate": "12.05"}]
    carrier.buy(REQUEST)
    [shipment] = fake.shipments.values()
    assert shipment["selected_rate"]["id"] == "rate_new"


def test_a_label_that_came_as_a_picture_is_converted(carrier, fake):
    fake.label_type = "image/png"
    assert carrier.buy(REQUEST).pdf == PDF
    assert fake.calls == ["retrieve", "create", "buy", "label", "download"]


# --- between countries -------------------------------------------------------------


def between(sender: str, receiver: str) -> LabelRequest:
    return replace(
        REQUEST,
        sender=replace(REQUEST.sender, country=sender, state="", phone="+64 9 123 4567"),
        receiver=replace(REQUEST.receiver, country=receiver, state="", phone="+61 2 5550 0100"),
    )


@pytest.mark.parametrize(
    ("sender", "receiver"),
    [("NZ", "AU"), ("JE", "GB"), ("LI", "CH"), ("MO", "HK"), ("PR", "US"), ("GR", "DE")],
)
def test_a_parcel_to_another_country_is_declared_to_the_customs(carrier, fake, sender, receiver):
    carrier.buy(between(sender, receiver))
    [shipment] = fake.shipments.values()
    assert shipment["customs_info"] == {
        "contents_type": "returned_goods",
        "contents_explanation": "Damaged drone, returned to the dealer for repair or replacement",
        "customs_certify": True,
        "customs_signer": "Skyline Drones",
        "eel_pfc": "NOEEI 30.37(a)",
        "non_delivery_option": "return",
        "restriction_type": "none",
        "customs_items": [
            {
                "description": "Drone Mavic 2 Pro, used, for repair",
                "quantity": 1,
                "value": 1000.0,
                "currency": "USD",
                "weight": 95.2,
                "hs_tariff_number": "880622",
                "origin_country": "CN",
            }
        ],
    }
    assert shipment["from_address"]["phone"] == "+64 9 123 4567"
    assert shipment["to_address"]["phone"] == "+61 2 5550 0100"


@pytest.mark.parametrize("state", ["PR", "ap", " GU "])
def test_addresses_of_the_united_states_beyond_their_customs_are_declared_too(carrier, fake, state):
    carrier.buy(replace(REQUEST, sender=replace(REQUEST.sender, state=state)))
    [shipment] = fake.shipments.values()
    assert shipment["customs_info"]["contents_type"] == "returned_goods"


def test_what_needs_a_filing_number_does_not_claim_to_need_none(carrier, fake):
    dear = replace(REQUEST.parcel, value=Decimal("2500.01"))
    carrier.buy(replace(between("PR", "US"), parcel=dear))
    [shipment] = fake.shipments.values()
    assert "eel_pfc" not in shipment["customs_info"]


# --- refusals ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "answer", "permanent", "words"),
    [
        ("create", fake_easypost.BAD_ADDRESS, True, "address Address not found"),
        ("create", fake_easypost.NO_MONEY, True, "Insufficient funds"),
        ("create", fake_easypost.TOO_FAST, False, "rate limited"),
        ("retrieve", fake_easypost.DOWN, False, "down for maintenance"),
        ("buy", fake_easypost.DOWN, False, "down for maintenance"),
        ("create", fake_easypost.NOT_JSON, False, "Bad Gateway"),
        ("create", fake_easypost.SILENCE, False, "timed out"),
        ("download", fake_easypost.DOWN, False, "503"),
        ("download", fake_easypost.NOT_FOUND, False, "404"),
    ],
    ids=[
        *("a bad address", "no money", "too fast", "down", "down when buying", "not JSON"),
        *("no answer", "no label", "no label yet"),
    ],
)
def test_a_refusal_says_whether_another_try_may_help(carrier, fake, call, answer, permanent, words):
    fake.trouble[call] = [answer]
    with pytest.raises(CarrierError, match=words) as refusal:
        carrier.buy(REQUEST)
    assert refusal.value.permanent is permanent


def test_a_wrong_key_is_for_a_person_to_look_at(carrier, settings):
    settings.EASYPOST_API_KEY = "wrong"
    with pytest.raises(CarrierError, match="no longer active") as refusal:
        EasyPost().buy(REQUEST)
    assert refusal.value.permanent


def test_nobody_there_is_worth_another_try(carrier, settings):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings.EASYPOST_API_BASE = f"http://127.0.0.1:{unused.getsockname()[1]}/v2"
    with pytest.raises(CarrierError) as refusal:
        EasyPost().buy(REQUEST)
    assert not refusal.value.permanent


def test_no_carrier_for_the_parcel_tells_what_each_said(carrier, fake):
    fake.rates = []
    with pytest.raises(CarrierError, match="USPS: No service to this address") as refusal:
        carrier.buy(REQUEST)
    assert refusal.value.permanent
    assert fake.bought == []


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"%PDF-" + b"x" * 3_000_000, "larger than 2 MB"), (b"<html>", "not a PDF")],
    ids=["endless", "not a PDF"],
)
def test_a_label_that_cannot_be_one_is_refused(carrier, fake, content, words):
    fake.label_bytes = content
    with pytest.raises(CarrierError, match=words):
        carrier.buy(REQUEST)


# --- taking back -------------------------------------------------------------------


def test_an_unused_label_is_refunded(carrier, fake):
    bought = carrier.buy(REQUEST)
    carrier.void(bought.carrier_id, reference=REQUEST.reference)
    [shipment] = fake.shipments.values()
    assert shipment["refund_status"] == "submitted"


@pytest.mark.parametrize("status", ["submitted", "refunded", "not_applicable"])
def test_one_that_was_taken_back_already_is_left_alone(carrier, fake, status):
    bought = carrier.buy(REQUEST)
    fake.refund_status = status
    carrier.void(bought.carrier_id, reference=REQUEST.reference)
    carrier.void(bought.carrier_id, reference=REQUEST.reference)
    assert fake.calls.count("refund") == 1


def test_a_rejected_refund_is_asked_for_again_later(carrier, fake):
    bought = carrier.buy(REQUEST)
    fake.refund_status = "rejected"
    with pytest.raises(CarrierError, match="rejected") as refusal:
        carrier.void(bought.carrier_id, reference=REQUEST.reference)
    assert not refusal.value.permanent
    fake.refund_status = "submitted"
    carrier.void(bought.carrier_id, reference=REQUEST.reference)


def test_a_sale_that_nobody_wrote_down_is_taken_back_by_its_reference(carrier, fake):
    carrier.buy(REQUEST)
    carrier.void("", reference=REQUEST.reference)
    assert fake.calls.count("refund") == 1


def test_nothing_was_sold_under_the_reference_is_fine(carrier, fake):
    carrier.void("", reference="CLM-7KQ2MX9P-1")
    fake.trouble["buy"] = [fake_easypost.DOWN]
    with pytest.raises(CarrierError):
        carrier.buy(REQUEST)
    carrier.void("", reference="CLM-7KQ2MX9P-1")
    assert fake.calls.count("refund") == 0


# --- with the worker ---------------------------------------------------------------


def test_the_worker_buys_what_a_claim_needs(carrier, fake, house, policy):
    claim = house.take(house.request(policy), "accept")
    assert labels.work(carrier, clock=lambda: house.now) == (1, 0)
    [shipment] = claim.shipments.all()
    assert shipment.carrier == "easypost"
    assert shipment.tracking_number == "9400100000000000000000"
    with shipment.label.open() as file:
        assert file.read() == PDF
    assert fresh(claim).progress == "label_sent"
    assert letters_of(claim)[-1] == "claim_label"
    assert fake.bought == [f"{claim.number}-1"]
