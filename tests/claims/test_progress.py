"""The moves of a claim: the table, history, letters, ledger, and steps taken back (K4, K7-K11)."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from claims import progress
from claims.models import Claim, ClaimEvent, Decision, FeePayment, Progress, Shipment
from policies.models import Hold, Letter, PolicyEvent, ReplacementFee
from policies.shared.actor import Actor
from policies.shared.errors import Conflict
from tests import factories
from tests.claims.conftest import (
    CUSTOMER,
    DESK,
    NOW,
    WAY,
    decisions_of,
    everything_written,
    fresh,
    ledger,
    left,
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
    "cancelled": [],
    "lapsed": [],
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
# What each state lets the desk, the customer, the clock or a carrier do, and where it leads.
OPEN = {
    "submitted": {
        "accept": "submitted",
        "overrule": "submitted",
        "decline": "declined",
        "cancel": "cancelled",
    },
    "label_sent": {
        "pick_up": "in_transit",
        "receive": "received",
        "cancel": "cancelled",
        "lapse": "lapsed",
    },
    "in_transit": {"receive": "received", "undo": "label_sent"},
    "received": {"miss_parts": "parts_missing", "assess": "assessed", "undo": "label_sent"},
    "parts_missing": {"receive": "received", "send_back": "returning", "undo": "received"},
    "assessed": {
        "ask_fee": "awaiting_fee",
        "pay": "preparing",
        "send_back": "returning",
        "overrule": "assessed",
        "undo": "received",
    },
    "awaiting_fee": {
        "pay": "preparing",
        "send_back": "returning",
        "give_up_on_fee": "returning",
        "undo": "assessed",
    },
    "preparing": {"ship": "shipped", "undo": "awaiting_fee"},
    "shipped": {"complete": "completed"},
    "completed": {"undo": "shipped"},
    "returning": {"hand_back": "returned", "undo": "assessed"},
    "returned": {},
    "declined": {},
    "cancelled": {},
    "lapsed": {},
}
VERBS = [
    *("accept", "overrule", "decline", "cancel", "label_bought", "pick_up", "receive"),
    *("miss_parts", "assess", "ask_fee", "prepare", "pay", "refund", "send_back", "hand_back"),
    *("ship", "complete", "lapse", "give_up_on_fee", "undo"),
]
# The clock and the label worker are told "no" instead of being stopped.
SAY_NO = {"lapse", "give_up_on_fee", "label_bought"}

pytestmark = pytest.mark.django_db


# --- the table -----------------------------------------------------------------


def test_the_table_of_moves_is_the_one_of_the_rules():
    moves = [(before, after) for before, afters in MOVES.items() for after in afters]
    assert sorted(progress.MOVES) == sorted(moves)


def test_every_state_has_the_words_that_the_customer_reads():
    assert dict(Progress.choices) == WORDS


def test_a_claim_is_open_until_it_has_ended():
    assert [state for state in MOVES if Claim(progress=state).is_open] == [
        *("submitted", "label_sent", "in_transit", "received", "parts_missing", "assessed"),
        *("awaiting_fee", "preparing", "shipped", "returning"),
    ]


def test_the_verbs_on_offer_are_those_of_the_table():
    offered = {state: progress.verbs_open(Claim(progress=state)) for state in MOVES}
    assert offered == {
        "submitted": {"label_bought", "decline", "cancel"},
        "label_sent": {"pick_up", "receive", "cancel", "lapse"},
        "in_transit": {"receive"},
        "received": {"miss_parts", "assess"},
        "parts_missing": {"receive", "send_back"},
        "assessed": {"ask_fee", "prepare", "send_back"},
        "awaiting_fee": {"prepare", "send_back"},
        "preparing": {"ship"},
        "shipped": {"complete"},
        "completed": set(),
        "returning": {"hand_back"},
        "returned": set(),
        "declined": set(),
        "cancelled": set(),
        "lapsed": set(),
    }


@pytest.mark.parametrize("state", MOVES)
def test_a_verb_that_is_not_open_changes_nothing(house, policy, state):
    claim = house.claim_at(state, policy)
    before = everything_written()
    for verb in VERBS:
        if verb in OPEN[state]:
            continue
        if verb == "label_bought" and not claim.shipments.exists():
            continue
        if verb in SAY_NO:
            assert house.do(claim, verb) is False, verb
        else:
            with pytest.raises(Conflict) as no:
                house.do(claim, verb)
            assert str(no.value.message).endswith("."), verb
    assert everything_written() == before


@pytest.mark.parametrize(
    ("state", "verb", "after"),
    [(state, verb, after) for state, verbs in OPEN.items() for verb, after in verbs.items()],
)
def test_a_verb_that_is_open_leads_where_the_table_says(house, policy, state, verb, after):
    claim = house.claim_at(state, policy)
    events, letters = claim.events.count(), len(letters_of(claim))
    at = house.now
    house.do(claim, verb)
    claim = fresh(claim)
    assert claim.progress == after
    if verb == "overrule":
        # A decision is history, too, in its own table; the customer hears of the next step.
        assert claim.decisions.latest("id").kind == "overruled"
        assert (claim.events.count(), len(letters_of(claim))) == (events, letters)
        return
    written = claim.events.order_by("id")[events:]
    moved = ("moved", state, after)
    expected = {
        "accept": [("accepted", "", "")],
        "undo": [("undone", state, after)],
        "pay": [("paid", "", ""), moved],
    }
    assert [(row.kind, row.before, row.after) for row in written] == expected.get(verb, [moved])
    assert {(row.at, row.actor, row.by) for row in written} == {(at, "claims desk", None)}
    silent = {"accept", "undo"}
    assert len(letters_of(claim)) == letters + (verb not in silent)
    if verb != "accept":
        assert claim.progress_at == at


def test_a_warranty_repair_is_prepared_without_a_fee(house, policy):
    claim = house.claim_at("assessed", policy, cause="product_defect")
    with pytest.raises(Conflict, match="There is no fee to ask for"):
        house.do(claim, "ask_fee")
    with pytest.raises(Conflict, match="There is no fee to pay"):
        house.do(claim, "pay")
    assert house.take(claim, "prepare").progress == "preparing"


def test_what_was_lost_while_a_page_was_open_is_refused_and_not_overwritten(house, policy):
    stale = house.claim_at("submitted", policy)
    house.do(stale, "decline")
    assert stale.progress == "submitted"
    with pytest.raises(Conflict, match="no longer waiting for a decision"):
        progress.accept(stale, actor=DESK, now=house.now)
    with pytest.raises(Conflict, match="the claim stands at “Declined”"):
        progress.cancel(stale, actor=CUSTOMER, now=house.now)


def test_who_did_it_and_from_where_is_kept(house, policy):
    claim = house.request(policy)
    clerk = factories.UserFactory(username="carla")
    actor = Actor.staff(clerk, address="192.0.2.10")
    progress.accept(claim, actor=actor, now=house.now)
    event = claim.events.get(kind="accepted")
    assert (event.actor, event.by, event.address, event.at) == (
        "carla", clerk, "192.0.2.10", house.now)  # fmt: skip
    asked = claim.events.get(after="submitted")
    assert (asked.actor, asked.by, asked.address) == ("customer", None, "198.51.100.7")


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


# --- accepting (K4, P5) ----------------------------------------------------------


def test_accepting_takes_the_use_fixes_ordinal_and_fee_and_orders_the_label(house, policy):
    claim = house.request(policy)
    assert (claim.outcome, claim.ordinal, left(policy)) == ("care", None, 2)
    accepted_at = house.now
    claim = house.take(claim, "accept")
    assert (claim.progress, claim.accepted_at) == ("submitted", accepted_at)
    assert (claim.ordinal, claim.fee_amount, claim.fee_currency) == (1, Decimal("119.00"), "USD")
    assert ledger(policy) == [(1, claim.number)]
    assert left(policy) == 1
    label = claim.shipments.get()
    assert (label.direction, label.state, label.reference, label.next_try_at) == (
        "inbound", "wanted", f"{claim.number}-1", accepted_at)  # fmt: skip
    assert letters_of(claim) == ["claim_received"]


def test_a_claim_is_accepted_once(house, policy):
    claim = house.take(house.request(policy), "accept")
    before = everything_written()
    with pytest.raises(Conflict, match="no longer waiting for a decision"):
        house.do(claim, "accept")
    assert everything_written() == before


@pytest.mark.parametrize(
    ("cause", "outcome"),
    [("deliberate", "Not covered"), ("other_accident", "Needs a closer look")],
)
def test_only_a_favourable_decision_can_be_accepted(house, policy, cause, outcome):
    claim = house.request(policy, cause=cause)
    with pytest.raises(Conflict) as no:
        house.do(claim, "accept")
    assert str(no.value.message) == (
        f"The decision is “{outcome}”. To accept all the same, overrule it first."
    )


def test_accepting_the_second_claim_takes_the_second_replacement_and_its_fee(house, policy):
    first = house.claim_at("completed", policy)
    policy.refresh_from_db()
    second = house.take(house.request(policy), "accept")
    assert (second.ordinal, second.fee_amount) == (2, Decimal("139.00"))
    assert ledger(policy) == [(1, first.number), (2, second.number)]
    assert letters_of(second) == ["claim_received", "allowance_used_up"]


def test_a_missing_fee_row_is_named_and_nothing_is_kept(house, policy, us, mavic_2_pro):
    house.claim_at("completed", policy)
    policy.refresh_from_db()
    claim = house.request(policy)
    ReplacementFee.objects.filter(drone_model=mavic_2_pro, region=us, ordinal=2).delete()
    before = everything_written()
    with pytest.raises(Conflict) as no:
        house.do(claim, "accept")
    assert str(no.value.message) == (
        "There is no replacement fee for Mavic 2 Pro in United States, replacement 2. "
        "A manager must enter it before this claim can go on."
    )
    assert everything_written() == before  # the use it had taken is back, and so is the label
    ReplacementFee.objects.create(
        drone_model=mavic_2_pro,
        region=us,
        ordinal=2,
        amount=Decimal("150.00"),
        valid_from=date(2026, 1, 1),
    )
    assert house.take(claim, "accept").fee_amount == Decimal("150.00")


def test_an_allowance_used_up_meanwhile_refuses_the_acceptance(house, policy):
    claim = house.request(policy)
    for ordinal in (1, 2):
        factories.AllowanceUseFactory(policy=policy, ordinal=ordinal)
    before = everything_written()
    with pytest.raises(Conflict, match="No replacement is left in the allowance"):
        house.do(claim, "accept")
    assert everything_written() == before


# --- the fee of the day of acceptance (K4, P4) -------------------------------------


def new_fee(policy, amount: str, valid_from: date, ordinal: int = 1) -> None:
    ReplacementFee.objects.create(
        drone_model=policy.drone.drone_model,
        region=policy.region,
        ordinal=ordinal,
        amount=Decimal(amount),
        valid_from=valid_from,
    )


def test_the_fee_is_that_of_the_day_of_acceptance_on_the_region_s_clock(house, policy):
    new_fee(policy, "149.00", date(2026, 3, 12))
    claim = house.request(policy)
    house.now = datetime(2026, 3, 12, 3, 59, tzinfo=UTC)  # still the 11th in New York
    assert house.take(claim, "accept").fee_amount == Decimal("119.00")


def test_a_new_fee_holds_from_its_first_minute(house, policy):
    new_fee(policy, "149.00", date(2026, 3, 12))
    claim = house.request(policy)
    house.now = datetime(2026, 3, 12, 4, 0, tzinfo=UTC)
    assert house.take(claim, "accept").fee_amount == Decimal("149.00")


def test_an_accepted_claim_keeps_its_fee_when_fees_rise(house, policy):
    claim = house.take(house.request(policy), "accept")
    new_fee(policy, "149.00", date(2026, 3, 11))
    house.later(days=3)
    claim = house.take(claim, "label_bought", "receive", "assess", "ask_fee")
    assert claim.fee_amount == Decimal("119.00")
    assert house.take(claim, "pay").progress == "preparing"


def test_an_accepted_claim_keeps_its_fee_when_a_fee_is_entered_late(house, policy):
    claim = house.take(house.request(policy), "accept")
    new_fee(policy, "149.00", date(2026, 3, 1))
    claim = house.take(claim, "label_bought", "receive", "assess")
    assert claim.fee_amount == Decimal("119.00")
    claim = house.take(claim, "undo", "assess", "ask_fee")
    assert claim.fee_amount == Decimal("119.00")


def test_a_defect_that_turns_out_an_accident_pays_the_fee_of_the_acceptance(house, policy):
    claim = house.take(house.request(policy, cause="product_defect"), "accept")
    new_fee(policy, "149.00", date(2026, 3, 11))
    house.later(days=3)
    claim = house.take(claim, "label_bought", "receive")
    house.do(claim, "assess", cause_found="drop")
    claim = fresh(claim)
    assert (claim.outcome, claim.ordinal, claim.fee_amount) == ("care", 1, Decimal("119.00"))


# --- assessing (K7) ------------------------------------------------------------------


def test_what_was_found_is_recorded_and_decided_again(house, policy):
    claim = house.claim_at("received", policy)
    house.do(
        claim,
        "assess",
        cause_found="water",
        parts_received=["aircraft", "gimbal", "battery"],
        parts_damaged=["aircraft", "battery"],
        note="Corroded.",
    )
    claim = fresh(claim)
    assert (claim.progress, claim.cause_found) == ("assessed", "water")
    assert claim.parts_received == ["aircraft", "gimbal", "battery"]
    assert claim.parts_damaged == ["aircraft", "battery"]
    # What was said stays beside what was found.
    assert (claim.cause, claim.parts) == ("collision", ["aircraft", "gimbal"])
    assert decisions_of(claim) == [("intake", "care"), ("assessed", "care")]
    assert ledger(policy) == [(1, claim.number)]
    assert claim.events.latest("id").note == "Corroded."
    assert Letter.objects.get(name="claim_assessed").context["reasons"] == []


def test_the_second_look_does_not_stumble_over_the_claim_s_own_use(house, policy):
    factories.AllowanceUseFactory(policy=policy, ordinal=1)
    claim = house.claim_at("assessed", policy)
    assert (claim.outcome, claim.ordinal, left(policy)) == ("care", 2, 0)


def test_an_accident_that_turns_out_a_defect_gives_the_use_back(house, policy):
    claim = house.claim_at("received", policy)
    house.do(claim, "assess", cause_found="product_defect")
    claim = fresh(claim)
    assert claim.outcome == "warranty"
    assert (claim.ordinal, claim.fee_amount, claim.fee_currency) == (None, None, "")
    assert (ledger(policy), left(policy)) == ([], 2)
    assert Letter.objects.get(name="claim_assessed").context["reasons"] == [
        {
            "rule": "P8",
            "code": "warranty_runs",
            "text": "The manufacturer's warranty covers defects; it costs no replacement.",
            "objects": False,
        }
    ]


def test_a_defect_that_turns_out_an_accident_takes_a_use(house, policy):
    claim = house.claim_at("received", policy, cause="product_defect")
    assert (claim.outcome, claim.ordinal, ledger(policy)) == ("warranty", None, [])
    house.do(claim, "assess", cause_found="drop")
    claim = fresh(claim)
    assert (claim.outcome, claim.ordinal, claim.fee_amount) == ("care", 1, Decimal("119.00"))
    assert ledger(policy) == [(1, claim.number)]


def test_a_defect_that_turns_out_an_accident_with_nothing_left_is_not_covered(house, policy):
    claim = house.claim_at("received", policy, cause="product_defect")
    for ordinal in (1, 2):
        factories.AllowanceUseFactory(policy=policy, ordinal=ordinal)
    house.do(claim, "assess", cause_found="drop")
    claim = fresh(claim)
    assert (claim.outcome, claim.ordinal) == ("not_covered", None)
    reasons = Letter.objects.get(name="claim_assessed").context["reasons"]
    assert ("P3", "none_left", True) in [
        (each["rule"], each["code"], each["objects"]) for each in reasons
    ]


def test_what_is_found_excluded_gives_the_use_back_and_can_only_go_back(house, policy):
    claim = house.claim_at("received", policy)
    house.do(claim, "assess", cause_found="third_party")
    claim = fresh(claim)
    assert (claim.outcome, ledger(policy)) == ("not_covered", [])
    for verb in ("prepare", "ask_fee", "pay", "ship"):
        with pytest.raises(Conflict):
            house.do(claim, verb)
    assert house.take(claim, "send_back", "hand_back").progress == "returned"


def test_a_part_that_is_not_covered_alone_is_found_out_at_assessment(house, policy):
    claim = house.claim_at("received", policy)
    house.do(claim, "assess", parts_damaged=["remote_controller"])
    assert fresh(claim).outcome == "not_covered"


def test_a_missing_fee_row_stops_the_assessment_too(house, policy, us, mavic_2_pro):
    claim = house.claim_at("received", policy, cause="product_defect")
    ReplacementFee.objects.filter(drone_model=mavic_2_pro, region=us).delete()
    before = everything_written()
    with pytest.raises(Conflict, match="A manager must enter it before this claim can go on"):
        house.do(claim, "assess", cause_found="drop")
    assert everything_written() == before


# --- overruling (K2) -----------------------------------------------------------------


def test_a_person_s_decision_is_kept_beside_the_computed_one(house, policy):
    claim = house.request(policy, cause="other_accident")
    house.do(claim, "overrule", outcome="care", reason="The film shows the tree.")
    claim = fresh(claim)
    assert claim.outcome == "care"
    assert decisions_of(claim) == [("intake", "needs_review"), ("overruled", "care")]
    overruled = claim.decisions.get(kind="overruled")
    assert (overruled.note, overruled.actor) == ("The film shows the tree.", "claims desk")
    computed = claim.decisions.get(kind="intake")
    assert "cause_unclear" in [reason["code"] for reason in computed.reasons]
    assert ledger(policy) == []  # nothing is taken before it is accepted
    assert house.take(claim, "accept").ordinal == 1


def test_an_overruled_decision_stands_when_what_arrived_is_what_was_said(house, policy):
    claim = house.request(policy, cause="other_accident")
    claim = house.take(claim, "overrule", "accept", "label_bought", "receive", "assess")
    assert claim.outcome == "care"
    assert decisions_of(claim)[-1] == ("assessed", "needs_review")
    assert Letter.objects.get(name="claim_assessed").context["reasons"] == []


def test_an_overruled_decision_falls_when_something_else_is_found(house, policy):
    claim = house.request(policy, cause="other_accident")
    claim = house.take(claim, "overrule", "accept", "label_bought", "receive")
    house.do(claim, "assess", cause_found="deliberate")
    assert (fresh(claim).outcome, ledger(policy)) == ("not_covered", [])


def test_overruling_what_was_found_moves_the_ledger_both_ways(house, policy):
    claim = house.claim_at("assessed", policy)
    house.do(claim, "overrule", outcome="warranty")
    claim = fresh(claim)
    assert (claim.outcome, claim.ordinal, claim.fee_amount) == ("warranty", None, None)
    assert ledger(policy) == []
    house.do(claim, "overrule", outcome="care")
    claim = fresh(claim)
    assert (claim.outcome, claim.ordinal, claim.fee_amount) == ("care", 1, Decimal("119.00"))
    assert ledger(policy) == [(1, claim.number)]
    assert [each for each, _ in decisions_of(claim)] == [
        "intake", "assessed", "overruled", "overruled"]  # fmt: skip


@pytest.mark.parametrize(
    "state", [state for state in WAY if state not in {"submitted", "assessed"}]
)
def test_a_decision_is_overruled_before_it_is_acted_on_and_not_after(house, policy, state):
    claim = house.claim_at(state, policy)
    with pytest.raises(Conflict, match="before it is acted on, not after"):
        house.do(claim, "overrule")


def test_an_accepted_request_is_not_overruled(house, policy):
    claim = house.take(house.request(policy), "accept")
    with pytest.raises(Conflict, match="before it is acted on, not after"):
        house.do(claim, "overrule", outcome="not_covered")


# --- the allowance goes back (K4, P3) ---------------------------------------------------


@pytest.mark.parametrize(
    ("state", "verbs"),
    [
        ("declined", ["accept", "decline"]),
        ("cancelled", ["accept", "cancel"]),
        ("cancelled", ["accept", "label_bought", "cancel"]),
        ("lapsed", ["accept", "label_bought", "lapse"]),
        ("returned", [*WAY["parts_missing"], "send_back", "hand_back"]),
        ("returned", [*WAY["assessed"], "send_back", "hand_back"]),
        ("returned", [*WAY["awaiting_fee"], "send_back", "hand_back"]),
        ("returned", [*WAY["awaiting_fee"], "give_up_on_fee", "hand_back"]),
    ],
)
def test_a_claim_that_ends_without_a_replacement_gives_the_use_back(house, policy, state, verbs):
    factories.AllowanceUseFactory(policy=policy, ordinal=1, reference="CLM-EARLIER2")
    claim = house.take(house.request(policy), "accept")
    assert ledger(policy) == [(1, "CLM-EARLIER2"), (2, claim.number)]
    assert not policy.is_in_force(at=house.now)
    claim = house.take(claim, *verbs[1:])
    assert claim.progress == state
    assert ledger(policy) == [(1, "CLM-EARLIER2")]
    policy.refresh_from_db()
    assert policy.is_in_force(at=house.now)  # P3: in force again
    assert not Hold.objects.exists()
    kinds = PolicyEvent.objects.filter(policy=policy).order_by("id").values_list("kind", "note")
    assert list(kinds) == [("use_taken", claim.number), ("use_given_back", claim.number)]


def test_until_the_drone_is_handed_back_the_use_stays_taken(house, policy):
    claim = house.claim_at("returning", policy)
    assert ledger(policy) == [(1, claim.number)]
    assert Hold.objects.get().reference == claim.number


def test_a_completed_claim_keeps_its_use_for_good(house, policy):
    claim = house.claim_at("completed", policy)
    assert ledger(policy) == [(1, claim.number)]
    assert not Hold.objects.exists()


def test_a_policy_is_held_while_a_claim_is_open(house, policy):
    claim = house.request(policy)
    hold = Hold.objects.get()
    assert (hold.policy, hold.reference, hold.since) == (policy, claim.number, NOW)
    house.do(claim, "decline")
    assert not Hold.objects.exists()


# --- a policy that ends meanwhile (K11) ---------------------------------------------------


def test_a_policy_that_ends_meanwhile_changes_nothing_for_the_claim(house, policy):
    claim = house.claim_at("received", policy)
    house.now = datetime(2027, 6, 1, 15, 0, tzinfo=UTC)
    policy.refresh_from_db()
    policy.status = "expired"
    policy.save()
    assert not policy.is_in_force(at=house.now)
    claim = house.take(claim, "assess")
    assert (claim.outcome, claim.ordinal) == ("care", 1)
    claim = house.take(claim, "ask_fee", "pay", "ship", "complete")
    assert claim.progress == "completed"
    policy.refresh_from_db()
    assert policy.drone == claim.replacement
    assert policy.status == "expired"


def test_a_warranty_that_ends_meanwhile_changes_nothing_for_the_claim(house, policy):
    claim = house.claim_at("received", policy, cause="product_defect")
    house.now = datetime(2027, 6, 1, 15, 0, tzinfo=UTC)
    assert house.take(claim, "assess").outcome == "warranty"


def test_a_request_is_accepted_after_the_end_when_it_was_made_before(house, policy):
    house.now = datetime(2027, 1, 5, 8, 59, tzinfo=UTC)
    claim = house.request(policy, happened_on=date(2027, 1, 4))
    house.now = datetime(2027, 1, 20, 9, 0, tzinfo=UTC)
    assert house.take(claim, "accept").ordinal == 1


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
    assert progress.last_move(claim) is None
    assert progress.visits(claim, "submitted") == 1


# --- labels of claims that end (K5) -----------------------------------------------------------


def test_a_label_not_bought_yet_is_ordered_no_longer_when_the_claim_ends(house, policy):
    claim = house.take(house.request(policy), "accept", "cancel")
    assert claim.shipments.get().state == "void"
    # A worker that was buying it at that moment keeps what it needs to take it back.
    assert house.do(claim, "label_bought") is False
    label = claim.shipments.get()
    assert (label.state, label.carrier) == ("voiding", "paper")
    assert fresh(claim).progress == "cancelled"


@pytest.mark.parametrize("verb", ["cancel", "lapse"])
def test_a_bought_label_is_taken_back_when_the_claim_ends(house, policy, verb):
    claim = house.claim_at("label_sent", policy)
    at = house.now
    house.do(claim, verb)
    label = claim.shipments.get()
    assert (label.state, label.next_try_at, label.attempts) == ("voiding", at, 0)


def test_the_label_letter_carries_the_label(house, policy):
    claim = house.claim_at("label_sent", policy)
    label = claim.shipments.get()
    facts = Letter.objects.get(name="claim_label").context
    assert facts["tracking_number"] == label.tracking_number
    assert facts["attachments"] == [
        {"file": f"claims/labels/{claim.number}.pdf", "name": f"{claim.number}-label.pdf"}
    ]


# --- the clock (K6) ------------------------------------------------------------------------------


def test_a_label_used_meanwhile_does_not_lapse(house, policy):
    claim = house.claim_at("label_sent", policy)
    since = claim.progress_at
    assert house.do(claim, "lapse", since=since - timedelta(microseconds=1)) is False
    assert house.do(claim, "lapse", since=since) is True
    assert fresh(claim).progress == "lapsed"


def test_a_fee_asked_for_meanwhile_is_not_given_up(house, policy):
    claim = house.claim_at("awaiting_fee", policy)
    since = claim.progress_at
    assert house.do(claim, "give_up_on_fee", since=since - timedelta(microseconds=1)) is False
    assert house.do(claim, "give_up_on_fee", since=since) is True
    event = claim.events.latest("id")
    assert event.public_note == "The replacement fee was not paid in time."


def test_a_fee_that_was_paid_is_not_given_up(house, policy):
    # Paid, and the step then taken back: the claim waits for the desk, not for the customer.
    claim = house.take(house.claim_at("preparing", policy), "undo")
    assert claim.progress == "awaiting_fee"
    house.later(days=40)
    assert house.do(claim, "give_up_on_fee") is False
    assert fresh(claim).progress == "awaiting_fee"
    assert house.take(claim, "prepare").progress == "preparing"
    assert FeePayment.objects.count() == 1


def test_letters_of_the_preparation_say_what_it_is(house, policy):
    paid = house.claim_at("preparing", policy)
    assert letters_of(paid)[-1] == "claim_fee_received"
    other = factories.PolicyFactory(drone=factories.DroneFactory(activated_at=NOW))
    repaired = house.claim_at("assessed", other, cause="product_defect")
    assert letters_of(house.take(repaired, "prepare"))[-1] == "claim_preparing"


def test_every_state_has_a_letter_of_its_own():
    from_rules = {
        "submitted": "claim_received",
        "label_sent": "claim_label",
        "in_transit": "claim_in_transit",
        "received": "claim_arrived",
        "parts_missing": "claim_parts_missing",
        "assessed": "claim_assessed",
        "awaiting_fee": "claim_fee_due",
        "preparing": "claim_preparing",
        "shipped": "claim_shipped",
        "completed": "claim_completed",
        "returning": "claim_returning",
        "returned": "claim_returned",
        "declined": "claim_declined",
        "cancelled": "claim_cancelled",
        "lapsed": "claim_lapsed",
    }
    assert from_rules == progress.letters.LETTERS


def test_history_counts(house, policy):
    claim = house.claim_at("completed", policy)
    assert ClaimEvent.objects.filter(claim=claim, kind="moved").count() == 8
    assert Decision.objects.filter(claim=claim).count() == 2
    assert Shipment.objects.filter(claim=claim).count() == 2
