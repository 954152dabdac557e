"""Customers: who is the same person, and what a stranger may change about one."""

from importlib import import_module

import pytest
from django.apps import apps

from policies import customers, verification
from policies.models import Customer, VideoVerification


@pytest.fixture
def met(db, now):
    """Somebody who fills in a form."""

    def introduce(**said) -> Customer:
        person = {"name": "Ann Lee", "email": "ann@example.com", "country": "US"}
        return customers.known(**(person | said), now=now)

    return introduce


def test_who_is_new_is_put_on_file(met, now):
    ann = met(phone="+1 555 0100")
    assert (ann.name, ann.email, ann.country) == ("Ann Lee", "ann@example.com", "US")
    assert (ann.phone, ann.created_at) == ("+1 555 0100", now)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"name": "ann lee"},
        {"name": "ANN LEE"},
        {"name": "  Ann Lee "},
        {"email": "Ann@Example.COM"},
        {"email": " ann@example.com\n"},
    ],
)
def test_the_same_person_is_met_again(met, said):
    ann = met()
    assert met(**said) == ann
    assert Customer.objects.count() == 1
    assert Customer.objects.get().name == "Ann Lee"  # as it was first written


@pytest.mark.parametrize(
    "said", [{"name": "Ann Leigh"}, {"email": "ann@example.org"}, {"country": "CA"}]
)
def test_another_name_address_or_country_is_another_person(met, said):
    ann = met()
    assert met(**said) != ann
    assert Customer.objects.count() == 2


def test_a_missing_phone_is_added(met):
    met()
    assert met(phone="+1 555 0100").phone == "+1 555 0100"
    assert Customer.objects.get().phone == "+1 555 0100"


@pytest.mark.parametrize("phone", ["+1 555 0199", ""])
def test_a_phone_on_file_is_never_overwritten(met, phone):
    met(phone="+1 555 0100")
    assert met(phone=phone).phone == "+1 555 0100"
    assert Customer.objects.get().phone == "+1 555 0100"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Zoë Groß", "ZOË GROSS"),
        ("Zoë Groß", "zoë groß"),
        ("Jonaſ", "Jonas"),  # a long s: its capital is S, its small letter is not s
        ("kelvin", "\u212aelvin"),  # a Kelvin sign: its small letter is k, its capital is not K
        ("İpek", "ipek"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
    ],
)
def test_letters_with_odd_capitals_never_stop_anybody(met, first, second):
    one = met(name=first)
    other = met(name=second)
    assert met(name=first) == one
    assert met(name=second) == other


def test_what_a_browser_had_encoded_is_respelled_by_the_migration(met, mavic_2_pro, now):
    film = {"serial": "0AXCFILM0001", "drone_model": mavic_2_pro, "name": "Ben", "country": "US"}
    for domain in ("xn--mller-kva.example", "xn--ls8h.example"):
        met(email=f"ben@{domain}")
        sent = verification.Film(**film, email=f"ben@{domain}", video_id="dQw4w9WgXcQ")
        verification.submit(sent, now=now)
    twice = met(email="ann@xn--mller-kva.example")
    met(email="ann@müller.example", name="ANN LEE")
    import_module("policies.migrations.0020_email_domains").respell(apps, None)
    for table in (Customer, VideoVerification):
        bens = table.objects.filter(email__startswith="ben").values_list("email", flat=True)
        assert sorted(bens) == ["ben@müller.example", "ben@xn--ls8h.example"]
    twice.refresh_from_db()
    assert twice.email == "ann@xn--mller-kva.example"
