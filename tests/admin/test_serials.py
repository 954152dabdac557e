"""A serial number that looks wrong is asked about on the page where it was typed (B12)."""

import pytest
from django.urls import reverse

from policies.models import DroneModel, Plan
from policies.shared.roles import CLAIMS, MANAGER, SALES
from tests import factories
from tests.pages import forms_on, plain, press

WRONG = "1581F4QWB2200A1B2"
WHY = "Its fifth character, F, stands for a length of 15 after it; it has 12."
ANOTHER = "1581F4QWB2200A1B"
WHY_ANOTHER = "Its fifth character, F, stands for a length of 15 after it; it has 11."
QUESTION = "Please check this serial number. {} If it is right, press the button once more."
ANN = {"name": "Ann Lee", "email": "ann@example.com", "country": "US"}


@pytest.fixture
def mavic_3(db) -> DroneModel:
    return DroneModel.objects.get(slug="mavic-3")


@pytest.fixture
def policy(policy, mavic_3):
    """Ann's policy, on a Mavic 3."""
    policy.drone.drone_model = mavic_3
    policy.drone.save()
    return policy


@pytest.fixture
def pages(mavic_3, policy, house):
    """Each page with a serial number: who works there, its address, its button, what is typed."""

    def bind():
        batch = factories.CodeBatchFactory(drone_model=mavic_3)
        code = factories.ActivationCodeFactory(sold=True, batch=batch)
        typed = {**ANN, "drone_model": "mavic-3", "activated": "no"}
        return SALES, ("policies_activationcode_bind", code.pk), "Bind to a drone", typed

    def place():
        plan = Plan.objects.get(code="care-1y").pk
        typed = {**ANN, "reference": "W-1", "drone_model": mavic_3.pk, "plan": plan}
        return SALES, ("policies_order_place",), "Enter an order", typed

    def register():
        typed = {"drone_model": mavic_3.pk}
        return MANAGER, ("policies_drone_register",), "Put a drone on file", typed

    def correct():
        button, typed = "Correct the serial number", {"reason": "A typo"}
        return MANAGER, ("policies_policy_correct-serial", policy.pk), button, typed

    def ship():
        claim = house.claim_at("preparing", policy)
        typed = {"condition": "new", "tracking_number": "1Z999"}
        return CLAIMS, ("claims_claim_ship", claim.pk), "Ship the replacement", typed

    def correct_replacement():
        claim = house.claim_at("preparing", policy)
        house.do(claim, "ship", new_serial="1581F" + "7" * 15)
        button, typed = "Correct the new serial number", {"reason": "A typo"}
        return MANAGER, ("claims_claim_correct-serial", claim.pk), button, typed

    return {
        one.__name__: one for one in (bind, place, register, correct, ship, correct_replacement)
    }


NAMES = ["bind", "place", "register", "correct", "ship", "correct_replacement"]


@pytest.mark.parametrize("name", NAMES)
def test_b12_the_page_asks_and_the_button_once_more_is_the_answer(employ, pages, mavic_3, name):
    role, (address, *args), button, typed = pages[name]()
    desk = employ(role)
    field = "new_serial" if name == "ship" else "serial"
    empty = desk.get(reverse(f"admin:{address}", args=args))
    asked = press(desk, empty, button, typed | {field: WRONG})
    assert asked.context["form"].errors == {field: [QUESTION.format(WHY)]}
    assert QUESTION.format(WHY) in plain(asked.text)
    # Another one that looks wrong is looked at anew, and so is the first after it.
    again = press(desk, asked, button, {field: ANOTHER})
    assert again.context["form"].errors == {field: [QUESTION.format(WHY_ANOTHER)]}
    back = press(desk, again, button, {field: WRONG})
    assert back.context["form"].errors == {field: [QUESTION.format(WHY)]}
    assert press(desk, back, button).status_code == 302
    assert mavic_3.drones.filter(serial=WRONG).exists()


def test_b12_the_answer_is_kept_while_something_else_is_put_right(employ, pages):
    role, (address, *args), button, typed = pages["place"]()
    desk = employ(role)
    empty = desk.get(reverse(f"admin:{address}", args=args))
    asked = press(desk, empty, button, typed | {"serial": WRONG})
    nameless = press(desk, asked, button, {"name": ""})
    assert list(nameless.context["form"].errors) == ["name"]
    assert press(desk, nameless, button, {"name": "Ann Lee"}).status_code == 302


def test_b12_stock_that_is_on_file_is_asked_about_at_the_desk(employ, pages, mavic_3):
    factories.DroneFactory(drone_model=mavic_3, serial="1581F" + "2" * 15)
    role, (address, *args), button, typed = pages["place"]()
    desk = employ(role)
    empty = desk.get(reverse(f"admin:{address}", args=args))
    asked = press(desk, empty, button, typed | {"serial": "1581F" + "3" * 15})
    assert "No drone with it is on file, and others of its model are, unsold." in plain(asked.text)
    assert press(desk, asked, button).status_code == 302


def test_b12_a_manager_says_which_pattern_a_model_has(manager, mavic_3):
    page = manager.get(reverse("admin:policies_dronemodel_change", args=[mavic_3.pk]))
    [form] = [form for form in forms_on(page.text) if "serial_pattern" in form.fields]
    assert form.fields["serial_pattern"] == "cta_2063_a"
    press(manager, page, "Save", {"serial_pattern": ""})
    mavic_3.refresh_from_db()
    assert mavic_3.serial_pattern == ""
