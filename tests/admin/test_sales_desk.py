"""Issuing, selling, showing, voiding and binding codes, and the orders (C1-C5, B7-B10)."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from policies import orders, outbox
from policies.backoffice import log_entries
from policies.models import (
    ActivationCode,
    CodeEvent,
    Customer,
    Drone,
    DroneModel,
    Letter,
    Order,
    Plan,
    Policy,
    PolicyEvent,
)
from policies.shared.actor import Actor
from tests import factories
from tests.admin.conftest import NOON
from tests.pages import form_with

BUYER = {
    "name": "Ann Lee",
    "email": "Ann@Example.com",
    "phone": "",
    "country": "US",
    "order_reference": "W-1001",
}


@pytest.fixture
def catalogue(us):
    return {
        "plan": Plan.objects.get(code="care-1y").pk,
        "drone_model": DroneModel.objects.get(slug="mavic-2-pro").pk,
        "region": us.pk,
    }


def log() -> list[str]:
    return [log_entries.read(entry).what for entry in LogEntry.objects.order_by("pk")]


def errors(response) -> list[str]:
    return [text for texts in response.context["form"].errors.values() for text in texts]


def page(name: str, *args) -> str:
    return reverse(f"admin:policies_{name}", args=args)


def test_a_batch_is_issued_in_the_back_office(sales, catalogue):
    response = sales.post(page("codebatch_generate"), catalogue | {"count": 25})
    assert response.status_code == 302
    assert ActivationCode.objects.in_stock().count() == 25
    assert log() == ["25 codes are in stock."]


def test_three_codes_reach_one_customer_in_one_letter(sales, catalogue):
    factories.ActivationCodeFactory.create_batch(4)
    asked = catalogue | BUYER | {"quantity": 3}
    assert sales.post(page("activationcode_sell"), asked).status_code == 302
    assert ActivationCode.objects.in_stock().count() == 1
    [letter] = Letter.objects.all()
    assert (letter.name, letter.recipient) == ("code_sold", "ann@example.com")
    assert len(letter.context["code_ids"]) == 3
    assert set(CodeEvent.objects.values_list("kind", "actor", "address")) == {
        ("sold", "sales", "127.0.0.1")
    }


def test_selling_more_than_there_is_sells_nothing(sales, catalogue):
    factories.ActivationCodeFactory.create_batch(2)
    asked = catalogue | BUYER | {"quantity": 3}
    response = sales.post(page("activationcode_sell"), asked)
    assert response.status_code == 200
    assert errors(response) == ["Only 2 such codes are in stock."]
    assert ActivationCode.objects.in_stock().count() == 2
    assert not Customer.objects.filter(email="ann@example.com").exists()
    assert log() == []


def test_codes_are_listed_by_what_has_become_of_them(sales):
    rows = {
        "in_stock": factories.ActivationCodeFactory(),
        "open": factories.ActivationCodeFactory(sold=True),
        "redeemed": factories.ActivationCodeFactory(sold=True),
        "void": factories.ActivationCodeFactory(void=True),
    }
    factories.PeriodFactory(code=rows["redeemed"])
    for state, code in rows.items():
        response = sales.get(page("activationcode_changelist"), {"state": state})
        assert list(response.context["cl"].result_list) == [code], state


def test_a_page_alone_changes_nothing(manager):
    code = factories.ActivationCodeFactory()
    for slug in ("sell", "void", "reveal"):
        assert manager.get(page(f"activationcode_{slug}", code.pk)).status_code == 200
    code.refresh_from_db()
    assert code.state == "in_stock"
    assert not CodeEvent.objects.exists()
    assert log() == []


def test_the_whole_code_is_shown_once_and_never_stored(manager):
    code = factories.ActivationCodeFactory()
    whole = factories.whole(code)
    response = manager.post(page("activationcode_reveal", code.pk), {"reason": "Reprint"})
    assert whole in response.content.decode()
    assert "no-store" in response.headers["Cache-Control"]
    assert whole not in str(response.cookies) + str(manager.session.items())
    assert log() == ["Whole code shown"]
    [event] = CodeEvent.objects.all()
    assert (event.kind, event.actor, event.note) == ("revealed", "manager", "Reprint")
    again = manager.get(page("activationcode_change", code.pk))
    assert whole not in again.content.decode()


def test_showing_a_code_needs_its_own_permission(sales):
    code = factories.ActivationCodeFactory()
    assert sales.get(page("activationcode_reveal", code.pk)).status_code == 403
    response = sales.post(page("activationcode_reveal", code.pk), {"reason": "Curious"})
    assert response.status_code == 403
    assert not CodeEvent.objects.exists()


def test_a_code_is_voided_with_a_reason(sales):
    code = factories.ActivationCodeFactory()
    url = page("activationcode_void", code.pk)
    assert errors(sales.post(url, {"reason": " "})) == ["Please fill this in."]
    assert sales.post(url, {"reason": "Card torn"}).status_code == 302
    code.refresh_from_db()
    assert (code.state, code.void_reason) == ("void", "Card torn")
    assert errors(sales.post(url, {"reason": "Again"})) == ["This code is void already."]


def test_a_code_is_bound_at_the_desk(sales):
    code = factories.ActivationCodeFactory(sold=True)
    asked = {
        "serial": "0axc-new 1234",
        "drone_model": "mavic-2-pro",
        "activated_at": "",
        "name": "Ben Ng",
        "email": "ben@example.com",
        "phone": "",
        "country": "US",
    }
    assert sales.post(page("activationcode_bind", code.pk), asked).status_code == 302
    [policy] = Policy.objects.all()
    assert (policy.drone.serial, policy.holder.name) == ("0AXCNEW1234", "Ben Ng")
    [event] = PolicyEvent.objects.all()
    assert (event.kind, event.by.username) == ("bound", "sales")


def test_a_refused_binding_gives_every_reason(sales):
    code = factories.ActivationCodeFactory(sold=True)
    mavic_3 = DroneModel.objects.get(slug="mavic-3")
    factories.DroneFactory(serial="0AXCOTHER12", drone_model=mavic_3)
    asked = {"serial": "0AXCOTHER12", "name": "Ben", "email": "ben@example.com", "country": "CA"}
    assert errors(sales.post(page("activationcode_bind", code.pk), asked)) == [
        "This code is for the Mavic 2 Pro, and the drone is a DJI Mavic 3.",
        "This code is for customers in the region United States.",
    ]
    assert not Policy.objects.exists()


def test_an_order_is_entered_shipped_and_begins_two_days_later(sales, catalogue):
    asked = {
        "reference": "W-77",
        "serial": "0AXCSHOP0001",
        "drone_model": catalogue["drone_model"],
        "plan": catalogue["plan"],
        "name": "Ann Lee",
        "email": "ann@example.com",
        "phone": "",
        "country": "US",
    }
    assert sales.post(page("order_place"), asked).status_code == 302
    order = Order.objects.get(reference="W-77")
    shipped = {"shipped_at": "2026-03-10T13:00"}
    assert sales.post(page("order_ship", order.pk), shipped).status_code == 302
    order.refresh_from_db()
    assert order.policy.starts_at.isoformat() == "2026-03-12T17:00:00+00:00"
    assert order.policy.status == "scheduled"


def test_an_order_that_cannot_be_entered_says_at_its_field_which_fact_stands_in_the_way(
    sales, catalogue
):
    address = page("order_place")
    facts = {
        "reference": "W-77",
        "serial": "0AXCSHOP0001",
        "drone_model": catalogue["drone_model"],
        "plan": catalogue["plan"],
        "name": "Ann Lee",
        "email": "ann@example.com",
        "country": "US",
    }

    def enter(**changed):
        blank = form_with("serial", sales.get(address).content.decode())
        return sales.post(address, blank | facts | changed)

    assert enter().status_code == 302
    again = enter().context["form"]
    assert again.errors == {"reference": ["This drone is part of order W-77 already."]}
    other = enter(reference="W-78").context["form"]
    assert other.errors == {
        "serial": [
            "This drone is part of another order, W-77. "
            "Cancel that one first, or check the serial number."
        ]
    }
    late = enter(serial="0AXCSHOP0003", placed_at="2099-01-01T10:00")
    assert late.context["form"].errors == {
        "placed_at": ["The order is more than a year ahead. Please check the year."]
    }
    shipment = page("order_ship", Order.objects.get().pk)
    assert errors(sales.post(shipment, {"shipped_at": "2062-01-01T09:00"})) == [
        "The shipment is more than a year ahead. Please check the year."
    ]
    # One order, two drones.
    assert enter(serial="0AXCSHOP0002").status_code == 302
    first, second = Order.objects.filter(reference="W-77").order_by("pk")
    shown = sales.get(page("order_change", first.pk)).content.decode()
    assert "Other lines of this order" in shown
    assert page("order_change", second.pk) in shown
    found = sales.get(reverse("admin:policies_order_changelist"), {"q": "W-77"}).content.decode()
    assert "0AXCSHOP0001" in found
    assert "0AXCSHOP0002" in found
    searched = sales.get(reverse("admin:search"), {"q": "W-77"}).content.decode()
    assert "W-77, 0AXCSHOP0001" in searched
    assert "W-77, 0AXCSHOP0002" in searched


def test_a_cancelled_plan_that_had_not_begun_leaves_a_cancelled_order(sales, manager, catalogue):
    address = page("order_place")
    blank = form_with("serial", sales.get(address).content.decode())
    sales.post(
        address,
        blank
        | {"reference": "W-77", "serial": "0AXCSHOP0001", "plan": catalogue["plan"]}
        | {"drone_model": catalogue["drone_model"], "name": "Ann Lee"}
        | {"email": "ann@example.com", "country": "US"},
    )
    order = Order.objects.get()
    policy = orders.ship(order, shipped_at=NOON, actor=Actor.command("test"), now=NOON)
    asked = {"reason": "Not wanted"}
    assert manager.post(page("policy_cancel", policy.pk), asked).status_code == 302
    shown = sales.get(page("order_change", order.pk)).content.decode()
    assert "Cancelled" in shown
    assert page("order_ship", order.pk) not in shown
    assert page("order_cancel", order.pk) not in shown


def test_how_a_serial_stands_is_answered_with_every_reason(sales, us, policy):
    asked = {"serial": "0annsdrone1", "region": us.pk}
    text = sales.post(page("drone_check"), asked).content.decode()
    assert re.findall(r'pill-(good|bad)">(Yes|No)', text) == [
        ("bad", "No"),
        ("good", "Yes"),
        ("good", "Yes"),
    ]
    assert "This drone is covered already." in text
    unknown = sales.post(page("drone_check"), {"serial": "NEVERSEEN1", "region": us.pk})
    assert "not on file" in unknown.content.decode()
    assert log() == []


def test_a_drone_that_is_sold_again_as_refurbished_starts_a_new_life(manager):
    handed_in = factories.DroneFactory(retired_at="2026-01-01T00:00Z")
    url = page("drone_refurbish", handed_in.pk)
    assert manager.post(url, {"reason": "Official store"}).status_code == 302
    handed_in.refresh_from_db()
    assert (handed_in.life, handed_in.retired_at) == (2, None)
    assert log() == ["New life as refurbished: Official store"]


def test_a_name_that_no_font_of_ours_has_is_refused_wherever_staff_type_one(manager, policy):
    stock = factories.ActivationCodeFactory()
    sold = factories.ActivationCodeFactory(sold=True)
    for address in [
        page("activationcode_sell"),
        page("activationcode_sell", stock.pk),
        page("activationcode_bind", sold.pk),
        page("order_place"),
        page("policy_change-owner", policy.pk),
        page("customer_add"),
        page("customer_change", policy.holder.pk),
    ]:
        form = form_with("name", manager.get(address).text)
        response = manager.post(address, form | {"name": "Ann 𠮷 🚁"})
        assert "We cannot print 𠮷 🚁 on labels and papers." in response.text, address


def test_a_policy_is_cancelled_transferred_and_renewed_from_its_page(manager, policy):
    batch = factories.CodeBatchFactory(plan=Plan.objects.get(code="refresh-plus"))
    factories.ActivationCodeFactory(batch=batch)
    renewed = {"plan": batch.plan.pk, "order_reference": "R-1"}
    assert manager.post(page("policy_renew", policy.pk), renewed).status_code == 302
    owner = {"name": "Cy Roe", "email": "cy@example.com", "phone": "", "country": "US"}
    assert manager.post(page("policy_change-owner", policy.pk), owner).status_code == 302
    assert manager.post(page("policy_cancel", policy.pk), {"reason": "Sold"}).status_code == 302
    policy.refresh_from_db()
    assert (policy.status, policy.holder.name) == ("cancelled", "Cy Roe")
    kinds = PolicyEvent.objects.order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["renewed", "transferred", "cancelled"]
    assert list(Letter.objects.order_by("pk").values_list("name", "recipient")) == [
        ("renewed", "ann@example.com"),
        ("owner_changed_old", "ann@example.com"),
        ("owner_changed_new", "cy@example.com"),
        ("policy_cancelled", "cy@example.com"),
    ]


def test_who_cancels_a_policy_is_told_that_the_holder_reads_the_reason(manager, policy):
    url = page("policy_cancel", policy.pk)
    assert "The holder gets a letter, and reads the reason in it." in manager.get(url).text
    assert manager.post(url, {"reason": "Bought by mistake"}).status_code == 302
    assert outbox.render(Letter.objects.get()).text.count("Bought by mistake") == 1


def test_nothing_of_a_record_can_be_edited_as_a_field(manager, policy):
    url = page("policy_change", policy.pk)
    assert manager.post(url, {"status": "cancelled"}).status_code == 403
    assert Drone.objects.get().serial == "0ANNSDRONE1"
    policy.refresh_from_db()
    assert policy.status == "active"
