"""From a batch of codes to the agreement in the customer's mailbox, in a real browser."""

import re

from django.utils import timezone

from policies import outbox
from policies.shared import roles
from tests.browser.visitor import Visitor

CODE = re.compile(r"\b(?:[2-9A-HJKMNP-Z]{4}-){3}[2-9A-HJKMNP-Z]{4}\b")
SERIAL = "1581F4QWB22C00A1B2"
# That of ada.king@straße.example; a field of the type email would lead to strasse.example.
MAILBOX = "ada.king@xn--strae-oqa.example"


def test_a_code_is_issued_sold_and_bound(visitor, staff, log_in, mailoutbox):
    clerk = visitor()
    log_in(clerk, staff(roles.SALES))
    clerk.photograph("story-01-dashboard")
    issue_a_batch(clerk)
    sell_a_code(clerk)
    outbox.send_due(clock=timezone.now)
    [sold] = mailoutbox
    assert sold.to == [MAILBOX]

    # Nothing that a customer does needs a script.
    customer = visitor(javascript=False)
    activate(customer, CODE.search(sold.body).group())

    outbox.send_due(clock=timezone.now)
    agreement = mailoutbox[1]
    assert agreement.to == [MAILBOX]
    assert customer.path() in agreement.body
    read_the_agreement(clerk)


def issue_a_batch(clerk: Visitor) -> None:
    page = clerk.page
    page.locator("#menu summary", has_text="Stock").click()
    page.get_by_role("link", name="Batches of codes").click()
    clerk.photograph("story-02-no-batches-yet")
    page.get_by_role("link", name="Issue a batch of codes").click()
    page.get_by_label("Plan").select_option(label="1-Year")
    page.get_by_label("Model").select_option(label="Mavic 2 Pro")
    page.get_by_label("Region").select_option(label="United States")
    page.get_by_label("How many").fill("25")
    clerk.photograph("story-03-issue-a-batch")
    page.get_by_role("button", name="Issue a batch of codes").click()
    assert "25 codes are in stock." in page.locator(".messagelist").inner_text()
    clerk.photograph("story-04-batch")


def sell_a_code(clerk: Visitor) -> None:
    page = clerk.page
    clerk.go("/admin/policies/activationcode/")
    clerk.photograph("story-05-codes-in-stock")
    page.get_by_role("link", name="Sell codes").click()
    page.get_by_label("Plan").select_option(label="1-Year")
    page.get_by_label("Model").select_option(label="Mavic 2 Pro")
    page.get_by_label("Region").select_option(label="United States")
    page.get_by_label("Name").fill("Ada King")
    page.get_by_label("E-mail").fill("ada.king@straße.example")
    page.get_by_label("Country").select_option("US")
    page.get_by_label("Order reference").fill("W-1815")
    clerk.photograph("story-06-sell")
    page.get_by_role("button", name="Sell codes").click()
    assert "1 code sold to Ada King" in page.locator(".messagelist").inner_text()
    clerk.photograph("story-07-sold")


def activate(customer: Visitor, code: str) -> None:
    page = customer.page
    customer.go("/")
    customer.photograph("story-08-home")
    page.get_by_role("link", name="Activate", exact=True).first.click()
    page.get_by_label("Activation code").fill(code.lower().replace("-", " "))
    page.get_by_label("Serial number").fill(SERIAL)
    page.get_by_label("Not yet").check()
    page.get_by_label("Full name").fill("Ada King")
    page.get_by_label("E-mail").fill("ada.king@straße.example")
    page.get_by_label("Country").select_option("US")
    page.get_by_label("I have read").check()
    customer.photograph("story-09-activate")
    page.get_by_role("button", name="Activate").click()
    # Nobody knows this serial number yet, so the form comes back with one more question.
    customer.photograph("story-10-which-model")
    page.get_by_label("Model").select_option("mavic-2-pro")
    page.get_by_role("button", name="Activate").click()
    assert customer.path().startswith("/policy/")
    assert "Your care plan is active" in page.get_by_role("status").inner_text()
    assert SERIAL in page.inner_text("main")
    customer.photograph("story-11-policy")


def read_the_agreement(clerk: Visitor) -> None:
    page = clerk.page
    clerk.go("/admin/policies/policy/")
    clerk.photograph("story-12-policies")
    page.locator("#searchbar").fill(SERIAL.lower())
    with page.expect_navigation():
        page.locator("#searchbar").press("Enter")
    page.locator("#result_list th a").click()
    clerk.photograph("story-13-policy-record")
    page.get_by_role("link", name="Policy bound").click()
    letter = page.frame_locator("iframe.letter").locator("body")
    assert SERIAL in letter.inner_text()
    clerk.photograph("story-14-letter")
    clerk.photograph("story-15-letter-preview", part=page.locator("iframe.letter"))
