"""What the database itself refuses about claims: raw SQL, on both databases."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from claims.models import ClaimEvent, Deadline, Decision, FeePayment, Shipment
from policies.models import Hold
from tests import factories
from tests.policies.models.test_constraints import change, copy, refused

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 20, 9, 0, tzinfo=UTC)
OTHER_NAMES = {"number": "CLM-OTHER234"}


# --- one open claim per drone (K3) ---------------------------------------------------


def test_a_drone_has_one_open_claim(house, policy):
    claim = house.request(policy)
    with refused("claim_one_open_per_drone", "drone_id"):
        copy(claim, **OTHER_NAMES)
    house.do(claim, "decline")
    assert copy(claim, **OTHER_NAMES, progress="submitted") == 1
    with refused("claim_one_open_per_drone", "drone_id"):
        change(claim, progress="submitted")


@pytest.mark.parametrize("state", ["completed", "returned", "declined", "cancelled", "lapsed"])
def test_a_claim_that_has_ended_is_not_in_the_way(house, policy, state):
    claim = house.claim_at(state, policy)
    assert copy(claim, **OTHER_NAMES) == 1


@pytest.mark.parametrize("column", ["number"])
def test_numbers_are_never_shared(house, policy, column):
    first = house.take(house.request(policy), "decline")
    with refused(f"claim_{column}_once", column):
        copy(first, **OTHER_NAMES | {column: getattr(first, column)})


# --- where a claim stands -------------------------------------------------------------


def test_where_a_claim_stands_is_one_of_the_states(house, policy):
    claim = house.claim_at("preparing", policy)
    for state in ("asleep", "", "SHIPPED"):
        with refused("claim_progress_known"):
            change(claim, progress=state)


def test_a_decision_is_one_of_the_outcomes(house, policy):
    with refused("claim_outcome_known"):
        change(house.request(policy), outcome="perhaps")


@pytest.mark.parametrize("state", ["shipped", "completed"])
def test_nothing_is_shipped_without_a_replacement(house, policy, state):
    claim = house.claim_at("preparing", policy)
    with refused("claim_shipped_has_drone"):
        change(claim, progress=state)
    assert change(claim, progress=state, replacement_id=claim.drone_id)
    with refused("claim_shipped_has_drone"):
        change(claim, replacement_id=None)


@pytest.mark.parametrize(
    "state",
    [
        *("label_sent", "in_transit", "received", "parts_missing", "assessed", "preparing"),
        "lapsed",
    ],
)
def test_what_was_not_accepted_goes_nowhere(house, policy, state):
    with refused("claim_moves_on_accepted"):
        change(house.request(policy), progress=state)


# --- the fee (K4, K8) --------------------------------------------------------------------


def test_a_fee_has_its_ordinal_and_its_currency(house, policy):
    claim = house.request(policy)
    whole = {"ordinal": 1, "fee_amount": "119.00", "fee_currency": "USD"}
    for missing in whole:
        with refused("claim_fee_with_ordinal"):
            change(claim, **{name: value for name, value in whole.items() if name != missing})
    for wrong in ({"ordinal": 0}, {"fee_amount": "-1.00"}, {"fee_currency": ""}):
        with refused("claim_fee_with_ordinal"):
            change(claim, **(whole | wrong))
    assert change(claim, **whole)


def test_a_claim_does_not_wait_for_a_fee_that_nobody_knows(house, policy):
    claim = house.claim_at("assessed", policy)
    with refused("claim_awaits_known_fee"):
        change(claim, progress="awaiting_fee", ordinal=None, fee_amount=None, fee_currency="")
    assert change(claim, progress="awaiting_fee")


def test_a_payment_s_reference_is_used_once(house, policy):
    house.claim_at("preparing", policy)
    payment = FeePayment.objects.get()
    other = house.claim_at(
        "awaiting_fee", factories.PolicyFactory(drone=factories.DroneFactory(activated_at=NOW))
    )
    with refused("payment_reference_once", "reference"):
        copy(payment, claim_id=other.pk)
    assert copy(payment, claim_id=other.pk, reference="PAY-OTHER") == 1


def test_one_payment_pays_the_fee_of_a_claim(house, policy):
    house.claim_at("preparing", policy)
    payment = FeePayment.objects.get()
    with refused("payment_one_pays_the_fee", "claim_id"):
        copy(payment, reference="PAY-OTHER")
    assert copy(payment, reference="PAY-OTHER", is_spare=True) == 1


def test_a_reversed_payment_has_a_reason_and_frees_its_reference(house, policy):
    house.claim_at("preparing", policy)
    payment = FeePayment.objects.get()
    later, earlier = (payment.received_at + timedelta(days=each) for each in (1, -1))
    for values in (
        {"reversed_at": later},
        {"reversal_reason": "Wrong claim."},
        {"reversed_at": earlier, "reversal_reason": "Wrong claim."},
    ):
        with refused("payment_reversed_has_reason"):
            change(payment, **values)
    assert change(payment, reversed_at=later, reversal_reason="Wrong claim.")
    assert copy(payment, reversed_at=None, reversal_reason="") == 1


def test_a_refund_has_its_reference_and_comes_after_the_payment(house, policy):
    house.claim_at("preparing", policy)
    payment = FeePayment.objects.get()
    later, earlier = (payment.received_at + timedelta(days=each) for each in (1, -1))
    for values in (
        {"refunded_at": later},
        {"refund_reference": "BACK-1"},
        {"refunded_at": earlier, "refund_reference": "BACK-1"},
    ):
        with refused("payment_refund_has_reference"):
            change(payment, **values)
    assert change(payment, refunded_at=later, refund_reference="BACK-1")
    payment.refresh_from_db()
    assert payment.amount == Decimal("119.00")


# --- history (K10) ---------------------------------------------------------------------------


@pytest.mark.parametrize("model", [ClaimEvent, Decision])
def test_history_is_neither_changed_nor_deleted(house, policy, model):
    house.request(policy)
    row = model.objects.first()
    append_only = pytest.raises(IntegrityError, match="history is append-only")
    with append_only:
        change(row, note="Not as it was")
    with append_only, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {model._meta.db_table}")
    assert model.objects.filter(note="", pk=row.pk).exists()
    assert copy(row) == 1  # it may grow


# --- parcels and deadlines ----------------------------------------------------------------------


def test_a_bought_label_has_its_number_and_an_order_its_time(house, policy):
    claim = house.take(house.request(policy), "accept")
    label = Shipment.objects.get()
    with refused("shipment_bought_has_tracking"):
        change(label, state="bought")
    with refused("shipment_due_has_time"):
        change(label, next_try_at=None)
    with refused("shipment_reference_once", "reference"):
        copy(label)
    house.do(claim, "label_bought")
    with refused("shipment_bought_has_tracking"):
        change(label, tracking_number="")


def test_a_reminder_comes_before_the_end():
    deadline = Deadline.objects.get(kind="label")
    with refused("deadline_after_reminder"):
        change(deadline, remind_after_days=30)
    with pytest.raises(IntegrityError, match="kind"):
        copy(deadline)


def test_a_policy_is_held_once_for_each_claim(house, policy):
    house.request(policy)
    with refused("hold_once", "reference"):
        copy(Hold.objects.get())
