import re
from datetime import date
from decimal import Decimal

import pytest

from policies.models import DroneModel, Region, ReplacementFee


def row(page: str, model: str) -> list[str]:
    found = re.search(rf'<th scope="row">{re.escape(model)}</th>(.*?)</tr>', page, re.DOTALL)
    assert found, f"no row for {model}"
    return re.findall(r'<td class="number">(?:<span class="hint">)?(.*?)<', found[1])


def test_every_plan_is_told_with_its_months_and_replacements(client, db):
    page = client.get("/plans/").text
    assert "<strong>24</strong> months" in page
    assert "<strong>3</strong> replacements" in page
    assert "Renews a 1-Year plan, once, before it ends." in page
    assert page.index("<h3>2-Year</h3>") < page.index("<h3>Refresh +</h3>")


def test_fees_are_those_of_the_region_asked_for(client, db):
    assert row(client.get("/plans/?region=US").text, "Mavic 2 Pro") == [
        "119.00",
        "139.00",
        "139.00",
    ]
    assert row(client.get("/plans/?region=JP").text, "DJI Mini 2") == ["5,990", "6,990", "7,990"]


def test_without_a_choice_the_dealers_first_region_is_shown(client, db):
    assert '<option value="US" selected>United States</option>' in client.get("/plans/").text


def test_parts_are_told_per_series(client, db):
    page = client.get("/plans/").text
    assert "<h3>Inspire</h3> <span>Covered: Aircraft, Gimbal, Camera</span>" in page
    assert (
        "<h3>Spark</h3> <span>Covered: Aircraft, Gimbal, Camera, Battery, Propellers</span>" in page
    )


def test_a_model_with_parts_of_its_own_says_so(client, db):
    DroneModel.objects.get(slug="inspire-3").parts.create(part="aircraft")
    assert 'DJI Inspire 3 <span class="hint">Covered: Aircraft</span>' in client.get("/plans/").text


def test_a_missing_fee_is_not_guessed(client, db):
    ReplacementFee.objects.filter(
        drone_model__slug="mavic-2-pro", region__code="US", ordinal=2
    ).delete()
    assert row(client.get("/plans/?region=US").text, "Mavic 2 Pro") == [
        "119.00",
        "on request",
        "139.00",
    ]


def test_the_newest_fee_that_is_in_force_counts(client, db):
    of = {
        "drone_model": DroneModel.objects.get(slug="mavic-2-pro"),
        "region": Region.objects.get(code="US"),
        "ordinal": 1,
    }
    ReplacementFee.objects.create(**of, amount=Decimal(125), valid_from=date(2025, 1, 1))
    ReplacementFee.objects.create(**of, amount=Decimal(999), valid_from=date(2999, 1, 1))
    assert row(client.get("/plans/?region=US").text, "Mavic 2 Pro")[0] == "125.00"


@pytest.mark.parametrize(
    "query",
    ["region=%00", "region=XX", "region=" + "A" * 5000, "region=%FF%FE", "region=US&region=", "%"],
)
def test_rubbish_in_the_address_shows_the_usual_page(client, db, query):
    response = client.get(f"/plans/?{query}")
    assert response.status_code == 200
    assert '<option value="US" selected>' in response.text


def test_a_dealer_without_regions_still_has_plans(client, db):
    ReplacementFee.objects.all().delete()
    Region.objects.all().delete()
    response = client.get("/plans/")
    assert response.status_code == 200
    assert "Drones, parts and fees" not in response.text


def test_it_costs_eight_queries(client, db, django_assert_num_queries):
    with django_assert_num_queries(8):
        client.get("/plans/")
