"""From the repair request to the replacement drone, in a real browser (K1-K12, T1)."""

import io
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image

from claims.carriers.in_house import InHouse
from claims.models import Claim
from claims.parcels import labels
from policies import outbox
from policies.shared import roles
from tests import factories
from tests.browser.visitor import Visitor

SERIAL = "1581FSTORY00001"
NEW_SERIAL = "1581FSTORY00002"


@pytest.fixture
def policy(live_server):
    """Ada's plan, bound a month ago."""
    now = timezone.now()
    began = {"starts_at": now - timedelta(days=30), "ends_at": now + timedelta(days=335)}
    return factories.PolicyFactory(
        drone=factories.DroneFactory(serial=SERIAL),
        holder=factories.CustomerFactory(name="Ada King", email="ada.king@example.com"),
        **began,
        period__starts_at=began["starts_at"],
        period__ends_at=began["ends_at"],
    )


def photo() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (640, 480), "#886644").save(out, "JPEG")
    return out.getvalue()


def test_a_claim_goes_from_the_request_to_the_replacement(
    visitor, staff, log_in, mailoutbox, policy
):
    customer, clerk = visitor(javascript=False), visitor()
    request_repair(customer)
    claim = Claim.objects.get()
    log_in(clerk, staff(roles.CLAIMS))
    step = follow(customer, clerk, claim)

    step("accept", "Accept", 2)
    labels.work(InHouse(), clock=timezone.now)
    see(customer, "Shipping label sent", 3)
    print_the_label(customer)
    step("pick-up", "The carrier has it", 4, sees="On its way to us")
    step("receive", "It arrived", 5, sees="Arrived at the service centre")
    step("assess", "Record the assessment", 6, sees="Damage assessed")
    step("ask-fee", "Ask for the fee", 7, sees="Waiting for the replacement fee")
    assert "119" in customer.page.inner_text("main")
    step("pay", "Record the fee", 8, fill={"Reference": "CARD-1"}, sees="Preparing")
    step(
        "ship",
        "Ship the replacement",
        9,
        fill={"Serial number": NEW_SERIAL, "Tracking number": "1Z999AA1"},
        sees="Replacement on its way",
    )
    assert "1Z999AA1" in customer.page.inner_text("main")
    step("complete", "The customer has it", 10, sees="Completed")

    policy.refresh_from_db()
    assert policy.drone.serial == NEW_SERIAL
    outbox.send_due(clock=timezone.now)
    subjects = [letter.subject for letter in mailoutbox]
    assert len(subjects) == 9
    assert all(claim.number in subject for subject in subjects)
    with_label = [letter for letter in mailoutbox if letter.attachments]
    assert [letter.attachments[0][0] for letter in with_label] == [f"{claim.number}-label.pdf"]


def request_repair(customer: Visitor) -> None:
    page = customer.page
    customer.go("/repair/")
    page.locator("[name=serial]").fill(SERIAL.lower())
    page.locator("[name=email]").fill("Ada.King@example.com")
    page.locator("[name=cause][value=collision]").check()
    yesterday = timezone.now() - timedelta(days=1)
    page.locator("[name=happened_on]").fill(f"{yesterday:%Y-%m-%d}")
    page.locator("[name=description]").fill("It flew into a tree.")
    page.locator("[name=parts][value=aircraft]").check()
    page.locator("[name=parts][value=gimbal]").check()
    page.locator("[name=photos]").set_input_files(
        [{"name": "tree.jpg", "mimeType": "image/jpeg", "buffer": photo()}]
    )
    page.locator("[name=address_line1]").fill("1 Analytical Way")
    page.locator("[name=city]").fill("Albany")
    page.locator("[name=postal_code]").fill("12207")
    page.locator("[name=country]").select_option("US")
    page.locator("[name=accept_terms]").check()
    customer.photograph("claim-01-request")
    page.locator("main form [type=submit]").click()
    page.wait_for_url(re.compile(r"/repair/progress/[\w-]{43}/$"))
    see(customer, "Request received", 1)


def see(customer: Visitor, words: str, number: int) -> None:
    customer.page.reload()
    assert words in customer.page.inner_text("main")
    customer.photograph(f"claim-{number + 1:02}-progress")


def follow(customer: Visitor, clerk: Visitor, claim: Claim) -> Callable[..., None]:
    """A step of the desk, and what the customer sees after it."""

    def step(
        slug: str, button: str, number: int, *, fill: dict[str, str] | None = None, sees: str = ""
    ) -> None:
        page = clerk.page
        clerk.go(f"/admin/claims/claim/{claim.pk}/change/")
        clerk.photograph(f"claim-desk-{number:02}-before-{slug}")
        page.get_by_role("link", name=button, exact=True).click()
        for label, text in (fill or {}).items():
            page.get_by_label(label).fill(text)
        page.get_by_role("button", name=button, exact=True).click()
        page.wait_for_selector(".messagelist")
        if sees:
            see(customer, sees, number)

    return step


def print_the_label(customer: Visitor) -> None:
    link = customer.page.locator("a[href$='label.pdf']").first.get_attribute("href")
    answer = customer.page.request.get(link)
    assert answer.status == 200
    assert answer.body().startswith(b"%PDF-")
    stored = Claim.objects.get().shipments.get().label.name
    with default_storage.open(stored) as label:
        assert label.read() == answer.body()
