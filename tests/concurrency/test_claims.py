"""Two at once: one button, one replacement, one form, one parcel (K3, K4, K8, K10)."""

from collections import Counter

import pytest
from django.db import transaction

from claims import chasing, progress
from claims.models import Claim, ClaimEvent, Deadline, FeePayment, Shipment
from claims.parcels import labels
from policies import cancellation, cover, transfer
from policies.models import AllowanceUse, Hold, Letter, Policy, PolicyEvent
from policies.shared.errors import Conflict
from tests import factories
from tests.claims.conftest import (
    ACTIVATED,
    CUSTOMER,
    DESK,
    House,
    PaperCarrier,
    fresh,
    ledger,
    timeline,
)
from tests.concurrency.conftest import outcomes, race

# Together 200 times that two press one button; a claim that has come far takes long to make.
ROUNDS = {"accept": 80, "receive": 70, "pay": 30, "ship": 20}
FEWER_ROUNDS = 8


@pytest.fixture
def house(committed_db) -> House:
    return House()


@pytest.fixture
def claim_at(house):
    """Makes a claim on a policy of its own that has come to a state."""

    def make(state: str) -> Claim:
        drone = factories.DroneFactory(activated_at=ACTIVATED)
        with transaction.atomic():  # one commit for all of its steps
            return house.claim_at(state, factories.PolicyFactory(drone=drone))

    return make


def both_press(claim: Claim, house: House, verb: str, *said: dict) -> list:
    """Two clerks, each with the page as it was a moment ago."""
    words = [each or {} for each in (said or ({}, {}))]
    return race(
        *(
            lambda more=more: getattr(progress, verb)(
                claim, **(house.usual_words(claim, verb) | more), actor=DESK, now=house.now
            )
            for more in words
        )
    )


def written(claim: Claim) -> tuple[list[str], Counter]:
    letters = Letter.objects.filter(reference=claim.number).values_list("name", flat=True)
    return timeline(claim), Counter(letters)


# --- the same button, 200 times --------------------------------------------------------


def test_two_clerks_accept_one_claim_once(house, claim_at):
    for _ in range(ROUNDS["accept"]):
        claim = claim_at("submitted")
        assert outcomes(both_press(claim, house, "accept")) == ["Conflict", "NoneType"]
        assert written(claim) == (["submitted", "(accepted)"], {"claim_received": 1})
        assert ledger(claim.policy) == [(1, claim.number)]
        assert claim.shipments.count() == 1
    assert PolicyEvent.objects.filter(kind="use_taken").count() == ROUNDS["accept"]


def test_two_clerks_receive_one_parcel_once(house, claim_at):
    for _ in range(ROUNDS["receive"]):
        claim = claim_at("label_sent")
        assert outcomes(both_press(claim, house, "receive")) == ["Conflict", "NoneType"]
        steps, letters = written(claim)
        assert steps == ["submitted", "(accepted)", "label_sent", "received"]
        assert letters == {"claim_received": 1, "claim_label": 1, "claim_arrived": 1}


def test_two_clerks_who_record_the_fee_under_two_references_owe_one_back(house, claim_at):
    """K8: one payment pays the fee; money that nobody owes is to be paid back at once."""
    for number in range(ROUNDS["pay"]):
        claim = claim_at("awaiting_fee")
        said = [{"reference": f"{clerk}-{number}"} for clerk in ("CARLA", "CEM")]
        assert outcomes(both_press(claim, house, "pay", *said)) == ["NoneType", "NoneType"]
        steps, letters = written(claim)
        assert steps[-4:] == ["awaiting_fee", "(paid)", "preparing", "(paid)"]
        assert letters["claim_fee_received"] == 1
        payments = FeePayment.objects.filter(claim=claim)
        assert sorted(payment.is_spare for payment in payments) == [False, True]


def test_two_clerks_ship_one_replacement_once(house, claim_at):
    for number in range(ROUNDS["ship"]):
        claim = claim_at("preparing")
        said = [{"new_serial": f"0AXCNEW{clerk}{number:06d}"} for clerk in ("A", "B")]
        assert outcomes(both_press(claim, house, "ship", *said)) == ["Conflict", "NoneType"]
        claim = fresh(claim)
        policy = Policy.objects.get(pk=claim.policy_id)
        assert policy.drone_id == claim.replacement_id
        assert policy.events.filter(kind="moved").count() == 1
        assert claim.shipments.filter(direction="outbound").count() == 1
        assert written(claim)[1]["claim_shipped"] == 1


def test_two_clerks_take_one_step_back_once(house, claim_at):
    for _ in range(FEWER_ROUNDS):
        claim = claim_at("label_sent")
        house.do(claim, "pick_up")
        assert outcomes(both_press(claim, house, "undo")) == ["Conflict", "NoneType"]
        assert timeline(claim) == [
            "submitted", "(accepted)", "label_sent", "in_transit", "<- label_sent"]  # fmt: skip


def test_two_clerks_close_one_claim_once(house, claim_at):
    for _ in range(FEWER_ROUNDS):
        claim = claim_at("label_sent")
        assert outcomes(both_press(claim, house, "cancel")) == ["Conflict", "NoneType"]
        assert ledger(claim.policy) == []
        assert PolicyEvent.objects.filter(kind="use_given_back", note=claim.number).count() == 1
    assert not Hold.objects.exists()


# --- different buttons ----------------------------------------------------------------------


def test_a_customer_cancels_while_a_clerk_accepts(house, claim_at):
    seen = Counter()
    for _ in range(FEWER_ROUNDS):
        claim = claim_at("submitted")
        cancelled, accepted = race(
            lambda claim=claim: progress.cancel(claim, actor=CUSTOMER, now=house.now),
            lambda claim=claim: progress.accept(claim, actor=DESK, now=house.now),
        )
        # The customer may always cancel; whether there was something to give back depends.
        assert cancelled is None
        assert accepted is None or isinstance(accepted, Conflict), accepted
        claim = fresh(claim)
        assert claim.progress == "cancelled"
        assert (ledger(claim.policy), Hold.objects.count()) == ([], 0)
        assert [label.state for label in claim.shipments.all()] == ["void"] * (accepted is None)
        seen["accepted first" if accepted is None else "cancelled first"] += 1
        assert written(claim)[1] == {"claim_received": 1, "claim_cancelled": 1}
    assert sum(seen.values()) == FEWER_ROUNDS


def test_a_clerk_declines_while_another_accepts(house, claim_at):
    for _ in range(FEWER_ROUNDS):
        claim = claim_at("submitted")
        declined, accepted = race(
            lambda claim=claim: progress.decline(claim, reason="No.", actor=DESK, now=house.now),
            lambda claim=claim: progress.accept(claim, actor=DESK, now=house.now),
        )
        assert declined is None
        assert accepted is None or isinstance(accepted, Conflict), accepted
        assert (fresh(claim).progress, ledger(claim.policy)) == ("declined", [])


def test_a_customer_cancels_while_the_label_is_bought(house, claim_at):
    for _ in range(FEWER_ROUNDS):
        claim = house.take(claim_at("submitted"), "accept")
        carrier = PaperCarrier()
        cancelled, _work = race(
            lambda claim=claim: progress.cancel(claim, actor=CUSTOMER, now=house.now),
            lambda carrier=carrier: labels.work(carrier, clock=lambda: house.now),
        )
        assert cancelled is None
        claim = fresh(claim)
        assert (claim.progress, ledger(claim.policy)) == ("cancelled", [])
        labels.work(carrier, clock=lambda: house.now)
        # Whatever was sold was taken back, and nothing is left to be done.
        assert {label.carrier_id for label in carrier.sold.values()} == set(carrier.voided)
        assert Shipment.objects.get(claim=claim).state == "void"


def test_a_parcel_arrives_while_its_label_lapses(house, claim_at):
    for _ in range(FEWER_ROUNDS):
        claim = claim_at("label_sent")
        received, lapsed = race(
            lambda claim=claim: progress.receive(claim, actor=DESK, now=house.now),
            lambda claim=claim: chasing.give_up(
                claim, Deadline.Kind.LABEL, days=0, actor=DESK, now=house.now
            ),
        )
        claim = fresh(claim)
        assert received is None
        assert lapsed in {True, False}  # True: the parcel came an instant late, and is taken up
        assert (claim.progress, ledger(claim.policy)) == ("received", [(1, claim.number)])


# --- the last replacement -------------------------------------------------------------------


def with_one_left() -> Policy:
    policy = factories.PolicyFactory(drone=factories.DroneFactory(activated_at=ACTIVATED))
    factories.AllowanceUseFactory(policy=policy, ordinal=1)
    return policy


def consume(policy: Policy, reference: str, house: House) -> int:
    with transaction.atomic():  # the claim verb's own
        locked = cover.lock(policy)
        return cover.consume(locked, reference=reference, actor=DESK, now=house.now)


def test_two_claims_fight_for_the_last_replacement_and_one_wins(house):
    for number in range(FEWER_ROUNDS):
        policy = with_one_left()
        results = race(
            *(
                lambda policy=policy, name=f"CLM-{claim}{number:06d}": consume(policy, name, house)
                for claim in ("A", "B")
            )
        )
        assert outcomes(results) == ["Conflict", "int"], results
        assert AllowanceUse.objects.live().filter(policy=policy).count() == 2
    assert Letter.objects.filter(name="allowance_used_up").count() == FEWER_ROUNDS


def test_two_acceptances_fight_for_the_last_replacement_and_one_wins(house):
    for _ in range(FEWER_ROUNDS):
        policy = with_one_left()
        first = house.request(policy)
        # No form makes two open claims on one policy; the ledger must hold all the same.
        other = factories.DroneFactory(activated_at=ACTIVATED)
        Policy.objects.filter(pk=policy.pk).update(drone=other)
        policy.refresh_from_db()
        second = house.request(policy)
        results = race(
            *(
                lambda claim=claim: progress.accept(claim, actor=DESK, now=house.now)
                for claim in (first, second)
            )
        )
        assert outcomes(results) == ["Conflict", "NoneType"], results
        (_earlier, (ordinal, winner)) = ledger(policy)
        assert ordinal == 2
        accepted = Claim.objects.get(policy=policy, accepted_at__isnull=False)
        assert (accepted.number, accepted.ordinal) == (winner, 2)
        assert Shipment.objects.filter(claim__policy=policy).count() == 1


def test_the_same_claim_asking_twice_at_once_takes_one(house):
    for number in range(FEWER_ROUNDS):
        policy, name = factories.PolicyFactory(), f"CLM-{number:08d}"
        asked = [lambda policy=policy, name=name: consume(policy, name, house)] * 2
        assert race(*asked) == [1, 1]
        assert ledger(policy) == [(1, name)]


# --- two payments, two drones, two forms -------------------------------------------------------


def test_two_claims_paid_under_one_reference_at_once(house, claim_at):
    for number in range(FEWER_ROUNDS):
        claims = [claim_at("awaiting_fee"), claim_at("awaiting_fee")]
        words = [
            house.usual_words(claim, "pay") | {"reference": f"WIRE-{number}"} for claim in claims
        ]
        results = race(
            *(
                lambda claim=claim, said=said: progress.pay(
                    claim, **said, actor=DESK, now=house.now
                )
                for claim, said in zip(claims, words, strict=True)
            )
        )
        assert outcomes(results) == ["Conflict", "NoneType"], results
        states = sorted(fresh(claim).progress for claim in claims)
        assert states == ["awaiting_fee", "preparing"]


def test_one_replacement_drone_is_given_out_once(house, claim_at):
    for number in range(FEWER_ROUNDS):
        claims = [claim_at("preparing"), claim_at("preparing")]
        serial = f"0AXCSAME{number:06d}"
        if number % 2:
            factories.DroneFactory(serial=serial)  # on the shelf, known to the house
        words = [house.usual_words(claim, "ship") | {"new_serial": serial} for claim in claims]
        results = race(
            *(
                lambda claim=claim, said=said: progress.ship(
                    claim, **said, actor=DESK, now=house.now
                )
                for claim, said in zip(claims, words, strict=True)
            )
        )
        assert outcomes(results) == ["Conflict", "NoneType"], results
        assert Policy.objects.filter(drone__serial=serial).count() == 1


def test_two_requests_for_one_drone_at_once_are_one_claim(house):
    for _ in range(FEWER_ROUNDS):
        policy = factories.PolicyFactory(drone=factories.DroneFactory(activated_at=ACTIVATED))

        def send(policy=policy):
            return House().request(policy)

        results = race(send, send)
        claim = Claim.objects.get(policy=policy)
        assert outcomes(results) == ["AlreadyOpen", "Claim"], results
        letters = Counter(
            Letter.objects.filter(reference=claim.number).values_list("name", flat=True)
        )
        assert letters["claim_received"] == 1
        assert letters["claim_link_requested"] == 1
        assert ClaimEvent.objects.filter(claim=claim).count() == 1


# --- a policy that moves while somebody else wants it (T1, T2, T3) ------------------------------


def test_a_replacement_ships_while_the_policy_is_to_be_cancelled(house, claim_at):
    for _ in range(FEWER_ROUNDS):
        claim = claim_at("preparing")
        words = house.usual_words(claim, "ship")
        shipped, cancelled = race(
            lambda claim=claim, words=words: progress.ship(
                claim, **words, actor=DESK, now=house.now
            ),
            lambda claim=claim: cancellation.cancel(
                claim.policy, reason="Sold in error", actor=DESK, now=house.now
            ),
        )
        assert shipped is None
        assert isinstance(cancelled, Conflict), cancelled
        assert "open claim" in str(cancelled.message)


def test_a_policy_goes_to_two_new_owners_at_once_and_ends_with_one(house):
    def give_to(name: str, policy: Policy):
        email = f"{name}@example.com".lower()
        return lambda: transfer.change_owner(
            policy, name=name, email=email, country="US", actor=DESK, now=house.now
        )

    for _ in range(FEWER_ROUNDS):
        policy = factories.PolicyFactory()
        results = race(give_to("Ben", policy), give_to("Cleo", policy))
        assert outcomes(results) == ["Policy", "Policy"], results
        assert policy.events.filter(kind="transferred").count() == 2
        policy.refresh_from_db()
        assert policy.holder.name in {"Ben", "Cleo"}
