"""What the holder of a policy was promised (B8)."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from policies import agreement, cancellation
from policies.models import ReplacementFee
from tests import factories


@pytest.fixture
def policy(ann):
    drone = factories.DroneFactory(
        serial="0AXCE1K0030100", activated_at=datetime(2026, 1, 4, 12, 0, tzinfo=UTC)
    )
    return factories.PolicyFactory(drone=drone, holder=ann, number="POL-ABCD2345")


def test_the_agreement_tells_term_allowance_parts_exclusions_and_fees(policy, now):
    drawn_up = agreement.of(policy, at=now)
    assert (drawn_up.number, drawn_up.plan, drawn_up.holder) == (
        "POL-ABCD2345", "1-Year", "Ann Lee")  # fmt: skip
    assert (drawn_up.serial, drawn_up.drone_model) == ("0AXCE1K0030100", "Mavic 2 Pro")
    assert (drawn_up.region, drawn_up.time_zone) == ("United States", "America/New_York")
    assert drawn_up.starts_at == datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    assert drawn_up.ends_at == datetime(2027, 1, 5, 9, 0, tzinfo=UTC)
    assert drawn_up.replacements == 2
    assert drawn_up.parts == ["aircraft", "gimbal", "camera", "battery", "propellers"]
    assert [row["title"] for row in drawn_up.exclusions] == [
        "Lost or stolen",
        "Flown in unsuitable conditions",
        "Deliberate damage",
        "Third-party accessories or software",
    ]
    assert (drawn_up.fees, drawn_up.currency) == (["119.00", "139.00"], "USD")
    assert drawn_up.warranty_until == datetime(2027, 1, 4, 12, 0, tzinfo=UTC)


def test_a_drone_that_is_not_activated_has_no_end_of_warranty_yet(policy, now):
    policy.drone = factories.DroneFactory()
    drawn_up = agreement.of(policy, at=now)
    assert drawn_up.warranty_until is None
    assert drawn_up.as_facts()["warranty_until"] is None


def test_p8_the_warranty_of_a_drone_whose_activation_is_unknown_lasts_from_the_binding(
    policy, refresh_plus, now
):
    policy.drone = factories.DroneFactory()
    drawn_up = agreement.of(policy, at=now)
    assert drawn_up.warranty_at_least_until == datetime(2027, 1, 5, 9, 0, tzinfo=UTC)
    assert drawn_up.as_facts()["warranty_at_least_until"] == "2027-01-05T09:00:00+00:00"
    factories.PeriodFactory(policy=policy, number=2, plan=refresh_plus)
    renewed = agreement.of(policy, at=now)
    assert renewed.warranty_at_least_until == datetime(2028, 1, 5, 9, 0, tzinfo=UTC)


def test_b6_the_activation_of_a_drone_that_was_sold_again_is_not_that_of_its_former_life(policy):
    policy.drone.life = 2
    assert agreement.warranty(policy) == (None, None)


def test_its_facts_fit_into_a_letter(policy, now):
    facts = agreement.of(policy, at=now).as_facts()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["starts_at"] == "2026-01-05T09:00:00+00:00"
    assert facts["ends_at"] == "2027-01-05T09:00:00+00:00"
    assert facts["warranty_until"] == "2027-01-04T12:00:00+00:00"


def new_fee(policy, ordinal: int, amount: str, valid_from: date) -> None:
    ReplacementFee.objects.create(
        drone_model=policy.drone.drone_model,
        region=policy.region,
        ordinal=ordinal,
        amount=Decimal(amount),
        valid_from=valid_from,
    )


def test_the_fees_are_those_of_the_regions_day(policy):
    new_fee(policy, 1, "125.50", date(2026, 3, 10))
    midnight_in_new_york = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)
    before = agreement.of(policy, at=midnight_in_new_york - timedelta(seconds=1))
    after = agreement.of(policy, at=midnight_in_new_york)
    assert before.fees == ["119.00", "139.00"]
    assert after.fees == ["125.50", "139.00"]


def test_a_fee_that_is_missing_is_not_guessed_from_the_next_one(policy, now):
    rows = ReplacementFee.objects.filter(drone_model=policy.drone.drone_model, region=policy.region)
    rows.filter(ordinal=1).delete()
    assert agreement.of(policy, at=now).fees == []
    new_fee(policy, 1, "125.50", date(2026, 1, 1))
    rows.filter(ordinal=2).delete()
    assert agreement.of(policy, at=now).fees == ["125.50"]


def test_a_renewed_policy_promises_one_more(policy, refresh_plus, now):
    factories.PeriodFactory(policy=policy, number=2, plan=refresh_plus)
    drawn_up = agreement.of(policy, at=now)
    assert drawn_up.replacements == 3
    assert drawn_up.fees == ["119.00", "139.00", "139.00"]


# --- what is left ----------------------------------------------------------------------------


def left_of(policy, at):
    drawn_up = agreement.of(policy, at=at)
    return drawn_up.left, drawn_up.used_ordinals, drawn_up.next_ordinal, drawn_up.days_left


def test_a_fresh_policy_has_everything_left(policy, now):
    # From 10 March 2026 to 5 January 2027, on the calendar of New York.
    assert left_of(policy, now) == (2, [], 1, 301)


def test_a_use_leaves_one_less_and_the_next_fee_is_the_second(policy, now):
    factories.AllowanceUseFactory(policy=policy, ordinal=1)
    assert left_of(policy, now) == (1, [1], 2, 301)


def test_a_first_use_given_back_makes_the_next_one_the_first_again(policy, now):
    factories.AllowanceUseFactory(policy=policy, ordinal=1, given_back_at=now)
    factories.AllowanceUseFactory(policy=policy, ordinal=2)
    assert left_of(policy, now) == (1, [2], 1, 301)


def test_nothing_of_a_used_up_policy_is_left(policy, now):
    for ordinal, day in [(1, 7), (2, 9)]:
        factories.AllowanceUseFactory(
            policy=policy, ordinal=ordinal, taken_at=datetime(2026, 3, day, 12, tzinfo=UTC)
        )
    assert left_of(policy, now) == (0, [1, 2], None, 0)
    # It ended with the request of the last one (P3).
    assert agreement.of(policy, at=now).over_at == datetime(2026, 3, 9, 12, tzinfo=UTC)


def test_nothing_of_a_cancelled_policy_can_be_used(policy, desk, now):
    cancellation.cancel(policy, reason="Bought by mistake", actor=desk, now=now)
    policy.refresh_from_db()
    drawn_up = agreement.of(policy, at=now + timedelta(days=1))
    assert (drawn_up.stage, drawn_up.next_ordinal, drawn_up.days_left) == ("cancelled", None, 0)
    assert drawn_up.over_at == now


def test_a_policy_that_ran_out_ended_with_its_term(policy):
    drawn_up = agreement.of(policy, at=datetime(2027, 2, 1, tzinfo=UTC))
    assert (drawn_up.stage, drawn_up.over_at) == ("ended", datetime(2027, 1, 5, 9, 0, tzinfo=UTC))


def test_a_policy_that_has_not_begun_is_not_over(policy):
    drawn_up = agreement.of(policy, at=datetime(2026, 1, 1, tzinfo=UTC))
    assert (drawn_up.stage, drawn_up.next_ordinal, drawn_up.days_left, drawn_up.over_at) == (
        "not_started", 1, 0, None)  # fmt: skip
