"""A whole code is looked up by POST, and refused in an address of the staff's pages (C6)."""

import logging
from urllib.parse import quote

import pytest
from django.conf import settings
from django.urls import reverse

from config.logging import WithoutQueries
from policies import codes
from policies.backoffice.cells import page_of
from policies.rules.code_format import grouped
from tests import factories
from tests.pages import form_with, plain

SEARCH = "/admin/search/"
CODES = "/admin/policies/activationcode/"
POLICIES = "/admin/policies/policy/"
REFUSED = "A whole code does not belong in an address: browsers and servers keep it."


@pytest.fixture
def code(policy):
    return factories.ActivationCodeFactory(sold=True)


def find(browser, start: str, text: str, **how):
    """Fills in the form that stands on the page."""
    form = form_with("code", browser.get(start).text)
    return browser.post("/admin/search/code/", form | {"code": text}, **how)


@pytest.mark.parametrize("start", [SEARCH, CODES, POLICIES])
def test_a_whole_code_is_found_by_a_form_that_sends_it_in_its_body(manager, code, start):
    whole = factories.whole(code)
    for spelling in (whole, whole.lower(), whole.replace("-", " "), whole.replace("-", "")):
        assert find(manager, start, spelling)["Location"] == page_of(code)


def test_from_the_list_of_policies_a_redeemed_code_leads_to_its_policy(manager, code, policy):
    period = factories.PeriodFactory(code=code)
    whole = factories.whole(code)
    assert find(manager, POLICIES, whole)["Location"] == page_of(period.policy)
    assert find(manager, CODES, whole)["Location"] == page_of(code)


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("ABCD", "A code has 16 characters."),
        ("3222-2222-2222-2222", "There is a typing error in this code."),
        ("0000-0000-0000-0000", "never I, L, O, 0 or 1"),
        ("\0<script>", "A code has 16 characters."),
        ("", "A code has 16 characters."),
    ],
)
def test_what_is_no_code_is_told_and_not_repeated(manager, db, typed, answer):
    page = manager.post("/admin/search/code/", {"code": typed})
    assert answer in plain(page.text)
    assert not typed or typed not in page.text
    assert form_with("code", page.text)["code"] == ""


def test_an_unknown_code_is_told_and_not_repeated(manager, db):
    unknown = grouped(next(codes.new_codes(1)))
    page = find(manager, SEARCH, unknown)
    assert "No code of this kind is on file." in plain(page.text)
    assert unknown not in page.text


def test_a_serial_number_that_looks_like_a_code_leads_to_its_drone(manager, db):
    drone = factories.DroneFactory(serial=next(codes.new_codes(1)))
    assert find(manager, SEARCH, drone.serial)["Location"] == page_of(drone)


def test_who_may_not_see_codes_finds_none(employ, code):
    clerk = employ("Sales")
    clerk.get("/admin/").wsgi_request.user.groups.clear()
    page = clerk.post("/admin/search/code/", {"code": factories.whole(code)})
    assert "No code of this kind is on file." in plain(page.text)


def test_a_code_is_looked_up_by_post_alone(manager, client, code):
    assert manager.get("/admin/search/code/").status_code == 405
    answer = client.post("/admin/search/code/", {"code": factories.whole(code)})
    assert answer["Location"].startswith(reverse("admin:login"))
    assert factories.whole(code) not in answer["Location"]


@pytest.mark.parametrize(
    "address",
    [
        "/admin/search/?q={}",
        "/admin/policies/activationcode/?q={}",
        "/admin/policies/activationcode/?state=open&q={}",
        "/admin/policies/policy/?q={}",
        "/admin/policies/letter/?q={}",
        "/admin/admin/logentry/?reference={}",
        "/admin/policies/policy/report/ending/?model={}",
        "/admin/policies/activationcode/{}/change/",
        "/admin/?{}",
    ],
)
@pytest.mark.parametrize("write", [str, str.lower, lambda text: text.replace("-", " "), str.split])
def test_a_whole_code_in_an_address_is_refused_and_repeated_nowhere(
    manager, code, address, write, django_assert_num_queries
):
    whole = factories.whole(code)
    typed = write(whole) if write is not str.split else whole.replace("-", "–")
    with django_assert_num_queries(0):
        answer = manager.get(address.format(quote(typed)))
    assert answer.status_code == 302
    page = manager.get(answer["Location"], follow=True)
    assert REFUSED in plain(page.text)
    for text in (answer["Location"], page.text, str(page.redirect_chain)):
        for spelling in (typed, quote(typed), whole, whole.replace("-", "")):
            assert spelling not in text


def test_what_else_stands_in_the_address_stays(manager, code):
    answer = manager.get(CODES, {"state": "open", "q": factories.whole(code)})
    assert answer["Location"] == f"{CODES}?state=open"


def test_a_stranger_takes_no_code_along_to_the_login(client, code):
    answer = client.get(SEARCH, {"q": factories.whole(code)}, follow=True)
    assert factories.whole(code) not in str(answer.redirect_chain) + answer.text


def test_our_log_of_requests_holds_no_query(code):
    server = logging.getLogger("django.server")
    assert (server.handlers, server.propagate) == ([], True)
    assert "without queries" in settings.LOGGING["handlers"]["stdout"]["filters"]
    line = f"GET /admin/search/?q={factories.whole(code)} HTTP/1.1"
    record = logging.LogRecord(
        "django.server", logging.INFO, "", 0, '"%s" %s %s', (line, "302", "0"), None
    )
    assert WithoutQueries().filter(record)
    assert record.getMessage() == '"GET /admin/search/?… HTTP/1.1" 302 0'
