"""One page about one drone, one customer, one policy, with all that hangs together with it."""

import re

import pytest
from django.test import Client

from policies.backoffice.cells import page_of
from policies.models import Customer, Drone, Policy
from policies.reporting import lifeline
from tests import factories
from tests.pages import plain


def tables(client: Client, record) -> dict[str, list[list[str]]]:
    """The sections of a record's page: heading, and the words of each row's cells."""
    page = client.get(page_of(record))
    assert page.status_code == 200
    found = {}
    for section in re.findall(
        r'<section class="record-rows".*?</section>', page.content.decode(), re.S
    ):
        title = re.search(r"<h2[^>]*>(.*?)</h2>", section)[1]
        rows = re.findall(r"<tr>(.*?)</tr>", section.partition("<tbody>")[2], re.S)
        found[title] = [[plain(cell) for cell in re.findall(r"<td.*?</td>", row)] for row in rows]
    return found


@pytest.fixture
def replaced(house, policy) -> tuple[Drone, Drone]:
    """Ann's drone, and the one that she got in its place."""
    old = policy.drone
    house.claim_at("completed", policy)
    return old, Policy.objects.get().drone


def test_a_drone_and_its_replacement_tell_of_each_other(manager, replaced):
    old, new = replaced
    of_old, of_new = tables(manager, old), tables(manager, new)
    assert f"Replaced by {new.serial}" in {row[4] for row in of_old["Life line"]}
    assert f"Replaces {old.serial}" in {row[4] for row in of_new["Life line"]}
    assert len(of_old["Claims"]) == len(of_new["Claims"]) == 1
    assert of_old["Policies"] == []
    assert of_new["Policies"][0][1] == "In force"


def test_the_life_of_a_drone_from_the_sale_on(manager, policy):
    code = factories.ActivationCodeFactory(sold=True)
    policy.periods.update(code=code)
    factories.PolicyEventFactory(policy=policy, at=policy.starts_at)
    told = [row[1] for row in tables(manager, policy.drone)["Life line"]]
    assert told == ["Bound to a drone", "1-Year sold"]


def test_moments_lie_newest_first(replaced):
    for drone in replaced:
        instants = [moment.at for moment in lifeline.of(drone)]
        assert instants == sorted(instants, reverse=True)
        assert len(instants) > 3


def test_a_customers_page_holds_policies_codes_claims_and_letters(manager, replaced, policy):
    found = tables(manager, Customer.objects.get(email="ann@example.com"))
    assert [row[0] for row in found["Policies"]] == [policy.number]
    assert [row[1] for row in found["Claims"]] == ["Completed"]
    assert "Claim completed" in {row[0] for row in found["Letters"]}
    assert found["Orders"] == []


def test_a_policys_page_holds_its_claims(manager, replaced, policy):
    assert [row[1] for row in tables(manager, policy)["Claims"]] == ["Completed"]


def test_nobody_reads_on_a_page_what_they_may_not_list(employ, replaced, policy):
    clerk = employ("Sales")
    assert "Claims" in tables(clerk, policy)
    group = clerk.get("/admin/").wsgi_request.user.groups.get()
    group.permissions.remove(group.permissions.get(codename="view_claim"))
    assert "Claims" not in tables(clerk, policy)


def test_a_row_says_its_columns_for_the_phone(manager, replaced, policy):
    text = manager.get(page_of(policy)).content.decode()
    assert '<td data-label="Progress">' in text
    text = manager.get("/admin/policies/policy/").content.decode()
    assert '<th data-label="Number" class="field-number' in text


@pytest.mark.parametrize("claims", [1, 2])
def test_a_page_asks_the_same_however_much_there_is(
    manager, house, policy, django_assert_max_num_queries, claims
):
    for _claim in range(claims):
        house.claim_at("completed", Policy.objects.get())
    for record, queries in [(Drone.objects.latest("pk"), 22), (policy.holder, 17), (policy, 19)]:
        with django_assert_max_num_queries(queries):
            manager.get(page_of(record))


def test_instants_are_on_the_viewers_clock(manager, policy):
    """5 January 2026, 9:00 in London is 10:00 in Berlin; a zone that isn't one is UTC."""
    page = page_of(policy)
    assert ">5 Jan 2026 09:00 UTC</time>" in manager.get(page).content.decode()
    manager.cookies["zone"] = "Europe%2FBerlin"
    text = manager.get(page).content.decode()
    assert ">5 Jan 2026 10:00 CET</time>" in text
    assert 'title="2026-01-05 09:00:00 UTC"' in text
    for rubbish in ["Nowhere/Land", "../../etc/passwd", "<b>", "%00", "x" * 3000]:
        manager.cookies["zone"] = rubbish
        assert ">5 Jan 2026 09:00 UTC</time>" in manager.get(page).content.decode()
