"""The repair request (K1, K3, K14): what it asks, says, keeps and refuses."""

import io
import re
import time
import zlib
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
import zeal
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from claims import photos
from claims.models import Claim, Photo
from policies.models import CoveredPart, DroneModel, Exclusion, Letter
from tests import factories
from tests.pages import token
from tests.public.test_hostile_input import RUBBISH

# Tuesday, 10 March 2026, eleven in the morning in New York.
NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
SERIAL = "0AXCANN0000001"
FIELDS = (
    "serial email cause happened_on description parts address_line1 address_line2 city state "
    "postal_code country accept_terms"
).split()
TEXTS = "serial email description address_line1 address_line2 city state postal_code".split()


@pytest.fixture(autouse=True)
def today():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def policy(db):
    """Ann's 1-Year plan for her Mavic 2 Pro: 5 January 2026 to 5 January 2027."""
    return factories.PolicyFactory(
        drone=factories.DroneFactory(serial=SERIAL),
        holder=factories.CustomerFactory(name="Ann Lee", email="ann@example.com"),
    )


@pytest.fixture
def filled_in(policy) -> dict[str, object]:
    return {
        "serial": SERIAL,
        "email": "ann@example.com",
        "cause": "collision",
        "happened_on": "2026-03-08",
        "description": "It flew into a tree.\r\nOne arm is broken.",
        "parts": ["aircraft", "gimbal"],
        "address_line1": "1 Main Street",
        "address_line2": "",
        "city": "Albany",
        "state": "NY",
        "postal_code": "12207",
        "country": "US",
        "accept_terms": "on",
    }


def picture(kind: str = "JPEG", size: tuple[int, int] = (40, 30)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, kind)
    return out.getvalue()


def upload(content: bytes, name: str = "photo.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "image/jpeg")


def errors(response) -> dict[str, list[str]]:
    return dict(response.context["form"].errors)


# --- asking ------------------------------------------------------------------


def test_a_good_form_opens_a_claim_and_leads_to_its_page(client, filled_in):
    response = client.post("/repair/", filled_in)
    claim = Claim.objects.get()
    assert response.status_code == 302
    assert response.url == f"/repair/progress/{token(claim)}/"
    assert re.fullmatch(r"CLM-[2-9A-HJKMNP-Z]{8}", claim.number)
    assert (claim.progress, claim.outcome, claim.cause) == ("submitted", "care", "collision")
    assert claim.parts == ["aircraft", "gimbal"]
    assert str(claim.happened_on) == "2026-03-08"
    assert claim.description == "It flew into a tree.\nOne arm is broken."
    assert (claim.line1, claim.city, claim.state) == ("1 Main Street", "Albany", "NY")
    assert (claim.postal_code, claim.country.code) == ("12207", "US")
    page = client.get(response.url).text
    assert "We have your request. The link to this page is on its way to you by e-mail." in page
    assert Letter.objects.filter(name="claim_received", recipient="ann@example.com").exists()


def test_the_form_sent_again_for_another_drone_is_another_request(client, filled_in, policy):
    client.post("/repair/", filled_in)
    factories.PolicyFactory(
        drone=factories.DroneFactory(serial="0AXCANN0000002"), holder=policy.holder
    )
    client.post("/repair/", filled_in | {"serial": "0AXCANN0000002"})
    assert list(Claim.objects.order_by("id").values_list("drone__serial", flat=True)) == [
        "0AXCANN0000001",
        "0AXCANN0000002",
    ]


@pytest.mark.parametrize(
    "parts", [["gimbal", "aircraft"], "aircraft,gimbal", " Aircraft , GIMBAL,", ["gimbal,aircraft"]]
)
def test_parts_are_taken_one_by_one_or_with_commas(client, filled_in, parts):
    assert client.post("/repair/", filled_in | {"parts": parts}).status_code == 302
    assert Claim.objects.get().parts == ["aircraft", "gimbal"]


def test_serial_and_email_are_taken_as_people_write_them(client, filled_in):
    written = {"serial": " 0axc-ann0 000001 ", "email": " Ann@Example.COM "}
    assert client.post("/repair/", filled_in | written).status_code == 302


def test_an_excluded_cause_is_taken_and_decided_about(client, filled_in):
    client.post("/repair/", filled_in | {"cause": "lost_or_stolen"})
    assert Claim.objects.get().outcome == "not_covered"


def test_k2_remarks_are_shown_to_the_clerk_and_not_to_the_customer(client, filled_in, policy):
    with zeal.zeal_ignore():
        clerk = Client()
        clerk.force_login(factories.UserFactory(is_superuser=True))
    policy.drone.activation_source, policy.drone.activated_at = "customer", NOW
    policy.drone.save()
    response = client.post("/repair/", filled_in | {"happened_on": "2026-01-05"})
    remarks = [
        "The damage happened on the day the plan began.",
        "The plan was bound to the drone within 7 days before the damage.",
        "The activation time of the drone is as stated by the customer.",
    ]
    in_the_house = clerk.get(f"/admin/claims/claim/{Claim.objects.get().pk}/change/").text
    assert [remark for remark in remarks if remark in in_the_house] == remarks
    outside = client.get(response.url).text
    assert [remark for remark in remarks if remark in outside] == []
    assert "The damage happened within the term." in outside


# --- what it says before anything is sent ------------------------------------


def text_of(page: str, option: str) -> str:
    [hint] = re.findall(rf'id="id_{option}_hint">([^<]*)<', page)
    return hint


def test_it_says_beside_each_part_whether_it_is_covered(client, db):
    page = client.get("/repair/").text
    assert text_of(page, "parts_aircraft") == "Covered."
    assert text_of(page, "parts_battery") == (
        "Covered for FPV, Mavic, Spark. Not covered for Inspire, Phantom."
    )
    assert text_of(page, "parts_propellers") == (
        "Covered for FPV, Mavic, Phantom, Spark. Not covered for Inspire."
    )
    assert text_of(page, "parts_remote_controller") == "Never covered."


def test_it_names_a_model_that_differs_from_its_series(client, db):
    mini = DroneModel.objects.get(slug="mini-2")
    for part in ("aircraft", "gimbal", "camera", "propellers"):
        CoveredPart.objects.create(drone_model=mini, part=part)
    assert text_of(client.get("/repair/").text, "parts_battery") == (
        "Covered for FPV, Mavic, Spark. Not covered for Inspire, DJI Mini 2, Phantom."
    )


def test_it_explains_the_excluded_causes_in_the_words_on_file(client, db):
    Exclusion.objects.filter(cause="deliberate").update(text="Not if you meant it <b>.")
    page = client.get("/repair/").text
    assert "Not covered by any plan:" in page
    assert text_of(page, "cause_deliberate") == "Not if you meant it &lt;b&gt;."
    assert "the repair is free and uses no replacement" in text_of(page, "cause_product_defect")


def test_the_page_asks_the_database_five_times(client, db, django_assert_num_queries):
    with django_assert_num_queries(5):
        client.get("/repair/")


# --- refusals ----------------------------------------------------------------


def test_a_stranger_reads_the_same_whether_or_not_the_serial_is_known(client, filled_in):
    known = client.post("/repair/", filled_in | {"email": "eve@example.com"})
    unknown = client.post("/repair/", filled_in | {"serial": "NOBODYS0001"})
    assert known.status_code == unknown.status_code == 200
    assert (
        errors(known)
        == errors(unknown)
        == {
            "serial": [
                "We cannot find a care plan for this serial number and e-mail address. "
                "Please use the address to which we sent the agreement."
            ]
        }
    )
    assert Claim.objects.count() == 0


def test_a_second_request_for_the_drone_is_refused_and_the_link_mailed(client, filled_in):
    client.post("/repair/", filled_in)
    response = client.post("/repair/", filled_in)
    assert errors(response) == {
        "serial": ["There is an open request for this drone. We have mailed you the link to it."]
    }
    assert Claim.objects.count() == 1
    assert Letter.objects.filter(name="claim_link_requested").count() == 1


def test_an_address_outside_the_region_is_refused_by_its_name(client, filled_in):
    response = client.post("/repair/", filled_in | {"country": "DE"})
    assert errors(response) == {
        "country": [
            "This plan is serviced in the region United States; please give an address there."
        ]
    }


def wrong_all_over(**changes) -> dict[str, object]:
    """With a file of its own: sending one reads it to its end."""
    photo = upload(b"not a photo")
    return {"city": "", "country": "DE", "happened_on": "2026-03-12", "photos": [photo]} | changes


def test_the_holder_reads_everything_that_is_wrong_in_one_round(client, filled_in):
    assert errors(client.post("/repair/", filled_in | wrong_all_over())) == {
        "city": ["Please fill this in."],
        "country": [
            "This plan is serviced in the region United States; please give an address there."
        ],
        "happened_on": ["The day of the damage lies in the future."],
        "photos": ["Photo 1: Please send photos as JPEG, PNG, WebP or HEIC."],
    }
    assert Claim.objects.count() == 0


def test_k3_a_stranger_reads_of_the_form_only_and_no_photo_of_theirs_is_opened(client, filled_in):
    said = [
        errors(client.post("/repair/", filled_in | wrong_all_over(**who)))
        for who in ({"email": "eve@example.com"}, {"serial": "NOBODYS0001"})
    ]
    assert said == 2 * [
        {
            "serial": [
                "We cannot find a care plan for this serial number and e-mail address. "
                "Please use the address to which we sent the agreement."
            ],
            "city": ["Please fill this in."],
        }
    ]


def test_a_form_that_does_not_name_the_drone_is_not_looked_up(client, filled_in):
    for who in ({"serial": ""}, {"email": "ann"}):
        said = errors(client.post("/repair/", filled_in | wrong_all_over(**who)))
        assert list(said) == [*who, "city"]


def test_the_link_to_an_open_request_is_mailed_whatever_else_is_wrong(client, filled_in):
    client.post("/repair/", filled_in)
    again = filled_in | wrong_all_over(country="US", photos=[])
    assert errors(client.post("/repair/", again)) == {
        "serial": ["There is an open request for this drone. We have mailed you the link to it."],
        "city": ["Please fill this in."],
        "happened_on": ["The day of the damage lies in the future."],
    }
    assert Letter.objects.filter(name="claim_link_requested").count() == 1


def test_the_form_asks_which_parts_are_damaged_and_says_that_these_are_sent(client, db):
    page = client.get("/repair/").text
    assert "Which parts are damaged?" in page
    assert "Tick every damaged part. What you tick here is what goes into the parcel." in page
    assert 'id="id_parts" tabindex="-1"\n      aria-describedby="id_parts_helptext"' in page


def test_p9_damage_in_the_future_is_what_has_begun_nowhere_in_the_region(client, filled_in):
    """Three in the afternoon in UTC is one o'clock at night on Guam."""
    response = client.post("/repair/", filled_in | {"happened_on": "2026-03-12"})
    assert errors(response) == {"happened_on": ["The day of the damage lies in the future."]}
    assert client.post("/repair/", filled_in | {"happened_on": "2026-03-11"}).status_code == 302


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("serial", "1.23E+15", "A spreadsheet has turned this serial number"),
        ("serial", "", "Please fill this in."),
        ("email", "ann", "Please enter an e-mail address, like name@example.com."),
        ("cause", "", "Please choose what happened."),
        ("cause", "meteor", "Please choose what happened from the list."),
        ("happened_on", "0001-01-01", "Please check the year."),
        ("happened_on", "9999-12-31", "Please check the year."),
        ("happened_on", "2026-02-30", "Please enter a day, like 2026-01-31."),
        ("happened_on", "8.3.2026", "Please enter a day, like 2026-01-31."),
        ("happened_on", "٢٠٢٦-٠٣-٠٨", "Please enter a day, like 2026-01-31."),
        ("description", " ", "Please fill this in."),
        ("description", "x" * 4_001, "Please use at most 4000 characters."),
        ("parts", [], "Please choose at least one part."),
        ("parts", ["wings"], "Please choose parts from the list."),
        ("address_line1", "", "Please fill this in."),
        ("address_line2", "Rua 🏠 𠮷", "We cannot print 🏠 𠮷 on labels and papers."),
        ("city", "", "Please fill this in."),
        ("postal_code", "9" * 21, "Please use at most 20 characters."),
        ("country", "XX", "Please choose a country from the list."),
        ("accept_terms", "", "Please tick this to go on."),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_the_form_kept(
    client, filled_in, field, value, sentence
):
    response = client.post("/repair/", filled_in | {field: value})
    assert response.status_code == 200
    [(name, [said])] = errors(response).items()
    assert name == field
    assert said.startswith(sentence)
    assert f'<div class="error" id="id_{field}_error">' in response.text
    assert Claim.objects.count() == 0
    if field != "description":
        assert "It flew into a tree." in response.text
    if field != "cause":
        assert 'value="collision" id="id_cause_collision" checked' in response.text
    if field != "parts":
        assert 'value="gimbal" id="id_parts_gimbal" checked' in response.text


def test_a_story_of_4000_characters_with_line_breaks_is_taken_whole(client, filled_in):
    story = ("x" * 99 + "\r\n") * 40
    assert client.post("/repair/", filled_in | {"description": story}).status_code == 302
    assert len(Claim.objects.get().description) == 3_999


def test_a_story_too_long_by_a_little_is_not_cut(client, filled_in):
    story = "x" * 4_000 + " the end"
    assert story in client.post("/repair/", filled_in | {"description": story}).text


# --- photos ------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_photos_are_kept_as_jpeg_whatever_they_were(client, filled_in, kind):
    form = filled_in | {"photos": [upload(picture(kind), "x.exe"), upload(picture(kind))]}
    assert client.post("/repair/", form).status_code == 302
    for photo in Photo.objects.all():
        with photo.image.open() as kept:
            assert kept.read(3) == b"\xff\xd8\xff"
    assert Photo.objects.count() == 2


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "Photo 2: Please send photos as JPEG, PNG, WebP or HEIC."),
        (b"MZ\x90\x00" * 50, "Photo 2: Please send photos as JPEG, PNG, WebP or HEIC."),
        (b"<svg onload=alert(1)></svg>", "Photo 2: Please send photos as JPEG, PNG, WebP or HEIC."),
        (picture("GIF"), "Photo 2: Please send photos as JPEG, PNG, WebP or HEIC."),
        (picture("PNG")[:60], "Photo 2: This photo is damaged and cannot be opened."),
        (picture("JPEG", (400, 300))[:700], "Photo 2: This photo is damaged and cannot be opened."),
        (b"\0" * (10 * 1024 * 1024 + 1), "Photo 2: A photo may have at most 10 MB."),
    ],
    ids=["empty", "program", "svg", "gif", "cut png", "cut jpeg", "too large"],
)
def test_a_file_that_is_no_photo_is_refused_by_its_place(client, filled_in, content, sentence):
    form = filled_in | {"photos": [upload(picture()), upload(content)]}
    response = client.post("/repair/", form)
    [(field, [said])] = errors(response).items()
    assert field == "photos"
    assert re.search(sentence, said)
    assert Claim.objects.count() == 0


def png_that_claims(width: int, height: int) -> bytes:
    png = bytearray(picture("PNG"))
    png[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    png[29:33] = zlib.crc32(png[12:29]).to_bytes(4, "big")
    return bytes(png)


@pytest.mark.parametrize(
    "bomb",
    [png_that_claims(60_000, 60_000), picture("WEBP", (16_000, 4_000))],
    ids=["header", "really large"],
)
def test_a_small_file_that_unpacks_to_gigabytes_is_not_unpacked(client, filled_in, bomb):
    response = client.post("/repair/", filled_in | {"photos": [upload(bomb)]})
    [said] = errors(response)["photos"]
    assert said.startswith("Photo 1: This photo has too many pixels: we can open up to ")
    assert said.endswith("Please send it as JPEG, or make it smaller.")


def test_seven_photos_are_too_many(client, filled_in):
    form = filled_in | {"photos": [upload(picture()) for _ in range(7)]}
    assert errors(client.post("/repair/", form)) == {"photos": ["Please send at most 6 photos."]}


def test_a_thousand_photos_are_refused_politely_and_none_is_opened(client, filled_in, monkeypatch):
    monkeypatch.setattr(photos, "read", pytest.fail)
    form = filled_in | {"photos": [upload(b"x" * 100) for _ in range(1_000)]}
    response = client.post("/repair/", form)
    assert errors(response) == {"photos": ["Please send at most 6 photos."]}
    assert "It flew into a tree." in response.text


def test_it_says_that_photos_must_be_chosen_again(client, filled_in):
    sentence = "Please choose your photos again: a page cannot keep files."
    with_photo = filled_in | {"city": "", "photos": [upload(picture())]}
    assert sentence in client.post("/repair/", with_photo).text
    assert sentence not in client.post("/repair/", filled_in | {"city": ""}).text


def test_text_in_place_of_photos_is_no_photo(client, filled_in):
    assert client.post("/repair/", filled_in | {"photos": "photo.jpg"}).status_code == 302
    assert Photo.objects.count() == 0


def test_a_form_without_multipart_is_taken_too(client, filled_in):
    body = "&".join(
        f"{name}={one}"
        for name, value in filled_in.items()
        for one in (value if isinstance(value, list) else [value])
    )
    response = client.generic(
        "POST", "/repair/", body, content_type="application/x-www-form-urlencoded"
    )
    assert response.status_code == 302


# --- too often ---------------------------------------------------------------


def test_the_21st_attempt_within_ten_minutes_has_to_wait_and_keeps_the_form(client, filled_in):
    wrong = filled_in | {"email": "eve@example.com", "photos": []}
    assert {client.post("/repair/", wrong).status_code for _ in range(20)} == {200}
    response = client.post("/repair/", filled_in)
    assert response.status_code == 429
    assert response["Retry-After"] == "600"
    assert "Please wait up to 10 minutes" in response.text
    assert "It flew into a tree." in response.text
    assert f'value="{SERIAL}"' in response.text
    assert 'value="collision" id="id_cause_collision" checked' in response.text
    assert 'value="gimbal" id="id_parts_gimbal" checked' in response.text
    assert '<option value="US" selected>' in response.text
    assert client.post("/repair/", filled_in, REMOTE_ADDR="192.0.2.9").status_code == 302


def test_after_ten_minutes_one_may_try_again(client, filled_in):
    for _ in range(21):
        client.post("/repair/", filled_in | {"city": ""})
    with time_machine.travel(NOW + timedelta(minutes=10, seconds=1), tick=False):
        assert client.post("/repair/", filled_in).status_code == 302


# --- rubbish -----------------------------------------------------------------


@pytest.fixture
def addresses():
    return (f"10.0.{n >> 8}.{n & 255}" for n in range(60_000))


@pytest.mark.parametrize("field", FIELDS)
def test_rubbish_in_one_field_is_answered_calmly(client, filled_in, addresses, field):
    for name, rubbish in RUBBISH.items():
        response = client.post(
            "/repair/", filled_in | {field: rubbish}, REMOTE_ADDR=next(addresses)
        )
        assert response.status_code in {200, 302}, name
        assert "<script>alert" not in response.text


@pytest.mark.parametrize("field", TEXTS)
@pytest.mark.parametrize("name", ["nul", "controls", "right to left"])
def test_what_cannot_be_meant_is_told_at_its_field(client, filled_in, field, name):
    response = client.post("/repair/", filled_in | {field: RUBBISH[name]})
    assert list(errors(response)) == [field]
    assert Claim.objects.count() == 0


@pytest.mark.parametrize("field", FIELDS)
def test_a_million_characters_are_answered_soon_and_not_sent_back(client, filled_in, field):
    with time_machine.travel(NOW):
        begun = time.perf_counter()
        response = client.post("/repair/", filled_in | {field: "x" * 1_000_000})
        assert time.perf_counter() - begun < 10
    assert response.status_code == (302 if field == "accept_terms" else 200)
    assert len(response.content) < 80_000


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        (
            "application/x-www-form-urlencoded",
            b"city=\xff\xfe&serial=%FF%00%ED%A0%80&parts=%FF",
            200,
        ),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nrubbish", 200),
        ("application/json", b"{", 200),
    ],
)
def test_a_body_that_is_no_form_is_answered_calmly(client, db, content_type, body, status):
    response = client.generic("POST", "/repair/", body, content_type=content_type)
    assert response.status_code == status


def test_html_in_every_text_comes_back_as_text(client, filled_in):
    html = "<script>alert(1)</script>\"'"
    response = client.post("/repair/", filled_in | dict.fromkeys(TEXTS, html))
    assert "<script>alert" not in response.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in response.text


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_only_reading_and_sending_is_answered(client, db, method):
    assert getattr(client, method)("/repair/").status_code == 405
