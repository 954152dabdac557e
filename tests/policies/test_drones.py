"""Serial numbers are looked at before they are believed (B12), by every verb that takes one."""

import pytest

from policies import binding, correction, drones, orders, verification
from policies.models import ActivationStatement, Drone, DroneModel, Order
from policies.shared.actor import Actor
from policies.shared.errors import SerialDoubted
from tests import factories

pytestmark = pytest.mark.django_db

DESK = Actor.command("desk")
GOOD = "1581F4QWB2200A1B2C3D"
DOUBTFUL = "1581F4QWB2200A1B2"
ANOTHER = "1581F4QWB2200A1B"
WHY = "Its fifth character, F, stands for a length of 15 after it; it has 12."
QUESTION = f"Please check this serial number. {WHY} If it is right, press the button once more."
NOT_IN_STOCK = "No drone with it is on file, and others of its model are, unsold."
PERSON = {"name": "Ann Lee", "email": "ann@example.com", "country": "US"}


@pytest.fixture
def mavic_3(db) -> DroneModel:
    return DroneModel.objects.get(slug="mavic-3")


@pytest.fixture
def sold_code(mavic_3):
    batch = factories.CodeBatchFactory(drone_model=mavic_3)
    return factories.ActivationCodeFactory(sold=True, batch=batch)


@pytest.fixture
def verbs(mavic_3, care_1y, now, sold_code):
    """Each verb that brings a serial number on file, by its name."""
    facts = {**PERSON, "drone_model": mavic_3}

    def application(serial: str, confirmed: str) -> binding.Application:
        return binding.Application(serial=serial, serial_confirmed=confirmed, **facts)

    def bind(serial: str, confirmed: str) -> None:
        whole = factories.whole(sold_code)
        binding.bind_by_code(whole, application(serial, confirmed), actor=DESK, now=now)

    def bind_at_desk(serial: str, confirmed: str) -> None:
        binding.bind_at_desk(sold_code, application(serial, confirmed), actor=DESK, now=now)

    def place(serial: str, confirmed: str) -> None:
        bought = {**facts, "reference": "W-1", "plan": care_1y}
        purchase = orders.Purchase(serial=serial, serial_confirmed=confirmed, **bought)
        orders.place(purchase, actor=DESK, now=now)

    def register(serial: str, confirmed: str) -> None:
        known = {"drone_model": mavic_3, "activated_at": None, "now": now}
        drones.register(serial=serial, serial_confirmed=confirmed, **known)

    drone = factories.DroneFactory(serial=GOOD, drone_model=mavic_3)
    policy = factories.PolicyFactory(drone=drone)

    def correct(serial: str, confirmed: str) -> None:
        words = {"reason": "Typo", "actor": DESK, "now": now}
        correction.correct_serial(policy, serial=serial, serial_confirmed=confirmed, **words)

    return {verb.__name__: verb for verb in (bind, bind_at_desk, place, register, correct)}


@pytest.mark.parametrize("name", ["bind", "bind_at_desk", "place", "register", "correct"])
def test_b12_a_serial_that_looks_wrong_is_taken_once_it_is_repeated(verbs, name):
    for confirmed in ("", ANOTHER, "?"):
        with pytest.raises(SerialDoubted) as doubted:
            verbs[name](DOUBTFUL, confirmed)
        assert (doubted.value.serial, doubted.value.message) == (DOUBTFUL, QUESTION)
        assert not Drone.objects.filter(serial=DOUBTFUL).exists()
    verbs[name](DOUBTFUL, "1581f-4qwb-2200-a1b2")
    assert Drone.objects.filter(serial=DOUBTFUL).exists()


@pytest.mark.parametrize("name", ["bind", "bind_at_desk", "place", "correct"])
def test_b12_a_serial_on_file_was_believed_before(verbs, mavic_3, name):
    factories.DroneFactory(serial=DOUBTFUL, drone_model=mavic_3)
    verbs[name](DOUBTFUL, "")


@pytest.mark.parametrize("name", ["bind", "bind_at_desk", "register", "correct"])
def test_b12_a_customer_may_bring_a_drone_that_is_not_in_stock(verbs, mavic_3, name):
    factories.DroneFactory(drone_model=mavic_3)
    verbs[name]("1581F4QWB2200ZZZZZZZ", "")


def test_b12_a_doubted_serial_is_no_statement_of_an_activation(sold_code, mavic_3, now):
    stated = {"drone_model": mavic_3, "activated_at": now, **PERSON}
    application = binding.Application(serial=DOUBTFUL, **stated)
    with pytest.raises(SerialDoubted):
        binding.bind_at_desk(sold_code, application, actor=DESK, now=now)
    assert not ActivationStatement.objects.exists()


# --- where stock is known --------------------------------------------------------


@pytest.fixture
def sell(mavic_2_pro, care_1y, now):
    def sell(serial: str, **confirmed) -> Order:
        bought = {**PERSON, "reference": "W-1", "drone_model": mavic_2_pro, "plan": care_1y}
        purchase = orders.Purchase(serial=serial, **bought, **confirmed)
        return orders.place(purchase, actor=DESK, now=now)

    return sell


def test_b12_a_drone_that_is_sold_should_be_of_the_stock_on_file(sell):
    stock = factories.DroneFactory()
    with pytest.raises(SerialDoubted, match=NOT_IN_STOCK):
        sell("0AXCNOBODYS1")
    assert sell("0AXCNOBODYS1", serial_confirmed="0AXCNOBODYS1").drone != stock


def test_b12_a_drone_of_the_stock_is_sold_unasked(sell):
    assert sell(factories.DroneFactory().serial)


def test_b12_what_is_not_stock_raises_no_question(sell, mavic_air, now):
    factories.DroneFactory(drone_model=mavic_air)
    factories.DroneFactory(activated_at=now)
    factories.DroneFactory(retired_at=now)
    factories.PolicyFactory()
    verification.grant_after_repair(
        factories.DroneFactory(),
        region=factories.Region.objects.get(code="US"),
        note="Repaired",
        actor=DESK,
        now=now,
    )
    policy = correction.correct_serial(
        factories.PolicyFactory(), serial="0AXCRIGHT001", reason="Typo", actor=DESK, now=now
    )
    assert policy.drone.serial == "0AXCRIGHT001"
    assert sell("0AXCNOBODYS1")
