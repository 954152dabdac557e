"""A repair request comes in (K1-K3, K14)."""

import re
from datetime import UTC, date, datetime, timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.core.files.storage import default_storage

from claims import intake, photos
from claims.models import Claim, Photo
from policies.models import AllowanceUse, Hold, Letter, Policy, Region
from policies.shared.errors import Conflict
from tests import factories
from tests.claims.conftest import (
    NOW,
    SERIAL,
    decisions_of,
    everything_written,
    letters_of,
    timeline,
)
from tests.pages import token

pytestmark = pytest.mark.django_db

PICTURE = photos.Picture(b"the bytes of a picture", 640, 480)


def refused(house, policy, exception: type[Conflict], match: str, **said) -> None:
    before = everything_written()
    with pytest.raises(exception, match=match):
        house.request(policy, **said)
    assert everything_written() == before


# --- the story (K1, K2) ----------------------------------------------------------


def test_a_request_becomes_a_claim_with_a_decision(house, policy):
    claim = house.request(
        policy,
        cause="water",
        happened_on=date(2026, 3, 9),
        description="It fell into the lake.",
        parts=["aircraft", "battery"],
        line2="Second floor",
    )
    claim.refresh_from_db()
    assert re.fullmatch(r"CLM-[A-Z2-9]{8}", claim.number)
    assert len(token(claim)) == 43
    assert (claim.policy, claim.drone, claim.name) == (policy, policy.drone, "Ann Lee")
    assert (claim.email, claim.cause, claim.happened_on) == (
        "ann@example.com", "water", date(2026, 3, 9))  # fmt: skip
    assert (claim.description, claim.parts) == ("It fell into the lake.", ["aircraft", "battery"])
    assert (claim.line1, claim.line2, claim.city) == ("1 Main Street", "Second floor", "Albany")
    assert (claim.state, claim.postal_code, claim.country) == ("NY", "12207", "US")
    assert (claim.submitted_at, claim.progress, claim.progress_at) == (NOW, "submitted", NOW)
    assert (claim.outcome, decisions_of(claim)) == ("care", [("intake", "care")])
    assert (timeline(claim), letters_of(claim)) == (["submitted"], ["claim_received"])
    assert Hold.objects.get().reference == claim.number
    assert not AllowanceUse.objects.exists()


def test_the_decision_keeps_every_reason_with_its_rule(house, policy):
    claim = house.request(policy, parts=["aircraft", "remote_controller"])
    reasons = claim.decisions.get().reasons
    assert [(each["rule"], each["code"], each["objects"]) for each in reasons] == [
        ("K2", "damage_in_term", False),
        ("K2", "request_in_term", False),
        ("P3", "replacement_left", False),
        ("P6", "some_parts_not_covered", False),
    ]
    assert reasons[0]["text"] == "The damage happened within the term."


@pytest.mark.parametrize(
    ("said", "outcome", "code"),
    [
        ({"cause": "product_defect"}, "warranty", "warranty_runs"),
        ({"cause": "other_accident"}, "needs_review", "cause_unclear"),
        ({"cause": "lost_or_stolen"}, "not_covered", "excluded_cause"),
        ({"happened_on": date(2026, 1, 3)}, "not_covered", "damage_before"),
        ({"happened_on": date(1, 1, 1)}, "not_covered", "damage_before"),
        ({"parts": ["remote_controller"]}, "not_covered", "no_part_covered"),
    ],
)
def test_a_request_that_is_not_covered_is_a_claim_all_the_same(house, policy, said, outcome, code):
    claim = house.request(policy, **said)
    assert claim.outcome == outcome
    assert code in [reason["code"] for reason in claim.decisions.get().reasons]


def test_an_activation_stated_by_the_customer_is_told_to_the_clerk(house, ann):
    drone = factories.DroneFactory(activated_at=NOW, activation_source="customer")
    claim = house.request(factories.PolicyFactory(drone=drone, holder=ann))
    assert ("B11", "activation_stated") in [
        (reason["rule"], reason["code"]) for reason in claim.decisions.get().reasons
    ]


def remarks_on(claim: Claim) -> list[str]:
    texts = [reason["text"] for reason in claim.decisions.get().reasons]
    return texts[4:]


def test_k2_a_plan_bound_shortly_before_the_damage_is_told_to_the_clerk(house, ann):
    bound = {"created_at": datetime(2026, 3, 1, 12, tzinfo=UTC)}
    claim = house.request(factories.PolicyFactory(holder=ann, **bound))
    assert (claim.outcome, remarks_on(claim)) == (
        "care", ["The plan was bound to the drone within 7 days before the damage."])  # fmt: skip
    bound = {"created_at": datetime(2026, 2, 28, 12, tzinfo=UTC)}
    assert remarks_on(house.request(factories.PolicyFactory(holder=ann, **bound))) == []


def test_k2_damage_from_before_the_replacement_is_told_to_the_clerk(house, policy):
    house.claim_at("completed", policy)
    policy = Policy.objects.get(pk=policy.pk)
    claim = house.request(policy, happened_on=date(2026, 3, 9))
    assert (claim.outcome, remarks_on(claim)) == (
        "care",
        [
            "The covered drone came as a replacement: it was shipped on 10 March 2026, "
            "after the day of the damage."
        ],
    )
    house.take(claim, "cancel")
    assert remarks_on(house.request(policy, happened_on=date(2026, 3, 10))) == []


def test_a_policy_that_has_ended_still_answers_with_the_reason(house, policy):
    house.now = datetime(2027, 1, 5, 9, 0, tzinfo=UTC)
    claim = house.request(policy, happened_on=date(2027, 1, 4))
    assert claim.outcome == "not_covered"
    assert [reason["code"] for reason in claim.decisions.get().reasons if reason["objects"]] == [
        "request_after"
    ]


def test_numbers_are_not_running_and_links_not_guessable(house):
    claims = [house.request(factories.PolicyFactory()) for _ in range(5)]
    assert len({claim.number for claim in claims}) == 5
    assert len({token(claim) for claim in claims}) == 5
    assert len({claim.number[:6] for claim in claims}) > 1


# --- who may ask (K3) --------------------------------------------------------------


def test_strangers_cannot_tell_an_unknown_serial_from_a_wrong_mailbox(house, policy):
    sentences = set()
    for said in (
        {"serial": "0AXCUNKNOWN001"},
        {"email": "eve@example.com"},
        {"serial": "0AXCUNKNOWN001", "email": "eve@example.com"},
        {"serial": factories.DroneFactory().serial},
        {"serial": factories.PolicyFactory().drone.serial},
    ):
        before = everything_written()
        with pytest.raises(intake.NoMatch) as no:
            house.request(policy, **said)
        sentences.add(str(no.value.message))
        assert everything_written() == before
    assert sentences == {
        "We cannot find a care plan for this serial number and e-mail address. "
        "Please use the address to which we sent the agreement."
    }


def test_strangers_learn_nothing_from_a_future_day_or_a_wrong_region(house, policy):
    stranger = {"email": "eve@example.com"}
    refused(house, policy, intake.NoMatch, "cannot find", **stranger, country="DE")
    refused(house, policy, intake.NoMatch, "cannot find", **stranger, happened_on=date(2030, 1, 1))
    house.request(policy)
    refused(house, policy, intake.NoMatch, "cannot find", **stranger)


def test_a_plan_that_has_not_begun_is_not_found(house, ann):
    begins = datetime(2026, 3, 10, 15, 1, tzinfo=UTC)
    policy = factories.PolicyFactory(holder=ann, starts_at=begins)
    refused(house, policy, intake.NoMatch, "cannot find a care plan")
    house.now = begins
    assert house.request(policy, happened_on=date(2026, 3, 10)).outcome == "care"


def test_the_plan_of_an_earlier_life_is_not_found(house, policy):
    policy.drone.life = 2
    policy.drone.save()
    refused(house, policy, intake.NoMatch, "cannot find a care plan")


# --- one open claim per drone (K3) ---------------------------------------------------


def test_a_second_request_gets_the_link_to_the_first(house, policy):
    first = house.request(policy)
    with pytest.raises(intake.AlreadyOpen, match="We have mailed you the link to it"):
        house.request(policy)
    assert Claim.objects.get() == first
    link = Letter.objects.get(name="claim_link_requested")
    assert (link.recipient, link.reference) == ("ann@example.com", first.number)
    assert link.context["link"] == first.policy.links.get(reference=first.number).pk


def test_the_link_is_mailed_once_an_hour_however_often_the_form_is_sent(house, policy):
    house.request(policy)
    at = house.now
    for _ in range(5):
        house.now = at
        with pytest.raises(intake.AlreadyOpen):
            house.request(policy)
    assert Letter.objects.filter(name="claim_link_requested").count() == 1


def test_after_the_end_of_a_claim_the_next_may_be_opened(house, policy):
    first = house.claim_at("cancelled", policy)
    second = house.request(policy)
    assert (second.drone, second.outcome) == (first.drone, "care")


def test_forms_without_a_number_are_not_taken_for_one_another(house, policy):
    house.take(house.request(policy), "decline")
    house.request(policy)
    assert Claim.objects.count() == 2


# --- where and when (K14, K2) -----------------------------------------------------------


def test_an_address_outside_the_region_is_refused_by_the_region_s_name(house, policy):
    sentence = "serviced in the region United States; please give an address there"
    for country in ("DE", "CA", "KP"):
        refused(house, policy, intake.WrongRegion, sentence, country=country)
    assert house.request(policy, country="PR").country == "PR"


def test_a_european_plan_is_serviced_in_all_of_its_region(house, ann):
    eu = Region.objects.get(code="EU")
    policy = factories.PolicyFactory(holder=ann, region=eu)
    refused(house, policy, intake.WrongRegion, "in the region European Union", country="CH")
    assert house.request(policy, country="FR", state="").country == "FR"


# Country, region, the day, its first instant on the easternmost clock of the region, and whose.
FIRST_INSTANTS = [
    ("GU", "US", date(2026, 3, 2), datetime(2026, 3, 1, 14, 0, tzinfo=UTC)),  # Guam
    ("US", "US", date(2026, 3, 2), datetime(2026, 3, 1, 14, 0, tzinfo=UTC)),  # Guam's, too
    ("NZ", "AU", date(2026, 3, 2), datetime(2026, 3, 1, 10, 15, tzinfo=UTC)),  # the Chathams
    ("GR", "EU", date(2026, 3, 2), datetime(2026, 3, 1, 22, 0, tzinfo=UTC)),  # Athens
    ("CN", "CN", date(2026, 3, 2), datetime(2026, 3, 1, 16, 0, tzinfo=UTC)),  # one clock for all
]


@pytest.mark.parametrize(("country", "region", "day", "begins"), FIRST_INSTANTS)
def test_p9_a_day_lies_in_the_future_until_it_begins_on_the_first_clock_of_the_region(
    house, ann, country, region, day, begins
):
    policy = factories.PolicyFactory(holder=ann, region=Region.objects.get(code=region))
    asked = {"country": country, "happened_on": day}
    house.now = begins - timedelta(microseconds=1)
    refused(house, policy, intake.InFuture, "in the future", **asked)
    house.now = begins
    assert house.request(policy, **asked).outcome == "care"


def test_a_day_far_away_is_in_the_future_anywhere(house, policy):
    refused(house, policy, intake.InFuture, "in the future", happened_on=date(9999, 12, 31))


def test_p9_damage_on_guam_on_the_evening_before_the_plan_begins_elsewhere_is_decided(house, ann):
    """Bound at 09:00 UTC on the 5th: the 4th is over on Guam, and goes on in Honolulu."""
    policy = factories.PolicyFactory(holder=ann, starts_at=datetime(2026, 1, 5, 9, 30, tzinfo=UTC))
    claim = house.request(policy, happened_on=date(2026, 1, 4))
    assert claim.outcome == "care"
    assert [
        reason["text"]
        for reason in claim.decisions.get().reasons
        if reason["code"] == "damage_in_term"
    ] == ["The damage happened within the term, by the clock of another place in the region."]


# --- photos (K1) -----------------------------------------------------------------------


def files() -> list[str]:
    folder = "claims/photos"
    return sorted(default_storage.listdir(folder)[1]) if default_storage.exists(folder) else []


def test_the_photos_are_kept_with_the_claim(house, policy):
    before = files()
    claim = house.request(policy, pictures=[PICTURE, photos.Picture(b"another", 10, 20)])
    rows = list(claim.photos.all())
    assert [(photo.width, photo.height) for photo in rows] == [(640, 480), (10, 20)]
    assert rows[0].image.read() == b"the bytes of a picture"
    assert len(files()) == len(before) + 2
    names = [photo.image.name for photo in rows]
    assert all(re.fullmatch(r"claims/photos/[0-9a-f]{32}\.jpg", name) for name in names)
    for photo in rows:
        photo.image.close()


def test_a_refused_request_stores_no_photo(house, policy):
    before = files()
    refused(house, policy, intake.WrongRegion, "region", country="DE", pictures=[PICTURE])
    house.request(policy)
    with pytest.raises(intake.AlreadyOpen):
        house.request(policy, pictures=[PICTURE])
    assert files() == before


def test_photos_are_forgotten_when_the_claim_fails_after_they_were_stored(house, policy):
    before = files()
    # No form lets this through; what matters is that it fails after the files were written.
    with pytest.raises(TypeError):
        house.request(policy, parts=None, pictures=[PICTURE, PICTURE])
    assert files() == before
    assert not Photo.objects.exists()
    assert not Claim.objects.exists()


def test_photos_are_forgotten_when_one_of_them_cannot_be_stored(house, policy):
    before = files()
    with pytest.raises(AttributeError):
        house.request(policy, pictures=[PICTURE, "not a picture"])
    assert files() == before
    assert not Claim.objects.exists()


def test_the_serial_of_the_form_is_the_drone_of_the_claim(house, policy):
    assert house.request(policy, serial=SERIAL).drone.serial == SERIAL


def test_what_a_browser_had_encoded_is_respelled_by_the_migration(house, policy):
    house.request(policy)
    Claim.objects.update(email="ann@xn--mller-kva.example")
    import_module("claims.migrations.0011_email_domains").respell(apps, None)
    assert Claim.objects.get().email == "ann@müller.example"
