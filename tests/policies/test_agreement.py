"""What the holder of a policy was promised (B8)."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from policies import agreement
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
