"""Six claims from the request to the end, each as one story."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from claims import chasing
from claims.carriers.in_house import InHouse
from claims.models import FeePayment, Shipment
from claims.parcels import labels
from policies.models import Drone, Hold, Letter, PolicyEvent
from tests.claims.conftest import (
    NEW_SERIAL,
    SERIAL,
    decisions_of,
    fresh,
    in_queue,
    ledger,
    left,
    letters_of,
    timeline,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def worker(house):
    """The label worker's next round, with the house's own carrier."""

    def work() -> tuple[int, int]:
        done = labels.work(InHouse(), clock=lambda: house.now)
        house.later(hours=1)
        return done

    return work


@pytest.fixture
def chase(house):
    def run(**time: float) -> str:
        house.later(**time)
        *_, total = chasing.chase(now=house.now)
        return str(total)

    return run


def test_ann_crashes_pays_and_gets_another_drone(house, policy, worker):
    claim = house.request(policy)
    assert (claim.outcome, left(policy)) == ("care", 2)

    house.do(claim, "accept")
    claim = fresh(claim)
    assert (claim.ordinal, claim.fee_amount, claim.fee_currency) == (1, Decimal("119.00"), "USD")
    assert (left(policy), Hold.objects.count()) == (1, 1)

    assert worker() == (1, 0)
    label = Shipment.objects.get()
    assert (label.carrier, label.state) == ("in-house", "bought")
    with label.label.open() as pdf:
        assert pdf.read(5) == b"%PDF-"
    attached = Letter.objects.get(name="claim_label").context["attachments"]
    assert attached == [{"file": label.label.name, "name": f"{claim.number}-label.pdf"}]

    house.later(days=2)
    house.take(claim, "pick_up", "receive", "assess", "ask_fee")
    house.later(days=3)
    house.do(claim, "pay", reference="WIRE-2026-77")
    house.do(claim, "ship", new_serial=NEW_SERIAL, condition="new", tracking_number="OUT-1")
    house.later(days=2)
    claim = house.take(claim, "complete")

    assert timeline(claim) == [
        *("submitted", "(accepted)", "label_sent", "in_transit", "received", "assessed"),
        *("awaiting_fee", "(paid)", "preparing", "shipped", "completed"),
    ]
    assert letters_of(claim) == [
        *("claim_received", "claim_label", "claim_in_transit", "claim_arrived", "claim_assessed"),
        *("claim_fee_due", "claim_fee_received", "claim_shipped", "claim_completed"),
    ]
    assert decisions_of(claim) == [("intake", "care"), ("assessed", "care")]
    assert ledger(policy) == [(1, claim.number)]
    policy.refresh_from_db()
    assert policy.drone.serial == NEW_SERIAL
    assert policy.ends_at == datetime(2027, 1, 5, 9, 0, tzinfo=UTC)
    assert Drone.objects.get(serial=SERIAL).retired_at is not None
    payment = FeePayment.objects.get()
    assert (payment.amount, payment.currency, payment.reference) == (
        Decimal("119.00"), "USD", "WIRE-2026-77")  # fmt: skip
    assert in_queue("refund") == []
    assert not Hold.objects.exists()
    assert policy.is_in_force(at=house.now)

    # The second and last one of the plan.
    second = house.request(policy)
    house.do(second, "accept")
    worker()
    second = house.take(second, "receive", "miss_parts", "receive", "assess", "pay")
    house.do(second, "ship", new_serial="0AXCNEW0000002")
    second = house.take(second, "complete")
    assert (second.ordinal, second.fee_amount) == (2, Decimal("139.00"))
    assert letters_of(second) == [
        *("claim_received", "allowance_used_up", "claim_label", "claim_arrived"),
        *("claim_parts_missing", "claim_arrived", "claim_assessed", "claim_fee_received"),
        *("claim_shipped", "claim_completed"),
    ]
    assert ledger(policy) == [(1, claim.number), (2, second.number)]
    policy.refresh_from_db()
    assert not policy.is_in_force(at=house.now)  # P3: used up, though the term goes on
    assert policy.drone.serial == "0AXCNEW0000002"

    # The third crash finds nothing left.
    third = house.request(policy)
    assert third.outcome == "not_covered"
    house.do(third, "decline", reason="Both replacements have been used.")
    assert letters_of(third) == ["claim_received", "claim_declined"]


def test_a_defect_is_repaired_under_warranty(house, policy, worker):
    claim = house.request(policy, cause="product_defect", parts=["gimbal"])
    assert claim.outcome == "warranty"
    house.do(claim, "accept")
    worker()
    house.take(claim, "pick_up", "receive", "assess", "prepare")
    house.do(claim, "ship", new_serial=SERIAL, condition="refurbished", tracking_number="OUT-2")
    claim = house.take(claim, "complete")

    assert timeline(claim) == [
        *("submitted", "(accepted)", "label_sent", "in_transit", "received", "assessed"),
        *("preparing", "shipped", "completed"),
    ]
    assert letters_of(claim) == [
        *("claim_received", "claim_label", "claim_in_transit", "claim_arrived", "claim_assessed"),
        *("claim_preparing", "claim_shipped", "claim_completed"),
    ]
    assert (claim.ordinal, claim.fee_amount, claim.fee_currency) == (None, None, "")
    assert (ledger(policy), left(policy)) == ([], 2)
    policy.refresh_from_db()
    assert policy.drone.serial == SERIAL
    assert not FeePayment.objects.exists()
    assert list(PolicyEvent.objects.values_list("kind", flat=True)) == []


def test_a_stolen_drone_is_declined(house, policy, worker):
    claim = house.request(policy, cause="lost_or_stolen")
    assert claim.outcome == "not_covered"
    house.do(claim, "decline", reason="Theft is excluded from the plan.")
    claim = fresh(claim)

    assert timeline(claim) == ["submitted", "declined"]
    assert letters_of(claim) == ["claim_received", "claim_declined"]
    assert claim.events.latest("id").public_note == "Theft is excluded from the plan."
    assert Letter.objects.get(name="claim_declined").context["note"] == (
        "Theft is excluded from the plan."
    )
    assert (ledger(policy), left(policy)) == ([], 2)
    assert not Hold.objects.exists()
    assert worker() == (0, 0)  # no label was ordered
    policy.refresh_from_db()
    assert policy.drone.serial == SERIAL
    assert policy.is_in_force(at=house.now)


def test_ann_changes_her_mind_before_the_carrier_has_the_parcel(house, policy, worker):
    claim = house.request(policy)
    house.do(claim, "accept")
    worker()
    assert left(policy) == 1
    house.do(claim, "cancel", reason="I repaired it myself.")
    claim = fresh(claim)

    assert timeline(claim) == ["submitted", "(accepted)", "label_sent", "cancelled"]
    assert letters_of(claim) == ["claim_received", "claim_label", "claim_cancelled"]
    assert (ledger(policy), left(policy)) == ([], 2)
    assert not Hold.objects.exists()
    assert Shipment.objects.get().state == "voiding"
    assert worker() == (1, 0)
    assert Shipment.objects.get().state == "void"
    policy.refresh_from_db()
    assert policy.drone.serial == SERIAL

    # The use that came back is there for the next time, under the same ordinal and fee.
    again = house.take(house.request(policy), "accept")
    assert (again.ordinal, again.fee_amount) == (1, Decimal("119.00"))
    assert [use.reference for use in policy.uses.order_by("id")] == [claim.number, again.number]


def test_a_label_that_nobody_uses_lapses(house, policy, worker, chase):
    claim = house.request(policy)
    house.do(claim, "accept")
    worker()
    sent_at = fresh(claim).progress_at
    house.now = sent_at

    assert chase(days=9) == "0 reminded, 0 lapsed, 0 to be returned"
    assert chase(days=1) == "1 reminded, 0 lapsed, 0 to be returned"
    assert chase(days=1) == "0 reminded, 0 lapsed, 0 to be returned"
    house.now = sent_at + timedelta(days=30, microseconds=-1)
    assert chase() == "0 reminded, 0 lapsed, 0 to be returned"
    assert left(policy) == 1
    assert chase(microseconds=1) == "0 reminded, 1 lapsed, 0 to be returned"
    assert chase(days=1) == "0 reminded, 0 lapsed, 0 to be returned"
    claim = fresh(claim)

    assert timeline(claim) == ["submitted", "(accepted)", "label_sent", "lapsed"]
    assert claim.events.latest("id").actor == "chase_claims"
    assert letters_of(claim) == [
        "claim_received", "claim_label", "label_reminder", "claim_lapsed"]  # fmt: skip
    assert (ledger(policy), left(policy)) == ([], 2)
    assert not Hold.objects.exists()
    worker()
    assert Shipment.objects.get().state == "void"
    assert house.request(policy).outcome == "care"


def test_a_fee_that_nobody_pays_sends_the_drone_back(house, policy, worker, chase):
    claim = house.request(policy)
    house.do(claim, "accept")
    worker()
    house.take(claim, "receive", "assess", "ask_fee")
    house.now = fresh(claim).progress_at

    assert chase(days=10) == "1 reminded, 0 lapsed, 0 to be returned"
    assert chase(days=20) == "0 reminded, 0 lapsed, 1 to be returned"
    assert fresh(claim).progress == "returning"
    assert left(policy) == 1
    claim = house.take(claim, "hand_back")

    assert timeline(claim) == [
        *("submitted", "(accepted)", "label_sent", "received", "assessed"),
        *("awaiting_fee", "returning", "returned"),
    ]
    assert letters_of(claim) == [
        *("claim_received", "claim_label", "claim_arrived", "claim_assessed", "claim_fee_due"),
        *("fee_reminder", "claim_returning", "claim_returned"),
    ]
    assert (ledger(policy), left(policy)) == ([], 2)
    assert not FeePayment.objects.exists()
    policy.refresh_from_db()
    assert (policy.drone.serial, policy.drone.retired_at) == (SERIAL, None)


def test_what_arrives_is_not_what_was_said_and_goes_back(house, policy, worker):
    claim = house.request(policy, cause="drop", happened_on=date(2026, 3, 9))
    house.do(claim, "accept")
    worker()
    house.take(claim, "receive")
    house.do(claim, "assess", cause_found="third_party", parts_damaged=["aircraft"])
    house.do(claim, "send_back", reason="It was opened elsewhere.", tracking_number="BACK-9")
    claim = house.take(claim, "hand_back")

    assert decisions_of(claim) == [("intake", "care"), ("assessed", "not_covered")]
    assert letters_of(claim) == [
        *("claim_received", "claim_label", "claim_arrived", "claim_assessed"),
        *("claim_returning", "claim_returned"),
    ]
    told = Letter.objects.get(name="claim_assessed").context
    assert [(reason["rule"], reason["code"]) for reason in told["reasons"]] == [
        ("P7", "excluded_cause")
    ]
    assert Letter.objects.get(name="claim_returning").context["note"] == "It was opened elsewhere."
    assert Shipment.objects.get(direction="outbound").tracking_number == "BACK-9"
    assert (claim.ordinal, ledger(policy), left(policy)) == (None, [], 2)
