"""Five tasks of somebody's first morning, each in a few clicks; what they see is kept as pictures."""

import csv
import io
import random
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Locator

from claims.models import Claim
from policies.demo import take_from_stock
from policies.models import ActivationCode, DroneModel, Policy, Region, VideoVerification
from policies.shared import roles
from tests.browser.visitor import Visitor


class Newcomer:
    """A new colleague at the back office, whose clicks are counted."""

    def __init__(self, person: Visitor) -> None:
        self.person = person
        self.page = person.page
        self.clicks = 0

    def click(self, what: Locator) -> None:
        self.clicks += 1
        what.click()

    def press(self, button: str) -> None:
        self.click(self.page.get_by_role("button", name=button, exact=True))

    def follow(self, link: str, *, within: str = "main") -> None:
        self.click(self.page.locator(within).get_by_role("link", name=link, exact=True).first)

    def open_menu(self, room: str, entry: str) -> None:
        self.click(self.page.locator("#menu summary", has_text=room))
        self.follow(entry, within="#menu")

    def search(self, term: str) -> None:
        """Typing and Return: no click."""
        self.page.keyboard.press("/")
        self.page.keyboard.type(term)
        # The old page has loaded already, so waiting for a load could end before the new one.
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def keep(self, name: str) -> None:
        self.person.photograph(f"newcomer-{name}")

    def says(self) -> str:
        return self.page.inner_text("main")


@pytest.fixture
def start(visitor, staff, log_in, dealer):
    """Somebody's first morning in a role."""

    def arrive(role: str) -> Newcomer:
        person = visitor()
        log_in(person, staff(role))
        return Newcomer(person)

    return arrive


def test_finds_a_claim_by_its_serial_and_ships_the_replacement(start):
    claim = Claim.objects.filter(progress="preparing").first()
    new_serial = take_from_stock(claim.drone.drone_model, random.Random(1), now=timezone.now())
    clerk = start(roles.CLAIMS)
    clerk.keep("dashboard")
    clerk.search(claim.drone.serial)
    clerk.keep("drone")
    clerk.follow(claim.number)
    clerk.keep("claim")
    clerk.follow("Ship the replacement")
    clerk.page.get_by_label("Serial number").fill(new_serial)
    clerk.page.get_by_label("Tracking number").fill("1Z999AA10123456784")
    clerk.keep("ship")
    clerk.press("Ship the replacement")
    claim.refresh_from_db()
    assert claim.progress == "shipped"
    assert claim.replacement.serial == new_serial
    assert clerk.clicks == 3


def test_sells_three_codes_to_one_customer(start):
    before = ActivationCode.objects.filter(state="sold").count()
    clerk = start(roles.SALES)
    clerk.open_menu("Stock", "Activation codes")
    clerk.keep("codes")
    clerk.follow("Sell codes")
    page = clerk.page
    page.get_by_label("Plan").select_option("1-Year")
    page.get_by_label("Model").select_option("Mavic 2 Pro")
    page.get_by_label("Region").select_option("United States")
    page.get_by_label("How many").fill("3")
    page.get_by_label("Name").fill("Ada King")
    page.get_by_label("E-mail").fill("ada.king@example.com")
    page.get_by_label("Country").select_option("US")
    page.get_by_label("Order reference").fill("W-70001")
    clerk.keep("sell")
    clerk.press("Sell codes")
    assert ActivationCode.objects.filter(state="sold").count() == before + 3
    assert ActivationCode.objects.filter(sale__buyer__email="ada.king@example.com").count() == 3
    assert clerk.clicks == 4


def test_reviews_a_video(start):
    film = VideoVerification.objects.create(
        serial="1581FFILM0001",
        drone_model=DroneModel.objects.get(slug="mavic-2-pro"),
        region=Region.objects.get(code="US"),
        name="Bob Ray",
        email="bob@example.com",
        country="US",
        video_id="abcdefghijk",
        submitted_at=timezone.now() - timedelta(days=2),
    )
    clerk = start(roles.VERIFICATION)
    clerk.person.page.route("https://www.youtube-nocookie.com/**", lambda route: route.abort())
    clerk.person.deaf = True  # the player cannot be reached from here, which the console reports
    clerk.click(clerk.page.locator(".tiles a", has_text="Videos to review"))
    clerk.follow("1581FFILM0001")
    clerk.keep("video")
    for tick in clerk.page.locator(".decide input[type=checkbox]").all():
        clerk.click(tick)
    ticks = clerk.clicks - 2
    clerk.press("Approve")
    film.refresh_from_db()
    assert film.state == "approved"
    assert clerk.clicks - ticks == 3


def test_answers_whether_a_drone_is_covered_and_for_how_long(start):
    policy = Policy.objects.in_force(at=timezone.now()).select_related("drone").first()
    clerk = start(roles.SALES)
    clerk.search(policy.drone.serial)
    said = clerk.says()
    assert "In force" in said
    assert f"{policy.ends_at:%-d %b %Y %H:%M} UTC" in said
    assert clerk.clicks == 0


def test_exports_last_quarters_claims(start):
    manager = start(roles.MANAGER)
    manager.open_menu("Reports", "Claims and turnaround")
    manager.follow("Last quarter")
    manager.keep("report")
    with manager.page.expect_download() as download:
        manager.follow("Export CSV")
    text = download.value.path().read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    first = timezone.now().date().replace(day=1)
    begins = first.replace(month=3 * ((first.month - 1) // 3) + 1)
    in_last_quarter = [
        claim
        for claim in Claim.objects.all()
        if claim.submitted_at.date() < begins and (begins - claim.submitted_at.date()).days <= 92
    ]
    assert {row["Claim"] for row in rows} == {claim.number for claim in in_last_quarter}
    assert manager.clicks == 4
