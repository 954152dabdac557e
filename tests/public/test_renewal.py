"""Renewing on the page where codes are activated, and what the policy page says of it (R1, R2)."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
import zeal

from policies import orders
from policies.models import AllowanceUse, DroneModel, Plan, Policy
from tests.pages import token
from tests.public.conftest import DESK

START = datetime(2026, 1, 31, 15, 0, tzinfo=UTC)  # 10:00 in New York
IN_MAY = datetime(2026, 5, 4, 16, 0, tzinfo=UTC)


@pytest.fixture
def ada(client, filled_in) -> Policy:
    with time_machine.travel(START, tick=False):
        client.post("/activate/", filled_in | {"activated_at": "2026-01-30T10:00"})
    client.cookies.clear()
    return Policy.objects.get()


@pytest.fixture
def renewal(sell, filled_in) -> dict[str, str]:
    return filled_in | {"code": sell(plan="refresh-plus")}


def post(client, form: dict[str, str], at: datetime = IN_MAY):
    with time_machine.travel(at, tick=False):
        return client.post("/activate/", form)


def page(client, policy: Policy, at: datetime = IN_MAY) -> str:
    with time_machine.travel(at, tick=False):
        return client.get(f"/policy/{token(policy)}/").text


def errors(response) -> dict[str, list[str]]:
    return {name: list(texts) for name, texts in response.context["form"].errors.items()}


def test_a_code_that_renews_makes_the_plan_longer_and_leads_to_it(client, ada, renewal):
    response = post(client, renewal)
    assert (response.status_code, response.url) == (302, f"/policy/{token(ada)}/")
    text = page(client, ada)
    assert "Your care plan is renewed. The agreement is on its way by e-mail." in text
    assert "Covered until 31 January 2028, 10:00 EST, with 3 replacements left." in text


def test_the_model_and_the_activation_need_not_be_told(client, ada, renewal):
    assert post(client, renewal | {"model": "", "activated_at": ""}).status_code == 302


def test_a_renewal_sent_twice_renews_once(client, ada, renewal):
    first, second = post(client, renewal), post(client, renewal)
    assert second.status_code == 302
    assert second.url == first.url
    assert ada.periods.count() == 2


NOTHING = "This code renews a plan, and we find none for this serial number and e-mail."


@pytest.mark.parametrize(
    "asked",
    [{"serial": "OTHER123"}, {"email": "eve@example.com"}, {"serial": "OTHER123", "model": ""}],
)
def test_with_nothing_to_renew_the_serial_is_asked_again(client, ada, renewal, asked):
    response = post(client, renewal | asked)
    assert response.status_code == 200
    assert errors(response) == {"serial": [NOTHING]}
    assert 'value="Ada Lovelace"' in response.text


def take(policy: Policy, ordinal: int) -> None:
    AllowanceUse.objects.create(
        policy=policy, ordinal=ordinal, reference=f"CLM-{ordinal}", taken_at=START
    )


def test_a_plan_that_is_over_is_not_renewed(client, ada, renewal):
    response = post(client, renewal, datetime(2027, 1, 31, 15, 0, tzinfo=UTC))
    assert errors(response) == {"serial": ["A plan is renewed before it ends; this one is over."]}
    assert "This care plan cannot be renewed" in response.text
    assert "Your code has not been used." in response.text


def test_a_plan_without_a_replacement_left_is_not_renewed(client, ada, renewal):
    take(ada, 1)
    take(ada, 2)
    assert errors(post(client, renewal)) == {
        "serial": ["A plan whose replacements are all used cannot be renewed."]
    }


def test_a_plan_is_renewed_once(client, ada, renewal, sell):
    post(client, renewal)
    assert errors(post(client, renewal | {"code": sell(plan="refresh-plus")})) == {
        "serial": ["A plan is renewed once, and this one has been."]
    }


def test_a_code_of_another_model_or_region_does_not_renew(client, ada, renewal, sell):
    other = sell(plan="refresh-plus", model="mavic-air", region="JP")
    assert errors(post(client, renewal | {"code": other})) == {
        "code": ["This code is for the Mavic Air, and the drone is a Mavic 2 Pro."],
        "country": ["This code is for customers in the region Japan."],
    }


def test_a_two_year_plan_is_not_renewed(client, sell, filled_in):
    with time_machine.travel(START, tick=False):
        client.post("/activate/", filled_in | {"code": sell(plan="care-2y")})
    response = post(client, filled_in | {"code": sell(plan="refresh-plus")})
    assert errors(response) == {"code": ["This code does not renew a 2-Year plan."]}


# --- the policy page ---------------------------------------------------------------


def test_a_plan_that_may_be_renewed_offers_it(client, ada):
    text = page(client, ada)
    assert "Before 31 January 2027, 10:00 EST, and while a replacement is left" in text
    assert "It adds 12 months to the end of the plan," in text
    assert "You have a Refresh + code?" in text


def renewed(ada, client, renewal) -> None:
    post(client, renewal)
    client.cookies.clear()


OFFER = ">Renew it</h3>"


def test_the_offer_ends_with_the_last_instant_of_the_plan(client, ada):
    end = datetime(2027, 1, 31, 15, 0, tzinfo=UTC)
    assert OFFER in page(client, ada, end - timedelta(seconds=1))
    assert OFFER not in page(client, ada, end)


def test_no_offer_without_a_replacement_left(client, ada):
    take(ada, 1)
    assert OFFER in page(client, ada)
    take(ada, 2)
    assert OFFER not in page(client, ada)


def test_a_renewed_plan_shows_its_periods_and_no_offer(client, ada, renewal):
    assert ">Periods</h3>" not in page(client, ada)
    renewed(ada, client, renewal)
    text = page(client, ada)
    assert "31 January 2026, 10:00 EST to 31 January 2027, 10:00 EST" in text
    assert "31 January 2027, 10:00 EST to 31 January 2028, 10:00 EST" in text
    assert "1 replacement, 12 months more of the manufacturer&#x27;s warranty" in text.replace(
        "'", "&#x27;"
    )
    assert OFFER not in text


def test_a_renewal_makes_the_warranty_longer(client, ada, renewal):
    assert "Until 30 January 2027, 10:00 EST" in page(client, ada)
    renewed(ada, client, renewal)
    assert "Until 30 January 2028, 10:00 EST" in page(client, ada)


def test_a_two_year_plan_gets_no_offer(client, sell, filled_in):
    with time_machine.travel(START, tick=False):
        client.post("/activate/", filled_in | {"code": sell(plan="care-2y")})
    assert OFFER not in page(client, Policy.objects.get())


def test_a_renewed_plans_page_costs_as_many_queries(
    client, ada, renewal, django_assert_num_queries
):
    renewed(ada, client, renewal)
    address = f"/policy/{token(ada)}/"
    with time_machine.travel(IN_MAY, tick=False), django_assert_num_queries(7):
        client.get(address)


@pytest.fixture
def bundle(db) -> Policy:
    """Ordered and shipped on 31 January, so that its plan begins two days later."""
    purchase = orders.Purchase(
        reference="SO-77",
        serial="08QCE3D0",
        drone_model=DroneModel.objects.get(slug="mavic-2-pro"),
        plan=Plan.objects.get(code="care-1y"),
        name="Ada Lovelace",
        email="ada@example.com",
        country="US",
    )
    with zeal.zeal_ignore():
        order = orders.place(purchase, actor=DESK, now=START)
        return orders.ship(order, shipped_at=START, actor=DESK, now=START)


def test_a_bundle_says_when_it_begins(client, bundle):
    text = page(client, bundle, START + timedelta(hours=1))
    assert ">Not started yet</p>" in text
    assert "This plan begins on 2 February 2026, 10:00 EST." in text
    assert "The plan begins by itself, and we write to you when it does." in text
    assert OFFER not in text
    assert ">In force</p>" in page(client, bundle, START + timedelta(hours=48))


def test_a_bundle_that_has_not_begun_is_not_renewed_yet(client, bundle, renewal):
    response = post(client, renewal, START + timedelta(hours=1))
    assert errors(response) == {"serial": ["This plan has not begun yet."]}
