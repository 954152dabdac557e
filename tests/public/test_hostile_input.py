"""Rubbish in every field of every form: a sentence and the form again, never a server error.

The test client re-raises what a view raises, so a server error fails its test by itself.
"""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.models import Drone, Letter, Policy
from tests.public.conftest import Browser

ACTIVATE = (
    "code serial model name email phone country activated activated_at time_zone accept_terms"
).split()
COVER = ["serial", "email"]
EVERY_FIELD = [("/activate/", name) for name in ACTIVATE] + [("/cover/", name) for name in COVER]
CALM = {200, 302, 400, 404, 429}

RUBBISH = {
    "nothing": "",
    "blanks": " \t ",
    "nul": "a\x00b",
    "controls": "\x01\x07\x1b[31m\x7f\x85",
    "line breaks": "a\r\nBcc: eve@example.com\r\n",
    "right to left": "abc\u202edcba\u2066x",
    "invisible": "\u200b\u200d\ufeff",
    "emoji": "👩‍🚀🛸",
    "stacked accents": "a" + "\u0301\u0323" * 5_000,
    "surrogate": "\\ud800",
    "sql": "'; DROP TABLE policies_policy; --",
    "html": "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>",
    "template": "{{ settings.SECRET_KEY }}{% debug %}",
    "format": "%s%n%(x)s{0}{x.__class__}",
    "long": "x" * 10_000,
    "digits": "9" * 400,
    "year 1": "0001-01-01T00:00",
    "year 9999": "9999-12-31T23:59",
    "negative": "-1",
    "float": "1e999",
    "nan": "NaN",
    "path": "../../etc/passwd",
    "list": "[]",
    "true": "true",
    "wide": "Ａ" * 16,
    "expands": "ﷺ" * 20,
    "case": "ßİŉǰΐẞﬃ",
    "spreadsheet": "1.23E+15",
}

# What gets past some field, and is worth a page of its own for every one.
SHARP = (
    "nul",
    "right to left",
    "emoji",
    "stacked accents",
    "sql",
    "html",
    "template",
    "long",
    "year 1",
    "year 9999",
    "case",
    "wide",
)


@pytest.fixture
def addresses():
    """Each attempt from an address of its own, so that the throttle does not answer."""
    return (f"10.0.{n >> 8}.{n & 255}" for n in range(1_000))


@pytest.fixture
def good(filled_in, bound, sell) -> dict[str, dict[str, str]]:
    return {
        "/activate/": filled_in | {"code": sell(), "serial": "OTHER123"},
        "/cover/": {"serial": "08QCE3D0", "email": "ada@example.com"},
    }


@pytest.mark.parametrize(("path", "field"), EVERY_FIELD)
def test_rubbish_in_one_field_is_answered_calmly(client, good, addresses, path, field):
    for name in SHARP:
        form = good[path] | {field: RUBBISH[name]}
        response = client.post(path, form, REMOTE_ADDR=next(addresses))
        assert response.status_code in CALM, name
        assert "<script>alert" not in response.text
        assert "Traceback" not in response.text


@pytest.mark.parametrize(
    "field", ["code", "serial", "model", "name", "email", "phone", "country", "activated_at"]
)
@pytest.mark.parametrize("name", ["nul", "controls", "line breaks", "right to left", "long"])
def test_what_cannot_be_meant_is_told_at_its_field_and_nothing_is_written(
    client, good, field, name
):
    policies = Policy.objects.count()
    response = client.post("/activate/", good["/activate/"] | {field: RUBBISH[name]})
    assert response.status_code == 200
    assert list(response.context["form"].errors) == [field]
    assert f'<div class="error" id="id_{field}_error">' in response.text
    assert 'value="ada@example.com"' in response.text or field == "email"
    assert Policy.objects.count() == policies
    assert not Drone.objects.filter(serial="OTHER123").exists()


@pytest.mark.parametrize("rubbish", list(RUBBISH.values()), ids=list(RUBBISH))
def test_the_same_rubbish_in_every_field_is_answered_calmly(client, db, rubbish):
    for path, fields in (("/activate/", ACTIVATE), ("/cover/", COVER)):
        response = client.post(path, dict.fromkeys(fields, rubbish))
        assert response.status_code == 200
    assert Letter.objects.count() == 0


def test_html_in_a_name_stays_text_on_every_page(client, good):
    name = "<script>alert(1)</script> & \"'"
    response = client.post("/activate/", good["/activate/"] | {"name": name, "email": "ada"})
    assert "<script>alert" not in response.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;&#x27;" in response.text


@pytest.mark.parametrize(("path", "field"), EVERY_FIELD)
def test_a_million_characters_are_answered_and_not_sent_back(client, good, path, field):
    response = client.post(path, good[path] | {field: "x" * 1_000_000})
    # A ticked box is a ticked box, whatever its value.
    assert response.status_code == (302 if field == "accept_terms" else 200)
    assert len(response.content) < 60_000


def test_a_form_too_large_to_be_one_is_refused_in_our_own_words(client, good):
    response = client.post("/activate/", good["/activate/"] | {"name": "x" * 9_000_000})
    assert response.status_code == 400
    assert "We could not read this request" in response.text


def test_ten_thousand_fields_are_refused_in_our_own_words(client, db):
    response = client.post("/cover/", {f"field{n}": "" for n in range(10_000)})
    assert response.status_code == 400
    assert "We could not read this request" in response.text


def test_of_a_field_sent_twice_the_last_one_counts(client, good):
    form = good["/activate/"] | {"name": ["\x00", "Ada Lovelace"]}
    assert client.post("/activate/", form).status_code == 302


def test_a_file_in_place_of_a_text_is_a_field_left_empty(client, good):
    form = good["/activate/"] | {"name": SimpleUploadedFile("name.txt", b"Ada")}
    response = client.post("/activate/", form)
    assert dict(response.context["form"].errors) == {"name": ["Please fill this in."]}


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/x-www-form-urlencoded", b"name=\xff\xfe\x80&serial=%FF%00%ED%A0%80", 200),
        ("application/x-www-form-urlencoded", b"%&=&&==%00", 200),
        ("application/x-www-form-urlencoded; charset=utf-16", b"name=x", 400),
        ("application/x-www-form-urlencoded; charset=nonsense", b"name=x", 200),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nrubbish", 200),
        ("multipart/form-data; boundary=\xe9", b"--x", 400),
        ("application/json", b'{"name": "x"', 200),
        ("text/plain", b"\x00" * 100, 200),
        ("", b"name=x", 200),
    ],
)
def test_a_body_that_is_no_form_is_answered_calmly(client, db, content_type, body, status):
    for path in ("/activate/", "/cover/"):
        response = client.generic("POST", path, body, content_type=content_type)
        assert response.status_code == status


@pytest.mark.parametrize("path", ["/", "/plans/", "/activate/", "/cover/"])
@pytest.mark.parametrize("query", ["%00", "region=%00%FF", "a=" + "x" * 20_000, "&&==", "%C0%AF"])
def test_rubbish_in_the_query_of_a_page_does_no_harm(client, db, path, query):
    assert client.get(f"{path}?{query}").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/policy//", "/policy/%2e%2e/", "/%00/", "/%FF/", "/activate/%0d%0a", "/" + "x" * 5_000],
)
def test_a_path_that_is_none_is_not_found(client, db, path):
    assert client.get(path, follow=True).status_code == 404


def test_rubbish_in_headers_and_cookies_does_no_harm(client, db):
    rubbish = {"Accept-Language": "\xff;q=nan", "X-Forwarded-For": "<b>,,", "Referer": "\x7f"}
    client.cookies["messages"] = "rubbish:rubbish:rubbish"
    client.cookies["csrftoken"] = "\x7f" * 200
    client.cookies["sessionid"] = "'; DROP TABLE"
    assert client.get("/activate/", headers=rubbish).status_code == 200


WILD = st.text(max_size=50) | st.sampled_from(sorted(RUBBISH.values()))


@settings(max_examples=30)
@given(form=st.fixed_dictionaries({}, optional=dict.fromkeys(ACTIVATE, WILD)))
def test_no_form_at_all_gets_a_server_error(db, form):
    form = {name: text.encode("utf-8", "replace").decode() for name, text in form.items()}
    client = Browser(REMOTE_ADDR=f"10.1.{len(repr(form)) % 250}.{hash(repr(form)) % 250}")
    assert client.post("/activate/", form).status_code in {200, 429}
