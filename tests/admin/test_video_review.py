"""The verification desk: the queue, the film with its checklist, approval and rejection (V2)."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
import zeal
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.test import Client

from policies.models import (
    BindingPermit,
    Letter,
    Region,
    ReminderDay,
    SweepRun,
    VerificationStep,
    VideoVerification,
)
from policies.shared import roles
from tests import factories

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
QUEUE = "/admin/policies/videoverification/"
STEPS = [
    "serial-number-plate",
    "power-on",
    "gimbal",
    "camera-picture",
    "take-off-and-hover",
    "airframe-sides",
]


@pytest.fixture(autouse=True)
def no_query_per_row() -> None:
    """The pages are watched each by itself (`Desk`); what a test looks up is its own business."""


@pytest.fixture(autouse=True)
def the_clock_stands():
    with time_machine.travel(NOW, tick=False):
        yield


class Desk(Client):
    """Every request is a page of its own: two visits are no query per row."""

    def request(self, **request):
        with zeal.zeal_context():
            return super().request(**request)


@pytest.fixture
def seat(db):
    def seat(role: str) -> Desk:
        user = factories.UserFactory()
        user.groups.add(Group.objects.get(name=role))
        desk = Desk()
        desk.force_login(user)
        return desk

    return seat


@pytest.fixture
def desk(seat) -> Desk:
    return seat(roles.VERIFICATION)


@pytest.fixture
def submit(db):
    def submit(serial: str = "0AXCE1K0030900", *, hours_ago: int = 1, **more) -> VideoVerification:
        facts = {
            "drone_model": factories.DroneModel.objects.get(slug="mavic-2-pro"),
            "region": Region.objects.get(code="US"),
            "name": "Ben Oak",
            "email": "ben@example.com",
            "country": "US",
            "video_id": "dQw4w9WgXcQ",
            "submitted_at": NOW - timedelta(hours=hours_ago),
        }
        return VideoVerification.objects.create(serial=serial, **facts | more)

    return submit


def listed(page) -> list[str]:
    return [film.serial for film in page.context["cl"].result_list]


# --- the queue ---------------------------------------------------------------------


def test_the_queue_opens_on_what_waits_oldest_first(desk, submit):
    submit("MIDDLE01", hours_ago=5)
    submit("OLDEST01", hours_ago=9)
    submit("NEWEST01", hours_ago=1)
    submit("DONE0001", hours_ago=99, state="rejected", decided_at=NOW, reason="Too dark")
    assert listed(desk.get(QUEUE)) == ["OLDEST01", "MIDDLE01", "NEWEST01"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state__exact=submitted", ["WAITING1"]),
        ("state__exact=rejected", ["DONE0001"]),
        ("state__exact=approved", []),
        ("state__exact=all", ["DONE0001", "WAITING1"]),
        ("state__exact=rubbish%00", ["WAITING1"]),
        ("q=done-0001", ["DONE0001"]),
        ("q=ben@example.com", ["DONE0001", "WAITING1"]),
        ("q=%3Cscript%3E", []),
    ],
)
def test_one_click_or_a_search_shows_the_others(desk, submit, query, found):
    submit("DONE0001", hours_ago=9, state="rejected", decided_at=NOW, reason="Too dark")
    submit("WAITING1", hours_ago=2)
    assert listed(desk.get(f"{QUEUE}?{query}")) == found


def test_the_filter_names_what_is_shown(desk, submit):
    page = " ".join(desk.get(QUEUE).text.split())
    assert "<summary>State: <strong>To review</strong></summary>" in page


def test_forty_films_cost_few_queries(desk, submit, django_assert_max_num_queries):
    for number in range(40):
        submit(f"DRONE{number:04d}")
    with django_assert_max_num_queries(9):
        desk.get(QUEUE)


# --- what stands beside the film (V3, B10) ---------------------------------------------


def test_v3_the_desk_sees_the_films_of_all_senders_and_earlier_ones(desk, submit):
    facts = {"state": "rejected", "decided_at": NOW, "reason": "Too dark to read"}
    submit(hours_ago=200, email="eve@example.com", **facts)
    submit(email="eve@example.com", video_id="AAAAAAAAAAA")
    film = submit()
    assert len(listed(desk.get(QUEUE))) == 2
    text = page(desk, film).text
    assert "Other videos of this serial number" in text
    assert "Too dark to read" in text
    assert "AAAAAAAAAAA" in text


def test_b10_the_desk_sees_the_drone_and_whether_a_film_could_help(desk, submit):
    film = submit()
    assert "Not on file" in page(desk, film).text
    drone = factories.DroneFactory(serial="0AXCE1K0030900")
    factories.PolicyFactory(drone=drone)
    text = page(desk, film).text
    assert f'<a href="/admin/policies/drone/{drone.pk}/change/">0AXCE1K0030900</a>' in text
    assert "This drone is covered already." in text
    assert "B4" in text


# --- the film and its checklist ------------------------------------------------------


def page(desk, film, step: str = "change"):
    return desk.get(f"{QUEUE}{film.pk}/{step}/")


@pytest.mark.parametrize("step", ["change", "approve", "reject"])
def test_the_film_plays_on_the_page_without_cookies(desk, submit, step):
    text = page(desk, submit(), step).text
    assert '<iframe src="https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ"' in text
    assert 'title="Video of the drone 0AXCE1K0030900"' in text
    assert 'href="https://www.youtube.com/watch?v=dQw4w9WgXcQ"' in text
    assert 'rel="noopener noreferrer"' in text


@pytest.mark.parametrize("step", ["change", "approve", "reject"])
def test_only_these_pages_may_frame_it_and_nothing_else(desk, submit, step):
    policy = page(desk, submit(), step)["Content-Security-Policy"]
    assert "frame-src https://www.youtube-nocookie.com;" in policy + ";"
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    for other in (QUEUE, "/admin/", "/verification/"):
        assert "youtube" not in desk.get(other)["Content-Security-Policy"]


def test_the_checklist_stands_beside_the_film(desk, submit):
    text = page(desk, submit()).text
    for slug in STEPS:
        assert f'<input type="checkbox" name="seen" value="{slug}"' in text


def test_the_page_has_both_buttons_and_no_field_to_edit(desk, submit):
    film = submit()
    text = page(desk, film).text
    assert f'formaction="{QUEUE}{film.pk}/approve/">Approve</button>' in text
    assert f'formaction="{QUEUE}{film.pk}/reject/">Reject</button>' in text
    assert 'name="state"' not in text
    assert 'name="video_id"' not in text


def test_a_decided_film_shows_what_was_seen_and_asks_no_more(desk, submit):
    film = submit(
        state="rejected", decided_at=NOW, reason="No <hover>", seen=["power-on", "gone-step"]
    )
    text = page(desk, film).text
    assert "Power on, gone-step" in text
    assert "No &lt;hover&gt;" in text
    assert "formaction" not in text
    assert 'name="seen"' not in text
    assert "<iframe" in text


# --- approving -----------------------------------------------------------------------


def approve(desk, film, seen=STEPS):
    return desk.post(f"{QUEUE}{film.pk}/approve/", {"seen": seen})


def test_an_approval_opens_a_permit_and_writes_the_letter(desk, submit):
    film = submit()
    response = approve(desk, film)
    assert (response.status_code, response.url) == (302, f"{QUEUE}{film.pk}/change/")
    permit = BindingPermit.objects.get()
    assert (permit.drone.serial, permit.reason) == ("0AXCE1K0030900", "verification")
    assert permit.deadline_at == datetime(2026, 3, 13, 15, 0, tzinfo=UTC)
    film.refresh_from_db()
    assert (film.state, film.permit, film.seen) == ("approved", permit, sorted(STEPS))
    assert Letter.objects.get().name == "verification_approved"
    text = desk.get(response.url).text
    assert "Approved: the drone may be bound until 2026-03-13 15:00 UTC." in text
    assert LogEntry.objects.get().object_id == str(film.pk)


def test_a_step_that_was_not_seen_is_named_and_the_ticks_are_kept(desk, submit):
    film = submit()
    response = approve(desk, film, ["serial-number-plate", "power-on"])
    assert response.status_code == 200
    assert (
        "The film does not show: Gimbal moving, Camera picture, Take-off and hover, "
        "Each side of the airframe." in response.text
    )
    assert response.text.count(" checked") == 2
    assert "<iframe" in response.text
    assert BindingPermit.objects.count() == 0
    assert Letter.objects.count() == 0


@pytest.mark.parametrize("rubbish", ["", "\x00", "x" * 10_000, "<script>alert(1)</script>", "∞"])
def test_rubbish_for_a_tick_is_answered_with_a_sentence(desk, submit, rubbish):
    response = approve(desk, submit(), [*STEPS, rubbish])
    assert response.status_code == 200
    assert "Please tick steps of the list." in response.text
    assert "<script>alert" not in response.text
    assert BindingPermit.objects.count() == 0


def test_of_two_decisions_the_second_is_told_so(desk, submit):
    film = submit()
    approve(desk, film)
    response = approve(desk, film)
    assert response.status_code == 200
    assert "This video has been decided about already." in response.text
    assert BindingPermit.objects.count() == 1
    assert Letter.objects.count() == 1


def test_a_drone_on_file_as_another_model_is_not_approved(desk, submit):
    model = factories.DroneModel.objects.get(slug="mavic-air")
    factories.DroneFactory(serial="0AXCE1K0030900", drone_model=model)
    assert "This serial number is on file as another model." in approve(desk, submit()).text


def test_a_drone_that_had_a_plan_gets_no_permit_that_could_not_help(desk, submit):
    factories.PolicyFactory(drone=factories.DroneFactory(serial="0AXCE1K0030900"))
    response = approve(desk, submit())
    assert "This drone cannot get a care plan, with or without a permit." in response.text
    assert BindingPermit.objects.count() == 0


# --- rejecting -----------------------------------------------------------------------


def reject(desk, film, **more):
    return desk.post(f"{QUEUE}{film.pk}/reject/", {"reason": "Too dark.", "seen": STEPS[:2]} | more)


def test_a_rejection_keeps_reason_and_ticks_and_writes_the_letter(desk, submit):
    film = submit()
    assert reject(desk, film).status_code == 302
    film.refresh_from_db()
    assert (film.state, film.reason, film.decided_at) == ("rejected", "Too dark.", NOW)
    assert film.seen == ["power-on", "serial-number-plate"]
    assert Letter.objects.get().name == "verification_rejected"
    assert BindingPermit.objects.count() == 0


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("", "Please fill this in."),
        ("a\x00b", "This contains characters that cannot be seen."),
        ("x" * 501, "Please use at most 500 characters."),
    ],
)
def test_a_rejection_needs_a_reason_that_can_be_read(desk, submit, reason, sentence):
    film = submit()
    response = reject(desk, film, reason=reason)
    assert response.status_code == 200
    assert sentence in response.text
    assert VideoVerification.objects.get().state == "submitted"


# --- who may ---------------------------------------------------------------------------


@pytest.mark.parametrize("role", [roles.SALES, roles.CLAIMS, roles.AUDITOR])
def test_others_may_look_and_not_decide(seat, submit, role):
    film, other = submit(), seat(role)
    text = page(other, film).text
    assert "<iframe" in text
    assert "formaction" not in text
    assert 'name="seen"' not in text
    assert approve(other, film).status_code == 403
    assert reject(other, film).status_code == 403
    assert VideoVerification.objects.get().state == "submitted"


def test_a_manager_may(seat, submit):
    assert approve(seat(roles.MANAGER), submit()).status_code == 302


def test_nothing_happens_by_following_a_link(desk, submit):
    film = submit()
    for step in ("approve", "reject"):
        assert desk.get(f"{QUEUE}{film.pk}/{step}/?reason=x&seen=power-on").status_code == 200
    assert VideoVerification.objects.get().state == "submitted"


def test_a_film_that_is_not_there(desk):
    assert desk.get(f"{QUEUE}999999/change/").url == "/admin/"
    for step in ("approve", "reject"):
        assert desk.get(f"{QUEUE}999999/{step}/").status_code == 404
        assert desk.post(f"{QUEUE}x%00/{step}/").status_code == 404


def test_who_is_not_logged_in_is_asked_to(submit):
    response = Desk().get(QUEUE)
    assert (response.status_code, response.url) == (302, f"/admin/login/?next={QUEUE}")


# --- permits, steps, the clock ---------------------------------------------------------


@pytest.mark.parametrize(
    ("opened_at", "more", "state"),
    [
        (NOW - timedelta(hours=72), {}, "Open"),
        (NOW - timedelta(hours=72, seconds=1), {}, "Lapsed"),
        (NOW - timedelta(hours=72, seconds=1), {"lapsed_at": NOW}, "Lapsed"),
        (NOW - timedelta(days=30), {"used": True}, "Used"),
    ],
)
def test_a_permit_says_how_it_stands_now(desk, opened_at, more, state):
    if more.pop("used", False):
        more["used_for"] = factories.PolicyFactory()
    permit = factories.BindingPermitFactory(opened_at=opened_at, **more)
    for address in ("", f"{permit.pk}/change/"):
        text = desk.get(f"/admin/policies/bindingpermit/{address}").text
        assert f">{state}</span>" in text


def test_a_permit_leads_to_its_film(desk, submit):
    film = submit()
    approve(desk, film)
    permit = BindingPermit.objects.get()
    text = desk.get(f"/admin/policies/bindingpermit/{permit.pk}/change/").text
    assert f'href="{QUEUE}{film.pk}/change/"' in text
    assert "0AXCE1K0030900" in desk.get("/admin/policies/bindingpermit/?q=0axc-e1k0030900").text


def test_a_manager_edits_the_steps_and_the_customer_reads_them(seat):
    form = {"slug": "gimbal", "title": "Gimbal, all the way", "text": "Tilt it.", "position": "3"}
    step = VerificationStep.objects.get(slug="gimbal")
    address = f"/admin/policies/verificationstep/{step.pk}/change/"
    assert seat(roles.VERIFICATION).post(address, form).status_code == 403
    assert seat(roles.MANAGER).post(address, form).status_code == 302
    assert "<h3>Gimbal, all the way</h3>" in Desk().get("/verification/").text


def test_a_manager_adds_a_day_of_reminders(seat):
    address = "/admin/policies/reminderday/add/"
    assert seat(roles.SALES).post(address, {"days": "14"}).status_code == 403
    manager = seat(roles.MANAGER)
    assert manager.post(address, {"days": "0"}).status_code == 200
    assert manager.post(address, {"days": "14"}).status_code == 302
    assert list(ReminderDay.objects.values_list("days", flat=True)) == [30, 14, 7, 1]


def test_runs_of_sweeps_can_only_be_looked_at(seat):
    run = SweepRun.objects.create(
        name="expire_policies", at=NOW, started_at=NOW, finished_at=NOW, summary="12 expired"
    )
    SweepRun.objects.create(name="lapse_permits", at=NOW, started_at=NOW)
    manager = seat(roles.MANAGER)
    address = "/admin/policies/sweeprun/"
    assert "12 expired" in manager.get(address).text
    assert ">Not finished</span>" in manager.get(address).text
    assert "12 expired" not in manager.get(f"{address}?name=lapse_permits").text
    assert manager.get(f"{address}?name=%00").status_code == 200
    assert manager.get(f"{address}{run.pk}/change/").status_code == 200
    assert manager.post(f"{address}{run.pk}/change/", {"summary": "x"}).status_code == 403
    assert manager.get(f"{address}add/").status_code == 403
