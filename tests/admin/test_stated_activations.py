"""What customers stated of an activation, as staff see and correct it (B11)."""

from datetime import timedelta

import pytest
from django.urls import reverse

from policies.models import ActivationStatement, Drone, DroneEvent, DroneModel
from tests import factories
from tests.admin.conftest import NOON
from tests.pages import form_with

SERIAL = "0AXCE1K0030100"
THREE_DAYS_AGO = "2026-03-07T10:00"


def page(name: str, *args: int) -> str:
    return reverse(f"admin:policies_{name}", args=args)


@pytest.fixture
def code(db):
    return factories.ActivationCodeFactory(sold=True)


@pytest.fixture
def bind(sales, code):
    """The form of the operation page, filled in by the sales desk."""

    def bind(**typed):
        address = page("activationcode_bind", code.pk)
        form = form_with("serial", sales.get(address).text)
        answers = {"serial": SERIAL, "drone_model": "mavic-2-pro"}
        return sales.post(address, form | answers | typed)

    return bind


@pytest.fixture
def statement(bind) -> ActivationStatement:
    bind(activated="yes", activated_at=THREE_DAYS_AGO)
    return ActivationStatement.objects.get()


def test_the_desk_asks_the_same_question_and_presets_no_answer(bind, code):
    response = bind()
    assert response.context["form"].errors == {"activated": ["Please answer this question."]}
    assert bind(activated="no").status_code == 302


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        (
            {"activated": "no", "activated_at": THREE_DAYS_AGO},
            {
                "activated": [
                    "You say “not yet”, and you give a time. Please leave one of them out."
                ]
            },
        ),
        ({"activated": "yes"}, {"activated_at": ["Please say when it was activated."]}),
        ({"activated": "perhaps"}, {"activated": ["Please choose an answer from the list."]}),
    ],
)
def test_two_answers_that_do_not_fit_are_refused_at_their_field(bind, typed, errors):
    assert bind(**typed).context["form"].errors == errors


def test_what_a_customer_states_at_the_desk_is_kept_though_the_desk_is_refused(statement, bind):
    assert (statement.serial, statement.actor) == (SERIAL, "sales")
    assert not Drone.objects.exists()
    response = bind(activated="no")
    assert response.context["form"].non_field_errors() == [
        "The binding window closed on 9 March 2026, 11:00 EDT. "
        "A video verification can open it again."
    ]


def test_staff_find_it_by_its_serial_number(statement, auditor):
    listing = auditor.get(page("activationstatement_changelist"), {"q": "0axce 1k0030100"})
    assert list(listing.context["cl"].result_list) == [statement]
    record = auditor.get(page("activationstatement_change", statement.pk)).text
    assert "Not on file" in record
    assert "Correct it" not in record


def test_how_does_it_stand_leads_to_what_was_stated(statement, sales, us):
    answer = sales.post(page("drone_check"), {"serial": SERIAL, "region": us.pk}).text
    assert f'href="/admin/policies/activationstatement/?q={SERIAL}"' in answer
    assert "may be bound to it like to a new drone" not in answer


def test_a_manager_corrects_it_with_a_reason_and_it_counts_no_more(statement, manager, bind):
    address = page("activationstatement_correct", statement.pk)
    form = form_with("reason", manager.get(address).text)
    assert manager.post(address, form).context["form"].errors == {
        "reason": ["Please fill this in."]
    }
    assert manager.post(address, form | {"reason": "Invoice of yesterday"}).status_code == 302
    event = DroneEvent.objects.get()
    assert (event.drone.serial, event.note, event.actor) == (
        SERIAL, "Invoice of yesterday", "manager")  # fmt: skip
    record = manager.get(page("activationstatement_change", statement.pk)).text
    assert "No longer, or not for this drone" in record
    assert bind(activated="no").status_code == 302


def test_the_drones_page_shows_what_was_stated_and_what_was_recorded(statement, manager):
    drone = factories.DroneFactory(serial=SERIAL)
    stated = "Stated as activated on 7 March 2026, 10:00 EST"
    assert stated in manager.get(page("drone_change", drone.pk)).text
    asked = {"activated_at": "2026-03-10T09:00", "reason": "Told by the shop"}
    assert manager.post(page("drone_activation", drone.pk), asked).status_code == 302
    text = manager.get(page("drone_change", drone.pk)).text
    assert "Activation time set: not activated → 2026-03-10 09:00 UTC" in text
    assert "Told by the shop" in text


def test_an_activation_in_the_future_is_refused_at_its_field(manager):
    soon = f"{NOON + timedelta(minutes=1):%Y-%m-%dT%H:%M}"
    drone = factories.DroneFactory()
    no = {"activated_at": ["An activation cannot lie in the future."]}
    set_it = manager.post(
        page("drone_activation", drone.pk), {"activated_at": soon, "reason": "Slip"}
    )
    assert set_it.context["form"].errors == no
    model = DroneModel.objects.get(slug="mavic-2-pro").pk
    put_on_file = {"serial": SERIAL, "drone_model": model, "activated_at": soon}
    assert manager.post(page("drone_register"), put_on_file).context["form"].errors == no
    assert not Drone.objects.filter(serial=SERIAL).exists()
