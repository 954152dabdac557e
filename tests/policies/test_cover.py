"""What a claim may ask of a policy (K4, P3-P8, T1)."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection

from policies import cover, replacement, transfer
from policies.models import (
    AllowanceUse,
    CoveredPart,
    Drone,
    DroneModel,
    Exclusion,
    Hold,
    Letter,
    PolicyEvent,
    Region,
    ReplacementFee,
)
from policies.shared.actor import Actor
from policies.shared.errors import Conflict
from tests import factories

DESK = Actor.command("claims desk")

pytestmark = pytest.mark.django_db


@pytest.fixture
def policy(ann):
    """A 1-Year plan with two replacements, from 5 January 2026."""
    drone = factories.DroneFactory(activated_at=datetime(2026, 1, 3, 20, 0, tzinfo=UTC))
    return factories.PolicyFactory(drone=drone, holder=ann)


@pytest.fixture
def take(policy, now):
    return lambda reference: cover.consume(policy, reference=reference, actor=DESK, now=now)


@pytest.fixture
def give_back(now):
    return lambda reference: cover.give_back(reference=reference, actor=DESK, now=now)


def history(policy) -> list[tuple[str, str]]:
    rows = PolicyEvent.objects.filter(policy=policy).order_by("id")
    return list(rows.values_list("kind", "note"))


# --- what the plan promises ---------------------------------------------------------


def test_the_cover_says_what_the_plan_promises(policy, now):
    promised = cover.cover_on(policy.drone.serial, at=now)
    assert promised.policy == policy
    assert (promised.serial, promised.zones[0].key) == (policy.drone.serial, "America/New_York")
    assert "Pacific/Guam" in {zone.key for zone in promised.zones}
    assert promised.region.code == "US"
    assert promised.bound_at == datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    assert promised.came_as_replacement_at is None
    assert promised.starts_at == datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    assert promised.ends_at == datetime(2027, 1, 5, 9, 0, tzinfo=UTC)
    assert promised.cancelled_at is None
    assert promised.replacements_left == 2
    assert promised.parts == ("aircraft", "gimbal", "camera", "battery", "propellers")
    assert promised.excluded_causes == {
        "lost_or_stolen", "unsuitable_conditions", "deliberate", "third_party"}  # fmt: skip
    assert promised.warranty_until == datetime(2027, 1, 3, 20, 0, tzinfo=UTC)
    assert promised.activation_stated_by_customer is False


def test_nobody_knows_the_warranty_of_a_drone_that_was_never_activated(now):
    policy = factories.PolicyFactory()
    assert cover.cover_of(policy).warranty_until is None
    # It was not activated before it was bound, on 5 January 2026.
    assert cover.cover_of(policy).warranty_at_least_until == datetime(2027, 1, 5, 9, 0, tzinfo=UTC)


def test_where_the_activation_is_known_nothing_is_assumed(policy):
    assert cover.cover_of(policy).warranty_at_least_until is None
    assert cover.cover_of(policy).activated_at == datetime(2026, 1, 3, 20, 0, tzinfo=UTC)


PARTS_OF = {
    "mavic-2-pro": ("aircraft", "gimbal", "camera", "battery", "propellers"),
    "spark": ("aircraft", "gimbal", "camera", "battery", "propellers"),
    "dji-fpv": ("aircraft", "gimbal", "camera", "battery", "propellers"),
    "phantom-4": ("aircraft", "gimbal", "camera", "propellers"),
    "inspire-2": ("aircraft", "gimbal", "camera"),
}


@pytest.mark.parametrize("slug", PARTS_OF)
def test_the_parts_are_those_of_the_series(slug):
    model = DroneModel.objects.get(slug=slug)
    policy = factories.PolicyFactory(drone=factories.DroneFactory(drone_model=model))
    assert cover.cover_of(policy).parts == PARTS_OF[slug]


def test_a_model_may_have_a_list_of_its_own(mavic_2_pro):
    CoveredPart.objects.create(drone_model=mavic_2_pro, part="battery")
    CoveredPart.objects.create(drone_model=mavic_2_pro, part="camera")
    assert cover.cover_of(factories.PolicyFactory()).parts == ("camera", "battery")


def test_exclusions_are_rows_and_not_code():
    Exclusion.objects.exclude(cause="deliberate").delete()
    assert cover.cover_of(factories.PolicyFactory()).excluded_causes == {"deliberate"}


def test_a_plan_that_has_not_begun_covers_nothing_and_one_that_has_ended_is_still_told(policy):
    serial = policy.drone.serial
    begins, ends = policy.starts_at, policy.ends_at
    assert cover.cover_on(serial, at=begins - timedelta(microseconds=1)) is None
    assert cover.cover_on(serial, at=begins).policy == policy
    assert cover.cover_on(serial, at=ends + timedelta(days=400)).policy == policy
    assert cover.cover_on("0AXCUNKNOWN001", at=begins) is None


def test_an_earlier_life_does_not_cover_the_present_one(policy, now):
    drone = policy.drone
    Drone.objects.filter(pk=drone.pk).update(life=2)
    assert cover.cover_on(drone.serial, at=now) is None
    policy.status = "expired"
    policy.save()
    second = factories.PolicyFactory(drone=drone, drone_life=2, starts_at=now)
    assert cover.cover_on(drone.serial, at=now).policy == second


def test_the_present_life_counts_even_if_an_earlier_one_s_plan_began_later(policy, now):
    drone = policy.drone
    factories.PolicyFactory(drone=drone, drone_life=2, status="expired", starts_at=now)
    assert cover.cover_on(drone.serial, at=now).policy == policy


def test_a_plan_cancelled_before_it_began_covers_nothing(now):
    policy = factories.PolicyFactory(
        status="cancelled",
        cancelled_at=datetime(2026, 1, 4, tzinfo=UTC),
        cancel_reason="Order cancelled",
    )
    assert cover.cover_on(policy.drone.serial, at=now) is None


# --- the allowance (K4, P3) -------------------------------------------------------------


def test_uses_are_counted_from_one_and_the_last_one_is_told(policy, take, now):
    assert take("CLM-AAAA2222") == 1
    assert not Letter.objects.exists()
    assert take("CLM-BBBB2222") == 2
    letter = Letter.objects.get()
    assert (letter.name, letter.recipient, letter.reference) == (
        "allowance_used_up", "ann@example.com", "CLM-BBBB2222")  # fmt: skip
    assert not policy.is_in_force(at=now)
    with pytest.raises(Conflict, match="No replacement is left"):
        take("CLM-CCCC2222")
    assert history(policy) == [("use_taken", "CLM-AAAA2222"), ("use_taken", "CLM-BBBB2222")]


def test_the_same_claim_takes_once_however_often_it_asks(policy, take):
    assert [take("CLM-AAAA2222") for _ in range(3)] == [1, 1, 1]
    assert AllowanceUse.objects.count() == 1
    assert history(policy) == [("use_taken", "CLM-AAAA2222")]


def test_what_was_given_back_is_free_again_and_in_force(policy, take, give_back, now):
    take("CLM-AAAA2222")
    take("CLM-BBBB2222")
    give_back("CLM-AAAA2222")
    assert cover.cover_of(policy).replacements_left == 1
    assert policy.is_in_force(at=now)
    # The lowest number that is free: the first replacement was never had.
    assert take("CLM-CCCC2222") == 1
    assert list(AllowanceUse.objects.live().order_by("ordinal").values_list("reference")) == [
        ("CLM-CCCC2222",), ("CLM-BBBB2222",)]  # fmt: skip


def test_giving_back_twice_gives_back_once(policy, take, give_back):
    take("CLM-AAAA2222")
    for reference in ("CLM-AAAA2222", "CLM-AAAA2222", "CLM-NEVER222"):
        give_back(reference)
    assert history(policy) == [("use_taken", "CLM-AAAA2222"), ("use_given_back", "CLM-AAAA2222")]


def test_a_claim_may_take_again_what_it_gave_back(policy, take, give_back):
    take("CLM-AAAA2222")
    take("CLM-BBBB2222")
    give_back("CLM-BBBB2222")
    assert take("CLM-BBBB2222") == 2
    assert AllowanceUse.objects.live().count() == 2
    assert Letter.objects.filter(name="allowance_used_up").count() == 1


def test_a_claim_takes_the_same_one_again_although_a_lower_one_is_free(policy, take, give_back):
    for reference in ("CLM-AAAA2222", "CLM-BBBB2222"):
        take(reference)
    for reference in ("CLM-AAAA2222", "CLM-BBBB2222"):
        give_back(reference)
    assert cover.ordinal_of(reference="CLM-BBBB2222") == 2
    assert take("CLM-BBBB2222") == 2


def test_who_took_and_who_gave_back_is_history(policy, take, give_back, now):
    take("CLM-AAAA2222")
    give_back("CLM-AAAA2222")
    rows = PolicyEvent.objects.filter(policy=policy).order_by("id")
    assert list(rows.values_list("kind", "actor", "at")) == [
        ("use_taken", "claims desk", now), ("use_given_back", "claims desk", now)]  # fmt: skip


def test_a_claim_that_gave_back_the_last_one_finds_it_gone(policy, take, give_back):
    take("CLM-AAAA2222")
    take("CLM-BBBB2222")
    give_back("CLM-BBBB2222")
    take("CLM-CCCC2222")
    with pytest.raises(Conflict, match="No replacement is left"):
        take("CLM-BBBB2222")


def test_the_claim_s_own_use_counts_as_left_for_its_second_look(policy, take):
    take("CLM-AAAA2222")
    take("CLM-BBBB2222")
    assert cover.cover_of(policy).replacements_left == 0
    assert cover.cover_of(policy, reference="CLM-BBBB2222").replacements_left == 1
    assert cover.cover_of(policy, reference="CLM-OTHER222").replacements_left == 0


def test_what_the_claim_gave_back_counts_as_left_once(policy, take, give_back):
    take("CLM-AAAA2222")
    give_back("CLM-AAAA2222")
    assert cover.cover_of(policy, reference="CLM-AAAA2222").replacements_left == 2


def test_a_longer_plan_grants_more(ann, care_2y, now):
    policy = factories.PolicyFactory(holder=ann, plan=care_2y)
    taken = [
        cover.consume(policy, reference=f"CLM-{number}", actor=DESK, now=now) for number in range(3)
    ]
    assert taken == [1, 2, 3]


# --- what an end without a replacement leaves (K4) -----------------------------------------


@pytest.fixture
def kept(policy, now):
    """How the replacement of CLM-BBBB2222 is kept, how many are left, and of how many."""

    def ask(**later: float) -> tuple[str, int, int]:
        answer = cover.kept(policy, reference="CLM-BBBB2222", at=now + timedelta(**later))
        return answer.how, answer.left, answer.granted

    return ask


def test_a_replacement_that_the_claim_still_holds_counts_as_given_back(take, kept):
    take("CLM-AAAA2222")
    take("CLM-BBBB2222")
    assert kept() == ("kept", 1, 2)
    assert kept(days=400) == ("over", 1, 2)


def test_a_replacement_that_was_given_back_is_kept_while_the_plan_runs(take, give_back, kept):
    take("CLM-BBBB2222")
    give_back("CLM-BBBB2222")
    assert kept() == ("kept", 2, 2)
    assert kept(days=400) == ("over", 2, 2)


def test_of_a_replacement_that_was_never_taken_nothing_is_kept(take, kept):
    assert kept() == ("unused", 2, 2)
    assert kept(days=400) == ("", 2, 2)
    take("CLM-AAAA2222")
    assert kept() == ("unused", 1, 2)
    take("CLM-CCCC2222")
    assert kept() == ("", 0, 2)


# --- another drone, another owner (T1, T2) ---------------------------------------------------


def test_the_cover_says_when_the_present_drone_came_as_a_replacement(policy, now):
    for number in (1, 2):
        at = now + timedelta(days=number)
        replacement.move(
            cover.lock(policy),
            new_serial=f"0AXCNEW000000{number}",
            condition="new",
            reference=f"CLM-{number}",
            actor=DESK,
            now=at,
        )
        cover.consume(policy, reference=f"CLM-{number}", actor=DESK, now=at + timedelta(hours=1))
    promised = cover.cover_on("0AXCNEW0000002", at=now + timedelta(days=3))
    assert promised.came_as_replacement_at == now + timedelta(days=2)


def test_a_policy_has_changed_hands_from_the_instant_of_its_transfer(policy, take, now):
    take("CLM-AAAA2222")
    assert not cover.has_changed_hands(policy, since=now)
    transfer.change_owner(
        policy, name="Bo Hall", email="bo@example.com", country="US", actor=DESK, now=now
    )
    assert cover.has_changed_hands(policy, since=now)
    assert not cover.has_changed_hands(policy, since=now + timedelta(microseconds=1))


# --- holding (T3) -----------------------------------------------------------------------


def test_a_policy_is_held_for_each_claim_until_it_is_released(policy, now):
    for reference, since in [
        ("CLM-AAAA2222", now),
        ("CLM-AAAA2222", now + timedelta(days=1)),
        ("CLM-BBBB2222", now),
    ]:
        cover.hold(policy.drone, policy=policy, reference=reference, now=since)
    assert list(Hold.objects.order_by("id").values_list("reference", "since")) == [
        ("CLM-AAAA2222", now), ("CLM-BBBB2222", now)]  # fmt: skip
    cover.release(reference="CLM-AAAA2222")
    cover.release(reference="CLM-AAAA2222")
    assert [hold.reference for hold in policy.holds.all()] == ["CLM-BBBB2222"]


def test_what_was_held_before_holds_the_drone_of_the_policy(policy, now):
    elsewhere = factories.DroneFactory()
    cover.hold(elsewhere, policy=policy, reference="CLM-AAAA2222", now=now)
    with connection.cursor() as cursor:
        editor = SimpleNamespace(connection=connection, execute=cursor.execute)
        import_module("policies.migrations.0021_hold_of_drones").hold_drones(apps, editor)
    assert Hold.objects.get().drone == policy.drone


# --- fees (P4, P5) ----------------------------------------------------------------------


def test_the_fee_is_the_newest_that_is_in_force_on_the_region_s_day(us, eu, mavic_2_pro):
    ReplacementFee.objects.create(
        drone_model=mavic_2_pro, region=us, ordinal=1, amount=150, valid_from=date(2026, 3, 10)
    )

    def fee(instant: str, region: Region = us, ordinal: int = 1) -> Decimal:
        at = datetime.fromisoformat(instant)
        return cover.fee(mavic_2_pro, region, ordinal=ordinal, at=at).amount

    assert fee("2026-03-10T03:59Z") == Decimal("119.00")  # the 9th in New York, summer time
    assert fee("2026-03-10T04:00Z") == Decimal("150.00")
    assert fee("2026-03-10T04:00Z", ordinal=2) == Decimal("139.00")
    assert fee("2026-03-10T04:00Z", region=eu) == Decimal("119.00")


def test_no_fee_is_guessed(us, mavic_2_pro, now):
    assert cover.fee(mavic_2_pro, us, ordinal=4, at=now) is None
    long_ago = datetime(2023, 12, 31, 12, 0, tzinfo=UTC)
    assert cover.fee(mavic_2_pro, us, ordinal=1, at=long_ago) is None


@pytest.mark.parametrize(
    ("region", "country", "served"),
    [("US", "US", True), ("US", "PR", True), ("US", "CA", False), ("EU", "DE", True),
     ("EU", "CH", False), ("UK", "GB", True), ("US", "KP", False), ("US", "", False)],
)  # fmt: skip
def test_a_region_serves_its_countries(region, country, served):
    assert cover.serves(Region.objects.get(code=region), country) is served
