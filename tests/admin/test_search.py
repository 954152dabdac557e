"""One search over everything: it leads straight to the thing where there is one."""

import pytest
from django.urls import reverse

from policies.backoffice.cells import page_of
from policies.models import Customer
from tests import factories

SEARCH = "/admin/search/"


@pytest.fixture
def code(policy):
    return factories.ActivationCodeFactory(sold=True, sale__order_reference="W-10001")


@pytest.mark.parametrize(
    "spelling", ["0ANNSDRONE1", "0anns drone1", "0ANNS-DRONE-1", " 0annsdrone1 "]
)
def test_a_serial_number_leads_to_the_drone(manager, policy, spelling):
    answer = manager.get(SEARCH, {"q": spelling})
    assert answer.status_code == 302
    assert answer["Location"] == page_of(policy.drone)


def test_numbers_lead_to_policy_and_claim(manager, policy, house):
    claim = house.claim_at("label_sent", policy)
    tracking = claim.shipments.get().tracking_number
    for term, thing in [
        (policy.number, policy),
        (policy.number.lower(), policy),
        (claim.number, claim),
        (claim.number.lower(), claim),
        (tracking, claim),
        (" ".join(tracking), claim),
    ]:
        assert manager.get(SEARCH, {"q": term})["Location"] == page_of(thing), term


def test_a_code_is_found_by_its_end_and_its_sale_by_the_order(manager, code):
    assert manager.get(SEARCH, {"q": code.last_four})["Location"] == page_of(code)
    assert manager.get(SEARCH, {"q": "W-10001"})["Location"] == page_of(code.sale)


def test_a_customer_is_found_by_email_name_and_family_name(manager, policy):
    factories.CustomerFactory(name="Zoë Müller-Öz", email="zoe@example.com")
    ann, zoe = (Customer.objects.get(email=f"{who}@example.com") for who in ("ann", "zoe"))
    for term, who in [
        ("ann@example.com", ann),
        ("ANN@Example.com", ann),
        ("ann lee", ann),
        ("Ann   Lee", ann),
        ("lee", ann),
        ("Zoë Müller-Öz", zoe),
        ("Müller-Öz", zoe),
    ]:
        assert manager.get(SEARCH, {"q": term})["Location"] == page_of(who), term


def test_several_of_a_name_are_a_list(manager):
    for number in range(3):
        factories.CustomerFactory(name="Kim Lee", email=f"kim{number}@example.com")
    page = manager.get(SEARCH, {"q": "lee"})
    assert page.status_code == 200
    text = page.content.decode()
    assert "3 things go by “lee”." in text
    assert text.count("Kim Lee &lt;kim") == 3


@pytest.mark.parametrize(
    "term",
    [
        "nobody",
        "",
        " ",
        "x" * 5000,
        "\0",
        "' OR 1=1 --",
        "<script>alert(1)</script>",
        "💥",
        "%",
        "_",
    ],
)
def test_what_is_unknown_says_what_can_be_asked(manager, policy, term):
    page = manager.get(SEARCH, {"q": term})
    assert page.status_code == 200
    text = page.content.decode()
    assert "Type the whole of one of these" in text
    assert "<script>alert" not in text


def test_nobody_finds_what_they_may_not_see(employ, policy):
    clerk = employ("Sales")
    clerk_user = clerk.get("/admin/").wsgi_request.user
    clerk_user.groups.clear()
    page = clerk.get(SEARCH, {"q": policy.number})
    assert page.status_code == 200
    assert "Nothing goes by" in page.content.decode()


def test_a_stranger_is_sent_to_log_in(client, policy):
    answer = client.get(SEARCH, {"q": policy.number})
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("admin:login"))


@pytest.mark.parametrize(
    ("term", "queries"),
    [
        ("POL-22222222", 2),
        ("CLM-22222222", 5),
        ("nobody@example.com", 2),
        ("NOSUCHSERIAL", 5),
        ("nobody", 5),
    ],
)
def test_a_search_asks_little(manager, django_assert_max_num_queries, term, queries):
    who_asks = 4  # session, user, permissions
    with django_assert_max_num_queries(queries + who_asks):
        manager.get(SEARCH, {"q": term})
