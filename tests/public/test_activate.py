import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from policies import codes
from policies.models import Drone, DroneModel, Letter, Policy, PolicyEvent
from policies.rules import code_format
from tests.pages import form_with, plain, press, token
from tests.public.conftest import Browser

REFUSED = "We cannot accept this code. Please compare it with the letter, or contact us."


def unknown_code() -> str:
    return next(codes.new_codes(1))


def errors(response) -> dict[str, list[str]]:
    return {name: list(texts) for name, texts in response.context["form"].errors.items()}


def test_a_good_form_starts_the_policy_and_leads_to_its_page(client, filled_in):
    response = client.post("/activate/", filled_in)
    policy = Policy.objects.get()
    assert (response.status_code, response.url) == (302, f"/policy/{token(policy)}/")
    assert policy.drone.serial == "08QCE3D0"
    assert policy.holder.email == "ada@example.com"
    page = client.get(response.url)
    assert "Your care plan is active. The agreement is on its way by e-mail." in page.text


def test_the_message_of_success_needs_no_session(client, filled_in):
    client.post("/activate/", filled_in)
    assert "sessionid" not in client.cookies


def test_code_and_serial_are_taken_as_people_write_them(client, filled_in):
    grouped = code_format.grouped(filled_in["code"]).lower()
    client.post("/activate/", filled_in | {"code": f" {grouped} ", "serial": "08qce-3d0"})
    assert Policy.objects.get().drone.serial == "08QCE3D0"


def test_an_email_whose_domain_nobody_can_have_is_refused_at_its_field(client, filled_in):
    response = client.post("/activate/", filled_in | {"email": "ada@☕.example"})
    message = "E-mail cannot go to “☕.example”. Please check the part after the @."
    assert response.context["form"].errors["email"] == [message]
    assert 'value="ada@☕.example"' in response.text
    assert not Policy.objects.exists()


@pytest.mark.parametrize("spelling", ["ada@例え.jp", "ADA@xn--r8jz45g.jp", "ada@例え。jp"])
def test_an_email_in_another_script_is_found_again(client, filled_in, spelling):
    client.post("/activate/", filled_in | {"email": "ada@例え.jp"})
    serial = {"serial": filled_in["serial"]}
    client.post("/cover/", serial | {"email": spelling})
    link = Letter.objects.get(name="link_requested")
    assert link.recipient == "ada@例え.jp"


def test_the_email_is_kept_in_lower_case(client, filled_in):
    client.post("/activate/", filled_in | {"email": "Ada@Example.COM"})
    assert Policy.objects.get().holder.email == "ada@example.com"


def test_a_form_sent_twice_leads_to_the_same_policy(client, filled_in):
    first = client.post("/activate/", filled_in)
    second = client.post("/activate/", filled_in)
    assert second.status_code == 302
    assert second.url == first.url
    assert Policy.objects.count() == 1


def test_c5_a_used_code_is_refused_to_its_own_user_ten_minutes_later(client, filled_in):
    with time_machine.travel(datetime(2026, 3, 3, 15, 0, tzinfo=UTC), tick=False):
        first = client.post("/activate/", filled_in)
    with time_machine.travel(datetime(2026, 3, 3, 15, 10, tzinfo=UTC), tick=False):
        assert client.post("/activate/", filled_in).url == first.url
    with time_machine.travel(datetime(2026, 3, 3, 15, 10, 1, tzinfo=UTC), tick=False):
        assert errors(client.post("/activate/", filled_in)) == {"code": [REFUSED]}


def test_a_used_code_is_refused_to_another_person(client, filled_in):
    client.post("/activate/", filled_in)
    response = client.post("/activate/", filled_in | {"email": "eve@example.com"})
    assert errors(response) == {"code": [REFUSED]}


@pytest.fixture
def unsold_code(code) -> str:
    batch = codes.ActivationCode.objects.get().batch
    whole: list[str] = []
    codes.generate(
        plan=batch.plan,
        drone_model=batch.drone_model,
        region=batch.region,
        count=1,
        actor=codes.Actor.command("test"),
        now=batch.created_at,
        keep=whole.append,
    )
    return whole[0]


def test_unknown_unsold_and_used_codes_get_one_and_the_same_page(client, filled_in, unsold_code):
    client.post("/activate/", filled_in)
    stranger = filled_in | {"email": "eve@example.com", "serial": "OTHER123"}
    pages = set()
    for bad in (unknown_code(), unsold_code, filled_in["code"]):
        response = Browser().post("/activate/", stranger | {"code": bad})
        assert response.status_code == 200
        token = str(response.context["csrf_token"])
        text = re.sub(r'name="once" value="[^"]+"', "", response.text)
        pages.add(text.replace(bad, "CODE").replace(token, "CSRF"))
    assert len(pages) == 1
    assert REFUSED in pages.pop()


def test_who_has_no_good_code_learns_nothing_about_the_drone(client, filled_in, bound):
    form = filled_in | {"code": unknown_code(), "model": "", "email": "eve@example.com"}
    for serial in ("08QCE3D0", "NEVERSEEN1"):
        response = client.post("/activate/", form | {"serial": serial})
        assert errors(response) == {"code": [REFUSED]}


def test_a_typing_error_in_the_code_is_named(client, filled_in):
    response = client.post("/activate/", filled_in | {"code": "ABCD"})
    assert errors(response) == {
        "code": ["A code has 16 characters. Please compare yours with the letter."]
    }


def test_the_model_is_not_asked_at_first(client, db):
    assert 'name="model"' not in client.get("/activate/").text


def test_an_unknown_serial_is_one_more_question_and_no_error(client, filled_in):
    response = client.post("/activate/", filled_in | {"model": ""})
    assert errors(response) == {}
    assert "<h2>One more question</h2>" in response.text
    assert "Please look at this again" not in response.text
    assert "<title>Activate a code" in response.text
    assert '<option value="mavic-2-pro">Mavic 2 Pro</option>' in response.text
    assert '<label for="id_model">Which model is it?</label>' in " ".join(response.text.split())
    assert Drone.objects.count() == 0


def test_the_model_that_was_asked_for_is_needed(client, filled_in):
    del filled_in["model"]
    filled_in["activated"] = "no"
    asked = form_with("code", client.post("/activate/", filled_in).text) | {"accept_terms": "on"}
    assert errors(client.post("/activate/", asked)) == {"model": ["Please choose the model."]}
    assert client.post("/activate/", asked | {"model": "mavic-2-pro"}).status_code == 302


def test_a_wrong_model_is_told_where_the_customer_chose_it(client, filled_in):
    no = ["This code is for the Mavic 2 Pro, and the drone is a Mavic Air."]
    response = client.post("/activate/", filled_in | {"model": "mavic-air"})
    assert errors(response) == {"model": no}
    Drone.objects.create(serial="08QCE3D0", drone_model=DroneModel.objects.get(slug="mavic-air"))
    assert errors(client.post("/activate/", filled_in | {"model": ""})) == {"code": no}


def test_the_model_of_a_drone_that_we_know_is_not_asked(client, filled_in):
    Drone.objects.create(serial="08QCE3D0", drone_model=DroneModel.objects.get(slug="mavic-2-pro"))
    assert client.post("/activate/", filled_in | {"model": ""}).status_code == 302


def test_a_model_that_does_not_exist_is_refused(client, filled_in):
    response = client.post("/activate/", filled_in | {"model": "mavic-99"})
    assert errors(response) == {"model": ["Please choose a model from the list."]}


def test_a_refusal_shows_every_reason_and_keeps_the_form(client, filled_in):
    response = client.post("/activate/", filled_in | {"model": "mavic-air", "country": "DE"})
    assert response.status_code == 200
    assert "This code is for the Mavic 2 Pro, and the drone is a Mavic Air." in response.text
    assert "This code is for customers in the region United States." in response.text
    assert 'value="Ada Lovelace"' in response.text
    assert Policy.objects.count() == 0


def test_a_country_without_a_region_is_one_sentence(client, filled_in):
    late = {"country": "BR", "activated_at": "2020-01-01T10:00"}
    assert errors(client.post("/activate/", filled_in | late)) == {
        "country": ["This code is for customers in the region United States."]
    }
    unknown = filled_in | {"country": "BR", "code": unknown_code()}
    assert errors(client.post("/activate/", unknown)) == {
        "code": [REFUSED],
        "country": ["We have no service region for this country yet."],
    }


def test_customers_read_what_is_in_the_way_and_no_rules(client, filled_in):
    wrong = {"model": "mavic-air", "country": "DE", "activated_at": "2020-01-01T10:00"}
    page = client.post("/activate/", filled_in | wrong).text
    assert 'class="rule"' not in page
    for staff_only in ("B7", "B2", "B11", "never had a care plan", "stated by the customer"):
        assert staff_only not in plain(page)


@time_machine.travel(datetime(2026, 3, 3, 15, 0, tzinfo=UTC), tick=False)
def test_the_activation_time_is_read_on_the_clock_of_the_customers_region(client, filled_in):
    client.post("/activate/", filled_in | {"activated_at": "2026-03-01T10:00"})
    drone = Drone.objects.get()
    assert drone.activated_at == datetime(2026, 3, 1, 15, 0, tzinfo=UTC)
    assert drone.activation_source == "customer"


@time_machine.travel(datetime(2026, 3, 3, 15, 0, 1, tzinfo=UTC), tick=False)
def test_a_second_after_the_window_is_too_late(client, filled_in):
    response = client.post("/activate/", filled_in | {"activated_at": "2026-03-01T10:00"})
    assert errors(response) == {
        "activated_at": [
            "You say that the drone was activated on 1 March 2026, 10:00 (New York time). "
            "A plan can start within 48 hours of the activation; that was until 3 March 2026, "
            "10:00 (New York time). A video that shows the drone in good order can make it "
            "possible again."
        ]
    }


@time_machine.travel(datetime(2026, 3, 3, 15, 0, tzinfo=UTC), tick=False)
def test_an_activation_in_the_future_is_told_at_its_field(client, filled_in):
    response = client.post("/activate/", filled_in | {"activated_at": "2026-03-03T10:01"})
    assert errors(response) == {
        "activated_at": [
            "You say that the drone was activated on 3 March 2026, 10:01 (New York time). That has "
            "yet to come: it is 3 March 2026, 10:00 there now. Please check the day, the time and "
            "the clock."
        ]
    }


# --- on whose clock (P9) ---------------------------------------------------------


@pytest.mark.parametrize(
    ("country", "zone", "typed", "utc"),
    [
        # Two days are up in New York, and an hour and some are left where the drone is.
        ("US", "America/Los_Angeles", "2026-03-01T10:00", datetime(2026, 3, 1, 18, 0, tzinfo=UTC)),
        ("US", "Pacific/Guam", "2026-03-04T00:00", datetime(2026, 3, 3, 14, 0, tzinfo=UTC)),
        ("AU", "Pacific/Auckland", "2026-03-04T03:00", datetime(2026, 3, 3, 14, 0, tzinfo=UTC)),
        ("AU", "Australia/Perth", "2026-03-03T22:30", datetime(2026, 3, 3, 14, 30, tzinfo=UTC)),
    ],
)
@time_machine.travel(datetime(2026, 3, 3, 16, 0, tzinfo=UTC), tick=False)
def test_p9_an_activation_is_read_on_the_clock_that_the_form_names(
    client, filled_in, sell, country, zone, typed, utc
):
    here = {"code": sell(region=country), "country": country, "time_zone": zone}
    response = client.post(
        "/activate/", filled_in | here | {"activated": "yes", "activated_at": typed}
    )
    assert response.status_code == 302
    assert Drone.objects.get().activated_at == utc


@time_machine.travel(datetime(2026, 3, 3, 20, 0, tzinfo=UTC), tick=False)
def test_p9_a_refusal_repeats_what_it_understood_on_that_clock(client, filled_in):
    here = {"time_zone": "America/Los_Angeles", "activated_at": "2026-02-28T10:00"}
    response = client.post("/activate/", filled_in | here)
    assert (
        "You say that the drone was activated on 28 February 2026, 10:00 (Los Angeles time)"
        in (errors(response)["activated_at"][0])
    )
    again = client.post("/activate/", filled_in | here | {"name": ""})
    assert errors(again) == {"name": ["Please fill this in."]}
    for page in (response.text, again.text):
        assert (
            "We read this as 28 February 2026, 10:00, Los Angeles time; it is 12:00 there now."
        ) in page
        assert '<option value="America/Los_Angeles" selected>' in page


@time_machine.travel(datetime(2026, 3, 3, 20, 0, tzinfo=UTC), tick=False)
def test_p9_the_page_offers_the_clocks_of_the_regions_and_the_time_there_now(client, db):
    page = client.get("/activate/").text
    assert '<option value="" selected>My country&#x27;s service region<' in page
    for option in (
        '<option value="America/New_York">New York time; it is 15:00 there now</option>',
        '<option value="Pacific/Guam">Guam time; it is 06:00 there now</option>',
        '<option value="Australia/Perth">Perth time; it is 04:00 there now</option>',
        '<option value="Pacific/Auckland">Auckland time; it is 09:00 there now</option>',
    ):
        assert option in page


@time_machine.travel(datetime(2026, 3, 3, 20, 0, tzinfo=UTC), tick=False)
def test_p9_another_clock_of_the_world_is_taken_and_kept(client, filled_in):
    there = {"time_zone": "Asia/Kolkata", "activated_at": "2026-03-04T01:00", "name": ""}
    response = client.post("/activate/", filled_in | there)
    assert '<option value="Asia/Kolkata" selected>Kolkata time; it is 01:30' in response.text


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", "x" * 65, "America"])
def test_p9_a_clock_that_nobody_has_is_refused_with_a_sentence(client, filled_in, name):
    response = client.post("/activate/", filled_in | {"time_zone": name})
    assert list(errors(response)) == ["time_zone"]


PRESETS = [
    ("el-GR,el;q=0.9,en-US;q=0.8,en;q=0.7", "Europe/Athens"),
    ("en-NZ", "Pacific/Auckland"),
    ("en-AU,en;q=0.9", "Australia/Sydney"),
    ("en-CA", "America/Toronto"),
    ("en-US,en;q=0.5", "America/New_York"),
    ("es-PR", "America/Puerto_Rico"),
    ("de-DE,de;q=0.9", "Europe/Berlin"),
    ("zh-Hant-TW", "Asia/Taipei"),
    ("ja,en-US;q=0.9,en;q=0.8", "Asia/Tokyo"),
    # Each of these may be at home in several countries, or in one that we do not serve.
    ("de,en-US;q=0.7,en;q=0.3", ""),
    ("en", ""),
    ("es-419", ""),
    ("pt-BR", ""),
    ("*", ""),
    ("el-GR;q=0", ""),
    ('"><script>', ""),
    ("x" * 9000, ""),
    ("", ""),
]


@pytest.mark.parametrize(("languages", "zone"), PRESETS)
def test_p9_the_page_presets_the_clock_of_the_country_that_the_browser_hints_at(
    client, db, languages, zone
):
    response = client.get("/activate/", headers={"accept-language": languages})
    assert form_with("code", response.text)["time_zone"] == zone
    assert "Accept-Language" in response["Vary"]


def from_a_browser(client, languages: str, **typed) -> dict[str, str]:
    """The form of the page as a browser with these languages gets it, filled in."""
    page = client.get("/activate/", headers={"accept-language": languages}).text
    return form_with("code", page) | typed


@time_machine.travel(datetime(2026, 3, 3, 16, 0, tzinfo=UTC), tick=False)
def test_p9_a_clock_of_another_region_is_asked_about_once_and_taken_the_second_time(
    client, filled_in, sell
):
    german = {"code": sell(region="EU"), "country": "DE", "activated": "yes"}
    typed = filled_in | german | {"activated_at": "2026-03-01T14:00"}
    response = client.post("/activate/", from_a_browser(client, "en-US", **typed))
    assert errors(response) == {}
    words = "You chose Germany and New York time. Please check the clock."
    assert words in response.text
    assert response.text.count("autofocus") == 1
    assert Policy.objects.count() == 0
    again = form_with("code", response.text) | {"activated": "yes", "accept_terms": "on"}
    assert again["time_zone"] == "America/New_York"
    assert client.post("/activate/", again).status_code == 302
    assert Drone.objects.get().activated_at == datetime(2026, 3, 1, 19, 0, tzinfo=UTC)


@time_machine.travel(datetime(2026, 3, 3, 16, 0, tzinfo=UTC), tick=False)
def test_p9_the_clock_is_corrected_when_it_was_asked_about(client, filled_in, sell):
    german = {"code": sell(region="EU"), "country": "DE", "activated": "yes"}
    typed = filled_in | german | {"activated_at": "2026-03-01T18:00"}
    response = client.post("/activate/", from_a_browser(client, "en-US", **typed))
    mended = {"activated": "yes", "accept_terms": "on", "time_zone": "Europe/Berlin"}
    assert client.post("/activate/", form_with("code", response.text) | mended).status_code == 302
    assert Drone.objects.get().activated_at == datetime(2026, 3, 1, 17, 0, tzinfo=UTC)


@time_machine.travel(datetime(2026, 3, 3, 16, 0, tzinfo=UTC), tick=False)
def test_c5_the_question_about_the_clock_is_the_same_for_a_code_that_is_none(client, filled_in):
    german = {"country": "DE", "activated": "yes", "activated_at": "2026-03-01T14:00"}
    typed = filled_in | german | {"code": unknown_code()}
    response = client.post("/activate/", from_a_browser(client, "en-US", **typed))
    assert errors(response) == {}
    assert "You chose Germany and New York time." in response.text


@pytest.mark.parametrize(
    "typed",
    [
        {"activated": "no", "activated_at": "", "time_zone": "America/New_York"},
        {"time_zone": ""},
        {"time_zone": "Europe/Athens"},
    ],
)
@time_machine.travel(datetime(2026, 3, 3, 16, 0, tzinfo=UTC), tick=False)
def test_p9_nothing_is_asked_about_a_clock_of_the_region_or_one_that_does_not_matter(
    client, filled_in, sell, typed
):
    german = {"code": sell(region="EU"), "country": "DE", "activated": "yes"}
    stated = filled_in | german | {"activated_at": "2026-03-02T14:00"}
    form = from_a_browser(client, "en-US", **(stated | typed))
    assert client.post("/activate/", form).status_code == 302


@time_machine.travel(datetime(2026, 3, 3, 16, 0, tzinfo=UTC), tick=False)
def test_p9_a_program_that_names_a_clock_is_never_asked_about_it(client, filled_in, sell):
    german = {"code": sell(region="EU"), "country": "DE", "time_zone": "America/New_York"}
    typed = filled_in | german | {"activated": "yes", "activated_at": "2026-03-01T14:00"}
    assert client.post("/activate/", typed).status_code == 302


# 46 hours ago in Los Angeles, and 49 in New York.
@time_machine.travel(datetime(2026, 3, 3, 20, 0, tzinfo=UTC), tick=False)
def test_p9_a_clock_that_we_chose_closes_no_window_unasked_where_the_country_has_others(
    client, filled_in
):
    typed = filled_in | {"activated": "yes", "activated_at": "2026-03-01T14:00"}
    response = client.post("/activate/", from_a_browser(client, "en-US", **typed))
    assert errors(response) == {}
    assert "You chose United States of America and New York time." in response.text
    again = form_with("code", response.text) | {"activated": "yes", "accept_terms": "on"}
    with_their_own = again | {"time_zone": "America/Los_Angeles"}
    refused = client.post("/activate/", again)
    assert list(errors(refused)) == ["activated_at"]
    # Nothing was kept of the first answer, but the second one counts (B11).
    assert list(errors(client.post("/activate/", with_their_own))) == ["activated_at"]


@time_machine.travel(datetime(2026, 3, 3, 20, 0, tzinfo=UTC), tick=False)
def test_p9_who_answers_with_their_own_clock_gets_their_plan(client, filled_in):
    typed = filled_in | {"activated": "yes", "activated_at": "2026-03-01T14:00"}
    response = client.post("/activate/", from_a_browser(client, "en-US", **typed))
    again = form_with("code", response.text) | {"activated": "yes", "accept_terms": "on"}
    theirs = again | {"time_zone": "America/Los_Angeles"}
    assert client.post("/activate/", theirs).status_code == 302
    assert Drone.objects.get().activated_at == datetime(2026, 3, 1, 22, 0, tzinfo=UTC)


@time_machine.travel(datetime(2026, 3, 3, 20, 0, tzinfo=UTC), tick=False)
def test_p9_a_time_that_is_too_long_ago_on_every_clock_is_refused_at_once(client, filled_in):
    typed = filled_in | {"activated": "yes", "activated_at": "2026-02-20T14:00"}
    response = client.post("/activate/", from_a_browser(client, "en-US", **typed))
    assert list(errors(response)) == ["activated_at"]


# --- has it been activated (B11) ----------------------------------------------------


def on_the_page(client, **typed) -> dict[str, str]:
    """The form of the page, with answers typed into it."""
    return form_with("code", client.get("/activate/").text) | typed


def test_b11_the_page_asks_with_two_answers_and_presets_none(client, filled_in):
    page = client.get("/activate/").text
    assert page.count('type="radio" name="activated"') == 2
    assert "checked" not in page
    del filled_in["activated_at"]
    response = client.post("/activate/", on_the_page(client, **filled_in))
    assert errors(response) == {"activated": ["Please answer this question."]}
    assert 'id="id_activated_error"' in response.text
    said = on_the_page(client, **filled_in) | {"activated": "no"}
    assert client.post("/activate/", said).status_code == 302


def test_b11_a_program_that_leaves_the_question_out_says_not_yet(client, filled_in):
    assert "activated" not in filled_in
    assert client.post("/activate/", filled_in).status_code == 302
    assert Drone.objects.get().activated_at is None


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ({"activated": "yes"}, {"activated_at": ["Please say when it was activated."]}),
        (
            {"activated": "no", "activated_at": "2026-03-01T10:00"},
            {
                "activated": [
                    "You say “not yet”, and you give a time. Please leave one of them out."
                ]
            },
        ),
        ({"activated": "maybe"}, {"activated": ["Please choose one of the two answers."]}),
    ],
)
def test_b11_answers_that_do_not_fit_are_told_at_their_field(client, filled_in, typed, answer):
    assert errors(client.post("/activate/", filled_in | typed)) == answer
    assert Policy.objects.count() == 0


@time_machine.travel(datetime(2026, 3, 3, 15, 0, tzinfo=UTC), tick=False)
def test_b11_a_refused_customer_does_not_get_in_by_saying_not_yet(client, filled_in):
    late = filled_in | {"activated": "yes", "activated_at": "2026-02-28T10:00"}
    assert list(errors(client.post("/activate/", late))) == ["activated_at"]
    for answer in ({"activated": "no", "activated_at": ""}, {"activated_at": ""}):
        response = client.post("/activate/", filled_in | answer)
        assert errors(response)["activated_at"][0].startswith(
            "We were told on 3 March 2026, 10:00 (New York time) that this drone was activated on "
            "28 February 2026, 10:00 (New York time), and that counts."
        )
    assert Policy.objects.count() == 0


@time_machine.travel(datetime(2026, 3, 3, 15, 0, tzinfo=UTC), tick=False)
def test_b11_a_stranger_with_the_serial_and_no_code_does_not_close_the_window(client, filled_in):
    stranger = filled_in | {"code": unknown_code(), "email": "eve@example.com"}
    client.post("/activate/", stranger | {"activated_at": "2026-01-01T10:00"})
    film = {"serial": "08QCE3D0", "video_url": "youtu.be/dQw4w9WgXcQ", "read_instructions": "on"}
    client.post("/verification/", stranger | film)
    with time_machine.travel(datetime(2026, 3, 9, 15, 0, tzinfo=UTC), tick=False):
        assert client.post("/activate/", filled_in).status_code == 302


def test_the_terms_must_be_accepted(client, filled_in):
    del filled_in["accept_terms"]
    response = client.post("/activate/", filled_in)
    assert errors(response) == {"accept_terms": ["Please tick this to go on."]}


def test_every_missing_field_is_named(client, db):
    response = client.post("/activate/", {})
    assert errors(response) == {
        "code": ["Please fill this in."],
        "serial": ["Please fill this in."],
        "name": ["Please fill this in."],
        "email": ["Please fill this in."],
        "country": ["Please choose your country."],
        "accept_terms": ["Please tick this to go on."],
    }


def test_errors_stand_in_the_title_in_a_summary_and_at_the_field(client, filled_in):
    page = client.post("/activate/", filled_in | {"name": ""}).text
    assert "<title>Error: Activate a code – Skyline Drones</title>" in page
    assert '<a href="#id_name">Full name</a>: Please fill this in.' in page
    assert '<div class="error" id="id_name_error"><p>Please fill this in.</p></div>' in page
    assert 'aria-invalid="true" aria-describedby="id_name_error" id="id_name"' in page


def test_the_form_tells_browsers_what_to_expect(client, db):
    page = client.get("/activate/").text
    for attribute in (
        'name="code" autocomplete="off" autocapitalize="characters" spellcheck="false"',
        'type="text" name="email" inputmode="email" autocomplete="email" autocapitalize="none"',
        'type="tel" name="phone" autocomplete="tel" maxlength="40"',
        'type="datetime-local" name="activated_at"',
        'name="name" autocomplete="name" maxlength="120" required',
        'name="country" autocomplete="country" required',
    ):
        assert attribute in page


def test_a_form_without_the_token_of_our_page_is_refused_in_our_own_words(filled_in):
    response = Browser(enforce_csrf_checks=True).post("/activate/", filled_in)
    assert response.status_code == 403
    assert "Please send the form again" in response.text


def test_the_31st_attempt_within_ten_minutes_has_to_wait_and_keeps_the_form(client, filled_in):
    wrong = filled_in | {"code": "ABCD"}
    start = timezone.now()
    for _attempt in range(30):
        assert client.post("/activate/", wrong).status_code == 200
    response = client.post("/activate/", filled_in)
    assert (response.status_code, response["Retry-After"]) == (429, "600")
    assert "Please wait up to 10 minutes" in response.text
    assert 'value="Ada Lovelace"' in response.text
    assert '<option value="mavic-2-pro" selected>' in response.text
    assert Policy.objects.count() == 0
    with time_machine.travel(start + timedelta(minutes=11)):
        assert client.post("/activate/", filled_in).status_code == 302


def test_another_address_does_not_have_to_wait(client, filled_in):
    for _attempt in range(31):
        client.post("/activate/", filled_in | {"code": "ABCD"})
    assert client.post("/activate/", filled_in, REMOTE_ADDR="192.0.2.9").status_code == 302


def test_the_history_keeps_the_address_and_takes_none_for_rubbish(
    client, filled_in, sell, settings
):
    client.post("/activate/", filled_in, REMOTE_ADDR="192.0.2.9")
    settings.PROXY_COUNT = 1
    again = filled_in | {"code": sell(), "serial": "OTHER123"}
    client.post("/activate/", again, headers={"X-Forwarded-For": "192.0.2.9:5123"})
    events = PolicyEvent.objects.order_by("pk")
    assert list(events.values_list("address", flat=True)) == ["192.0.2.9", None]


def test_a_success_costs_few_queries(client, filled_in, django_assert_max_num_queries):
    with django_assert_max_num_queries(43):
        client.post("/activate/", filled_in)
    assert Letter.objects.filter(name="policy_bound").count() == 1


def test_the_empty_form_reads_the_regions_and_their_countries(
    client, db, django_assert_num_queries
):
    with django_assert_num_queries(2):
        client.get("/activate/")


# --- a serial number that looks wrong (B12) --------------------------------------

DOUBTFUL = "1581F4QWB2200A1B2"
WHY = "Its fifth character, F, stands for a length of 15 after it; it has 12."


@pytest.fixture
def of_a_mavic_3(sell, filled_in) -> dict[str, str]:
    drone = {"model": "mavic-3", "serial": DOUBTFUL, "activated": "no"}
    return filled_in | drone | {"code": sell(model="mavic-3")}


def test_b12_a_serial_that_looks_wrong_is_asked_about_once(client, of_a_mavic_3):
    asked = client.post("/activate/", of_a_mavic_3)
    assert WHY in plain(asked.text)
    assert "Your code has not been used." in plain(asked.text)
    assert not Policy.objects.exists()
    form = form_with("code", asked.text)
    other = client.post("/activate/", form | {"serial": DOUBTFUL[:-1]})
    assert "it has 11." in plain(other.text)
    done = press(client, asked, "Activate")
    policy = Policy.objects.get()
    assert (done.url, policy.drone.serial) == (f"/policy/{token(policy)}/", DOUBTFUL)


def test_b12_a_program_that_repeats_the_serial_is_not_asked(client, of_a_mavic_3):
    sent = of_a_mavic_3 | {"serial_confirmed": "1581f-4qwb2200-a1b2"}
    assert client.post("/activate/", sent).status_code == 302


def test_b12_the_model_is_asked_first_and_then_the_serial(client, of_a_mavic_3):
    asked_model = client.post("/activate/", of_a_mavic_3 | {"model": ""})
    assert WHY not in plain(asked_model.text)
    asked_serial = press(client, asked_model, "Activate", {"model": "mavic-3"})
    assert WHY in plain(asked_serial.text)
    assert press(client, asked_serial, "Activate").status_code == 302


@pytest.mark.parametrize("on_file", [False, True])
def test_c5_the_question_about_a_serial_tells_nothing_of_code_or_drone(
    client, of_a_mavic_3, on_file
):
    if on_file:
        mavic_3 = DroneModel.objects.get(slug="mavic-3")
        Drone.objects.create(serial=DOUBTFUL, drone_model=mavic_3)
    good = client.post("/activate/", of_a_mavic_3)
    code = unknown_code()
    bad = client.post("/activate/", of_a_mavic_3 | {"code": code})
    assert WHY in plain(bad.text)
    assert plain(bad.text) == plain(good.text)
    refused = press(client, bad, "Activate")
    assert errors(refused) == {"code": [REFUSED]}
