"""What arrived is assessed, and a person overrules what was computed (K2, K7)."""

from decimal import Decimal

import pytest

from policies.models import Letter, ReplacementFee
from policies.shared.errors import Conflict
from tests import factories
from tests.claims.conftest import (
    WAY,
    decisions_of,
    everything_written,
    fresh,
    ledger,
    left,
)

pytestmark = pytest.mark.django_db


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
    for verb in ("prepare", "ask_fee", "ship"):
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


def test_an_overruled_decision_falls_when_other_parts_are_damaged(house, policy):
    claim = house.request(policy, cause="other_accident")
    claim = house.take(claim, "overrule", "accept", "label_bought", "receive")
    house.do(claim, "assess", parts_damaged=["remote_controller"])
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
