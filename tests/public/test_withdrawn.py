"""Customers' pages of a dealer who has withdrawn something (P10)."""

import pytest

from policies.models import DroneModel, Plan, Policy, Region, Series
from tests.pages import form_with, plain, token
from tests.public.test_activate import errors, unknown_code

MAVIC = '<option value="mavic-2-pro"'


def withdraw(*rows):
    for row in rows:
        type(row).objects.filter(pk=row.pk).update(is_withdrawn=True)


@pytest.fixture
def mavic(db) -> DroneModel:
    return DroneModel.objects.get(slug="mavic-2-pro")


@pytest.fixture
def us(db) -> Region:
    return Region.objects.get(code="US")


@pytest.fixture
def film(db) -> dict[str, str]:
    return {
        "serial": "08QCE3D0",
        "model": "mavic-2-pro",
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "country": "US",
        "video_url": "https://youtu.be/dQw4w9WgXcQ",
        "read_instructions": "on",
    }


def test_p10_the_public_plans_leave_out_what_is_withdrawn(client, mavic, us):
    withdraw(Plan.objects.get(code="care-2y"), mavic, Series.objects.get(slug="spark"), us)
    page = client.get("/plans/?region=US").text
    assert "<h3>2-Year</h3>" not in page
    assert "<h3>1-Year</h3>" in page
    assert "<h3>Spark</h3>" not in page
    assert ">Mavic 2 Pro</th>" not in page
    assert ">Mavic Air</th>" in page
    assert '<option value="US"' not in page


def test_p10_a_withdrawn_model_is_no_choice_for_a_film(client, mavic, film):
    assert MAVIC in client.get("/verification/").text
    withdraw(mavic.series)
    page = client.get("/verification/").text
    assert MAVIC not in page
    assert '<option value="mini-2"' in page or '<option value="spark"' in page
    assert errors(client.post("/verification/", film)) == {
        "model": ["Care plans for this model are not sold any more."]
    }


def test_p10_a_country_of_a_withdrawn_region_is_not_served(client, us, film):
    withdraw(us)
    no = {"country": ["We have no service region for this country yet."]}
    assert errors(client.post("/verification/", film)) == no


def test_p10_an_unknown_code_in_a_withdrawn_region_reads_as_in_one_never_served(
    client, us, filled_in
):
    withdraw(us)
    answer = errors(client.post("/activate/", filled_in | {"code": unknown_code()}))
    assert answer["country"] == ["We have no service region for this country yet."]


def test_p10_a_sold_code_of_all_that_is_withdrawn_is_redeemed_on_the_page(
    client, mavic, us, filled_in
):
    withdraw(mavic, mavic.series, us, Plan.objects.get(code="care-1y"))
    del filled_in["model"]
    asked = client.post("/activate/", filled_in | {"activated": "no"})
    # Who holds the code is offered its model; others of the series are left out.
    assert MAVIC in asked.text
    assert '<option value="mavic-air"' not in asked.text
    filled_in = form_with("code", asked.text) | {"accept_terms": "on"}
    kept = client.post("/activate/", filled_in | {"model": "mavic-2-pro", "name": ""})
    assert f"{MAVIC} selected>" in kept.text
    typed = form_with("code", kept.text) | {"accept_terms": "on", "name": "Ada Lovelace"}
    assert client.post("/activate/", typed).status_code == 302
    policy = Policy.objects.get()
    page = plain(client.get(f"/policy/{token(policy)}/").text)
    assert "1-Year" in page
    assert "Mavic 2 Pro" in page


def test_p10_the_policy_page_offers_no_withdrawn_renewal(client, bound):
    offered = plain(client.get(f"/policy/{token(bound)}/").text)
    assert "Refresh +" in offered
    withdraw(Plan.objects.get(code="refresh-plus"))
    assert "Refresh +" not in plain(client.get(f"/policy/{token(bound)}/").text)
