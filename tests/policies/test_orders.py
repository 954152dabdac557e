"""A plan bought with its drone (B9), and the sweep that marks its beginning."""

from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.apps import apps

from policies import activation, cancellation, cover, drones, orders
from policies.models import Letter, Order, Policy, PolicyEvent
from policies.shared.actor import Actor
from policies.shared.errors import Conflict
from tests import factories

HOUSE = Actor.command("test")
MONDAY = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)
SHIPPED = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
BEGINS = datetime(2026, 3, 12, 15, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def buy(mavic_2_pro, care_1y):
    def place(**changed):
        purchase = {
            "reference": "W-1",
            "serial": "0AXCSHOP0001",
            "drone_model": mavic_2_pro,
            "plan": care_1y,
            "name": "Ann Lee",
            "email": "ann@example.com",
            "country": "US",
        }
        return orders.place(orders.Purchase(**purchase | changed), actor=HOUSE, now=MONDAY)

    return place


def ship(order, at=SHIPPED, now=SHIPPED):
    return orders.ship(order, shipped_at=at, actor=HOUSE, now=now)


def test_b9_the_plan_begins_by_itself_two_days_after_the_shipment(buy):
    policy = ship(buy())
    assert (policy.status, policy.starts_at) == ("scheduled", BEGINS)
    # The same hour in New York, where summer time has not begun by then.
    assert policy.ends_at == datetime(2027, 3, 12, 16, 0, tzinfo=UTC)
    assert activation.activate(now=BEGINS - timedelta(microseconds=1), chunk=10) == 0
    assert activation.activate(now=BEGINS, chunk=10) == 1
    policy.refresh_from_db()
    assert policy.status == "active"
    assert list(Letter.objects.values_list("name", flat=True)) == ["policy_activated"]
    assert activation.activate(now=BEGINS, chunk=10) == 0


def test_e1_a_late_sweep_does_not_keep_a_begun_plan_from_its_holder(buy):
    policy = ship(buy())
    assert not policy.is_in_force(at=BEGINS - timedelta(seconds=1))
    assert policy.is_in_force(at=BEGINS)
    assert Policy.objects.in_force(at=BEGINS).get() == policy
    assert cover.cover_on("0AXCSHOP0001", at=BEGINS).policy == policy


def test_b9_a_corrected_shipment_moves_the_beginning_until_it_has_happened(buy):
    order = buy()
    ship(order)
    later = SHIPPED + timedelta(days=1)
    policy = ship(order, at=later, now=SHIPPED + timedelta(hours=1))
    policy.refresh_from_db()
    assert policy.starts_at == BEGINS + timedelta(days=1)
    assert policy.periods.get().starts_at == BEGINS + timedelta(days=1)
    with pytest.raises(Conflict, match="has begun"):
        ship(order, at=later, now=BEGINS + timedelta(days=1))
    kinds = PolicyEvent.objects.order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["scheduled", "rescheduled"]


def test_b9_an_order_cancelled_before_cancels_the_policy_and_frees_the_drone(buy):
    order = buy()
    policy = ship(order)
    orders.cancel(order, reason="Changed his mind", actor=HOUSE, now=SHIPPED + timedelta(days=1))
    policy.refresh_from_db()
    assert (policy.status, policy.cancel_reason) == ("cancelled", "Changed his mind")
    assert activation.activate(now=BEGINS, chunk=10) == 0
    again = ship(buy(reference="W-2"), now=BEGINS)
    assert again.status == "scheduled"


def test_b9_a_plan_cancelled_before_it_began_frees_its_order_and_its_drone(buy):
    order = buy()
    policy = ship(order)
    cancellation.cancel(policy, reason="Not wanted", actor=HOUSE, now=BEGINS - SECOND)
    order.refresh_from_db()
    assert order.cancelled_at == BEGINS - SECOND
    assert list(order.events.values_list("kind", "note")) == [
        ("placed", ""),
        ("shipped", "2026-03-10T15:00:00+00:00"),
        ("cancelled", "Not wanted"),
    ]
    with pytest.raises(Conflict, match="has been cancelled already"):
        orders.cancel(order, reason="Again", actor=HOUSE, now=BEGINS)
    with pytest.raises(Conflict, match="This order has been cancelled"):
        ship(order, now=BEGINS)
    # The drone in another order, and under the same reference once more.
    orders.cancel(buy(reference="W-2"), reason="Not this", actor=HOUSE, now=BEGINS)
    again = ship(buy(), now=BEGINS)
    assert (again.status, again.drone) == ("scheduled", policy.drone)


def test_b9_a_plan_cancelled_after_it_began_keeps_its_order_and_says_so(buy):
    order = buy()
    policy = ship(order)
    cancellation.cancel(policy, reason="Not wanted", actor=HOUSE, now=BEGINS)
    order.refresh_from_db()
    assert order.cancelled_at is None
    with pytest.raises(Conflict, match="had begun, and was cancelled"):
        orders.cancel(order, reason="Late", actor=HOUSE, now=BEGINS)
    with pytest.raises(Conflict, match="The policy of this order has been cancelled"):
        ship(order, now=BEGINS)
    with pytest.raises(Conflict, match="has had a care plan before"):
        buy(reference="W-2")


def test_orders_that_stood_for_ever_are_freed_by_the_migration(buy):
    order = buy()
    policy = ship(order)
    cancellation.cancel(policy, reason="Not wanted", actor=HOUSE, now=SHIPPED)
    Order.objects.update(cancelled_at=None)
    begun = ship(buy(reference="W-2", serial="0AXCSHOP0002"))
    cancellation.cancel(begun, reason="Not wanted", actor=HOUSE, now=BEGINS)
    migration = import_module("policies.migrations.0012_order_lines")
    migration.free_orders_of_cancelled_plans(apps, None)
    assert list(Order.objects.order_by("reference").values_list("cancelled_at", flat=True)) == [
        SHIPPED,
        None,
    ]
    assert order.events.latest("pk").note == "Not wanted"


def test_b9_an_order_whose_plan_has_ended_says_so(buy):
    order = buy()
    policy = ship(order)
    with pytest.raises(Conflict, match="The policy of this order has ended"):
        orders.cancel(order, reason="Late", actor=HOUSE, now=policy.ends_at)


def test_b9_a_drone_waits_in_one_order_and_the_refusal_names_it(buy):
    buy()
    with pytest.raises(orders.NotPlaced, match="part of another order, W-1") as refused:
        buy(reference="W-2")
    assert refused.value.about == "serial"
    with pytest.raises(orders.NotPlaced, match="part of order W-1 already") as refused:
        buy()
    assert refused.value.about == "reference"


def test_b9_one_order_holds_several_drones_and_each_is_cancelled_by_itself(buy, care_2y):
    first, second = buy(), buy(serial="0AXCSHOP0002", plan=care_2y)
    assert first.reference == second.reference
    ship(first)
    orders.cancel(second, reason="Only one", actor=HOUSE, now=SHIPPED)
    first.refresh_from_db()
    assert (first.cancelled_at, first.policy.status) == (None, "scheduled")


def test_b6_a_refurbished_drone_is_ordered_again(buy):
    policy = ship(buy())
    drones.start_new_life(policy.drone, now=policy.ends_at)
    Policy.objects.update(status="expired")
    assert ship(buy(reference="W-2"), now=policy.ends_at).drone_life == 2


def test_e1_a_mark_set_too_early_does_not_keep_a_shipment_from_being_corrected(buy):
    order = buy()
    ship(order)
    activation.activate(now=BEGINS, chunk=10)
    corrected = ship(order, at=SHIPPED + timedelta(hours=1), now=BEGINS - SECOND)
    assert corrected.starts_at == BEGINS + timedelta(hours=1)


def test_b9_two_days_are_48_hours_over_a_change_of_the_clocks(buy):
    order = buy()
    shipped = datetime(2026, 3, 7, 17, 0, tzinfo=UTC)  # noon in New York, the day before
    Order.objects.update(placed_at=shipped)
    order.refresh_from_db()
    assert ship(order, at=shipped).starts_at == datetime(2026, 3, 9, 17, 0, tzinfo=UTC)


def test_b9_an_order_whose_plan_has_begun_is_not_cancelled(buy):
    order = buy()
    ship(order)
    with pytest.raises(Conflict, match="cancel the policy instead"):
        orders.cancel(order, reason="Late", actor=HOUSE, now=BEGINS)


def test_p4_an_order_keeps_the_terms_of_its_day(buy, care_1y):
    order = buy()
    care_1y.months, care_1y.replacements = 6, 1
    care_1y.save()
    policy = ship(order)
    assert policy.ends_at.year == 2027
    assert policy.replacements_left() == 2


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"country": "BR"}, "not sold in this country"),
        ({"serial": "0AXCFIRST001"}, "part of another order, W-0"),
        ({"serial": "0AXCUSED0001"}, "has had a care plan before"),
        ({"serial": "0AXCOTHER001"}, "on file as another model"),
    ],
)
def test_an_order_that_cannot_be_is_refused_with_a_sentence(buy, changed, sentence):
    buy(reference="W-0", serial="0AXCFIRST001")
    factories.PolicyFactory(drone=factories.DroneFactory(serial="0AXCUSED0001"))
    other = factories.DroneModel.objects.get(slug="mavic-3")
    factories.DroneFactory(serial="0AXCOTHER001", drone_model=other)
    with pytest.raises(Conflict, match=sentence):
        buy(**changed)


def test_an_order_or_a_shipment_more_than_a_year_ahead_is_refused(buy):
    year = timedelta(days=366)
    with pytest.raises(orders.NotPlaced, match="The order is more than a year ahead") as refused:
        buy(placed_at=MONDAY + year + SECOND)
    assert refused.value.about == "placed_at"
    order = buy()
    with pytest.raises(Conflict, match="The shipment is more than a year ahead"):
        ship(order, at=SHIPPED + year + SECOND)
    assert ship(order, at=SHIPPED + year).starts_at == BEGINS + year
    # Nor can it be corrected to such a time.
    with pytest.raises(Conflict, match="The shipment is more than a year ahead"):
        ship(order, at=SHIPPED + year + SECOND)


def test_a_shipment_before_the_order_is_refused(buy):
    with pytest.raises(Conflict, match="not shipped before it is ordered"):
        ship(buy(), at=MONDAY - timedelta(seconds=1))
