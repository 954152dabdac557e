"""Any steps in any order: what is true of claims and policies after each of them.

A clerk who presses every button, legal or not, in whatever order the random numbers say.
"""

import os
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from django.db import transaction
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from claims import fees
from claims.intake import AlreadyOpen, NoMatch
from claims.models import Claim, ClaimEvent, FeePayment
from policies.models import AllowanceUse, Drone, Hold, Letter, Policy, PolicyEvent
from policies.shared.errors import Conflict
from tests import factories
from tests.claims.conftest import ACTIVATED, House

OPEN_STATES = {
    *("submitted", "label_sent", "in_transit", "received", "parts_missing", "assessed"),
    *("awaiting_fee", "preparing", "shipped", "returning"),
}
WITHOUT_REPLACEMENT = {"declined", "cancelled", "lapsed", "returned"}
# The usual way on from each state, so that random clerks come to an end now and then.
ONWARD = {
    "submitted": ["accept", "label_bought", "decline", "cancel"],
    "label_sent": ["receive", "pick_up", "cancel", "lapse"],
    "in_transit": ["receive"],
    "received": ["assess", "miss_parts"],
    "parts_missing": ["receive", "send_back"],
    "assessed": ["ask_fee", "pay", "prepare", "send_back"],
    "awaiting_fee": ["pay", "prepare", "send_back", "give_up_on_fee"],
    "preparing": ["ship"],
    "shipped": ["complete"],
    "returning": ["hand_back"],
    "cancelled": ["receive", "send_back"],
    "lapsed": ["receive", "send_back"],
}
ANY_VERB = [
    *("accept", "decline", "cancel", "label_bought", "pick_up", "receive", "miss_parts"),
    *("ask_fee", "prepare", "pay", "refund", "send_back", "hand_back", "complete", "lapse"),
    *("give_up_on_fee", "give_up_on_parts", "undo"),
]
LETTER_OF = {
    "submitted": "claim_received",
    "label_sent": "claim_label",
    "in_transit": "claim_in_transit",
    "received": "claim_arrived",
    "parts_missing": "claim_parts_missing",
    "assessed": "claim_assessed",
    "awaiting_fee": "claim_fee_due",
    "shipped": "claim_shipped",
    "completed": "claim_completed",
    "returning": "claim_returning",
    "returned": "claim_returned",
    "declined": "claim_declined",
    "cancelled": "claim_cancelled",
    "lapsed": "claim_lapsed",
}
# Most of all accidents, so that the allowance is what claims fight for.
CAUSES = ["collision", "water", "drop", "product_defect", "other_accident", "deliberate"]
OUTCOMES = ["care", "warranty", "not_covered", "needs_review"]


class RandomClerk(RuleBasedStateMachine):
    @initialize(replacements=st.sampled_from([1, 2, 3]))
    def open_the_house(self, replacements: int) -> None:
        self.house = House()
        self.policies = [
            factories.PolicyFactory(drone=factories.DroneFactory(activated_at=ACTIVATED))
            for _ in range(2)
        ]
        for policy in self.policies:
            policy.periods.update(replacements=replacements)
        self.claims: list[int] = []

    def __init__(self) -> None:
        super().__init__()
        self.everything = transaction.atomic()
        self.everything.__enter__()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.everything.__exit__(None, None, None)

    # --- what can happen -------------------------------------------------------------

    def claim(self, place: int) -> Claim:
        return Claim.objects.get(pk=self.claims[place % len(self.claims)])

    def some_open_claim(self, place: int) -> Claim | None:
        still_open = Claim.objects.filter(pk__in=self.claims).open().order_by("pk")
        return still_open[place % len(still_open)] if still_open else None

    def attempt(self, claim: Claim, verb: str, **said) -> bool:
        """Whether it went through; what is not open is refused and changes nothing."""
        before = fingerprint(claim)
        try:
            went = self.house.do(claim, verb, **said)
        except Conflict:
            assert fingerprint(claim) == before
            return False
        if went is False:
            assert fingerprint(claim) == before
        return went is not False

    @rule(place=st.integers(0, 1), cause=st.sampled_from(CAUSES), days_ago=st.integers(0, 80))
    def a_customer_asks(self, place: int, cause: str, days_ago: int) -> None:
        policy = Policy.objects.get(pk=self.policies[place].pk)
        happened_on = date(2026, 3, 9) - timedelta(days=days_ago)
        is_open = Claim.objects.filter(drone=policy.drone).open().exists()
        try:
            claim = self.house.request(policy, cause=cause, happened_on=happened_on)
        except AlreadyOpen:
            assert is_open
        except NoMatch:
            raise AssertionError("a holder is always found") from None
        else:
            assert not is_open
            self.claims.append(claim.pk)

    @precondition(lambda self: self.claims)
    @rule(place=st.integers(0, 9), choice=st.integers(0, 9))
    def the_desk_goes_on(self, place: int, choice: int) -> None:
        claim = self.some_open_claim(place)
        if claim is not None:
            verbs = ONWARD[claim.progress]
            verb = verbs[choice % len(verbs)]
            if verb == "label_bought" and not claim.shipments.exists():
                verb = "accept"
            self.attempt(claim, verb)

    @precondition(lambda self: self.claims)
    @rule(place=st.integers(0, 9), steps=st.integers(2, 8))
    def the_desk_goes_on_for_a_while(self, place: int, steps: int) -> None:
        for _ in range(steps):
            self.the_desk_goes_on(place, 0)
            claim = self.claim(place)
            if claim.progress == "submitted" and claim.shipments.filter(state="wanted").exists():
                self.attempt(claim, "label_bought")
            if claim.progress == "assessed":
                self.attempt(claim, "pay" if claim.fee_amount else "prepare")

    @precondition(lambda self: self.claims)
    @rule(place=st.integers(0, 9), verb=st.sampled_from(ANY_VERB))
    def somebody_presses_any_button(self, place: int, verb: str) -> None:
        claim = self.claim(place)
        if verb != "label_bought" or claim.shipments.exists():
            self.attempt(claim, verb)

    @precondition(lambda self: self.claims)
    @rule(place=st.integers(0, 9), cause=st.sampled_from(CAUSES))
    def the_workshop_finds_something(self, place: int, cause: str) -> None:
        claim = self.claim(place)
        if self.attempt(claim, "assess", cause_found=cause):
            assert self.claim(place).cause_found == cause

    @precondition(lambda self: self.claims)
    @rule(place=st.integers(0, 9), outcome=st.sampled_from(OUTCOMES))
    def a_clerk_overrules(self, place: int, outcome: str) -> None:
        claim = self.claim(place)
        if self.attempt(claim, "overrule", outcome=outcome):
            assert self.claim(place).outcome == outcome

    @precondition(lambda self: self.claims)
    @rule(place=st.integers(0, 9))
    def a_step_is_taken_back(self, place: int) -> None:
        self.attempt(self.claim(place), "undo")

    @precondition(lambda self: self.claims)
    @rule(place=st.integers(0, 9), amount=st.sampled_from(["0", "118.99", "139.01"]))
    def a_wrong_amount_comes_in(self, place: int, amount: str) -> None:
        claim = self.claim(place)
        owes = claim.fee_amount and not fees.is_settled(claim)
        wrong = owes and claim.progress not in {*WITHOUT_REPLACEMENT, "returning"}
        went = self.attempt(claim, "pay", amount=Decimal(amount))
        assert not (went and (wrong or amount == "0"))

    @precondition(lambda self: self.claims)
    @rule(place=st.integers(0, 9), own=st.booleans())
    def a_serial_in_use_is_shipped(self, place: int, own: bool) -> None:
        claim = self.claim(place)
        other = Policy.objects.exclude(pk=claim.policy_id).get()
        serial = claim.drone.serial if own else other.drone.serial
        went = self.attempt(claim, "ship", new_serial=serial)
        assert not went or (own and claim.outcome == "warranty")

    # --- what is true after each of them -----------------------------------------------------

    @invariant()
    def the_books_are_right(self) -> None:
        books = Books()
        nobody_has_more_replacements_than_were_granted(books)
        a_drone_has_one_open_claim(books)
        a_policy_is_held_exactly_while_a_claim_is_open(books)
        the_history_is_one_chain_and_ends_where_the_claim_stands(books)
        the_customer_has_read_where_the_claim_stands(books)
        nobody_reads_the_same_news_twice(books)
        the_ledger_says_what_the_claims_say(books)
        what_was_shipped_was_paid_and_moved_the_policy(books)
        one_payment_pays_the_fee_and_the_others_go_back(books)
        no_policy_is_on_a_drone_that_was_handed_in(books)


class Books:
    """Everything that is written, read once after each step."""

    def __init__(self) -> None:
        self.claims = list(Claim.objects.select_related("drone"))
        self.policies = list(Policy.objects.with_allowance().select_related("drone"))
        self.uses = list(AllowanceUse.objects.live())
        self.holds = set(Hold.objects.values_list("reference", "policy_id"))
        self.paid = list(FeePayment.objects.filter(refunded_at=None, reversed_at=None))
        self.letters: dict[str, list[tuple[str, dict]]] = {}
        letters = Letter.objects.filter(dedupe_key__contains="/step/").order_by("id")
        for number, name, facts in letters.values_list("reference", "name", "context"):
            self.letters.setdefault(number, []).append((name, facts))
        self.moves = PolicyEvent.objects.filter(kind="moved").count()
        self.retired = Drone.objects.filter(retired_at__isnull=False).count()
        self.steps: dict[int, list[tuple[str, str, str]]] = {claim.pk: [] for claim in self.claims}
        events = ClaimEvent.objects.filter(kind__in=["moved", "undone"]).order_by("id")
        for claim, kind, before, after in events.values_list("claim", "kind", "before", "after"):
            self.steps[claim].append((kind, before, after))

    @property
    def open_claims(self) -> list[Claim]:
        return [claim for claim in self.claims if claim.progress in OPEN_STATES]


def nobody_has_more_replacements_than_were_granted(books: Books) -> None:
    for policy in books.policies:
        ordinals = [use.ordinal for use in books.uses if use.policy_id == policy.pk]
        assert policy.used == len(ordinals) <= policy.granted
        assert len(set(ordinals)) == len(ordinals)


def a_drone_has_one_open_claim(books: Books) -> None:
    drones = [claim.drone_id for claim in books.open_claims]
    assert len(set(drones)) == len(drones)


def a_policy_is_held_exactly_while_a_claim_is_open(books: Books) -> None:
    assert books.holds == {(claim.number, claim.policy_id) for claim in books.open_claims}


def the_history_is_one_chain_and_ends_where_the_claim_stands(books: Books) -> None:
    for claim in books.claims:
        stands = ""
        for _kind, before, after in books.steps[claim.pk]:
            assert before == stands
            stands = after
        assert claim.progress == stands


def the_customer_has_read_where_the_claim_stands(books: Books) -> None:
    """The last letter about the state says what was decided, unless the step was just taken."""
    for claim in books.claims:
        if books.steps[claim.pk][-1][0] == "undone":
            continue
        names = {LETTER_OF.get(claim.progress, "")}
        if claim.progress == "preparing":
            names = {"claim_fee_received" if claim.fee_amount else "claim_preparing"}
        last = [facts for name, facts in books.letters[claim.number] if name in names][-1]
        assert claim.progress != "assessed" or last["outcome"] == claim.outcome


def nobody_reads_the_same_news_twice(books: Books) -> None:
    for letters in books.letters.values():
        news = [(name, facts | {"correction": False, "ends_at": ""}) for name, facts in letters]
        assert all(one != other for one, other in pairwise(news))


def the_ledger_says_what_the_claims_say(books: Books) -> None:
    live = {use.reference: use.ordinal for use in books.uses}
    for claim in books.claims:
        _kind, before, stands = books.steps[claim.pk][-1]
        # A parcel that goes back after the end of its claim takes nothing again (K15).
        ended = WITHOUT_REPLACEMENT & {stands, before if stands == "returning" else ""}
        if ended:
            assert claim.number not in live
        elif claim.outcome == "care" and claim.accepted_at is not None:
            assert live[claim.number] == claim.ordinal
        else:
            assert claim.number not in live
            assert claim.ordinal is None


def what_was_shipped_was_paid_and_moved_the_policy(books: Books) -> None:
    for claim in books.claims:
        if claim.progress not in {"shipped", "completed"}:
            continue
        assert claim.outcome in {"care", "warranty"}
        if claim.fee_amount:
            assert claim.fee_amount in [
                one.amount for one in books.paid if one.claim_id == claim.pk
            ]
        if claim.outcome == "care":
            assert claim.replacement_id != claim.drone_id
            assert claim.drone.retired_at is not None


def one_payment_pays_the_fee_and_the_others_go_back(books: Books) -> None:
    for claim in books.claims:
        paid = [one for one in books.paid if one.claim_id == claim.pk]
        fitting = [one for one in paid if one.amount == claim.fee_amount]
        needs = claim.progress not in {*WITHOUT_REPLACEMENT, "returning"}
        pays = [one for one in paid if not one.is_spare]
        assert len(pays) == (1 if needs and fitting else 0)
        assert all(one.amount == claim.fee_amount for one in pays)


def no_policy_is_on_a_drone_that_was_handed_in(books: Books) -> None:
    assert all(policy.drone.retired_at is None for policy in books.policies)
    assert books.retired == books.moves


def fingerprint(claim: Claim) -> tuple:
    """What a refused step must leave as it was."""
    return (
        Claim.objects.filter(pk=claim.pk).values_list().get(),
        claim.events.count(),
        claim.decisions.count(),
        claim.shipments.count(),
        Letter.objects.count(),
        sorted(AllowanceUse.objects.values_list()),
        FeePayment.objects.count(),
        Drone.objects.count(),
    )


@pytest.mark.django_db
def test_whatever_is_done_in_whatever_order_the_books_are_right():
    examples = int(os.environ.get("MOVES_EXAMPLES", "30"))
    run_state_machine_as_test(
        RandomClerk,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            print_blob=True,
        ),
    )
