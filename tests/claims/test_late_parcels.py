"""A parcel that arrives after its claim lapsed or was cancelled (K15)."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import time_machine

from claims.models import Claim, Shipment
from policies import cancellation, drones, outbox, transfer
from policies.models import Hold, Letter, ReplacementFee
from policies.shared.errors import Conflict
from tests import factories
from tests.claims.conftest import (
    DESK,
    decisions_of,
    everything_written,
    fresh,
    in_queue,
    ledger,
    left,
    letters_of,
    timeline,
)
from tests.pages import token

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["cancelled", "lapsed"])
def ended(request) -> str:
    return request.param


def refused(house, claim, verb: str, match: str) -> None:
    before = everything_written()
    with pytest.raises(Conflict, match=match):
        house.do(claim, verb)
    assert everything_written() == before


def text_of(claim: Claim, name: str) -> str:
    letter = Letter.objects.filter(name=name, reference=claim.number).latest("id")
    return " ".join(outbox.render(letter).text.split())


def another_request(house, policy) -> Claim:
    return house.request(policy, cause="water")


def test_it_is_taken_up_again_with_its_replacement_its_fee_and_the_hold(house, policy, ended):
    claim = house.claim_at(ended, policy)
    assert (ledger(policy), Hold.objects.count()) == ([], 0)
    ReplacementFee.objects.filter(drone_model=claim.drone.drone_model).update(amount=500)
    at = house.now
    claim = house.take(claim, "receive")
    assert timeline(claim)[-3:] == [ended, "(accepted)", "received"]
    assert (claim.outcome, claim.ordinal, claim.fee_amount) == ("care", 1, Decimal("119.00"))
    assert claim.accepted_at == at
    assert ledger(policy) == [(1, claim.number)]
    assert Hold.objects.get().reference == claim.number
    assert house.take(claim, "assess", "pay", "ship", "complete").progress == "completed"


def test_the_customer_reads_that_it_is_taken_up(house, policy, ended):
    claim = house.take(house.claim_at(ended, policy), "receive")
    assert letters_of(claim)[-1] == "claim_arrived"
    text = text_of(claim, "claim_arrived")
    assert "Your parcel has arrived after all, and we have taken your closed request up" in text
    assert "We examine the damage and tell you what we found." in text


def test_what_the_desk_notes_of_it_is_kept(house, policy, ended):
    claim = house.claim_at(ended, policy)
    house.do(claim, "receive", note="Box is wet.")
    assert claim.events.latest("id").note == "Box is wet."


def test_it_goes_back_without_a_use(house, policy, ended):
    claim = house.take(house.claim_at(ended, policy), "send_back")
    assert (claim.progress, ledger(policy)) == ("returning", [])
    assert Hold.objects.get().reference == claim.number
    claim = house.take(claim, "hand_back")
    assert (claim.progress, left(policy), Hold.objects.count()) == ("returned", 2, 0)
    assert letters_of(claim)[-2:] == ["claim_returning", "claim_returned"]


def test_once_the_claim_in_its_way_has_ended_it_is_taken_up(house, policy, ended):
    claim = house.claim_at(ended, policy)
    other = house.take(another_request(house, policy), "accept", "label_bought")
    assert other.ordinal == 1
    house.take(other, "receive", "assess", "send_back")
    refused(house, claim, "receive", "There is another open claim for this drone")
    house.take(other, "hand_back")
    assert house.take(claim, "receive").ordinal == 1


def test_its_own_replacement_is_taken_again_although_a_lower_one_is_free(house, policy, ended):
    first = house.take(house.request(policy), "accept", "label_bought")
    drone = factories.DroneFactory(serial="0AXCANN0000009")
    Claim.objects.filter(pk=first.pk).update(drone=drone)  # so that a second one may be open
    claim = house.claim_at(ended, policy)
    assert (claim.ordinal, claim.fee_amount) == (2, Decimal("139.00"))
    house.take(first, "cancel")
    claim = house.take(claim, "receive")
    assert (claim.ordinal, claim.fee_amount) == (2, Decimal("139.00"))
    assert ledger(policy) == [(2, claim.number)]


def test_where_no_replacement_is_left_it_is_not_covered_and_only_goes_back(
    house, policy, ended, client
):
    claim = house.claim_at(ended, policy)
    policy.periods.update(replacements=0)
    claim = house.take(claim, "receive")
    assert (claim.progress, claim.outcome, claim.ordinal) == ("received", "not_covered", None)
    assert decisions_of(claim)[-1] == ("taken_up", "not_covered")
    assert [reason["code"] for reason in claim.decisions.latest("id").reasons] == ["none_left"]
    text = text_of(claim, "claim_arrived")
    assert "all replacements of your plan have been used, so we can only send your" in text
    page = client.get(f"/repair/progress/{token(claim)}/").text
    assert "We can only send your drone back, as explained below." in page
    assert "We examine the damage" not in page
    claim = house.take(claim, "assess")
    refused(house, claim, "ask_fee", "There is no fee to ask for|return the drone")
    refused(house, claim, "prepare", "return the drone")
    assert house.take(claim, "send_back", "hand_back").progress == "returned"


def test_with_the_last_replacement_it_is_taken_up_at_the_fee_of_the_day(house, policy, ended):
    claim = house.claim_at(ended, policy)
    factories.AllowanceUseFactory(policy=policy, ordinal=1)
    ReplacementFee.objects.create(
        drone_model=policy.drone.drone_model,
        region=policy.region,
        ordinal=2,
        amount=Decimal("149.00"),
        valid_from=date(2026, 3, 12),
    )
    house.now = datetime(2026, 3, 12, 15, 0, tzinfo=UTC)
    claim = house.take(claim, "receive")
    assert (claim.outcome, claim.ordinal, claim.fee_amount) == ("care", 2, Decimal("149.00"))


def test_a_warranty_repair_is_taken_up_and_needs_no_replacement(house, policy, ended):
    claim = house.claim_at(ended, policy, cause="product_defect")
    policy.periods.update(replacements=0)
    claim = house.take(claim, "receive")
    assert (claim.outcome, claim.ordinal) == ("warranty", None)
    claim = house.take(claim, "undo")
    assert (claim.progress, claim.outcome, claim.ordinal) == (ended, "warranty", None)


def test_what_was_taken_up_without_a_replacement_is_covered_by_one_that_comes_free(
    house, policy, ended
):
    claim = house.claim_at(ended, policy)
    policy.periods.update(replacements=0)
    house.take(claim, "receive")
    policy.periods.update(replacements=2)
    claim = house.take(claim, "assess")
    assert (claim.outcome, claim.ordinal) == ("care", 1)
    claim = house.take(claim, "undo")
    assert (claim.outcome, ledger(policy)) == ("not_covered", [])


def test_a_second_open_claim_is_in_the_way_of_both(house, policy, ended):
    claim = house.claim_at(ended, policy)
    another_request(house, policy)
    for verb in ("receive", "send_back"):
        refused(house, claim, verb, "There is another open claim for this drone")


@pytest.mark.parametrize("verb", ["receive", "send_back"])
def test_a_claim_for_another_drone_is_in_nobodys_way(house, policy, ended, verb):
    claim = house.claim_at(ended, policy)
    house.request(factories.PolicyFactory(drone=factories.DroneFactory(serial="0AXCBENN000001")))
    assert house.take(claim, verb, "undo").progress == ended


@pytest.mark.parametrize("verb", ["receive", "send_back"])
def test_a_claim_that_ended_for_good_says_so_whatever_else_is_open(house, policy, verb):
    claim = house.claim_at("returned", policy)
    another_request(house, policy)
    refused(house, claim, verb, "This step is not open: the claim stands at “Returned”")


def test_under_a_new_owner_it_only_goes_back_and_does_not_hold_the_policy(house, policy, ended):
    claim = house.claim_at(ended, policy)
    transfer.change_owner(
        policy, name="Bo Hall", email="bo@example.com", country="US", actor=DESK, now=house.now
    )
    refused(house, claim, "receive", "The policy has a new owner: the drone can only be sent back")
    claim = house.take(claim, "send_back")
    assert (claim.progress, policy.holds.count()) == ("returning", 0)
    assert Letter.objects.filter(name="claim_returning").get().recipient == "ann@example.com"


def test_the_new_owner_is_not_sent_to_the_former_ones_mailbox(house, policy, ended):
    claim = house.claim_at(ended, policy)
    holder = {"name": "Zoë", "email": "zoe@example.com", "country": "US"}
    transfer.change_owner(policy, **holder, actor=DESK, now=house.now)
    claim = house.take(claim, "send_back")
    before = letters_of(claim)
    with pytest.raises(Conflict, match="A request of an earlier owner of this drone"):
        house.request(policy, email="zoe@example.com")
    assert letters_of(claim) == before


def test_on_a_cancelled_policy_it_only_goes_back(house, policy, ended):
    claim = house.claim_at(ended, policy)
    cancellation.cancel(policy, reason="Sold.", actor=DESK, now=house.now)
    refused(house, claim, "receive", "cancelled: the drone can only be sent back")
    claim = house.take(claim, "send_back")
    assert not policy.holds.exists()
    assert house.take(claim, "hand_back").progress == "returned"


def test_a_drone_that_was_replaced_meanwhile_only_goes_back(house, policy, ended):
    claim = house.claim_at(ended, policy)
    other = another_request(house, policy)
    house.take(other, "accept", "label_bought", "receive", "assess", "pay", "ship", "complete")
    refused(house, claim, "receive", "The policy is on another drone now")


def test_a_drone_that_was_sold_again_since_only_goes_back(house, policy, ended):
    claim = house.claim_at(ended, policy)
    house.now = policy.ends_at
    drones.start_new_life(policy.drone, now=house.now)
    refused(house, claim, "receive", "This drone has been sold again since: it can only be sent")
    assert house.take(claim, "send_back", "hand_back").progress == "returned"


def cancelled(house, policy) -> None:
    cancellation.cancel(policy, reason="Sold.", actor=DESK, now=house.now)


def transferred(house, policy) -> None:
    holder = {"name": "Bo Hall", "email": "bo@example.com", "country": "US"}
    transfer.change_owner(policy, **holder, actor=DESK, now=house.now)


def replaced(house, policy) -> None:
    other = another_request(house, policy)
    house.take(other, "accept", "label_bought", "receive", "assess", "pay", "ship", "complete")


@pytest.mark.parametrize("before_the_parcel", [cancelled, transferred, replaced])
def test_b6_while_it_goes_back_the_drone_is_not_sold_again(house, policy, ended, before_the_parcel):
    """Whoever's the policy is by now: the drone on our bench is the former owner's."""
    claim = house.claim_at(ended, policy)
    drone = claim.drone
    before_the_parcel(house, policy)
    claim = house.take(claim, "send_back")
    house.now = policy.ends_at
    with pytest.raises(Conflict, match="There is an open claim on this drone"):
        drones.start_new_life(drone, now=house.now)
    claim = house.take(claim, "hand_back")
    drones.start_new_life(drone, now=house.now)
    drone.refresh_from_db()
    assert (drone.life, Hold.objects.count()) == (2, 0)


def test_b6_nor_while_a_claim_that_is_taken_up_is_open(house, policy, ended):
    claim = house.take(house.claim_at(ended, policy), "receive")
    house.now = policy.ends_at
    with pytest.raises(Conflict, match="There is an open claim on this drone"):
        drones.start_new_life(claim.drone, now=house.now)


def test_t3_the_new_owners_policy_does_not_wait_for_the_former_ones_parcel(house, policy, ended):
    claim = house.claim_at(ended, policy)
    transferred(house, policy)
    house.take(claim, "send_back")
    cancelled(house, policy)
    policy.refresh_from_db()
    assert policy.cancelled_at == house.now


def test_the_step_is_taken_back_like_any_other(house, policy, ended):
    claim = house.claim_at(ended, policy)
    letters = len(letters_of(claim))
    claim = house.take(claim, "receive", "undo")
    assert (claim.progress, claim.outcome, ledger(policy)) == (ended, "care", [])
    assert not Hold.objects.exists()
    claim = house.take(claim, "receive")
    assert (claim.ordinal, letters_of(claim)[letters:]) == (1, ["claim_arrived"])
    claim = house.take(claim, "undo", "send_back", "undo")
    assert (claim.progress, Hold.objects.count()) == (ended, 0)


def test_what_was_not_covered_for_want_of_a_replacement_ends_as_it_was(house, policy, ended):
    claim = house.claim_at(ended, policy)
    policy.periods.update(replacements=0)
    claim = house.take(claim, "receive", "undo")
    assert (claim.progress, claim.outcome) == (ended, "care")
    policy.periods.update(replacements=2)
    claim = house.take(claim, "receive")
    assert (claim.outcome, claim.ordinal, claim.fee_amount) == ("care", 1, Decimal("119.00"))


def test_what_an_arrival_that_was_taken_back_decided_no_longer_counts(house, policy, ended, client):
    claim = house.claim_at(ended, policy)
    policy.periods.update(replacements=0)
    claim = house.take(claim, "receive", "undo")
    page = f"/repair/progress/{token(claim)}/"
    by_staff = "A member of our staff has looked at your case and decided this."
    assert by_staff not in client.get(page).text
    policy.periods.update(replacements=2)
    claim = house.take(claim, "receive")
    assert by_staff not in client.get(page).text
    claim = house.take(claim, "assess", "undo")
    assert (claim.progress, claim.outcome) == ("received", "care")
    assert ledger(policy) == [(1, claim.number)]


def test_what_a_person_had_decided_stands_again_when_taking_up_is_taken_back(house, policy):
    claim = house.request(policy, cause="other_accident")
    claim = house.take(claim, "overrule", "accept", "cancel", "receive", "undo")
    assert (claim.progress, claim.outcome) == ("cancelled", "care")


def test_the_fee_stays_when_fees_rise_before_taking_up_is_taken_back(house, policy, ended):
    claim = house.claim_at(ended, policy)
    ReplacementFee.objects.filter(drone_model=claim.drone.drone_model).update(amount=500)
    claim = house.take(claim, "receive", "undo")
    assert (claim.ordinal, claim.fee_amount) == (1, Decimal("119.00"))


def test_ordinal_and_fee_are_as_they_were_when_taking_up_is_taken_back(house, policy, ended):
    claim = house.claim_at(ended, policy)
    accepted_at = claim.accepted_at
    policy.periods.update(replacements=0)
    claim = house.take(claim, "receive", "undo")
    assert (claim.ordinal, claim.fee_amount, claim.fee_currency) == (1, Decimal("119.00"), "USD")
    assert claim.accepted_at == accepted_at


def test_a_claim_that_nobody_had_accepted_is_not_accepted_when_taking_up_is_taken_back(
    house, policy
):
    claim = house.take(house.request(policy), "cancel", "receive", "undo")
    assert (claim.progress, claim.outcome, claim.accepted_at) == ("cancelled", "care", None)
    assert (claim.ordinal, claim.fee_amount, claim.fee_currency) == (None, None, "")


def test_an_assessment_that_was_taken_back_before_the_end_decides_nothing(
    house, policy, ended, client
):
    claim = house.take(house.request(policy), "accept", "label_bought", "receive")
    house.do(claim, "assess", cause_found="deliberate")
    house.take(claim, "undo", "undo")
    house.later(days=4)
    house.take(claim, {"cancelled": "cancel", "lapsed": "lapse"}[ended])
    claim = house.take(claim, "receive")
    page = client.get(f"/repair/progress/{token(claim)}/").text
    assert "This cause of damage is excluded" not in page
    claim = house.take(claim, "assess", "undo")
    assert (claim.outcome, ledger(policy)) == ("care", [(1, claim.number)])
    claim = house.take(claim, "undo", "send_back", "undo")
    assert (claim.progress, claim.outcome) == (ended, "care")


def test_what_the_carrier_delivers_late_waits_for_the_desk(house, policy, ended):
    claim = house.claim_at(ended, policy)
    assert in_queue("arrived") == []
    Shipment.objects.filter(claim=claim).update(delivered_at=house.now)
    assert in_queue("arrived") == [claim]
    house.take(claim, "receive")
    assert in_queue("arrived") == []


def test_a_request_that_nobody_had_accepted_is_accepted_or_goes_back(house, policy):
    claim = house.take(house.request(policy), "cancel", "receive")
    assert (claim.outcome, claim.ordinal, ledger(policy)) == ("care", 1, [(1, claim.number)])
    house.take(claim, "assess", "send_back", "hand_back")
    claim = house.take(house.request(policy, cause="lost_or_stolen"), "cancel")
    refused(house, claim, "receive", "The decision was “Not covered”: the drone can only be sent")
    assert house.take(claim, "send_back", "hand_back").accepted_at is None


def test_the_page_tells_where_it_stands(house, policy, ended, client):
    claim = house.claim_at(ended, policy)
    for verb, headline in [
        ("receive", "Arrived at the service centre"),
        ("undo", {"cancelled": "Cancelled", "lapsed": "Lapsed"}[ended]),
        ("send_back", "Your drone is on its way back"),
    ]:
        house.do(claim, verb)
        with time_machine.travel(house.now):
            page = client.get(f"/repair/progress/{token(claim)}/").text
        assert f"<h1>{headline}</h1>" in page
    assert fresh(claim).progress == "returning"
