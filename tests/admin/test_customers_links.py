"""Staff never hold a customer's link: they see, revoke and mail it without reading it (K12, K13)."""

import re

import pytest
import time_machine
import zeal
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse

from claims.models import Claim, Shipment
from policies import links, outbox
from policies.models import Letter, Link, Policy
from tests import factories
from tests.pages import form_with, plain, token

CUSTOMERS_PAGE = re.compile(
    r"(?<!/policies)/(?:policy|repair/progress)/(?!shown-to-the-customer-only)[\w-]+"
)


@pytest.fixture
def claim(house, policy) -> Claim:
    """It waits for its parcel; one that is over stands beside it, and letters about both."""
    over = house.claim_at("cancelled", policy)
    assert not over.is_open
    claim = house.claim_at("label_sent", policy)
    for shipment in Shipment.objects.exclude(label=""):
        default_storage.save(shipment.label.name, ContentFile(b"%PDF-1.4 a label"))
    return claim


@zeal.zeal_ignore()
def keys() -> set[str]:
    """Whatever opens a customer's page now."""
    live = Link.objects.filter(revoked_at=None)
    return {token for link in live if (token := links.in_letter(link.pk, whole=True))}


# --- what they see -----------------------------------------------------------


@pytest.fixture
def policy_page(policy) -> str:
    return reverse("admin:policies_policy_customer-page", args=[policy.pk])


@pytest.fixture
def claim_page(claim) -> str:
    return reverse("admin:claims_claim_customer-page", args=[claim.pk])


def acts(html: str) -> list[str]:
    """What on the page would act: forms, and links that lead to where a customer acts."""
    main = html.partition("<main")[2].partition("</main>")[0]
    pages = r"/repair/|/activate/|/cover/|/repair/progress/.*|/policy/.*"
    return re.findall("<form", main) + re.findall(rf'href="({pages})"', main)


def test_k13_staff_see_the_policys_page_as_staff(auditor, policy, claim, policy_page):
    record = auditor.get(reverse("admin:policies_policy_change", args=[policy.pk])).text
    assert f'href="{policy_page}"' in record
    page = auditor.get(policy_page)
    words = plain(page.text)
    assert "You see the customer's page as staff." in words
    assert policy.number in words
    assert claim.number in words
    assert "Replacements left" in words
    assert acts(page.text) == []
    assert not CUSTOMERS_PAGE.search(page.text)
    assert "no-store" in page["Cache-Control"]


@pytest.mark.parametrize(
    "state", ["submitted", "label_sent", "in_transit", "awaiting_fee", "completed", "lapsed"]
)
def test_k13_staff_see_the_claims_page_as_staff(auditor, house, policy, state):
    claim = house.claim_at(state, policy)
    address = reverse("admin:claims_claim_customer-page", args=[claim.pk])
    record = auditor.get(reverse("admin:claims_claim_change", args=[claim.pk])).text
    assert f'href="{address}"' in record
    page = auditor.get(address).text
    assert "You see the customer's page as staff." in plain(page)
    assert claim.number in plain(page)
    assert acts(page) == []
    assert not CUSTOMERS_PAGE.search(page)


def test_the_customers_own_page_does_act(client, policy, claim):
    """Else the tests above would find nothing whatever stood there."""
    assert len(acts(client.get(f"/policy/{token(policy)}/").text)) >= 2
    assert len(acts(client.get(f"/repair/progress/{token(claim)}/").text)) >= 2


def test_it_is_for_staff_who_may_see_the_record(client, policy_page, claim_page):
    nobody = Client()
    nobody.force_login(factories.UserFactory())
    for page in (policy_page, claim_page):
        assert client.get(page).status_code == 302
        assert nobody.get(page).status_code == 403
        assert nobody.get(re.sub(r"\d+", "987654", page)).status_code == 403


def test_what_is_not_there_is_not_found(auditor):
    page = reverse("admin:policies_policy_customer-page", args=[987654])
    assert auditor.get(page).status_code == 404


def test_k13_what_staff_do_on_a_customers_page_is_theirs_in_the_history(auditor, claim, house):
    """With a link that a customer passed on, say."""
    page = f"/repair/progress/{token(claim)}/cancel/"
    with time_machine.travel(house.now):
        auditor.post(page, form_with("csrfmiddlewaretoken", auditor.get(page).text))
    claim.refresh_from_db()
    assert claim.progress == "cancelled"
    event = claim.events.latest("id")
    assert (event.by.username, event.actor, event.address) == ("auditor", "auditor", "127.0.0.1")


# --- an auditor looks for one ------------------------------------------------


def pages_of(browser: Client, start: str) -> dict[str, str]:
    """Every page of staff that links lead to from `start`, by its address; files, too."""
    found: dict[str, str] = {}
    to_see = [start]
    while to_see:
        address = to_see.pop()
        if address in found or "logout" in address:
            continue
        response = browser.get(address)
        content = b"".join(response) if response.streaming else response.content
        found[address] = content.decode(errors="replace")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            links_there = re.findall(r'(?:href|src)="([^"#]+)"', found[address])
            to_see += [url(address, link) for link in links_there if leads_on(address, link)]
    return found


def url(address: str, link: str) -> str:
    link = link.replace("&amp;", "&")
    return address.partition("?")[0] + link if link.startswith("?") else link


def leads_on(address: str, link: str) -> bool:
    """Pages of records, reports and files. Not the many ways to sort and filter one list."""
    if link.startswith("?"):
        return "/report/" in address and "export=csv" in link
    return link.startswith("/admin/") and "?" not in link and "jsi18n" not in link


def test_k13_an_auditor_finds_no_link_of_a_customers_on_any_page(auditor, policy, claim, house):
    with zeal.zeal_ignore():
        links.of(policy, now=house.now)
        seen = pages_of(auditor, "/admin/")
    kinds = {re.sub(r"\d+", "N", address) for address in seen}
    assert {
        "/admin/policies/policy/N/change/",
        "/admin/policies/policy/N/customer-page/",
        "/admin/claims/claim/N/change/",
        "/admin/claims/claim/N/customer-page/",
        "/admin/policies/letter/N/change/",
        "/admin/policies/letter/N/preview/",
    } <= kinds
    assert len(keys()) == 3
    for address, page in seen.items():
        assert not any(key in page for key in keys()), address
        assert not CUSTOMERS_PAGE.search(page), address
    assert any("export=csv" in address for address in seen)
    letters = [page for address, page in seen.items() if "/preview/" in address]
    assert any("/repair/progress/shown-to-the-customer-only/" in page for page in letters)


# --- revoking ----------------------------------------------------------------


def test_k12_the_desk_revokes_a_policys_link_and_those_of_its_repairs(claims_desk, policy, claim):
    old = [token(policy), token(claim)]
    address = reverse("admin:policies_policy_revoke-link", args=[policy.pk])
    record = reverse("admin:policies_policy_change", args=[policy.pk])
    assert f'href="{address}"' in claims_desk.get(record).text
    page = claims_desk.get(address).text
    assert "To ann@example.com" in page
    form = form_with("reason", page)
    assert form["mail"] == "on"
    answer = claims_desk.post(address, form | {"reason": "Sent to a stranger"}, follow=True)
    assert "The link is revoked; a new one is on its way." in plain(answer.text)
    assert "Link revoked" in plain(answer.text)
    assert "Sent to a stranger" in plain(answer.text)
    assert [Client().get(f"/policy/{old[0]}/").status_code] == [404]
    assert [Client().get(f"/repair/progress/{old[1]}/").status_code] == [404]
    event = policy.events.get(kind="link_revoked")
    assert (event.by.username, event.actor, event.note) == (
        "claims", "claims", "Sent to a stranger")  # fmt: skip
    letter = Letter.objects.get(name="link_requested")
    assert letter.recipient == "ann@example.com"
    assert f"/policy/{token(policy)}/" in outbox.render(letter, whole=True).text


def test_k12_the_desk_revokes_a_claims_link_alone(claims_desk, policy, claim):
    mine, old = token(policy), token(claim)
    address = reverse("admin:claims_claim_revoke-link", args=[claim.pk])
    form = form_with("reason", claims_desk.get(address).text)
    del form["mail"]
    answer = claims_desk.post(address, form | {"reason": "Lost phone"}, follow=True)
    assert "The link is revoked." in plain(answer.text)
    assert "Lost phone" in plain(answer.text)
    assert links.find(old) is None
    assert links.find(mine) is not None
    assert claim.events.get(kind="link_revoked").note == "Lost phone"
    assert not Letter.objects.filter(name="claim_link_requested").exists()


def test_k12_a_new_link_to_the_claim_is_mailed(claims_desk, claim):
    address = reverse("admin:claims_claim_revoke-link", args=[claim.pk])
    form = form_with("reason", claims_desk.get(address).text)
    claims_desk.post(address, form | {"reason": "Lost phone"})
    letter = outbox.render(Letter.objects.get(name="claim_link_requested"), whole=True)
    for body in (letter.text, letter.html):
        assert f"http://testserver/repair/progress/{token(claim)}/" in body
        assert "which no longer works" in body
        assert "Lost phone" not in body


def test_a_link_is_not_revoked_without_a_reason(claims_desk, policy):
    old = token(policy)
    address = reverse("admin:policies_policy_revoke-link", args=[policy.pk])
    assert claims_desk.post(address, {"reason": " "}).status_code == 200
    assert links.find(old) is not None
    assert Policy.objects.get().events.count() == 0
