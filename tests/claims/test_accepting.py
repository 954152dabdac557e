"""A claim is accepted: use, ordinal, fee and label (K4, P4, P5)."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from policies.models import ReplacementFee
from policies.shared.errors import Conflict
from tests import factories
from tests.claims.conftest import (
    everything_written,
    fresh,
    ledger,
    left,
    letters_of,
)

pytestmark = pytest.mark.django_db


def test_accepting_takes_the_use_fixes_ordinal_and_fee_and_orders_the_label(house, policy):
    claim = house.request(policy)
    assert (claim.outcome, claim.ordinal, left(policy)) == ("care", None, 2)
    accepted_at = house.now
    claim = house.take(claim, "accept")
    assert (claim.progress, claim.accepted_at) == ("submitted", accepted_at)
    assert (claim.ordinal, claim.fee_amount, claim.fee_currency) == (1, Decimal("119.00"), "USD")
    assert ledger(policy) == [(1, claim.number)]
    assert left(policy) == 1
    label = claim.shipments.get()
    assert (label.direction, label.state, label.reference, label.next_try_at) == (
        "inbound", "wanted", f"{claim.number}-1", accepted_at)  # fmt: skip
    assert letters_of(claim) == ["claim_received"]


def test_a_claim_is_accepted_once(house, policy):
    claim = house.take(house.request(policy), "accept")
    before = everything_written()
    with pytest.raises(Conflict, match="no longer waiting for a decision"):
        house.do(claim, "accept")
    assert everything_written() == before


@pytest.mark.parametrize(
    ("cause", "outcome"),
    [("deliberate", "Not covered"), ("other_accident", "Needs a closer look")],
)
def test_only_a_favourable_decision_can_be_accepted(house, policy, cause, outcome):
    claim = house.request(policy, cause=cause)
    with pytest.raises(Conflict) as no:
        house.do(claim, "accept")
    assert str(no.value.message) == (
        f"The decision is “{outcome}”. To accept all the same, overrule it first."
    )


def test_accepting_the_second_claim_takes_the_second_replacement_and_its_fee(house, policy):
    first = house.claim_at("completed", policy)
    policy.refresh_from_db()
    second = house.take(house.request(policy), "accept")
    assert (second.ordinal, second.fee_amount) == (2, Decimal("139.00"))
    assert ledger(policy) == [(1, first.number), (2, second.number)]
    assert letters_of(second) == ["claim_received", "allowance_used_up"]


def test_a_missing_fee_row_is_named_and_nothing_is_kept(house, policy, us, mavic_2_pro):
    house.claim_at("completed", policy)
    policy.refresh_from_db()
    claim = house.request(policy)
    ReplacementFee.objects.filter(drone_model=mavic_2_pro, region=us, ordinal=2).delete()
    before = everything_written()
    with pytest.raises(Conflict) as no:
        house.do(claim, "accept")
    assert str(no.value.message) == (
        "There is no replacement fee for Mavic 2 Pro in United States, replacement 2. "
        "A manager must enter it before this claim can go on."
    )
    assert everything_written() == before  # the use it had taken is back, and so is the label
    ReplacementFee.objects.create(
        drone_model=mavic_2_pro,
        region=us,
        ordinal=2,
        amount=Decimal("150.00"),
        valid_from=date(2026, 1, 1),
    )
    assert house.take(claim, "accept").fee_amount == Decimal("150.00")


def test_an_allowance_used_up_meanwhile_refuses_the_acceptance(house, policy):
    claim = house.request(policy)
    for ordinal in (1, 2):
        factories.AllowanceUseFactory(policy=policy, ordinal=ordinal)
    before = everything_written()
    with pytest.raises(Conflict, match="No replacement is left in the allowance"):
        house.do(claim, "accept")
    assert everything_written() == before


# --- the fee of the day of acceptance (K4, P4) -------------------------------------


def new_fee(policy, amount: str, valid_from: date, ordinal: int = 1) -> None:
    ReplacementFee.objects.create(
        drone_model=policy.drone.drone_model,
        region=policy.region,
        ordinal=ordinal,
        amount=Decimal(amount),
        valid_from=valid_from,
    )


def test_the_fee_is_that_of_the_day_of_acceptance_on_the_region_s_clock(house, policy):
    new_fee(policy, "149.00", date(2026, 3, 12))
    claim = house.request(policy)
    house.now = datetime(2026, 3, 12, 3, 59, tzinfo=UTC)  # still the 11th in New York
    assert house.take(claim, "accept").fee_amount == Decimal("119.00")


def test_a_new_fee_holds_from_its_first_minute(house, policy):
    new_fee(policy, "149.00", date(2026, 3, 12))
    claim = house.request(policy)
    house.now = datetime(2026, 3, 12, 4, 0, tzinfo=UTC)
    assert house.take(claim, "accept").fee_amount == Decimal("149.00")


def test_an_accepted_claim_keeps_its_fee_when_fees_rise(house, policy):
    claim = house.take(house.request(policy), "accept")
    new_fee(policy, "149.00", date(2026, 3, 11))
    house.later(days=3)
    claim = house.take(claim, "label_bought", "receive", "assess", "ask_fee")
    assert claim.fee_amount == Decimal("119.00")
    assert house.take(claim, "pay").progress == "preparing"


def test_an_accepted_claim_keeps_its_fee_when_a_fee_is_entered_late(house, policy):
    claim = house.take(house.request(policy), "accept")
    new_fee(policy, "149.00", date(2026, 3, 1))
    claim = house.take(claim, "label_bought", "receive", "assess")
    assert claim.fee_amount == Decimal("119.00")
    claim = house.take(claim, "undo", "assess", "ask_fee")
    assert claim.fee_amount == Decimal("119.00")


def test_a_defect_that_turns_out_an_accident_pays_the_fee_of_the_acceptance(house, policy):
    claim = house.take(house.request(policy, cause="product_defect"), "accept")
    new_fee(policy, "149.00", date(2026, 3, 11))
    house.later(days=3)
    claim = house.take(claim, "label_bought", "receive")
    house.do(claim, "assess", cause_found="drop")
    claim = fresh(claim)
    assert (claim.outcome, claim.ordinal, claim.fee_amount) == ("care", 1, Decimal("119.00"))
