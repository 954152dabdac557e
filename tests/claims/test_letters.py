"""How the letters about claims read. Queued by the real verbs, rendered as the worker does."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.template import engines

from claims import letters
from claims.models import Claim, Deadline, Progress
from policies import outbox
from policies.models import Letter
from tests.claims.conftest import DESK, WAY
from tests.pages import token

LETTER_OF = {
    "submitted": "claim_received",
    "label_sent": "claim_label",
    "in_transit": "claim_in_transit",
    "received": "claim_arrived",
    "parts_missing": "claim_parts_missing",
    "assessed": "claim_assessed",
    "awaiting_fee": "claim_fee_due",
    "preparing": "claim_fee_received",
    "shipped": "claim_shipped",
    "completed": "claim_completed",
    "returning": "claim_returning",
    "returned": "claim_returned",
    "declined": "claim_declined",
    "cancelled": "claim_cancelled",
    "lapsed": "claim_lapsed",
}


@pytest.fixture(autouse=True)
def strict_templates():
    """A variable that is missing shows in the letter."""
    engine = engines["django"].engine
    before, engine.string_if_invalid = engine.string_if_invalid, "MISSING(%s)"
    yield
    engine.string_if_invalid = before


def render(letter: Letter) -> outbox.Rendered:
    # The strict engine knows no defaults; this is the one that the templates have.
    letter.context |= {"layout": "letters/claim.txt"}
    return outbox.render(letter, whole=True)


def letter_of(claim: Claim, name: str) -> outbox.Rendered:
    return render(Letter.objects.get(name=name, reference=claim.number))


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("state", list(WAY))
def test_the_letter_of_each_state_is_complete_in_text_and_html(house, policy, state):
    claim = house.claim_at(state, policy)
    letter = letter_of(claim, LETTER_OF[state])
    assert letter.subject.startswith(f"{claim.number}: ")
    assert len(letter.subject) <= 60
    for body in (letter.text, letter.html):
        assert "MISSING" not in body
        assert "None" not in body
        assert "Hello Ann Lee," in body
        assert f"http://testserver/repair/progress/{token(claim)}/" in body
        assert re.search("what you need to do", body, re.IGNORECASE)
    assert "\n\n\n" not in letter.text
    assert "<p></p>" not in letter.html
    assert "<" not in letter.text


@pytest.mark.parametrize("state", list(WAY))
def test_text_and_html_say_the_same(house, policy, state):
    letter = letter_of(house.claim_at(state, policy), LETTER_OF[state])
    first = letter.text.split("\n\n")[1]
    html = flat(re.sub(r"<[^>]+>", " ", letter.html))
    assert flat(first).replace("'", "&#x27;") in html


def test_every_state_has_a_letter_of_its_own():
    # Preparing without a fee has another; the letter of the fee is the usual one.
    assert letters.LETTERS == LETTER_OF | {"preparing": "claim_preparing"}


def test_every_state_has_a_letter_and_every_letter_its_folder():
    assert set(letters.LETTERS) == set(Progress.values)
    names = {
        *LETTER_OF.values(),
        *letters.LETTERS.values(),
        "label_reminder",
        "fee_reminder",
        "parts_reminder",
    }
    for name in {*names, "claim_link_requested", "allowance_used_up"}:
        folder = Path(settings.BASE_DIR) / "templates/letters" / name
        assert sorted(file.name for file in folder.iterdir()) == [
            "body.html",
            "body.txt",
            "subject.txt",
        ]


def test_whose_drone_is_lost_is_not_told_to_keep_it(house, policy):
    stolen = letter_of(
        house.claim_at("submitted", policy, cause="lost_or_stolen"), "claim_received"
    )
    assert "Nothing for now." in stolen.text
    assert "keep the drone" not in stolen.text + stolen.html


def test_whose_drone_is_damaged_is_told_to_keep_it(house, policy):
    letter = letter_of(house.claim_at("submitted", policy), "claim_received")
    assert "Please keep the drone and all its parts as they are." in letter.text


def test_the_label_letter_says_what_to_pack_and_until_when(house, policy):
    claim = house.claim_at("label_sent", policy)
    letter = letter_of(claim, "claim_label")
    assert letter.subject == f"{claim.number}: your shipping label"
    assert "Put these parts in: Aircraft, Gimbal." in letter.text
    assert "The label is good until 9 April 2026, 13:00 EDT." in letter.text
    assert "The replacement fee will be USD\N{NO-BREAK SPACE}119.00." in letter.text
    assert "Tracking number: IN00002" in letter.text


def test_the_label_is_attached(house, policy):
    claim = house.claim_at("label_sent", policy)
    row = Letter.objects.get(name="claim_label")
    default_storage.save(claim.shipments.get().label.name, ContentFile(b"%PDF-1.4 a label"))
    row.context |= {"layout": "letters/claim.txt"}
    [attachment] = outbox.message(row).attachments
    assert attachment.filename == f"{claim.number}-label.pdf"
    assert attachment.content == b"%PDF-1.4 a label"


def test_a_warranty_case_asks_for_no_fee(house, policy):
    claim = house.claim_at("label_sent", policy, cause="product_defect")
    assert " fee" not in letter_of(claim, "claim_label").text
    claim = house.take(claim, "receive", "assess", "prepare")
    assert "the repair is free and uses no replacement" in letter_of(claim, "claim_assessed").text
    letter = letter_of(claim, "claim_preparing")
    assert letter.subject == f"{claim.number}: we repair your drone"
    house.do(claim, "ship", new_serial=claim.drone.serial)
    letter = letter_of(claim, "claim_shipped")
    assert letter.subject == f"{claim.number}: your drone is on its way"
    assert "Your repaired Mavic 2 Pro is on its way to you." in letter.text
    for each in Letter.objects.filter(reference=claim.number):
        assert "MISSING" not in "".join(vars(render(each)).values())


def test_the_letter_about_missing_parts_says_what_and_where_to(house, policy):
    claim = house.claim_at("parts_missing", policy)
    text = letter_of(claim, "claim_parts_missing").text
    assert "\n\nPlease send the battery, too.\n\n" in text
    assert f"write {claim.number} on the parcel:" in text
    assert "\n100 Example Avenue\n" in text
    assert "\nAlbany NY 12207\nUnited States" in text
    assert "If it is not here by 9 April 2026, 15:00 EDT, we send your drone back" in flat(text)


def test_the_assessment_says_what_was_found(house, policy):
    claim = house.claim_at("received", policy)
    house.do(claim, "assess", cause_found="water", parts_damaged=["gimbal"])
    letter = letter_of(claim, "claim_assessed")
    facts = ("Cause: Water damage", "Parts received: Aircraft, Gimbal", "Parts damaged: Gimbal")
    assert "\n\n" + "\n".join(facts) + "\n\n" in letter.text
    for fact in facts:
        assert fact in letter.html


def test_who_has_paid_is_not_told_of_a_fee_to_come(house, policy):
    claim = house.claim_at("preparing", policy)
    house.do(claim, "undo")
    house.do(claim, "undo")
    house.do(claim, "undo")
    Letter.objects.filter(name="claim_assessed").delete()
    house.do(claim, "assess")
    text = letter_of(claim, "claim_assessed").text
    assert "Next, we prepare your replacement." in text
    assert " fee" not in text


def test_the_missing_parts_are_thanked_for_in_words_of_their_own(house, policy):
    claim = house.claim_at("parts_missing", policy)
    first = letter_of(claim, "claim_arrived")
    assert first.subject == f"{claim.number}: your parcel has arrived"
    Letter.objects.filter(name="claim_arrived").delete()
    house.do(claim, "receive")
    second = letter_of(claim, "claim_arrived")
    assert second.subject == f"{claim.number}: what was missing has arrived"
    for body in (second.text, second.html):
        assert "What was missing has arrived, thank you." in body
        assert "your parcel has arrived" not in body.lower()


def test_a_changed_decision_is_told_with_its_reasons(house, policy):
    claim = house.claim_at("received", policy)
    house.do(claim, "assess", cause_found="third_party")
    text = letter_of(claim, "claim_assessed").text
    assert "What we found is not covered." in text
    assert "- This cause of damage is excluded from the plan." in text


def test_a_correction_says_so_first_in_subject_text_and_html(house, policy):
    claim = house.claim_at("assessed", policy)
    house.do(claim, "undo")
    house.do(claim, "assess", cause_found="third_party")
    first, second = (
        render(row) for row in Letter.objects.filter(name="claim_assessed").order_by("id")
    )
    assert first.subject == f"{claim.number}: what we found"
    assert "Correction" not in first.text + first.html
    assert second.subject == f"Correction: {claim.number}: what we found"
    assert second.text.startswith(
        "Correction: what we last wrote to you about this no longer holds. "
        "This letter says how it is.\n\nHello Ann Lee,"
    )
    assert "What we found is not covered." in second.text
    html = flat(re.sub(r"<[^>]+>", " ", second.html.partition("<body")[2]))
    assert "Correction: what we last wrote to you about this no longer holds." in html
    assert html.index("Correction:") < html.index("Hello Ann Lee,")
    assert "MISSING" not in second.text + second.html


def test_an_unchanged_decision_needs_no_reasons(house, policy):
    text = letter_of(house.claim_at("assessed", policy), "claim_assessed").text
    assert "The damage is covered by your care plan." in text
    assert "The reasons" not in text
    assert "\n- " not in text


def test_a_refusal_carries_the_clerks_reason_and_the_rules(house, policy):
    claim = house.claim_at("declined", policy, cause="lost_or_stolen")
    text = letter_of(claim, "claim_declined").text
    assert "The damage is older than the plan." in text
    assert "- This cause of damage is excluded from the plan." in text


def test_a_refusal_names_no_fact_in_favour_as_its_reason(house, policy):
    for _twice in range(2):
        house.claim_at("completed", policy)
        policy.refresh_from_db()
    claim = house.claim_at("declined", policy)
    letter = letter_of(claim, "claim_declined")
    assert "\n- All replacements of the plan have been used.\n" in letter.text
    assert letter.text.count("\n- ") == 1
    assert "within the term" not in letter.text + letter.html
    assert "are covered" not in letter.text + letter.html


# --- what an end without a replacement leaves ------------------------------------------------


@pytest.mark.parametrize("state", ["cancelled", "lapsed", "returned"])
def test_a_replacement_that_was_taken_is_kept(house, policy, state):
    letter = letter_of(house.claim_at(state, policy), f"claim_{state}")
    sentence = "Your plan keeps the replacement; it has 2 of 2 left."
    assert sentence in letter.text
    assert sentence in letter.html


def test_a_request_that_never_took_one_says_so(house, policy):
    letter = letter_of(house.claim_at("declined", policy), "claim_declined")
    assert "No replacement of your plan was used; it has 2 of 2 left." in letter.text
    assert "keeps" not in letter.text + letter.html


def test_a_used_up_plan_keeps_nothing(house, policy):
    for _twice in range(2):
        house.claim_at("completed", policy)
        policy.refresh_from_db()
    letter = letter_of(house.claim_at("declined", policy), "claim_declined")
    assert " left" not in letter.text
    assert "keeps" not in letter.text + letter.html


@pytest.mark.parametrize("state", ["cancelled", "lapsed", "returned"])
def test_a_replacement_that_comes_back_too_late_is_not_promised(house, policy, state):
    claim = house.take(house.request(policy), *WAY[state][:-1])
    house.now = policy.ends_at
    house.do(claim, WAY[state][-1])
    letter = letter_of(claim, f"claim_{state}")
    sentence = "counts as not used, but your plan has ended and can no longer be used."
    assert sentence in letter.text
    assert sentence in letter.html
    assert "keeps" not in letter.text


def test_a_refusal_of_what_the_rules_would_cover_carries_no_yes(house, policy):
    text = letter_of(house.claim_at("declined", policy), "claim_declined").text
    assert "The damage is older than the plan." in text
    assert "\n- " not in text


def test_a_refusal_after_a_clerk_overruled_says_only_what_the_clerk_says(house, policy):
    claim = house.request(policy)
    house.do(claim, "overrule", outcome="not_covered", reason="INSIDE only")
    house.do(claim, "decline")
    text = letter_of(claim, "claim_declined").text
    assert "INSIDE" not in text
    assert "\n- " not in text


def test_the_fee_letter_names_amount_reference_and_deadline(house, policy):
    claim = house.claim_at("awaiting_fee", policy)
    text = flat(letter_of(claim, "claim_fee_due").text)
    assert f"Please pay USD 119.00 and quote {claim.number}:" in text
    assert "If the fee is not here by 9 April 2026, 16:00 EDT," in text


def test_the_reminders_name_the_last_day(house, policy):
    def remind(kind):
        letters.reminder(claim, Deadline.objects.get(kind=kind), now=house.now)
        letter = letter_of(claim, f"{kind}_reminder")
        assert "MISSING" not in letter.text + letter.html
        return flat(letter.text)

    claim = house.claim_at("label_sent", policy)
    assert "hand in the parcel by 9 April 2026, 13:00 EDT" in remind("label")
    claim = house.take(claim, "receive", "miss_parts")
    text = remind("parts")
    assert "missing in your parcel: Please send the battery, too." in text
    assert "here by 9 April 2026, 15:00 EDT. After that we send your drone back as it is." in text
    assert "100 Example Avenue" in text
    claim = house.take(claim, "receive", "assess", "ask_fee")
    assert "the replacement fee of USD 119.00." in remind("fee")


def test_money_paid_for_nothing_is_promised_back(house, policy):
    claim = house.claim_at("preparing", policy)
    house.do(claim, "undo")
    house.do(claim, "send_back", tracking_number="BACK1")
    text = letter_of(claim, "claim_returning").text
    assert "You have paid USD\N{NO-BREAK SPACE}119.00. We pay it back the way it came." in text
    assert "Tracking number: BACK1" in text
    house.do(claim, "hand_back")
    assert "We pay it back" in letter_of(claim, "claim_returned").text


def test_without_a_payment_no_money_is_promised(house, policy):
    assert " pay" not in letter_of(house.claim_at("returned", policy), "claim_returned").text


def test_the_shipping_letter_names_the_new_serial_and_the_parcel(house, policy):
    claim = house.claim_at("shipped", policy)
    text = letter_of(claim, "claim_shipped").text
    assert f"Its serial number is {claim.replacement.serial}." in text
    assert re.search(r"Tracking number: OUT\d{5}", text)


def test_the_link_letter_carries_the_link(house, policy):
    claim = house.request(policy)
    letters.claim_link_requested(claim, now=house.now)
    letter = letter_of(claim, "claim_link_requested")
    assert f"/repair/progress/{token(claim)}/" in letter.text
    assert "MISSING" not in letter.text + letter.html


def test_the_last_replacement_is_announced(house, policy):
    claim = house.claim_at("completed", policy)
    policy.refresh_from_db()
    second = house.claim_at("label_sent", policy)
    letter = letter_of(second, "allowance_used_up")
    assert letter.subject == f"{second.number}: this uses your plan's last replacement"
    assert f"http://testserver/policy/{token(policy)}/" in letter.text
    assert "MISSING" not in letter.text + letter.html
    assert not Letter.objects.filter(name="allowance_used_up", reference=claim.number).exists()


def test_text_is_plain_and_html_is_escaped(house, policy):
    claim = house.claim_at("received", policy)
    Claim.objects.filter(pk=claim.pk).update(name="Zoë <b>O'Neil</b> & Co")
    house.do(claim, "miss_parts", missing="<script>x</script> & http://eve.example\nand a screw")
    letter = letter_of(claim, "claim_parts_missing")
    assert "Hello Zoë <b>O'Neil</b> & Co," in letter.text
    assert "<script>x</script> & http://eve.example\nand a screw" in letter.text
    assert "Hello Zoë &lt;b&gt;O&#x27;Neil&lt;/b&gt; &amp; Co," in letter.html
    assert "&lt;script&gt;x&lt;/script&gt; &amp; " in letter.html
    assert "<br>and a screw" in letter.html
    assert "<script" not in letter.html


def test_no_letter_tells_the_customers_own_address(house, policy):
    claim = house.claim_at("completed", policy, line1="221B Baker Street")
    for each in Letter.objects.filter(reference=claim.number):
        letter = render(each)
        assert "221B" not in letter.text + letter.html
        assert "ann@example.com" not in letter.text + letter.html


def test_the_sign_of_a_missing_variable_is_seen(house, policy):
    house.request(policy)
    letter = Letter.objects.get(name="claim_received")
    del letter.context["drone_model"]
    assert "MISSING(drone_model)" in render(letter).text


def test_staff_are_not_named(house, policy):
    house.claim_at("completed", policy)
    for each in Letter.objects.all():
        assert DESK.name not in render(each).text
