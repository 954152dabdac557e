"""The sales desk corrects an order through the form on its page (B9)."""

from datetime import timedelta

import pytest
from django.urls import reverse

from policies import orders
from policies.models import DroneModel, Order, Plan
from policies.shared.actor import Actor
from tests.admin.conftest import NOON
from tests.pages import plain, press

HOUSE = Actor.command("test")
BUTTON = "Correct the order"
ORDERED = NOON - timedelta(days=3, seconds=-30)


@pytest.fixture
def order(db) -> Order:
    purchase = orders.Purchase(
        reference="W-77",
        serial="0AXCSHOP0001",
        drone_model=DroneModel.objects.get(slug="mavic-2-pro"),
        plan=Plan.objects.get(code="care-1y"),
        name="Ann Lee",
        email="ann@example.com",
        country="US",
        phone="+1 555 0100",
    )
    return orders.place(purchase, actor=HOUSE, now=ORDERED)


def page(name: str, order: Order) -> str:
    return reverse(f"admin:policies_order_{name}", args=[order.pk])


def errors(answer) -> dict[str, list[str]]:
    return answer.context["form"].errors


def test_b9_an_order_is_corrected_on_its_page_and_the_history_says_what_was(sales, manager, order):
    assert page("correct", order) in sales.get(page("change", order)).text
    form = sales.get(page("correct", order))
    answer = press(
        sales, form, BUTTON, {"email": "ann.lee@example.com", "reason": "Mistyped by the shop"}
    )
    assert answer.status_code == 302, errors(answer)
    after = Order.objects.get()
    # What is left alone stays, to the second.
    assert (after.customer.email, after.placed_at, after.plan_id) == (
        "ann.lee@example.com",
        ORDERED,
        order.plan_id,
    )
    assert "Order corrected" in plain(sales.get(page("change", order)).text)
    shown = plain(manager.get(page("history", order)).text)
    assert f"customer {order.customer_id} → customer {after.customer_id}" in shown
    assert "Mistyped by the shop" in shown


def test_b9_a_refusal_stands_at_its_field_and_keeps_the_form(sales, order):
    form = sales.get(page("correct", order))
    typed = {"country": "BR", "name": "Ben Ng", "reason": "Wrong person"}
    answer = press(sales, form, BUTTON, typed)
    assert errors(answer) == {"country": ["Care plans are not sold in this country."]}
    assert 'value="Ben Ng"' in answer.text
    without = press(sales, sales.get(page("correct", order)), BUTTON, {"name": "Ben Ng"})
    assert list(errors(without)) == ["reason"]
    assert Order.objects.get().customer_id == order.customer_id


def test_b9_a_page_that_was_opened_before_another_correction_is_refused(sales, manager, order):
    old = manager.get(page("correct", order))
    first = press(sales, sales.get(page("correct", order)), BUTTON, {"name": "Ben", "reason": "a"})
    assert first.status_code == 302
    late = press(manager, old, BUTTON, {"name": "Cy", "reason": "b"})
    assert "Somebody has changed this order meanwhile. Please look at it again." in plain(late.text)
    assert Order.objects.get().customer.name == "Ben"


def test_b9_a_begun_plan_takes_the_button_away_and_says_why(sales, order):
    form = sales.get(page("correct", order))
    orders.ship(order, shipped_at=ORDERED, actor=HOUSE, now=ORDERED)
    assert page("correct", order) not in sales.get(page("change", order)).text
    answer = press(sales, form, BUTTON, {"name": "Ben", "reason": "Late"})
    assert Order.objects.get().customer_id == order.customer_id
    assert "The plan of this order has begun; the order can no longer be corrected." in plain(
        answer.text
    )


@pytest.mark.parametrize("role", ["claims_desk", "auditor"])
def test_b9_who_enters_no_orders_corrects_none(request, role, order):
    assert request.getfixturevalue(role).get(page("correct", order)).status_code == 403


def test_b9_the_reference_of_a_cancelled_order_is_entered_again_at_the_desk(sales, order):
    cancelled = press(
        sales, sales.get(page("cancel", order)), "Cancel the order", {"reason": "Wrong drone"}
    )
    assert cancelled.status_code == 302
    blank = sales.get(reverse("admin:policies_order_place"))
    typed = {"reference": "W-77", "serial": "0AXCSHOP0001", "name": "Ann Lee", "country": "US"}
    typed |= {"drone_model": order.drone.drone_model_id, "plan": order.plan_id}
    answer = press(sales, blank, "Enter an order", typed | {"email": "ann@example.com"})
    assert answer.status_code == 302, errors(answer)
    assert Order.objects.standing().get().reference == "W-77"
