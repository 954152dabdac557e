"""What was entered wrongly of an order is corrected until its plan begins (B9)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from policies import cancellation, cover, order_correction, orders
from policies.models import Customer, Order, PolicyEvent
from policies.order_correction import Facts
from policies.shared.actor import Actor
from policies.shared.errors import Conflict
from tests.pages import token

HOUSE = Actor.command("test")
MONDAY = datetime(2026, 3, 9, 12, 0, 30, tzinfo=UTC)
SHIPPED = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
BEGINS = datetime(2026, 3, 12, 15, 0, tzinfo=UTC)
REASON = "The shop mixed two orders up"


@pytest.fixture
def purchase(mavic_2_pro, care_1y):
    return orders.Purchase(
        reference="W-1",
        serial="0AXCSHOP0001",
        drone_model=mavic_2_pro,
        plan=care_1y,
        name="Ann Lee",
        email="ann@example.com",
        country="US",
    )


@pytest.fixture
def order(purchase) -> Order:
    return orders.place(purchase, actor=HOUSE, now=MONDAY)


@pytest.fixture
def shipped(order) -> Order:
    orders.ship(order, shipped_at=SHIPPED, actor=HOUSE, now=SHIPPED)
    return Order.objects.get()


@pytest.fixture
def facts(care_1y) -> Facts:
    """The order as it is."""
    return Facts(care_1y, "Ann Lee", "ann@example.com", "US", "", MONDAY)


def correct(order: Order, facts: Facts, *, now: datetime = SHIPPED, **changed) -> Order:
    changed = {"reason": REASON} | changed
    order_correction.correct(order, facts, actor=HOUSE, now=now, **changed)
    return Order.objects.select_related("customer", "plan", "region").get(pk=order.pk)


def refused(order: Order, facts: Facts, *, now: datetime = SHIPPED) -> tuple[str, str]:
    with pytest.raises(orders.NotPlaced) as error:
        order_correction.correct(order, facts, reason=REASON, actor=HOUSE, now=now)
    return error.value.about, str(error.value.message)


def test_b9_the_time_plan_and_buyer_of_an_order_are_corrected_as_one_act(order, facts, care_2y):
    before = order.customer_id
    right = replace(
        facts,
        placed_at=MONDAY - timedelta(days=1),
        plan=care_2y,
        name="Ben Ng",
        email="ben@example.com",
        country="DE",
    )
    after = correct(order, right)
    assert (after.placed_at, after.plan, after.customer.name) == (
        right.placed_at,
        care_2y,
        "Ben Ng",
    )
    assert (after.months, after.replacements, after.warranty_months) == (24, 3, 0)
    assert (after.region.code, after.cover_terms_id) == ("EU", order.cover_terms_id)
    event = after.events.get(kind="order_corrected")
    assert (event.note, event.actor) == (REASON, "test")
    assert event.change == (
        f"2026-03-09 12:00 UTC, 1-Year, United States, customer {before} → "
        f"2026-03-08 12:00 UTC, 2-Year, European Union, customer {after.customer_id}"
    )
    # Who was entered by mistake stays a customer.
    assert Customer.objects.filter(pk=before).exists()


def test_b9_once_shipped_the_policy_that_has_not_begun_goes_along(shipped, facts, care_2y):
    link = token(shipped.policy)
    after = correct(shipped, replace(facts, plan=care_2y, name="Ben Ng", email="ben@example.com"))
    policy = after.policy
    assert (policy.plan, policy.holder.name, policy.starts_at) == (care_2y, "Ben Ng", BEGINS)
    assert policy.ends_at == datetime(2028, 3, 12, 15, 0, tzinfo=UTC)
    assert token(policy) != link
    period = policy.periods.get()
    assert (period.plan, period.months, period.replacements) == (care_2y, 24, 3)
    assert (period.starts_at, period.ends_at) == (policy.starts_at, policy.ends_at)
    assert policy.events.get(kind=PolicyEvent.Kind.ORDER_CORRECTED).note == REASON


def test_b9_the_link_stays_where_the_buyer_does(shipped, facts, care_2y):
    link = token(shipped.policy)
    after = correct(shipped, replace(facts, plan=care_2y))
    assert token(after.policy) == link


def test_b9_the_phone_of_the_same_buyer_is_corrected(order, facts):
    after = correct(order, replace(facts, phone="+1 555 0100"))
    again = correct(after, replace(facts, phone="+1 555 0199"))
    assert again.customer_id == order.customer_id
    assert again.customer.phone == "+1 555 0199"
    assert "0100" not in again.events.last().change


def test_b9_an_order_of_yesterday_can_be_shipped_once_its_time_is_right(order, facts):
    yesterday = MONDAY - timedelta(days=1)
    with pytest.raises(Conflict, match="not shipped before it is ordered"):
        orders.ship(order, shipped_at=yesterday, actor=HOUSE, now=MONDAY)
    after = correct(order, replace(facts, placed_at=yesterday))
    assert orders.ship(after, shipped_at=yesterday, actor=HOUSE, now=MONDAY).starts_at == (
        yesterday + timedelta(hours=48)
    )


def test_b9_nothing_is_corrected_once_the_plan_has_begun(shipped, facts, care_2y):
    right = replace(facts, plan=care_2y)
    with pytest.raises(Conflict, match="The plan of this order has begun"):
        correct(shipped, right, now=BEGINS)
    assert correct(shipped, right, now=BEGINS - timedelta(seconds=1)).plan == care_2y


def test_b9_a_cancelled_order_is_not_corrected_and_its_reference_is_free(order, facts, purchase):
    orders.cancel(order, reason="Entered twice", actor=HOUSE, now=MONDAY)
    with pytest.raises(Conflict, match="This order has been cancelled"):
        correct(order, replace(facts, name="Ben Ng"))
    again = orders.place(purchase, actor=HOUSE, now=MONDAY)
    assert (again.reference, again.drone_id) == ("W-1", order.drone_id)
    policy = orders.ship(again, shipped_at=SHIPPED, actor=HOUSE, now=SHIPPED)
    cancellation.cancel(policy, reason="Not wanted", actor=HOUSE, now=SHIPPED)
    assert orders.place(purchase, actor=HOUSE, now=SHIPPED).reference == "W-1"


def test_b9_a_correction_keeps_the_rules_of_entering(order, facts, refresh_plus, care_2y, eu):
    assert refused(order, replace(facts, country="BR")) == (
        "country",
        "Care plans are not sold in this country.",
    )
    assert refused(order, replace(facts, plan=refresh_plus))[0] == "plan"
    assert refused(order, replace(facts, placed_at=MONDAY + timedelta(days=400)))[0] == "placed_at"
    care_2y.is_withdrawn = eu.is_withdrawn = True
    eu.save()
    assert refused(order, replace(facts, plan=care_2y))[0] == "plan"
    assert refused(order, replace(facts, country="DE"))[0] == "country"
    assert Customer.objects.count() == 1
    assert order.events.count() == 1


def test_p10_an_order_of_something_withdrawn_is_corrected_within_it(order, facts):
    for row in (order.plan, order.region):
        row.is_withdrawn = True
        row.save()
    assert correct(order, replace(facts, name="Ben Ng")).customer.name == "Ben Ng"


def test_b9_once_shipped_region_and_order_of_times_stay(shipped, facts):
    assert refused(shipped, replace(facts, country="DE")) == (
        "country",
        "The drone has shipped; the buyer must live in its region, United States.",
    )
    later = SHIPPED + timedelta(minutes=1)
    assert refused(shipped, replace(facts, placed_at=later)) == (
        "placed_at",
        "A drone is not shipped before it is ordered.",
    )


def test_b9_a_correction_of_nothing_or_from_an_old_page_is_refused(order, facts):
    with pytest.raises(Conflict, match="Nothing is different"):
        correct(order, facts)
    seen = order_correction.last_event(order)
    correct(order, replace(facts, name="Ben Ng"), seen=seen)
    with pytest.raises(Conflict, match="changed this order meanwhile"):
        correct(order, replace(facts, name="Cy Oh"), seen=seen)


def test_b9_an_open_claim_holds_the_order(shipped, facts):
    cover.hold(shipped.drone, policy=shipped.policy, reference="CLM-1", now=SHIPPED)
    with pytest.raises(Conflict, match="open claim"):
        correct(shipped, replace(facts, name="Ben Ng"))
