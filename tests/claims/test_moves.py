"""The moves of a claim: the table, its history and letters, and steps taken back (K10)."""

from decimal import Decimal

import pytest

from claims import moves, progress
from claims.models import Claim, ClaimEvent, Decision, Progress, Shipment, visits
from claims.progress_page import timeline as timelines
from policies import cancellation, links, transfer
from policies.models import Hold, Letter
from policies.shared.actor import Actor
from policies.shared.errors import Conflict
from tests import factories
from tests.claims.conftest import (
    DESK,
    decisions_of,
    everything_written,
    fresh,
    ledger,
    letters_of,
    timeline,
)

MOVES = {
    "submitted": ["label_sent", "declined", "cancelled"],
    "label_sent": ["in_transit", "received", "cancelled", "lapsed"],
    "in_transit": ["received"],
    "received": ["parts_missing", "assessed"],
    "parts_missing": ["received", "returning"],
    "assessed": ["awaiting_fee", "preparing", "returning"],
    "awaiting_fee": ["preparing", "returning"],
    "preparing": ["shipped"],
    "shipped": ["completed"],
    "completed": [],
    "returning": ["returned"],
    "returned": [],
    "declined": [],
    "cancelled": ["received", "returning"],
    "lapsed": ["received", "returning"],
}
WORDS = {
    "submitted": "Request received",
    "label_sent": "Shipping label sent",
    "in_transit": "On its way to us",
    "received": "Arrived at the service centre",
    "parts_missing": "Waiting for missing parts",
    "assessed": "Damage assessed",
    "awaiting_fee": "Waiting for the replacement fee",
    "preparing": "Preparing your replacement",
    "shipped": "Replacement on its way",
    "completed": "Completed",
    "returning": "Your drone is on its way back",
    "returned": "Returned",
    "declined": "Declined",
    "cancelled": "Cancelled",
    "lapsed": "Lapsed",
}

pytestmark = pytest.mark.django_db


# --- the table -----------------------------------------------------------------


def test_the_table_of_moves_is_the_one_of_the_rules():
    ends = {state: () for state in Progress if state not in moves.MOVES}
    shown = {state: list(afters) for state, afters in (moves.MOVES | ends).items()}
    assert shown == MOVES


def test_every_state_has_the_words_that_the_customer_reads():
    assert dict(Progress.choices) == WORDS


def test_a_claim_is_open_until_it_has_ended():
    assert [state for state in MOVES if Claim(progress=state).is_open] == [
        *("submitted", "label_sent", "in_transit", "received", "parts_missing", "assessed"),
        *("awaiting_fee", "preparing", "shipped", "returning"),
    ]


@pytest.mark.parametrize("state", MOVES)
def test_the_table_allows_what_it_shows_and_nothing_else(state):
    claim = Claim(progress=state)
    allowed = [after for after in Progress if moves.allows(claim, after)]
    assert sorted(allowed) == sorted(MOVES[state])


def test_who_did_it_and_from_where_is_kept(house, policy):
    claim = house.request(policy)
    clerk = factories.UserFactory(username="carla")
    actor = Actor.staff(clerk, address="192.0.2.10")
    progress.accept(claim, actor=actor, now=house.now)
    event = claim.events.get(kind="accepted")
    assert (event.actor, event.by, event.address, event.at) == (
        "carla", clerk, "192.0.2.10", house.now)  # fmt: skip
    submitted = claim.events.get(after="submitted")
    assert (submitted.actor, submitted.by, submitted.address) == ("customer", None, "198.51.100.7")


@pytest.mark.parametrize("verb", ["accept", "decline"])
def test_a_step_of_one_claim_leaves_the_others_as_they_were(house, policy, verb):
    other = house.request(factories.PolicyFactory())
    before = Claim.objects.filter(pk=other.pk).values().get()
    house.take(house.request(policy), verb)
    assert Claim.objects.filter(pk=other.pk).values().get() == before


def test_a_step_from_where_the_claim_stands_no_longer_is_not_written(house, policy):
    stale = house.request(policy)
    house.do(stale, "decline")
    before = everything_written()
    with pytest.raises(Conflict, match="Somebody else has moved this claim meanwhile"):
        moves.Step(stale, DESK, house.now).move(Progress.CANCELLED)
    assert everything_written() == before


def test_notes_for_the_customer_and_notes_for_staff_are_kept_apart(house, policy):
    claim = house.claim_at("label_sent", policy)
    house.do(claim, "receive", note="Box is wet.")
    house.do(claim, "miss_parts", missing="Please send the battery.")
    notes = list(claim.events.order_by("id").values_list("after", "public_note", "note"))
    assert notes[-2:] == [
        ("received", "", "Box is wet."),
        ("parts_missing", "Please send the battery.", ""),
    ]
    letters = {row.name: row.context["note"] for row in Letter.objects.filter(name__contains="_")
               if "note" in row.context}  # fmt: skip
    assert letters["claim_arrived"] == ""
    assert letters["claim_parts_missing"] == "Please send the battery."


def test_the_reason_of_a_cancellation_is_for_the_customer(house, policy):
    claim = house.request(policy)
    house.do(claim, "cancel", reason="As you asked on the phone.")
    assert claim.events.latest("id").public_note == "As you asked on the phone."
    letter = Letter.objects.get(name="claim_cancelled")
    assert letter.context["note"] == "As you asked on the phone."


@pytest.mark.parametrize("verbs", [["cancel"], ["accept", "label_bought", "receive", "assess"]])
def test_what_nobody_said_is_not_noted(house, policy, verbs):
    claim = house.take(house.request(policy), *verbs)
    assert set(claim.events.values_list("public_note", "note")) == {("", "")}


# --- steps taken back (K10) ----------------------------------------------------------------


def test_a_step_taken_back_and_taken_again_mails_once(house, policy):
    claim = house.claim_at("received", policy)
    claim = house.take(claim, "undo", "receive", "undo", "receive", "assess")
    assert timeline(claim) == [
        *("submitted", "(accepted)", "label_sent", "received"),
        *("<- label_sent", "received", "<- label_sent", "received", "assessed"),
    ]
    assert letters_of(claim) == [
        "claim_received", "claim_label", "claim_arrived", "claim_assessed"]  # fmt: skip


def test_coming_back_to_a_state_rightly_mails_again(house, policy):
    claim = house.claim_at("received", policy)
    claim = house.take(claim, "miss_parts", "receive", "miss_parts", "receive", "assess")
    assert letters_of(claim) == [
        *("claim_received", "claim_label", "claim_arrived"),
        *("claim_parts_missing", "claim_arrived", "claim_parts_missing", "claim_arrived"),
        "claim_assessed",
    ]


def test_the_second_visit_taken_back_and_taken_again_mails_once(house, policy):
    claim = house.claim_at("received", policy)
    claim = house.take(claim, "miss_parts", "receive", "undo", "receive", "undo", "receive")
    assert letters_of(claim).count("claim_arrived") == 2


def told(claim) -> list[tuple[str, str]]:
    """The letters since the arrival: what was decided, or the note; "!" for a correction."""
    rows = Letter.objects.filter(reference=claim.number).order_by("id")
    names = {"claim_assessed", "claim_parts_missing", "claim_returning", "claim_fee_received"}
    return [
        ("!" if "correction" in row.context else "")
        + (row.context["note"] or row.context["outcome"])
        for row in rows
        if row.name in names
    ]


def test_another_outcome_after_a_step_back_goes_out_as_a_correction(house, policy):
    claim = house.claim_at("received", policy)
    house.do(claim, "assess")
    house.do(claim, "undo")
    house.do(claim, "assess", cause_found="deliberate")
    assert told(claim) == ["care", "!not_covered"]


def test_who_read_another_outcome_meanwhile_reads_the_first_one_again(house, policy):
    claim = house.claim_at("received", policy)
    for cause in ("collision", "deliberate", "collision", "collision", "deliberate"):
        house.do(claim, "assess", cause_found=cause)
        house.do(claim, "undo")
    assert told(claim) == ["care", "!not_covered", "!care", "!not_covered"]


def test_another_missing_part_goes_out_as_a_correction_and_the_same_one_does_not(house, policy):
    claim = house.claim_at("received", policy)
    house.do(claim, "miss_parts", missing="The battery.")
    house.do(claim, "undo")
    house.do(claim, "miss_parts", missing="The battery.")
    house.do(claim, "undo")
    house.do(claim, "miss_parts", missing="The propellers, not the battery.")
    assert told(claim) == ["The battery.", "!The propellers, not the battery."]


def test_another_reason_or_a_tracking_number_goes_out_as_a_correction(house, policy):
    claim = house.claim_at("assessed", policy)
    house.do(claim, "send_back", reason="There is water in it.")
    house.do(claim, "undo")
    house.do(claim, "send_back", reason="There is sand in it.")
    house.do(claim, "undo")
    house.do(claim, "send_back", reason="There is sand in it.", tracking_number="OUT777")
    assert told(claim) == [
        "care", "There is water in it.", "!There is sand in it.", "!There is sand in it."]  # fmt: skip
    last = Letter.objects.filter(name="claim_returning").latest("id")
    assert last.context["tracking_number"] == "OUT777"


def test_another_step_than_the_one_taken_back_corrects_what_was_read(house, policy):
    claim = house.claim_at("received", policy)
    claim = house.take(claim, "assess", "undo", "miss_parts", "receive", "assess")
    assert told(claim) == ["care", "!Please send the battery, too.", "care"]


def test_what_follows_a_correction_is_none(house, policy):
    claim = house.claim_at("received", policy)
    house.do(claim, "assess", cause_found="deliberate")
    claim = house.take(claim, "undo", "assess", "pay")
    assert told(claim) == ["not_covered", "!care", "care"]


def test_who_read_a_decision_that_is_overruled_then_reads_the_new_one(house, policy):
    claim = house.claim_at("received", policy)
    house.do(claim, "assess", cause_found="deliberate")
    house.do(claim, "overrule", outcome="care")
    house.do(claim, "overrule", outcome="care")
    assert told(claim) == ["not_covered", "!care"]
    claim = house.take(claim, "undo", "assess")
    # The letters name the cause that was found: it is no longer "deliberate".
    assert told(claim) == ["not_covered", "!care", "!care"]


def test_the_result_of_a_closer_look_is_no_correction(house, policy):
    claim = house.claim_at("received", policy)
    house.do(claim, "assess", cause_found="other_accident")
    house.do(claim, "overrule", outcome="care")
    assert told(claim) == ["needs_review", "care"]


def test_a_letter_of_the_first_release_counts_as_read(house, policy):
    claim = house.claim_at("assessed", policy)
    letter = Letter.objects.filter(name="claim_assessed")
    letter.update(dedupe_key=f"claim/{claim.pk}/assessed/1")
    claim = house.take(claim, "undo", "assess")
    assert told(claim) == ["care"]
    house.do(claim, "undo")
    house.do(claim, "assess", cause_found="deliberate")
    assert told(claim) == ["care", "!not_covered"]


def test_a_link_that_was_renewed_meanwhile_is_no_news(house, policy):
    claim = house.claim_at("assessed", policy)
    house.do(claim, "undo")
    links.rotate(claim.policy, letters_follow=False, now=house.now)
    house.do(claim, "assess")
    assert told(claim) == ["care"]


def test_the_step_back_has_its_reason_for_staff_only(house, policy):
    claim = house.claim_at("received", policy)
    house.do(claim, "undo", reason="That was another parcel.")
    event = claim.events.latest("id")
    assert (event.kind, event.before, event.after) == ("undone", "received", "label_sent")
    assert (event.note, event.public_note) == ("That was another parcel.", "")


def test_several_steps_are_taken_back_one_after_the_other(house, policy):
    claim = house.claim_at("awaiting_fee", policy)
    states = []
    for _ in range(3):
        claim = house.take(claim, "undo")
        states.append(claim.progress)
    assert states == ["assessed", "received", "label_sent"]
    with pytest.raises(Conflict, match="cannot be taken back"):
        house.do(claim, "undo")
    # Two steps back in a row, then one forward: the next step back is that one only.
    claim = house.take(claim, "pick_up", "undo")
    assert claim.progress == "label_sent"


def test_taking_an_assessment_back_restores_outcome_ledger_and_fee(house, policy):
    claim = house.claim_at("received", policy)
    house.do(
        claim,
        "assess",
        cause_found="deliberate",
        parts_received=["aircraft"],
        parts_damaged=["aircraft"],
    )
    assert (fresh(claim).outcome, ledger(policy)) == ("not_covered", [])
    claim = house.take(claim, "undo")
    assert (claim.progress, claim.outcome) == ("received", "care")
    assert (claim.ordinal, claim.fee_amount, claim.fee_currency) == (1, Decimal("119.00"), "USD")
    assert (claim.cause_found, claim.parts_received, claim.parts_damaged) == ("", [], [])
    assert ledger(policy) == [(1, claim.number)]


def test_taking_an_assessment_back_gives_back_what_it_had_taken(house, policy):
    claim = house.claim_at("received", policy, cause="product_defect")
    house.do(claim, "assess", cause_found="drop")
    assert ledger(policy) == [(1, claim.number)]
    claim = house.take(claim, "undo")
    assert (claim.outcome, claim.ordinal, claim.fee_amount) == ("warranty", None, None)
    assert ledger(policy) == []


def test_taking_an_assessment_back_restores_the_overruled_outcome(house, policy):
    claim = house.request(policy, cause="other_accident")
    claim = house.take(claim, "overrule", "accept", "label_bought", "receive")
    house.do(claim, "assess", cause_found="deliberate")
    house.do(claim, "overrule", outcome="warranty")
    claim = house.take(claim, "undo")
    assert (claim.outcome, claim.ordinal) == ("care", 1)


def test_what_the_second_assessment_finds_counts(house, policy):
    claim = house.claim_at("received", policy)
    house.do(claim, "assess", cause_found="deliberate")
    claim = house.take(claim, "undo", "assess")
    assert (claim.outcome, claim.progress) == ("care", "assessed")
    assert decisions_of(claim) == [
        ("intake", "care"), ("assessed", "not_covered"), ("assessed", "care")]  # fmt: skip


def test_a_completed_claim_taken_back_holds_the_policy_again(house, policy):
    claim = house.claim_at("completed", policy)
    assert not Hold.objects.exists()
    claim = house.take(claim, "undo")
    assert claim.progress == "shipped"
    assert Hold.objects.get().reference == claim.number
    house.take(claim, "complete")
    assert not Hold.objects.exists()
    assert letters_of(claim).count("claim_completed") == 1


def test_a_completed_repair_is_not_taken_back_under_the_next_claim_for_the_drone(house, policy):
    repaired = house.claim_at("assessed", policy, cause="product_defect")
    house.do(repaired, "prepare")
    house.do(repaired, "ship", new_serial=policy.drone.serial)
    house.do(repaired, "complete")
    house.request(policy)
    before = everything_written()
    with pytest.raises(Conflict, match="There is another open claim for this drone"):
        house.do(repaired, "undo")
    assert everything_written() == before


def test_a_completed_claim_is_not_taken_back_onto_a_new_owners_policy(house, policy):
    claim = house.claim_at("completed", policy)
    transfer.change_owner(
        policy, name="Bo Hall", email="bo@example.com", country="US", actor=DESK, now=house.now
    )
    before = everything_written()
    with pytest.raises(Conflict, match="the policy has a new owner"):
        house.do(claim, "undo")
    assert everything_written() == before


def test_a_completed_claim_is_not_taken_back_onto_a_cancelled_policy(house, policy):
    claim = house.claim_at("completed", policy)
    cancellation.cancel(policy, reason="Sold.", actor=DESK, now=house.now)
    before = everything_written()
    with pytest.raises(Conflict, match="the policy has been cancelled"):
        house.do(claim, "undo")
    assert everything_written() == before


@pytest.mark.parametrize(
    "state", ["submitted", "label_sent", "shipped", "declined", "cancelled", "lapsed", "returned"]
)
def test_what_has_left_the_house_is_not_taken_back(house, policy, state):
    claim = house.claim_at(state, policy)
    before = everything_written()
    with pytest.raises(Conflict, match="This step cannot be taken back"):
        house.do(claim, "undo")
    assert everything_written() == before


def test_a_drone_that_is_with_the_carrier_is_not_taken_back(house, policy):
    claim = house.claim_at("assessed", policy)
    house.do(claim, "send_back", tracking_number="OUT777")
    with pytest.raises(Conflict, match="cannot be taken back: the carrier has the drone"):
        house.do(claim, "undo")
    assert fresh(claim).progress == "returning"


def test_the_last_move_of_a_new_claim_is_none(house, policy):
    claim = house.request(policy)
    assert moves.last_move(claim) is None
    assert [stand for _event, stand in visits(claim.events.all())] == [[("submitted", 1)]]


@pytest.mark.parametrize(
    ("verbs", "states"),
    [
        ([], ["received"]),
        (["undo"], []),
        (["undo", "receive"], ["received"]),
        (["miss_parts", "receive"], ["received", "parts_missing", "received"]),
        (["miss_parts", "receive", "undo"], ["received", "parts_missing"]),
        (["miss_parts", "receive", "undo", "undo", "assess"], ["received", "assessed"]),
    ],
)
def test_what_was_taken_back_counts_nowhere(house, policy, verbs, states):
    claim = house.take(house.claim_at("received", policy), *verbs)
    states = ["submitted", "label_sent", *states]
    assert [event.after for event in moves.steps_that_stand(claim.events.all())] == states
    assert moves.last_move(claim).after == states[-1] == claim.progress
    *_, (_event, stand) = visits(claim.events.all())
    assert [state for state, _time in stand] == states
    assert len(set(stand)) == len(stand)
    page = timelines.of(with_facts(claim))
    shown = [step.label for step in page.steps if step.standing in {"done", "current"}]
    arrivals = iter(["Arrived at the service centre", "Missing parts arrived"])
    assert shown == [next(arrivals) if state == "received" else WORDS[state] for state in states]


def with_facts(claim: Claim) -> Claim:
    claims = timelines.claims_with_facts().prefetch_related("events", "decisions")
    return claims.get(pk=claim.pk)


def test_history_counts(house, policy):
    claim = house.claim_at("completed", policy)
    assert ClaimEvent.objects.filter(claim=claim, kind="moved").count() == 8
    assert Decision.objects.filter(claim=claim).count() == 2
    assert Shipment.objects.filter(claim=claim).count() == 2
