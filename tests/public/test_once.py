"""What a customer sends twice is done once: pressed twice, Back, a second tab (Once, C5)."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
import zeal

from claims.models import Claim
from policies.models import Letter, Policy, VideoVerification
from tests import factories
from tests.claims.conftest import House
from tests.pages import plain, press, token
from tests.public.test_repair import picture, upload

NOON = datetime(2026, 3, 10, 16, tzinfo=UTC)
SENT_ALREADY = "You have sent this already"


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture
def anns(db):
    return factories.PolicyFactory(
        drone=factories.DroneFactory(serial="0AXCANN0000001"),
        holder=factories.CustomerFactory(name="Ann Lee", email="ann@example.com"),
    )


def request(**changed) -> dict[str, object]:
    return {
        "serial": "0AXCANN0000001",
        "email": "ann@example.com",
        "cause": "collision",
        "happened_on": "2026-03-08",
        "description": "It flew into a tree.",
        "parts": ["aircraft"],
        "photos": upload(picture()),
        "address_line1": "1 Main Street",
        "city": "Albany",
        "state": "NY",
        "postal_code": "12207",
        "country": "US",
        "accept_terms": "on",
    } | changed


def test_a_code_is_redeemed_once_and_leads_to_its_policy_for_ten_minutes(client, filled_in, clock):
    opened = client.get("/activate/")
    typed = filled_in | {"activated": "no"}
    asked = press(client, opened, "Activate", typed)
    first = press(client, asked, "Activate", typed) if asked.status_code == 200 else asked
    opened = asked if asked.status_code == 200 else opened
    clock.shift(600)
    assert press(client, opened, "Activate", typed).url == first.url
    clock.shift(1)
    late = press(client, opened, "Activate", typed)
    assert SENT_ALREADY in plain(late.text)
    assert token(Policy.objects.get()) not in late.text
    assert Letter.objects.filter(name="policy_bound").count() == 1


def test_a_request_is_opened_once_photos_and_all(client, anns):
    opened = client.get("/repair/")
    first = press(client, opened, "Send the request", request())
    second = press(client, opened, "Send the request", request())
    assert second.url == first.url
    assert Claim.objects.get().photos.count() == 1
    names = Letter.objects.values_list("name", flat=True)
    assert list(names) == ["claim_received"]


def test_a_request_that_is_sent_again_later_leads_to_nobodys_claim(client, anns, clock):
    opened = client.get("/repair/")
    press(client, opened, "Send the request", request())
    clock.shift(601)
    late = press(client, opened, "Send the request", request())
    assert SENT_ALREADY in plain(late.text)
    assert token(Claim.objects.get()) not in late.text


def test_two_tabs_with_one_request_open_one_claim(client, anns, clock):
    tabs = [client.get("/repair/") for _tab in range(2)]
    clock.shift(60)
    first, second = (press(client, tab, "Send the request", request()) for tab in tabs)
    assert second.url == first.url
    assert Claim.objects.count() == 1


def test_back_and_another_drone_is_another_request(client, anns):
    other = factories.PolicyFactory(
        drone=factories.DroneFactory(serial="0AXCANN0000002"), holder=anns.holder
    )
    opened = client.get("/repair/")
    press(client, opened, "Send the request", request())
    press(client, opened, "Send the request", request(serial=other.drone.serial))
    assert Claim.objects.count() == 2


def test_a_refused_request_is_corrected_and_sent(client, anns):
    opened = client.get("/repair/")
    wrong = press(client, opened, "Send the request", request(city=""))
    right = press(client, wrong, "Send the request", request())
    assert right.status_code == 302
    assert Claim.objects.count() == 1


def test_a_form_older_than_a_day_is_shown_again(client, anns, clock):
    opened = client.get("/repair/")
    clock.shift(24 * 3600 + 1)
    late = press(client, opened, "Send the request", request())
    assert "This page was opened more than a day ago." in plain(late.text)
    assert not Claim.objects.exists()
    assert press(client, late, "Send the request", request()).status_code == 302


def test_a_film_is_put_into_the_queue_once(client, db, clock):
    film = {
        "serial": "0AXCANN0000001",
        "model": "mavic-2-pro",
        "name": "Ann Lee",
        "email": "ann@example.com",
        "country": "US",
        "video_url": "https://youtu.be/dQw4w9WgXcQ",
        "read_instructions": "on",
    }
    opened = client.get("/verification/")
    for _press in range(2):
        assert "It waits to be watched" in press(client, opened, "Send the video", film).text
    assert VideoVerification.objects.count() == 1
    assert Letter.objects.count() == 1
    VideoVerification.objects.update(state="rejected", reason="Too dark", decided_at=NOON)
    assert SENT_ALREADY in plain(press(client, opened, "Send the video", film).text)


def test_the_link_is_mailed_once(client, anns, clock):
    opened = client.get("/cover/")
    typed = {"serial": "0AXCANN0000001", "email": "ann@example.com"}
    press(client, opened, "Send me the link", typed)
    clock.shift(3600)
    again = press(client, opened, "Send me the link", typed)
    assert "Check your e-mail" in again.text
    assert Letter.objects.count() == 1


def test_a_request_is_cancelled_once(client, anns):
    with zeal.zeal_ignore():
        claim = House(NOON - timedelta(days=1)).claim_at("label_sent", anns)
    opened = client.get(f"/repair/progress/{token(claim)}/cancel/")
    for _press in range(2):
        assert press(client, opened, "Yes, cancel it").url == f"/repair/progress/{token(claim)}/"
    assert claim.events.filter(after="cancelled").count() == 1
