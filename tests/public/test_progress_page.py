"""The progress page, its label, cancelling, and finding one's claim (K5, K10, K12, K13)."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
import zeal
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client

from claims.models import CLOSED, Claim, Deadline, Progress, Shipment
from claims.progress_page import sentences
from policies import links, outbox
from policies.models import Letter, Region, ReplacementFee
from tests import factories
from tests.claims.conftest import WAY, House, in_queue
from tests.pages import form_with, plain, token
from tests.public.conftest import Browser

# Tuesday, 10 March 2026, eleven in the morning in New York.
NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
STATES = list(WAY)


@pytest.fixture(autouse=True)
def ten_days_later() -> Iterator[None]:
    """The clock of the pages: links still work, also those of claims that have ended."""
    with time_machine.travel(NOW + timedelta(days=10)):
        yield


@pytest.fixture
def policy(db):
    """Ann's 1-Year plan for her Mavic 2 Pro, with two replacements."""
    return factories.PolicyFactory(
        drone=factories.DroneFactory(
            serial="0AXCANN0000001", activated_at=datetime(2026, 1, 3, 20, 0, tzinfo=UTC)
        ),
        holder=factories.CustomerFactory(
            name="Ann Lee", email="ann@example.com", phone="+1 555 0100"
        ),
    )


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def claim_at(house, policy):
    @zeal.zeal_ignore()
    def claim_at(state: str, **said) -> Claim:
        claim = house.claim_at(state, policy, **said)
        for shipment in claim.shipments.exclude(label=""):
            if not default_storage.exists(shipment.label.name):
                default_storage.save(shipment.label.name, ContentFile(b"%PDF-1.4 a label"))
        return claim

    return claim_at


@pytest.fixture
def take(house):
    return zeal.zeal_ignore()(house.take)


@pytest.fixture
def do(house):
    return zeal.zeal_ignore()(house.do)


@pytest.fixture
def see(client):
    def see(claim: Claim) -> str:
        response = client.get(f"/repair/progress/{token(claim)}/")
        assert response.status_code == 200
        return response.text

    return see


def main_of(page: str) -> str:
    """The words of the main part."""
    return plain(page.partition("<main")[2].partition("</main>")[0])


def headline(page: str) -> str:
    return re.search(r"<h1>([^<]*)</h1>", page)[1]


def todo(page: str) -> str:
    return plain(re.search(r'<section class="todo.*?</section>', page, re.DOTALL)[0])


def steps(page: str) -> list[tuple[str, str]]:
    """Standing and words of each step."""
    items = re.findall(r'<li class="(\w+)"[^>]*>(.*?)</li>', page, re.DOTALL)
    return [
        (standing, re.search(r'class="what">([^<]*)<', item)[1])
        for standing, item in items
        if 'class="what"' in item
    ]


# --- readable in five seconds --------------------------------------------------


@pytest.mark.parametrize(
    ("state", "headline_", "next_"),
    [
        ("submitted", "Request received", "We read your request and tell you by e-mail"),
        ("label_sent", "Shipping label sent", "As soon as the carrier has your parcel"),
        ("in_transit", "On its way to us", "When your parcel arrives, we check"),
        ("received", "Arrived at the service centre", "We examine the damage"),
        ("parts_missing", "Waiting for missing parts", "As soon as the missing parts are here"),
        ("assessed", "Damage assessed", "Next, we ask you for the replacement fee."),
        ("awaiting_fee", "Waiting for the replacement fee", "As soon as the fee is here"),
        ("preparing", "Preparing your replacement", "We send your replacement as soon as"),
        ("shipped", "Replacement on its way", "The carrier brings it to the address"),
        ("completed", "Completed", "Everything is done."),
        ("returning", "Your drone is on its way back", "The carrier brings your own drone"),
        ("returned", "Returned", "Your own drone is back with you."),
        ("declined", "Declined", "This request is closed."),
        ("cancelled", "Cancelled", "This request is closed."),
        ("lapsed", "Lapsed", "The label was not used in time"),
    ],
)
def test_it_says_in_the_customers_words_where_it_stands_and_what_comes_next(
    claim_at, see, state, headline_, next_
):
    page = see(claim_at(state))
    assert headline(page) == headline_
    assert f'<p class="lead">{next_}' in page


def test_every_state_has_words_for_what_comes_next():
    assert set(sentences.NEXT) | {"assessed"} == set(Progress.values)


def test_accepted_with_the_label_still_to_come_reads_well(claim_at, take, see):
    page = see(take(claim_at("submitted"), "accept"))
    assert headline(page) == "Request accepted"
    assert "We are making your shipping label." in page
    assert "Accepted: 10 March 2026, 12:00 EDT" in main_of(page)
    assert "The decision Covered by the care plan From what you told us." in main_of(page)


# --- what to do now ------------------------------------------------------------


def test_with_a_label_one_prints_packs_and_drops_off(claim_at, see):
    claim = claim_at("label_sent")
    page = see(claim)
    box = todo(page)
    assert "Print the label at full size" in box
    assert "Pack the damaged parts well: Aircraft, Gimbal." in box
    assert "hand it to the carrier" in box
    assert "The label is good until 9 April 2026, 13:00 EDT" in box
    assert f'href="/repair/progress/{token(claim)}/label.pdf"' in page


def test_with_a_fee_due_one_reads_amount_reference_and_deadline(claim_at, see):
    claim = claim_at("awaiting_fee")
    box = todo(see(claim))
    assert "Pay the replacement fee: USD 119.00" in box
    assert f"Reference to quote {claim.number}" in box
    assert "By bank transfer, card, online or in cash." in box
    assert "Please pay by 9 April 2026, 16:00 EDT" in box


def test_with_parts_missing_one_reads_which(claim_at, see):
    claim = claim_at("parts_missing")
    box = todo(see(claim))
    assert "Send us what is missing: Please send the battery, too." in box
    assert f"Please write {claim.number} on the parcel." in box
    assert "It must be here by 9 April 2026, 15:00 EDT ." in box


@pytest.mark.parametrize("state", ["in_transit", "received", "assessed", "preparing", "shipped"])
def test_otherwise_there_is_nothing_to_do(claim_at, see, state):
    assert "Nothing. We e-mail you at the next step." in todo(see(claim_at(state)))


def test_after_a_lapse_the_way_to_a_new_request_is_one_click(claim_at, see):
    assert 'href="/repair/">Send a new request</a>' in see(claim_at("lapsed"))


def test_a_deadline_that_the_dealer_changed_is_the_one_shown(claim_at, see):
    Deadline.objects.filter(kind="label").update(ends_after_days=20)
    assert "good until 30 March 2026, 13:00 EDT" in todo(see(claim_at("label_sent")))


@pytest.mark.parametrize("state", STATES)
def test_the_cancel_button_is_there_only_while_it_works(claim_at, see, state):
    claim = claim_at(state)
    button = f'href="/repair/progress/{token(claim)}/cancel/"'
    assert (button in see(claim)) == (state in {"submitted", "label_sent"})


# --- the timeline ----------------------------------------------------------------


def test_the_main_path_shows_what_was_what_is_and_what_comes(claim_at, see):
    page = see(claim_at("received"))
    assert steps(page) == [
        ("done", "Request received"),
        ("done", "Shipping label sent"),
        ("current", "Arrived at the service centre"),
        ("upcoming", "Damage assessed"),
        ("upcoming", "Waiting for the replacement fee"),
        ("upcoming", "Preparing your replacement"),
        ("upcoming", "Replacement on its way"),
        ("upcoming", "Completed"),
    ]
    assert 'class="current" aria-current="step"' in page
    assert "Step 4 of 9" in page


def test_dates_stand_on_the_regions_clock_and_carry_the_instant(claim_at, see):
    page = see(claim_at("label_sent"))
    assert '<time datetime="2026-03-10T15:00:00+00:00">10 March 2026, 11:00 EDT</time>' in page
    assert '<time datetime="2026-03-10T17:00:00+00:00">10 March 2026, 13:00 EDT</time>' in page


def test_on_the_way_back_the_main_path_ends(claim_at, see):
    page = see(claim_at("returning"))
    assert steps(page)[-2:] == [
        ("current", "Your drone is on its way back"),
        ("upcoming", "Returned"),
    ]
    assert "There is water in the battery." in page
    assert "Step " not in main_of(page).replace("Step by step", "")


@pytest.mark.parametrize(
    ("state", "last"),
    [
        ("declined", ("ended", "Declined")),
        ("cancelled", ("ended", "Cancelled")),
        ("lapsed", ("ended", "Lapsed")),
        ("returned", ("ended", "Returned")),
        ("completed", ("done", "Completed")),
    ],
)
def test_what_is_closed_promises_nothing_more(claim_at, see, state, last):
    assert steps(see(claim_at(state)))[-1] == last


def test_missing_parts_are_a_side_path_that_leads_back(claim_at, take, see):
    claim = claim_at("parts_missing")
    assert steps(see(claim))[2:5] == [
        ("done", "Arrived at the service centre"),
        ("current", "Waiting for missing parts"),
        ("upcoming", "Missing parts arrived"),
    ]
    assert steps(see(take(claim, "receive")))[2:6] == [
        ("done", "Arrived at the service centre"),
        ("done", "Waiting for missing parts"),
        ("current", "Missing parts arrived"),
        ("upcoming", "Damage assessed"),
    ]


def test_the_count_of_steps_stays_when_the_fee_is_paid(claim_at, see):
    assert "Step 7 of 9" in see(claim_at("preparing"))


def test_what_is_paid_already_is_not_asked_for_again(claim_at, take, see):
    page = see(take(claim_at("preparing"), "undo", "undo"))
    assert headline(page) == "Damage assessed"
    assert "Next, we prepare your replacement." in page
    assert ("upcoming", "Waiting for the replacement fee") not in steps(page)


def test_who_has_paid_is_not_asked_to_when_the_step_after_is_taken_back(claim_at, take, see):
    claim = take(claim_at("preparing"), "undo")
    assert claim.progress == "awaiting_fee"
    page = see(claim)
    assert headline(page) == "Your fee is here"
    assert '<p class="lead">Next, we prepare your replacement.' in page
    assert "Nothing. We e-mail you at the next step." in todo(page)
    assert "Please pay" not in page
    assert "to be paid now" not in page
    assert "paid on 10 March 2026" in main_of(page)


def test_a_free_replacement_never_waits_for_a_fee(claim_at, see):
    ReplacementFee.objects.update(amount=0)
    page = see(claim_at("label_sent"))
    assert "Waiting for the replacement fee" not in page
    assert "Step 2 of 8" in page


def test_a_step_taken_back_is_told_without_the_clerks_words(claim_at, do, see):
    claim = claim_at("received")
    do(claim, "miss_parts", missing="The WRONG claim's part.")
    do(claim, "undo", reason="Jim mixed up two SHELVES.")
    page = see(claim)
    assert steps(page)[2:4] == [
        ("current", "Arrived at the service centre"),
        ("correction", "Correction"),
    ]
    assert (
        "A step was taken back on 10 March 2026, 16:00 EDT: “Waiting for missing parts”."
        in main_of(page)
    )
    assert "SHELVES" not in page
    assert "WRONG" not in page


def test_after_a_correction_the_page_tells_of_it_and_shows_what_holds(claim_at, do, see):
    claim = claim_at("received")
    do(claim, "assess")
    do(claim, "undo")
    do(claim, "assess", cause_found="deliberate")
    page = see(claim)
    assert steps(page)[2:5] == [
        ("done", "Arrived at the service centre"),
        ("correction", "Correction"),
        ("current", "Damage assessed"),
    ]
    assert "What we found is not covered, as explained below." in main_of(page)
    assert "This cause of damage is excluded from the plan." in main_of(page)
    assert "Covered by the care plan" not in page


def test_notes_among_staff_stay_inside(claim_at, do, see):
    claim = claim_at("in_transit")
    do(claim, "receive", note="SMELLS of smoke")
    do(claim, "assess", note="looks STAGED")
    do(claim, "overrule", reason="BOSS says so")
    page = see(claim)
    for inside in ("SMELLS", "STAGED", "BOSS", "claims desk"):
        assert inside not in page


# --- the decision ------------------------------------------------------------------


def test_before_acceptance_the_decision_is_a_first_look_with_every_reason(claim_at, see):
    text = main_of(see(claim_at("submitted")))
    assert (
        "A first look Covered by the care plan From what you told us. A member of our staff decides."
        in text
    )
    for reason in (
        "The damage happened within the term.",
        "The repair was requested within the term.",
        "A replacement is left in the allowance.",
        "The damaged parts are covered.",
    ):
        assert reason in text


def test_a_refusal_tells_both_the_clerks_reason_and_the_rules(claim_at, see):
    page = see(claim_at("declined", cause="deliberate"))
    assert '<p class="said">The damage is older than the plan.</p>' in page
    assert "Not covered" in page
    assert "Against: This cause of damage is excluded from the plan." in main_of(page)


def test_beside_a_no_stands_only_what_speaks_against(claim_at, take, do, see, policy):
    for _twice in range(2):
        claim_at("completed")
        policy.refresh_from_db()
    page = main_of(see(claim_at("declined")))
    assert "Against: All replacements of the plan have been used." in page
    assert "within the term" not in page
    assert "are covered" not in page


def test_declined_while_in_doubt_shows_no_doubt_beside_the_no(claim_at, see):
    page = see(claim_at("declined", cause="other_accident"))
    assert "The damage is older than the plan." in page
    assert "Needs a closer look" not in page


def test_declined_for_a_reason_of_its_own_shows_no_yes_beside_the_no(claim_at, see):
    page = see(claim_at("declined"))
    assert "The damage is older than the plan." in page
    assert "Covered by the care plan" not in page


def test_what_was_found_changes_the_decision_and_is_explained(claim_at, do, see):
    claim = claim_at("received")
    do(claim, "assess", cause_found="third_party")
    page = see(claim)
    assert "What we found is not covered, as explained below." in page
    assert "What we found Cause Third-party accessories or software Parts received" in main_of(page)
    assert "From what we found when we examined the drone." in main_of(page)
    assert steps(page)[-2:] == [
        ("upcoming", "Your drone is on its way back"),
        ("upcoming", "Returned"),
    ]


def test_what_was_found_is_told(claim_at, do, see):
    claim = claim_at("received")
    assert "What we found" not in see(claim)
    do(claim, "assess", cause_found="water", parts_damaged=["gimbal"])
    assert (
        "What we found Cause Water damage Parts received Aircraft, Gimbal Parts damaged Gimbal"
        in main_of(see(claim))
    )


def test_an_assessment_taken_back_takes_its_decision_along(claim_at, do, see):
    claim = claim_at("received")
    do(claim, "assess", cause_found="third_party")
    do(claim, "undo")
    text = main_of(see(claim))
    assert "The decision Covered by the care plan From what you told us." in text
    assert "Third-party" not in text


def test_an_overruled_decision_is_a_clerks_and_gives_no_contrary_reasons(claim_at, do, see):
    claim = claim_at("submitted", cause="other_accident")
    assert "A first look Needs a closer look" in main_of(see(claim))
    do(claim, "overrule", outcome="not_covered")
    text = main_of(see(claim))
    assert "Not covered A member of our staff has looked at your case and decided this." in text
    assert "within the term" not in text


def test_under_warranty_it_is_repaired_free_of_charge(claim_at, take, see):
    claim = claim_at("received", cause="product_defect")
    assert "Waiting for the replacement fee" not in see(claim)
    page = see(take(claim, "assess", "prepare"))
    assert headline(page) == "Repairing, under warranty"
    assert "Waiting for the replacement fee" not in page
    assert "Replacement fee" not in page
    assert "2 of 2" in page


def test_a_repaired_drone_that_comes_back_is_no_replacement(claim_at, take, do, see):
    claim = take(claim_at("received", cause="product_defect"), "assess", "prepare")
    do(claim, "ship", new_serial="0AXCANN0000001")
    assert headline(see(claim)) == "Your repaired drone is on its way"


# --- money, allowance, parcels -------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("label_sent", "USD 119.00 due after we have examined the drone"),
        ("assessed", "USD 119.00 we ask you for it next"),
        ("awaiting_fee", "USD 119.00 to be paid now"),
        ("preparing", "USD 119.00 paid on 10 March 2026, 17:00 EDT"),
    ],
)
def test_the_fee_says_whether_it_is_due(claim_at, see, state, words):
    assert f"Replacement fee {words}" in main_of(see(claim_at(state)))


def test_a_refund_is_shown_until_and_after_it_is_paid(claim_at, do, see):
    claim = claim_at("preparing")
    do(claim, "undo")
    do(claim, "send_back")
    page = main_of(see(claim))
    assert "Refund due USD 119.00 we pay it back the way it came" in page
    do(claim, "refund")
    assert "Refund USD 119.00 paid back on 10 March 2026" in main_of(see(claim))


@pytest.mark.parametrize(
    ("state", "left"), [("submitted", "2 of 2"), ("label_sent", "1 of 2"), ("cancelled", "2 of 2")]
)
def test_the_replacements_left_are_those_of_the_ledger(claim_at, see, state, left):
    assert f"Replacements left {left}" in main_of(see(claim_at(state)))


def test_the_parcel_can_be_followed_both_ways(claim_at, take, see):
    claim = claim_at("in_transit")
    Shipment.objects.filter(claim=claim).update(tracking_url="https://paper.example/IN00002")
    assert re.search(r'<a class="code" href="https://paper.example/IN00002"[^>]*>IN', see(claim))
    page = see(take(claim, "receive", "assess", "ask_fee", "pay", "ship"))
    assert "Follow the parcel: OUT" in todo(page)
    assert "paper.example" not in page


def test_a_tracking_link_that_is_none_is_not_linked(claim_at, see):
    claim = claim_at("in_transit")
    Shipment.objects.filter(claim=claim).update(tracking_url="javascript:alert(1)")
    assert "javascript:" not in see(claim)


# --- secrets -----------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
def test_it_shows_no_address_no_phone_no_email_and_no_name(claim_at, see, state):
    claim = claim_at(state, line2="Apartment 7")
    # Its number and the keys on the page are random, and may hold any three letters.
    page = re.sub(r"[\w-]{40,}", "", see(claim)).replace(claim.number, "")
    secrets = ["1 Main Street", "Apartment 7", "Albany", "12207", "555", "ann@", "Ann Lee", "Lee"]
    us = Region.objects.get(code="US")
    for secret in [*secrets, us.line1, us.service_centre, "It flew into a tree"]:
        assert secret not in page


def test_nobody_keeps_it_and_nobody_hears_of_it(client, claim_at):
    response = client.get(f"/repair/progress/{token(claim_at('submitted'))}/")
    assert "no-store" in response["Cache-Control"]
    assert "private" in response["Cache-Control"]
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["X-Robots-Tag"] == "noindex, nofollow"
    assert '<meta name="robots" content="noindex, nofollow">' in response.text


TOKENS = ["x", "A" * 43, "A" * 5_000, "%00" * 43, "%FF", "é", "A%0A", "..", "'--"]


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("page", ["", "label.pdf", "cancel/"])
def test_a_link_that_is_none_of_ours_is_not_found(client, db, token, page):
    assert client.get(f"/repair/progress/{token}/{page}").status_code == 404


def test_a_link_that_was_revoked_is_not_found(client, claim_at):
    claim = claim_at("submitted")
    old = f"/repair/progress/{token(claim)}/"
    links.rotate(claim.policy, reference=claim.number, now=NOW)
    for page in ("", "cancel/", "label.pdf"):
        answer = client.get(f"{old}{page}")
        assert answer.status_code == 404
        assert "This link no longer works" in plain(answer.text)
    assert client.get(f"/repair/progress/{token(claim)}/").status_code == 200


@pytest.mark.parametrize("state", STATES)
def test_it_costs_five_queries(client, claim_at, django_assert_num_queries, state):
    claim = claim_at(state)
    page = f"/repair/progress/{token(claim)}/"
    with django_assert_num_queries(5):
        client.get(page)


def test_html_in_what_people_wrote_stays_text(claim_at, do, see):
    claim = claim_at("received")
    do(claim, "miss_parts", missing="<script>alert(1)</script>\nand a screw")
    page = see(claim)
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;<br>and a screw" in page


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_it_can_only_be_read(client, claim_at, method):
    page = f"/repair/progress/{token(claim_at('label_sent'))}/"
    assert getattr(client, method)(page).status_code == 405
    assert getattr(client, method)(f"{page}label.pdf").status_code == 405


# --- the label -----------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
def test_the_label_is_there_while_it_is_of_use(client, claim_at, state):
    response = client.get(f"/repair/progress/{token(claim_at(state))}/label.pdf")
    assert response.status_code == (200 if state in {"label_sent", "in_transit"} else 404)
    response.close()


def test_the_label_opens_in_the_browser_under_a_name_of_its_own(client, claim_at):
    claim = claim_at("label_sent")
    response = client.get(f"/repair/progress/{token(claim)}/label.pdf")
    assert b"".join(response.streaming_content) == b"%PDF-1.4 a label"
    response.close()
    assert response["Content-Type"] == "application/pdf"
    assert response["Content-Disposition"] == f'inline; filename="{claim.number}-label.pdf"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in response["Cache-Control"]
    assert response["Content-Security-Policy"] == "frame-ancestors 'none'"


def test_a_label_whose_file_is_gone_is_not_found(client, claim_at):
    claim = claim_at("label_sent")
    default_storage.delete(claim.shipments.get().label.name)
    response = client.get(f"/repair/progress/{token(claim)}/label.pdf")
    assert response.status_code == 404


# --- what went out, and the money ------------------------------------------------------------


@pytest.mark.parametrize("condition", ["new", "refurbished"])
def test_the_replacement_is_shown_with_serial_and_condition(claim_at, do, see, condition):
    claim = claim_at("preparing")
    assert "Your replacement 0AX" not in main_of(see(claim))
    do(claim, "ship", new_serial="0AXCNEW0000077", condition=condition)
    said = main_of(see(claim))
    assert f"Your replacement 0AXCNEW0000077 {condition}" in said
    letter = outbox.render(Letter.objects.get(name="claim_shipped"))
    for body in (letter.text, letter.html):
        assert f"Its serial number is 0AXCNEW0000077. It is {condition}." in body


def test_a_drone_that_was_repaired_is_no_replacement_on_the_page(claim_at, take, do, see):
    claim = take(claim_at("received", cause="product_defect"), "assess", "prepare")
    do(claim, "ship", new_serial=claim.drone.serial)
    assert "Your replacement" not in main_of(see(claim))


@pytest.mark.parametrize(
    ("state", "fee"),
    [
        ("label_sent", "Replacement fee USD 119.00 due after we have examined the drone"),
        ("awaiting_fee", "Replacement fee USD 119.00 to be paid now"),
        ("shipped", "Replacement fee USD 119.00 paid on 10 March 2026"),
        ("completed", "Replacement fee USD 119.00 paid on 10 March 2026"),
        ("returning", "Replacement fee nothing to pay"),
        ("returned", "Replacement fee nothing to pay"),
        ("cancelled", "Replacement fee nothing to pay"),
        ("lapsed", "Replacement fee nothing to pay"),
    ],
)
def test_the_fee_is_open_only_while_it_is(claim_at, see, state, fee):
    said = main_of(see(claim_at(state))).replace("\N{NO-BREAK SPACE}", " ")
    assert fee in said
    assert "Refund" not in said


def test_a_refund_is_due_exactly_where_the_desk_has_it_in_its_queue(claim_at, take, do, see):
    claim = claim_at("preparing")
    for verb in ("undo", "send_back", "hand_back", "refund"):
        do(claim, verb)
        due = claim in in_queue("refund")
        said = main_of(see(claim)).replace("\N{NO-BREAK SPACE}", " ")
        assert ("Refund due USD 119.00" in said) is due
    assert "Refund USD 119.00 paid back on 10 March 2026" in said


def test_whose_drone_is_lost_is_not_told_to_keep_it(claim_at, see):
    assert "keep the drone" not in see(claim_at("submitted", cause="lost_or_stolen"))


def test_a_claims_number_does_not_break(claim_at, see):
    claim = claim_at("submitted")
    assert f'Repair <span class="whole">{claim.number}</span>' in see(claim)


def test_no_rule_has_its_number_on_the_page(claim_at, see):
    assert not re.search(
        r"\b[A-Z]\d{1,2}\b", main_of(see(claim_at("declined", cause="deliberate")))
    )


def test_a_link_that_leads_nowhere_offers_to_track_a_repair(client, db):
    response = client.get(f"/repair/progress/{'A' * 43}/")
    assert response.status_code == 404
    assert "This link no longer works" in plain(response.text)
    assert '<a class="button" href="/repair/progress/">Track a repair</a>' in response.text


# --- cancelling ----------------------------------------------------------------------


@pytest.fixture
def cancel():
    """Sends the form. A verb locks the policy's row once more for the ledger: no N+1."""
    return zeal.zeal_ignore()(Client().post)


@pytest.mark.parametrize("state", ["submitted", "label_sent"])
def test_cancelling_asks_first_and_then_does(client, claim_at, cancel, state):
    claim = claim_at(state)
    path = f"/repair/progress/{token(claim)}/cancel/"
    assert "Cancel this request?" in client.get(path).text
    assert Claim.objects.get().progress == state
    response = cancel(path)
    assert response.status_code == 302
    assert response.url == f"/repair/progress/{token(claim)}/"
    assert headline(client.get(response.url).text) == "Cancelled"
    assert Claim.objects.get().progress == "cancelled"
    assert Claim.objects.get().events.get(after="cancelled").actor == "customer"


@pytest.mark.parametrize(
    ("state", "words"),
    [("submitted", False), ("label_sent", True)],
)
def test_the_question_promises_a_replacement_only_where_one_was_taken(
    client, claim_at, state, words
):
    with time_machine.travel(NOW, tick=False):
        text = client.get(f"/repair/progress/{token(claim_at(state))}/cancel/").text
    assert ("Your plan keeps the replacement; it then has 2 of 2 left." in text) == words


def test_the_question_warns_when_the_plan_has_ended_meanwhile(client, claim_at, policy):
    claim = claim_at("label_sent")
    with time_machine.travel(policy.ends_at, tick=False):
        text = client.get(f"/repair/progress/{token(claim)}/cancel/").text
    assert "your plan has ended, so you cannot use it for a new request" in text
    assert "keeps the replacement" not in text


def test_cancelling_twice_does_it_once(client, claim_at, cancel):
    path = f"/repair/progress/{token(claim_at('label_sent'))}/cancel/"
    assert [cancel(path).status_code for _ in range(2)] == [302, 302]
    assert client.get(path).status_code == 302
    assert Letter.objects.filter(name="claim_cancelled").count() == 1


@pytest.mark.parametrize("state", [state for state in STATES if state != "cancelled"][2:])
def test_what_can_no_longer_be_cancelled_says_so_and_stays(client, claim_at, state):
    claim = claim_at(state)
    path = f"/repair/progress/{token(claim)}/cancel/"
    for response, status in ((client.get(path), 200), (client.post(path), 409)):
        assert response.status_code == status
        assert "This request cannot be cancelled any more" in response.text
        assert f"It stands at “{claim.get_progress_display()}”." in main_of(response.text)
        assert "<form" not in response.text
    assert Claim.objects.get().progress == state


def test_a_cancellation_that_comes_just_too_late_is_told_so(client, claim_at, take):
    claim = claim_at("label_sent")
    path = f"/repair/progress/{token(claim)}/cancel/"
    assert "<form" in client.get(path).text
    take(claim, "pick_up")
    assert client.post(path).status_code == 409
    assert Claim.objects.get().progress == "in_transit"


def test_cancelling_needs_the_forms_own_token(claim_at):
    claim = claim_at("label_sent")
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(f"/repair/progress/{token(claim)}/cancel/").status_code == 403


def test_the_form_that_cancels_may_say_where_it_comes_from(client, claim_at):
    # With "no-referrer" a browser sends "Origin: null", which the CSRF check refuses.
    response = client.get(f"/repair/progress/{token(claim_at('submitted'))}/cancel/")
    assert response["Referrer-Policy"] == "same-origin"
    assert "no-store" in response["Cache-Control"]


# --- finding one's claim ---------------------------------------------------------------


@pytest.fixture
def claim(claim_at) -> Claim:
    claim = claim_at("submitted")
    Claim.objects.filter(pk=claim.pk).update(number="CLM-ABCD2345")
    return Claim.objects.get()


@pytest.mark.parametrize(
    "number", ["CLM-ABCD2345", "clm-abcd2345", " abcd 2345 ", "CLM ABCD-2345", "clmabcd2345"]
)
def test_number_and_email_lead_to_the_claim_as_people_write_them(client, claim, number):
    response = client.post("/repair/progress/", {"number": number, "email": " ANN@example.com"})
    assert response.status_code == 200
    assert "<h1>Request received</h1>" in response.text
    assert response.context["claim"] == claim


@pytest.mark.parametrize("state", STATES)
def test_k12_who_comes_by_number_and_email_is_shown_the_page_and_no_key_to_it(
    client, claim_at, state
):
    claim = claim_at(state)
    form = {"number": claim.number, "email": "ann@example.com"}
    response = client.post("/repair/progress/", form)
    assert f'<span class="whole">{claim.number}</span>' in response.text
    assert token(claim) not in response.text
    assert token(claim.policy) not in response.text
    assert not re.search("/repair/progress/[^\"']", response.text)
    # Else the browser would send "Origin: null" with the form, which the CSRF check refuses.
    assert response["Referrer-Policy"] == "same-origin"
    assert 'content="no-referrer"' not in response.text
    assert "no-store" in response["Cache-Control"]


def test_k12_to_act_the_link_is_mailed_to_the_address_on_file_once_an_hour(claim):
    browser = Browser(enforce_csrf_checks=True)

    def send(form: dict[str, str]) -> str:
        return browser.post(
            "/repair/progress/", form, headers={"Referer": "http://testserver/"}
        ).text

    form = form_with("number", browser.get("/repair/progress/").text)
    page = send(form | {"number": claim.number, "email": "ann@example.com"})
    assert "To open the label or to cancel, use the link in our letters." in plain(page)
    form = form_with("number", page)
    assert (form["number"], form["email"]) == (claim.number, "ann@example.com")
    for _twice in range(2):
        page = send(form | {"mail_link": "yes"})
        assert "We have mailed the link to a•••@example.com." in plain(page)
    letter = Letter.objects.get(name="claim_link_requested")
    assert letter.recipient == "ann@example.com"
    rendered = outbox.render(letter, whole=True)
    assert f"http://testserver/repair/progress/{token(claim)}/" in rendered.text
    assert "somebody else has typed your claim number and address" in plain(rendered.html)
    [event] = claim.events.filter(kind="link_sent")
    assert (event.actor, event.address) == ("customer", "127.0.0.1")


def test_k12_no_link_is_mailed_where_it_would_have_expired(client, claim_at):
    claim = claim_at("declined")
    form = {"number": claim.number, "email": "ann@example.com"}
    with time_machine.travel(claim.progress_at + timedelta(days=90)):
        assert "Mail me the link" not in client.post("/repair/progress/", form).text
        client.post("/repair/progress/", form | {"mail_link": "yes"})
    assert not Letter.objects.filter(name="claim_link_requested").exists()


def test_k12_a_claims_link_works_until_90_days_after_its_end(client, claim_at):
    claim = claim_at("completed")
    page = f"/repair/progress/{token(claim)}/"
    end = claim.progress_at + timedelta(days=90)
    for microseconds, status in ((-1, 200), (0, 404), (1, 404)):
        with time_machine.travel(end + timedelta(microseconds=microseconds), tick=False):
            assert client.get(page).status_code == status


def test_k12_the_link_of_an_open_claim_does_not_end(client, claim_at):
    page = f"/repair/progress/{token(claim_at('preparing'))}/"
    with time_machine.travel(NOW + timedelta(days=1000)):
        assert client.get(page).status_code == 200


def test_k12_a_claim_that_is_taken_up_again_has_its_link_again(client, claim_at, take):
    claim = claim_at("lapsed")
    page = f"/repair/progress/{token(claim)}/"
    with time_machine.travel(NOW + timedelta(days=200)):
        assert client.get(page).status_code == 404
        take(claim, "receive")
        assert client.get(page).status_code == 200


def test_whatever_is_wrong_the_answer_is_the_same(client, claim):
    wrong = [
        {"number": "CLM-ABCD2345", "email": "eve@example.com"},
        {"number": "CLM-ABCD2346", "email": "ann@example.com"},
        {"number": "CLM-0000", "email": "ann@example.com"},
        {"number": "'; DROP TABLE", "email": "ann@example.com"},
    ]
    responses = [client.post("/repair/progress/", form) for form in wrong]
    assert {response.status_code for response in responses} == {200}
    for response in responses:
        assert dict(response.context["form"].errors) == {
            "number": ["We cannot find a claim with this number and e-mail address."]
        }


def test_the_21st_attempt_from_one_address_has_to_wait(client, claim):
    with time_machine.travel(NOW, tick=False):
        for _ in range(20):
            client.post("/repair/progress/", {"number": "x", "email": "eve@example.com"})
        response = client.post(
            "/repair/progress/", {"number": "ABCD2345", "email": "ann@example.com"}
        )
    assert response.status_code == 429
    assert 'value="ABCD2345"' in response.text
    assert "Please wait up to 10 minutes" in response.text


@pytest.mark.parametrize("number", ["CLM-ABCD2345", "CLM-ABCD2346"])
def test_guessing_the_email_of_a_number_gets_nowhere_and_tells_nothing(client, claim, number):
    statuses = []
    with time_machine.travel(NOW, tick=False):
        for n in range(10):
            form = {"number": number.lower(), "email": f"guess{n}@example.com"}
            address = f"192.0.2.{n}"
            statuses.append(client.post("/repair/progress/", form, REMOTE_ADDR=address).status_code)
        right = {"number": number, "email": "ann@example.com"}
        statuses.append(
            client.post("/repair/progress/", right, REMOTE_ADDR="192.0.2.99").status_code
        )
    assert statuses == [200] * 10 + [429]
    with time_machine.travel(NOW + timedelta(hours=1, seconds=1), tick=False):
        response = client.post("/repair/progress/", right)
    assert ("<h1>Request received</h1>" in response.text) == (number == "CLM-ABCD2345")


@pytest.mark.parametrize("field", ["number", "email"])
@pytest.mark.parametrize(
    "rubbish",
    [
        "",
        "a\x00b",
        "\x1b[31m",
        "abc\u202edcba",
        "👩‍🚀",
        "<script>alert(1)</script>",
        "x" * 1_000_000,
    ],
    ids=["empty", "nul", "controls", "right to left", "emoji", "html", "long"],
)
def test_rubbish_is_answered_calmly(client, db, field, rubbish):
    form = {"number": "CLM-ABCD2345", "email": "ann@example.com"} | {field: rubbish}
    response = client.post("/repair/progress/", form)
    assert response.status_code == 200
    assert field in response.context["form"].errors or rubbish == "👩‍🚀"
    assert "<script>alert" not in response.text
    assert len(response.content) < 60_000


def test_the_empty_lookup_page_asks_the_database_nothing(client, db, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert client.get("/repair/progress/").status_code == 200


def test_the_states_of_this_file_are_all_there_are():
    assert sorted(STATES) == sorted(Progress.values)
    assert set(CLOSED) < set(STATES)
