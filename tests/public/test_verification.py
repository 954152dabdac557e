"""The page on which a customer sends in a film (V1, V3), and the ways that lead there."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
import zeal
from django.utils import timezone

from policies import verification
from policies.models import (
    BindingPermit,
    Letter,
    Policy,
    Region,
    VerificationStep,
    VideoVerification,
)
from policies.shared.actor import Actor
from tests import factories
from tests.pages import form_with
from tests.public.conftest import Browser
from tests.public.test_hostile_input import RUBBISH

FIELDS = ["serial", "model", "name", "email", "country", "video_url", "read_instructions"]
NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)  # in New York


@pytest.fixture
def sent_in(db) -> dict[str, str]:
    return {
        "serial": "08qce-3d0",
        "model": "mavic-2-pro",
        "name": "Ada Lovelace",
        "email": "Ada@Example.com",
        "country": "US",
        "video_url": "https://youtu.be/dQw4w9WgXcQ",
        "read_instructions": "on",
    }


def errors(response) -> dict[str, list[str]]:
    return {name: list(texts) for name, texts in response.context["form"].errors.items()}


def test_the_page_lists_what_the_film_must_show(client, db):
    page = client.get("/verification/").text
    for title in (
        "Serial number plate",
        "Power on",
        "Gimbal moving",
        "Camera picture",
        "Take-off and hover",
        "Each side of the airframe",
    ):
        assert f"<h3>{title}</h3>" in page


def test_the_instructions_are_data(client, db):
    VerificationStep.objects.create(slug="box", title="The box <3", text="Show it.", position=9)
    assert "<h3>The box &lt;3</h3><p>Show it.</p>" in client.get("/verification/").text


def test_the_page_asks_these_fields_and_no_others(client, db):
    assert list(client.get("/verification/").context["form"].fields) == FIELDS


def test_a_good_form_queues_the_film_and_says_what_happens_next(client, sent_in):
    with time_machine.travel(NOON, tick=False):
        response = client.post("/verification/", sent_in)
    assert response.status_code == 200
    film = VideoVerification.objects.get()
    assert (film.serial, film.drone_model.slug, film.video_id) == (
        "08QCE3D0", "mavic-2-pro", "dQw4w9WgXcQ")  # fmt: skip
    assert (film.name, film.email, film.country, film.region.code) == (
        "Ada Lovelace", "ada@example.com", "US", "US")  # fmt: skip
    assert (film.state, film.submitted_at) == ("submitted", NOON)
    letter = Letter.objects.get()
    assert (letter.name, letter.recipient) == ("verification_received", "ada@example.com")
    assert "<h1>We have your video</h1>" in response.text
    assert "We watch the video, and write to you either way." in response.text
    assert "you have 72 hours to tie a care plan to the drone" in response.text


def test_the_hours_are_those_of_the_customers_region(client, sent_in):
    Region.objects.filter(code="JP").update(permit_hours=24)
    response = client.post("/verification/", sent_in | {"country": "JP"})
    assert "you have 24 hours" in response.text


def test_every_missing_field_is_named(client, db):
    assert errors(client.post("/verification/", {})) == {
        "serial": ["Please fill this in."],
        "model": ["Please choose the model."],
        "name": ["Please fill this in."],
        "email": ["Please fill this in."],
        "country": ["Please choose your country."],
        "video_url": ["Please fill this in."],
        "read_instructions": ["Please read the instructions, then tick this."],
    }


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("model", "mavic-99", "Please choose a model from the list."),
        ("email", "ada", "Please enter an e-mail address, like name@example.com."),
        ("country", "XX", "Please choose a country from the list."),
        ("country", "KP", "We have no service region for this country yet."),
        (
            "video_url",
            "https://vimeo.com/76979871",
            "Please give the https link of a YouTube video, like https://youtu.be/dQw4w9WgXcQ. "
            "It may be private.",
        ),
    ],
)
def test_a_refusal_stands_at_its_field_and_the_form_is_kept(
    client, sent_in, field, typed, sentence
):
    response = client.post("/verification/", sent_in | {field: typed})
    assert response.status_code == 200
    assert errors(response) == {field: [sentence]}
    assert f'id="id_{field}_error"' in response.text
    assert 'value="Ada Lovelace"' in response.text
    assert "<title>Error: Video verification – Skyline Drones</title>" in response.text
    assert VideoVerification.objects.count() == 0
    assert Letter.objects.count() == 0


def test_a_link_that_is_refused_is_shown_again(client, sent_in):
    response = client.post("/verification/", sent_in | {"video_url": "https://vimeo.com/1"})
    assert 'value="https://vimeo.com/1"' in response.text


def test_v3_a_second_film_of_the_same_sender_has_to_wait_for_the_first(client, sent_in):
    client.post("/verification/", sent_in)
    other = sent_in | {"video_url": "https://youtu.be/AAAAAAAAAAA"}
    assert errors(client.post("/verification/", other)) == {
        "serial": ["A video for this drone is waiting to be watched; please wait for our letter."]
    }
    assert VideoVerification.objects.get().video_id == "dQw4w9WgXcQ"


def test_the_form_sent_twice_is_one_film_and_one_letter(client, sent_in):
    client.post("/verification/", sent_in)
    assert "<h1>We have your video</h1>" in client.post("/verification/", sent_in).text
    assert VideoVerification.objects.count() == 1
    assert Letter.objects.count() == 1


def test_v3_a_stranger_who_knows_the_serial_learns_nothing_of_the_first(client, sent_in):
    first = client.post("/verification/", sent_in | {"email": "eve@example.com"})
    second = client.post("/verification/", sent_in)
    assert "<h1>We have your video</h1>" in first.text
    assert second.text == first.text
    assert VideoVerification.objects.filter(state="submitted").count() == 2


def test_v3_of_an_approved_film_only_its_sender_is_told(client, sent_in):
    client.post("/verification/", sent_in)
    approve_the_film(timezone.now())
    other = sent_in | {"video_url": "https://youtu.be/AAAAAAAAAAA"}
    assert list(errors(client.post("/verification/", other))) == ["serial"]
    stranger = client.post("/verification/", other | {"email": "eve@example.com"})
    assert "<h1>We have your video</h1>" in stranger.text


def approve_the_film(now):
    clerk = Actor.staff(factories.UserFactory(), None)
    steps = list(VerificationStep.objects.values_list("slug", flat=True))
    with zeal.zeal_ignore():
        return verification.approve(
            VideoVerification.objects.get(), seen=steps, actor=clerk, now=now
        )


def test_v3_an_approved_film_is_open_until_its_permit_is_used_or_has_lapsed(client, sent_in):
    with time_machine.travel(NOON, tick=False):
        client.post("/verification/", sent_in)
        approve_the_film(NOON)
    other = sent_in | {"video_url": "https://youtu.be/AAAAAAAAAAA"}
    with time_machine.travel(NOON + timedelta(hours=72), tick=False):
        assert errors(client.post("/verification/", other)) == {
            "serial": [
                "A video for this drone has been approved, and the time to start a care plan is "
                "still running; please see our letter."
            ]
        }
        assert VideoVerification.objects.get().state == "approved"
        assert Letter.objects.filter(name="verification_received").count() == 1
    with time_machine.travel(NOON + timedelta(hours=72, seconds=1), tick=False):
        assert "<h1>We have your video</h1>" in client.post("/verification/", other).text


def test_v3_a_permit_that_is_used_holds_up_no_other_film(client, sent_in):
    with time_machine.travel(NOON, tick=False):
        client.post("/verification/", sent_in)
        permit = approve_the_film(NOON)
        permit.used_for = factories.PolicyFactory(drone=permit.drone)
        permit.save()
        other = sent_in | {"video_url": "https://youtu.be/AAAAAAAAAAA"}
        assert "<h1>We have your video</h1>" in client.post("/verification/", other).text


def test_after_a_rejection_another_film_is_welcome(client, sent_in):
    client.post("/verification/", sent_in)
    film = VideoVerification.objects.get()
    clerk = Actor.staff(factories.UserFactory(), None)
    with zeal.zeal_ignore():
        verification.reject(film, reason="Too dark", seen=[], actor=clerk, now=timezone.now())
    assert "<h1>We have your video</h1>" in client.post("/verification/", sent_in).text
    states = VideoVerification.objects.order_by("id").values_list("state", flat=True)
    assert list(states) == ["rejected", "submitted"]


# --- throttling ------------------------------------------------------------------


def test_the_21st_attempt_within_an_hour_has_to_wait_and_keeps_the_form(client, sent_in):
    for _attempt in range(20):
        assert client.post("/verification/", sent_in | {"serial": "?"}).status_code == 200
    response = client.post("/verification/", sent_in)
    assert (response.status_code, response["Retry-After"]) == (429, "3600")
    assert "Please wait up to 60 minutes" in response.text
    assert 'value="Ada Lovelace"' in response.text
    assert "<h3>Gimbal moving</h3>" in response.text
    assert VideoVerification.objects.count() == 0
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert client.post("/verification/", sent_in).status_code == 200
    assert VideoVerification.objects.count() == 1


def test_nobody_fills_anothers_mailbox(client, sent_in):
    for number in range(7):
        form = sent_in | {"serial": f"DRONE000{number}"}
        response = client.post("/verification/", form, REMOTE_ADDR=f"192.0.2.{number}")
    assert response.status_code == 429
    assert Letter.objects.count() == 5


# --- whatever arrives --------------------------------------------------------------


@pytest.mark.parametrize("rubbish", list(RUBBISH.values()), ids=list(RUBBISH))
def test_rubbish_in_every_field_is_answered_calmly(client, db, rubbish):
    response = client.post("/verification/", dict.fromkeys(FIELDS, rubbish))
    assert response.status_code == 200
    assert "<script>alert" not in response.text
    assert VideoVerification.objects.count() == 0


@pytest.mark.parametrize("field", FIELDS)
def test_rubbish_in_one_field_is_answered_calmly(client, sent_in, field):
    for number, (name, rubbish) in enumerate(RUBBISH.items()):
        form = sent_in | {"serial": f"DRONE{number:04d}", "email": f"a{number}@example.com"}
        address = f"10.2.0.{number}"
        response = client.post("/verification/", form | {field: rubbish}, REMOTE_ADDR=address)
        assert response.status_code == 200, name
        assert "<script>alert" not in response.text
        assert "Traceback" not in response.text


@pytest.mark.parametrize("field", FIELDS)
def test_a_million_characters_are_answered_and_not_sent_back(client, sent_in, field):
    response = client.post("/verification/", sent_in | {field: "x" * 1_000_000})
    assert response.status_code == 200
    assert len(response.content) < 60_000


def test_a_form_without_the_token_of_our_page_is_refused(sent_in):
    response = Browser(enforce_csrf_checks=True).post("/verification/", sent_in)
    assert response.status_code == 403


def test_the_page_costs_two_queries(client, db, django_assert_num_queries):
    with django_assert_num_queries(2):  # the steps and the models
        client.get("/verification/")


# --- the ways there, and what an approved film opens ---------------------------------


def test_the_start_page_leads_here(client, db):
    assert '<h3><a href="/verification/">Verify by video</a></h3>' in client.get("/").text


@time_machine.travel(NOON, tick=False)
def test_a_refusal_because_the_window_has_passed_leads_here_with_what_was_typed(client, filled_in):
    response = client.post("/activate/", filled_in | {"activated_at": "2026-01-30T10:00"})
    assert "Send us a verification video" in response.text
    assert "correct the form" not in response.text
    page = client.post("/verification/", form_with("prefilled", response.text))
    form = form_with("video_url", page.text)
    del form["csrfmiddlewaretoken"], form["once"]
    assert form == {
        "serial": "08QCE3D0",
        "model": "mavic-2-pro",
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "country": "US",
        "video_url": "",
    }
    assert "Please look at this again" not in page.text
    assert VideoVerification.objects.count() == 0
    film = {"video_url": "https://youtu.be/dQw4w9WgXcQ", "read_instructions": "on"}
    assert "<h1>We have your video</h1>" in client.post("/verification/", form | film).text


@time_machine.travel(NOON, tick=False)
def test_the_model_of_a_drone_that_we_know_goes_along_though_nobody_typed_it(client, filled_in):
    factories.DroneFactory(serial="08QCE3D0")
    late = {"activated_at": "2026-01-30T10:00", "model": ""}
    response = client.post("/activate/", filled_in | late)
    page = client.post("/verification/", form_with("prefilled", response.text))
    assert form_with("video_url", page.text)["model"] == "mavic-2-pro"


@time_machine.travel(NOON, tick=False)
def test_no_video_is_offered_where_none_can_help(client, filled_in):
    drone = factories.DroneFactory(serial="08QCE3D0", activated_at=NOON - timedelta(days=9))
    factories.PolicyFactory(drone=drone)
    page = client.post("/activate/", filled_in).text
    assert "This drone is covered already." in page
    assert "video" not in page.partition("<form")[0].partition("</header>")[2]


@time_machine.travel(NOON, tick=False)
def test_another_refusal_does_not(client, filled_in):
    response = client.post("/activate/", filled_in | {"model": "mavic-air"})
    assert "This care plan cannot start" in response.text
    assert "/verification/" not in response.text


def test_an_approved_film_opens_the_window_until_its_deadline(client, sent_in, filled_in):
    late = filled_in | {"activated_at": "2026-01-30T10:00"}
    with time_machine.travel(NOON, tick=False):
        client.post("/verification/", sent_in)
        approve_the_film(NOON)
    with time_machine.travel(NOON + timedelta(hours=72, seconds=1), tick=False):
        assert list(errors(client.post("/activate/", late))) == ["activated_at"]
    with time_machine.travel(NOON + timedelta(hours=72), tick=False):
        assert client.post("/activate/", late).status_code == 302
    assert BindingPermit.objects.get().used_for == Policy.objects.get()
