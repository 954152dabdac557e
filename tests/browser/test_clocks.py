"""Customers in three cities, each with a phone and without scripts: whose clock it is (P9, B2)."""

from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from claims.models import Claim
from policies.models import DroneModel, Policy, Region
from tests.browser.visitor import Visitor
from tests.factories import ActivationCodeFactory, CodeBatchFactory, DroneFactory, whole

PHONE = 390
EMAIL = "ada.king@example.com"


@dataclass(frozen=True)
class City:
    locale: str
    zone: str
    place: str
    country: str
    region: str
    preset: str
    address: tuple[str, str, str, str]


CITIES = [
    City(
        *("en-US", "America/Los_Angeles", "Los Angeles", "US", "US", "America/New_York"),
        address=("1 Spring Street", "Los Angeles", "CA", "90012"),
    ),
    City(
        *("en-NZ", "Pacific/Auckland", "Auckland", "NZ", "AU", "Pacific/Auckland"),
        address=("1 Queen Street", "Auckland", "", "1010"),
    ),
    City(
        *("el-GR", "Europe/Athens", "Athens", "GR", "EU", "Europe/Athens"),
        address=("1 Ermou", "Athens", "", "105 63"),
    ),
]


class Customer:
    """Somebody at home in a city, who reads every time on the clock on the wall there."""

    def __init__(self, person: Visitor, city: City) -> None:
        self.person, self.page, self.city = person, person.page, city
        person.look(PHONE, "light")

    def hours_ago(self, hours: float, form: str = "%Y-%m-%dT%H:%M") -> str:
        ago = timezone.now() - timedelta(hours=hours)
        return f"{ago.astimezone(ZoneInfo(self.city.zone)):{form}}"

    def activate(self, code: str, serial: str, *, hours_ago: float, clock: str = "") -> None:
        page = self.page
        self.person.go("/activate/")
        assert page.get_by_label("On which clock?").input_value() == self.city.preset
        page.get_by_label("Activation code").fill(code)
        page.get_by_label("Serial number").fill(serial)
        page.get_by_label("Yes", exact=True).check()
        page.get_by_label("If so, when?").fill(self.hours_ago(hours_ago))
        if clock:
            page.get_by_label("On which clock?").select_option(clock)
        page.get_by_label("Full name").fill("Ada King")
        page.get_by_label("E-mail").fill(EMAIL)
        page.get_by_label("Country").select_option(self.city.country)
        page.get_by_label("I have read").check()
        self.send("Activate")

    def choose_the_clock(self) -> None:
        self.page.get_by_label("On which clock?").select_option(self.city.zone)
        self.send("Activate")

    def send(self, button: str) -> None:
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=button, exact=True).click()
        self.person.note_if_too_wide(PHONE)

    def reads(self) -> str:
        return " ".join(self.page.inner_text("main").split())


@pytest.fixture(params=CITIES, ids=lambda city: city.place)
def customer(request, visitor) -> Customer:
    city = request.param
    return Customer(visitor(javascript=False, locale=city.locale, zone=city.zone), city)


@pytest.fixture
def code(live_server, customer) -> str:
    batch = CodeBatchFactory(region=Region.objects.get(code=customer.city.region))
    return whole(ActivationCodeFactory(sold=True, batch=batch))


@pytest.fixture
def serial(live_server) -> str:
    return DroneFactory(serial="1581FCITY00001").serial


def test_46_hours_ago_by_the_clock_on_their_wall_is_in_time_and_damage_today_is_today(
    customer, code, serial
):
    customer.activate(code, serial, hours_ago=46)
    if customer.city.zone != customer.city.preset:
        # Three hours more in New York: the page had chosen that clock, so it asks.
        assert "Please check the clock." in customer.reads()
        customer.choose_the_clock()
    assert "Your care plan is active" in customer.reads()
    age = timezone.now() - Policy.objects.get().drone.activated_at
    assert timedelta(hours=46) <= age < timedelta(hours=47, minutes=10)
    request_repair(customer, serial)
    claim = Claim.objects.get()
    assert claim.number in customer.reads()
    assert f"{claim.happened_on}" == customer.hours_ago(0, "%Y-%m-%d")


def request_repair(customer: Customer, serial: str) -> None:
    page = customer.page
    customer.person.go("/repair/")
    page.get_by_label("Serial number").fill(serial)
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("When did it happen?").fill(customer.hours_ago(0, "%Y-%m-%d"))
    page.get_by_label("Collision").check()
    page.get_by_label("What happened?").fill("It flew into a tree.")
    page.get_by_label("Aircraft").check()
    street, town, state, postal_code = customer.city.address
    page.get_by_label("Street and number").fill(street)
    page.get_by_label("City").fill(town)
    page.get_by_label("State or province").fill(state)
    page.get_by_label("Postal code").fill(postal_code)
    page.get_by_label("Country").select_option(customer.city.country)
    page.get_by_label("I have read").check()
    customer.send("Send the request")


def test_an_hour_ago_does_not_lie_in_the_future(customer, code, serial):
    customer.activate(code, serial, hours_ago=1)
    assert "Your care plan is active" in customer.reads()


def test_50_hours_ago_is_refused_on_their_clock_with_a_way_out_that_is_filled_in(
    customer, code, serial
):
    model = DroneModel.objects.get(slug="mavic-2-pro")
    said = customer.hours_ago(50, "%-d %B %Y, %H:%M")
    customer.activate(code, serial, hours_ago=50, clock=customer.city.zone)
    place = customer.city.place
    assert f"You say that the drone was activated on {said} ({place} time)." in customer.reads()
    assert f"We read this as {said}, {place} time; it is " in customer.reads()
    customer.send("Send us a verification video")
    typed = {
        "Serial number": serial,
        "Model": model.slug,
        "Full name": "Ada King",
        "E-mail": EMAIL,
        "Country": customer.city.country,
    }
    page = customer.page
    assert {name: page.get_by_label(name, exact=True).input_value() for name in typed} == typed
