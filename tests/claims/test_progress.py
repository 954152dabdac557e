"""The verbs: what each is open to, and where it leads (K4-K6, K11)."""

from datetime import UTC, date, datetime, timedelta

import pytest

from claims import chasing, progress
from claims.models import Deadline, FeePayment
from policies.models import Hold, Letter, PolicyEvent
from policies.shared.errors import Conflict
from tests import factories
from tests.claims.conftest import (
    ACTIVATED,
    CUSTOMER,
    DESK,
    NOW,
    WAY,
    everything_written,
    fresh,
    ledger,
    letters_of,
)

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
    "cancelled": {"receive": "received", "send_back": "returning"},
    "lapsed": {"receive": "received", "send_back": "returning"},
}
VERBS = [
    *("accept", "overrule", "decline", "cancel", "label_bought", "pick_up", "receive"),
    *("miss_parts", "assess", "ask_fee", "prepare", "pay", "refund", "send_back", "hand_back"),
    *("ship", "complete", "lapse", "give_up_on_fee", "undo"),
]
# The clock and the label worker are told "no" instead of being stopped.
SAY_NO = {"lapse", "give_up_on_fee", "label_bought"}

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("state", OPEN)
def test_a_verb_that_is_not_open_changes_nothing(house, policy, state):
    claim = house.claim_at(state, policy)
    before = everything_written()
    for verb in VERBS:
        if verb in OPEN[state] or (verb == "pay" and claim.accepted_at):
            continue  # money comes when it comes
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
    if verb == "receive" and state in {"cancelled", "lapsed"}:
        expected["receive"] = [("accepted", "", ""), moved]
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
    assert house.take(claim, "prepare").progress == "preparing"


def test_what_was_lost_while_a_page_was_open_is_refused_and_not_overwritten(house, policy):
    stale = house.claim_at("submitted", policy)
    house.do(stale, "decline")
    assert stale.progress == "submitted"
    with pytest.raises(Conflict, match="no longer waiting for a decision"):
        progress.accept(stale, actor=DESK, now=house.now)
    with pytest.raises(Conflict, match="the claim stands at “Declined”"):
        progress.cancel(stale, actor=CUSTOMER, now=house.now)


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
    house.now = claim.progress_at + timedelta(days=30, microseconds=-1)
    assert chasing.give_up(claim, Deadline.Kind.LABEL, days=30, actor=DESK, now=house.now) is False
    house.later(microseconds=1)
    assert chasing.give_up(claim, Deadline.Kind.LABEL, days=30, actor=DESK, now=house.now) is True
    assert fresh(claim).progress == "lapsed"


def test_a_fee_asked_for_meanwhile_is_not_given_up(house, policy):
    claim = house.claim_at("awaiting_fee", policy)
    house.now = claim.progress_at + timedelta(days=30, microseconds=-1)
    assert chasing.give_up(claim, Deadline.Kind.FEE, days=30, actor=DESK, now=house.now) is False
    house.later(microseconds=1)
    assert chasing.give_up(claim, Deadline.Kind.FEE, days=30, actor=DESK, now=house.now) is True
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
    other = factories.PolicyFactory(drone=factories.DroneFactory(activated_at=ACTIVATED))
    repaired = house.claim_at("assessed", other, cause="product_defect")
    assert letters_of(house.take(repaired, "prepare"))[-1] == "claim_preparing"
