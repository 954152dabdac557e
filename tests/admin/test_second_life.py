"""A drone sold again as refurbished before the sweep has marked its last policy (B6, E1)."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from policies import drones, orders
from policies.models import Drone, Plan, Policy
from policies.shared.actor import Actor
from tests import factories
from tests.admin.conftest import NOON
from tests.claims.conftest import fresh
from tests.pages import form_with

SERIAL = "0AXCTWICE0001"
BEN = {"name": "Ben Ng", "email": "ben@example.com", "phone": "", "country": "US"}
ORDER = "reference,serial,model,plan,name,email,country,shipped_at\n"


@pytest.fixture
def refurbished(db) -> Drone:
    """Its last plan ended an hour ago, and no sweep has run since."""
    drone = factories.DroneFactory(serial=SERIAL)
    factories.PolicyFactory(drone=drone, ends_at="2026-03-10T15:00Z")
    drones.start_new_life(drone, now=NOON)
    drone.refresh_from_db()
    return drone


def policies_of(drone: Drone) -> list[tuple[int, str]]:
    rows = Policy.objects.filter(drone=drone).order_by("drone_life")
    return list(rows.values_list("drone_life", "status"))


def place_order(drone: Drone):
    purchase = orders.Purchase(
        reference="W-77",
        serial=drone.serial,
        drone_model=drone.drone_model,
        plan=Plan.objects.get(code="care-1y"),
        **BEN,
    )
    return orders.place(purchase, actor=Actor.command("test"), now=NOON)


def test_b6_a_customer_activates_a_code_for_it(refurbished):
    visitor = Client()
    form = form_with("serial", visitor.get("/activate/").text)
    code = factories.whole(factories.ActivationCodeFactory(sold=True))
    filled_in = (
        form | BEN | {"code": code, "serial": SERIAL, "activated": "no", "accept_terms": "on"}
    )
    assert visitor.post("/activate/", filled_in).status_code == 302
    assert policies_of(refurbished) == [(1, "active"), (2, "active")]


def test_b6_the_desk_binds_a_code_to_it(sales, refurbished):
    code = factories.ActivationCodeFactory(sold=True)
    url = reverse("admin:policies_activationcode_bind", args=[code.pk])
    form = form_with("serial", sales.get(url).text) | BEN | {"serial": SERIAL, "activated": "no"}
    assert sales.post(url, form).status_code == 302
    assert policies_of(refurbished) == [(1, "active"), (2, "active")]


def test_b6_the_order_that_it_was_sold_with_is_shipped(sales, refurbished):
    url = reverse("admin:policies_order_ship", args=[place_order(refurbished).pk])
    form = form_with("shipped_at", sales.get(url).text) | {"shipped_at": "2026-03-10T13:00"}
    assert sales.post(url, form).status_code == 302
    assert policies_of(refurbished) == [(1, "active"), (2, "scheduled")]


def test_b6_it_goes_out_as_a_replacement(claims_desk, refurbished, house, policy):
    claim = house.claim_at("preparing", policy)
    url = reverse("admin:claims_claim_ship", args=[claim.pk])
    form = form_with("new_serial", claims_desk.get(url).text)
    sent = {"new_serial": SERIAL, "condition": "refurbished", "tracking_number": "1Z999"}
    assert claims_desk.post(url, form | sent).status_code == 302
    assert fresh(claim).replacement == refurbished
    assert policies_of(refurbished) == [(1, "active"), (2, "active")]


def test_b6_a_file_of_orders_ships_it(refurbished, tmp_path):
    file = tmp_path / "orders.csv"
    file.write_text(
        f"{ORDER}W-1,{SERIAL},mavic-2-pro,care-1y,Ben Ng,ben@example.com,US,2026-03-10T13:00\n"
    )
    out = StringIO()
    call_command("import_orders", str(file), stdout=out)
    assert out.getvalue() == "orders.csv: 1 entered, 1 shipped, 0 unchanged.\n"
    assert policies_of(refurbished) == [(1, "active"), (2, "scheduled")]


def test_e1_the_late_sweep_then_ends_the_first_life_only(refurbished):
    factories.PolicyFactory(drone=refurbished, drone_life=2, starts_at=NOON)
    call_command("expire_policies", stdout=StringIO())
    assert policies_of(refurbished) == [(1, "expired"), (2, "active")]
