"""Replacement fees: what is due, what comes in, what goes back (P5, K8)."""

from datetime import date
from decimal import Decimal

import pytest

from claims import fees
from claims.models import Claim, FeePayment
from policies.models import Region, ReplacementFee
from policies.shared.errors import Conflict
from tests import factories
from tests.claims.conftest import everything_written, fresh, in_queue, timeline
from tests.pages import token

pytestmark = pytest.mark.django_db


@pytest.fixture
def another_policy(policy):
    return factories.PolicyFactory(drone=factories.DroneFactory(activated_at=policy.starts_at))


def refused(house, claim, match: str, **said) -> None:
    before = everything_written()
    with pytest.raises(Conflict, match=match):
        house.do(claim, "pay", **said)
    assert everything_written() == before


def test_the_fee_is_recorded_with_amount_currency_method_and_reference(house, policy):
    claim = house.claim_at("awaiting_fee", policy)
    at = house.now
    house.do(claim, "pay", method="card", reference="TX-77")
    payment = FeePayment.objects.get()
    assert (payment.claim, payment.amount, payment.currency) == (claim, Decimal("119.00"), "USD")
    assert (payment.method, payment.reference, payment.received_at) == ("card", "TX-77", at)
    assert (payment.refunded_at, payment.refund_reference) == (None, "")
    assert claim.events.get(kind="paid").note == "TX-77"
    assert fresh(claim).progress == "preparing"


@pytest.mark.parametrize("amount", ["118.99", "119.01", "0.00", "-119.00", "11900"])
def test_a_wrong_amount_is_refused(house, policy, amount):
    claim = house.claim_at("awaiting_fee", policy)
    sentence = "The fee is USD\xa0119.00, neither more nor less."
    refused(house, claim, sentence, amount=Decimal(amount))


@pytest.mark.parametrize("currency", ["EUR", "usd", ""])
def test_a_wrong_currency_is_refused(house, policy, currency):
    claim = house.claim_at("awaiting_fee", policy)
    refused(house, claim, "The fee is USD\xa0119.00, neither more nor less.", currency=currency)


def test_the_right_amount_may_be_written_shorter(house, policy):
    claim = house.claim_at("awaiting_fee", policy)
    house.do(claim, "pay", amount=Decimal("119"))
    assert fresh(claim).progress == "preparing"


def test_a_reference_is_used_once_in_the_whole_house(house, policy, another_policy):
    house.do(house.claim_at("awaiting_fee", policy), "pay", reference="TX-77")
    claim = house.claim_at("awaiting_fee", another_policy)
    refused(house, claim, "A payment with this reference is on file already", reference="TX-77")
    house.do(claim, "pay", reference="TX-78")
    assert fresh(claim).progress == "preparing"


def test_what_is_paid_for_one_claim_pays_for_no_other(house, policy, another_policy):
    claims = [house.claim_at("awaiting_fee", each) for each in (policy, another_policy)]
    house.do(claims[0], "pay", reference="TX-77")
    assert [fees.is_settled(fresh(claim)) for claim in claims] == [True, False]
    house.do(claims[1], "pay", reference="TX-78")
    paying = FeePayment.objects.paying().order_by("reference")
    assert list(paying.values_list("claim", "reference")) == [
        (claims[0].pk, "TX-77"), (claims[1].pk, "TX-78")]  # fmt: skip


def test_a_fee_that_is_paid_twice_is_paid_by_the_first_payment(house, policy):
    claim = house.claim_at("awaiting_fee", policy)
    house.do(claim, "pay", reference="FIRST")
    house.do(claim, "pay", reference="SECOND")
    assert FeePayment.objects.paying().get().reference == "FIRST"
    assert FeePayment.objects.due().get().reference == "SECOND"


def test_a_payment_too_large_pays_a_fee_that_is_put_right_to_it(house, policy):
    claim = house.claim_at("awaiting_fee", policy)
    house.do(claim, "pay", reference="FIRST")
    house.do(claim, "pay", amount=Decimal("139.00"), reference="LARGER")
    Claim.objects.filter(pk=claim.pk).update(fee_amount=Decimal("139.00"))
    fees.match(fresh(claim))
    assert FeePayment.objects.paying().get().reference == "LARGER"
    assert FeePayment.objects.due().get().reference == "FIRST"


def test_what_is_paid_a_second_time_is_to_be_paid_back_at_once(house, policy):
    claim = house.claim_at("preparing", policy)
    house.do(claim, "pay", amount=Decimal("50.00"), reference="TWICE-1")
    assert (fresh(claim).progress, refund_due()) == ("preparing", [claim])
    claim = house.take(claim, "undo")
    assert fees.is_settled(claim)
    house.do(claim, "refund", reference="BACK-1")
    assert (refund_due(), fees.is_settled(claim)) == ([], True)
    back = FeePayment.objects.get(refunded_at__isnull=False)
    assert (back.reference, back.refund_reference) == ("TWICE-1", "BACK-1")


def test_what_is_paid_where_nothing_is_owed_moves_the_claim_nowhere(house, policy, another_policy):
    paid = house.take(house.claim_at("preparing", policy), "undo")
    repair = house.claim_at("assessed", another_policy, cause="product_defect")
    for claim in (paid, repair):
        house.do(claim, "pay", amount=Decimal("50.00"))
    assert [fresh(claim).progress for claim in (paid, repair)] == ["awaiting_fee", "assessed"]
    assert set(refund_due()) == {paid, repair}


@pytest.mark.parametrize("state", ["label_sent", "in_transit", "received"])
def test_a_fee_may_be_paid_early_and_is_not_asked_for_then(house, policy, state):
    claim = house.claim_at(state, policy)
    refused(house, claim, "The fee is USD\xa0119.00, neither more", amount=Decimal(100))
    house.do(claim, "pay")
    assert (fresh(claim).progress, refund_due()) == (state, [])
    steps = ["assess", "prepare"] if state == "received" else ["receive", "assess", "prepare"]
    assert house.take(claim, *steps).progress == "preparing"


@pytest.mark.parametrize("state", ["lapsed", "cancelled", "returning", "returned"])
def test_money_that_comes_late_is_to_be_paid_back_at_once(house, policy, state):
    claim = house.claim_at(state, policy)
    house.do(claim, "pay", amount=Decimal("100.00"))
    assert (fresh(claim).progress, refund_due()) == (state, [claim])
    assert timeline(claim)[-1] == "(paid)"
    house.do(claim, "refund")
    assert refund_due() == []


@pytest.mark.parametrize(
    ("amount", "currency"), [("0.00", "USD"), ("-5.00", "USD"), ("119.00", "EUR")]
)
def test_late_money_is_an_amount_in_the_currency_of_the_region(house, policy, amount, currency):
    claim = house.claim_at("lapsed", policy)
    sentence = "Write what came in, an amount in USD."
    refused(house, claim, sentence, amount=Decimal(amount), currency=currency)


def test_late_money_is_taken_however_little_it_is(house, policy):
    claim = house.claim_at("lapsed", policy)
    house.do(claim, "pay", amount=Decimal("0.01"))
    assert refund_due() == [claim]


@pytest.mark.parametrize("state", ["submitted", "declined"])
def test_nothing_is_paid_for_a_claim_that_was_not_accepted(house, policy, state):
    claim = house.claim_at(state, policy)
    refused(house, claim, "This claim has not been accepted; nothing is paid for it")


def test_late_money_pays_the_fee_of_a_claim_that_is_taken_up_again(house, policy):
    claim = house.claim_at("lapsed", policy)
    house.do(claim, "pay")
    claim = house.take(claim, "receive", "assess")
    assert (refund_due(), fees.is_settled(claim)) == ([], True)
    assert house.take(claim, "prepare", "ship").progress == "shipped"


def test_a_fee_that_was_paid_back_is_owed_again_by_a_claim_that_is_taken_up(house, policy):
    claim = house.take(house.claim_at("cancelled", policy), "pay", "refund", "receive", "assess")
    assert not fees.is_settled(claim)
    assert house.take(claim, "ask_fee", "pay", "ship").progress == "shipped"
    assert FeePayment.objects.filter(claim=claim).count() == 2


# --- on the wrong claim -------------------------------------------------------------


def test_a_reversed_payment_is_owed_again_and_its_row_stays(house, policy, client):
    claim = house.claim_at("preparing", policy)
    at = house.now
    house.do(claim, "reverse_payment", reason="For another claim.")
    payment = FeePayment.objects.get()
    assert (payment.reversed_at, payment.reversal_reason) == (at, "For another claim.")
    event = claim.events.latest("id")
    assert (event.kind, event.note) == ("reversed", f"{payment.reference}: For another claim.")
    assert not fees.is_settled(claim)
    assert refund_due() == []
    page = client.get(f"/repair/progress/{token(claim)}/").text
    assert "to be paid now" in page
    assert "due after we have examined" not in page
    claim = house.take(claim, "undo")
    assert claim.progress == "awaiting_fee"
    house.do(claim, "pay", reference=payment.reference)
    assert fresh(claim).progress == "preparing"


@pytest.mark.parametrize("state", ["shipped", "completed"])
def test_a_payment_on_which_a_replacement_went_out_is_reversed_when_another_is_there(
    house, policy, state
):
    claim = house.claim_at(state, policy)
    before = everything_written()
    with pytest.raises(Conflict, match="The replacement went out on this payment"):
        house.do(claim, "reverse_payment")
    assert everything_written() == before
    first = FeePayment.objects.get().reference
    house.do(claim, "pay")
    assert refund_due() == [claim]
    second = FeePayment.objects.latest("id").reference
    house.do(claim, "reverse_payment", reference=first)
    assert FeePayment.objects.paying().get().reference == second
    assert refund_due() == []


def test_a_payment_of_another_amount_is_not_the_one_that_belongs_there(house, policy):
    claim = house.claim_at("shipped", policy)
    first = FeePayment.objects.get().reference
    house.do(claim, "pay", amount=Decimal("20.00"))
    with pytest.raises(Conflict, match="The replacement went out on this payment"):
        house.do(claim, "reverse_payment", reference=first)


def test_what_was_paid_back_or_reversed_is_not_reversed(house, policy):
    claim = house.take(house.claim_at("lapsed", policy), "pay", "refund")
    reference = FeePayment.objects.get().reference
    with pytest.raises(Conflict, match="This claim has no such payment, or it was paid back"):
        house.do(claim, "reverse_payment", reference=reference)


def test_a_payment_of_another_claim_is_not_reversed(house, policy, another_policy):
    claim = house.claim_at("preparing", policy)
    other = house.claim_at("preparing", another_policy)
    before = everything_written()
    with pytest.raises(Conflict, match="This claim has no such payment"):
        house.do(claim, "reverse_payment", reference=other.payments.get().reference)
    assert everything_written() == before


def test_a_fee_may_be_paid_before_it_was_asked_for(house, policy):
    claim = house.take(house.claim_at("assessed", policy), "pay")
    assert timeline(claim)[-3:] == ["assessed", "(paid)", "preparing"]
    assert FeePayment.objects.count() == 1


def test_an_unpaid_replacement_is_neither_prepared_nor_shipped(house, policy):
    sentence = "The replacement fee of USD\xa0119.00 has not been paid."
    claim = house.claim_at("assessed", policy)
    for verb in ("prepare", "ship"):
        with pytest.raises(Conflict, match=sentence):
            house.do(claim, verb)
    claim = house.take(claim, "ask_fee")
    for verb in ("prepare", "ship"):
        with pytest.raises(Conflict, match=sentence):
            house.do(claim, verb)


def test_a_replacement_whose_payment_vanished_is_not_shipped(house, policy):
    claim = house.claim_at("preparing", policy)
    FeePayment.objects.all().delete()
    before = everything_written()
    with pytest.raises(Conflict, match="has not been paid"):
        house.do(claim, "ship")
    assert everything_written() == before


def test_a_replacement_that_costs_nothing_needs_no_payment(house, policy):
    ReplacementFee.objects.filter(drone_model=policy.drone.drone_model, ordinal=1).update(amount=0)
    claim = house.claim_at("assessed", policy)
    assert (claim.ordinal, claim.fee_amount, fees.is_settled(claim)) == (1, 0, True)
    assert not fees.is_expected(claim)
    with pytest.raises(Conflict, match="There is no fee to ask for"):
        house.do(claim, "ask_fee")
    claim = house.take(claim, "prepare", "ship", "complete")
    assert claim.progress == "completed"


def test_a_fee_is_owed_from_the_request_on_until_it_is_paid(house, policy, another_policy):
    def of(claim: Claim) -> tuple[bool, bool]:
        return fees.is_expected(claim), fees.is_owed(claim)

    claim = house.request(policy)
    assert of(claim) == (True, True)
    claim = house.take(claim, "accept", "label_bought", "receive", "assess", "pay")
    assert of(claim) == (True, False)
    repair = house.claim_at("received", another_policy, cause="product_defect")
    assert of(repair) == (False, False)


def test_each_replacement_has_its_own_fee_by_model_and_region(house, policy, us, mavic_2_pro):
    claim = house.request(policy)
    at = house.now
    assert [fees.amount_due(claim, ordinal, at=at) for ordinal in (1, 2, 3)] == [
        (Decimal("119.00"), "USD"), (Decimal("139.00"), "USD"), (Decimal("139.00"), "USD")]  # fmt: skip
    ReplacementFee.objects.create(
        drone_model=mavic_2_pro, region=us, ordinal=2, amount=140, valid_from=date(2026, 3, 10)
    )
    assert fees.amount_due(claim, 2, at=at) == (Decimal("140.00"), "USD")
    with pytest.raises(Conflict) as no:
        fees.amount_due(claim, 4, at=at)
    assert "for Mavic 2 Pro in United States, replacement 4" in str(no.value.message)


# --- what goes back ---------------------------------------------------------------


def refund_due() -> list[Claim]:
    return in_queue("refund")


def paid_then_returning(house, policy) -> Claim:
    """Paid, taken back, and sent back unfixed after all."""
    return house.take(house.claim_at("preparing", policy), "undo", "send_back")


def test_a_claim_that_ends_after_payment_shows_a_refund_due_until_one_is_recorded(house, policy):
    claim = paid_then_returning(house, policy)
    assert refund_due() == [claim]
    claim = house.take(claim, "hand_back")
    assert refund_due() == [claim]
    at = house.now
    house.do(claim, "refund", reference="BACK-1")
    assert refund_due() == []
    payment = FeePayment.objects.get()
    assert (payment.refunded_at, payment.refund_reference) == (at, "BACK-1")
    assert claim.events.latest("id").kind == "refunded"
    assert claim.events.latest("id").note == "BACK-1"
    with pytest.raises(Conflict, match="No refund is due"):
        house.do(claim, "refund")


def test_of_several_payments_the_oldest_of_the_claim_goes_back_first(house, policy, another_policy):
    other = house.claim_at("lapsed", another_policy)
    house.do(other, "pay", reference="OTHER")
    claim = house.claim_at("lapsed", policy)
    for reference in ("LATE-1", "LATE-2"):
        house.do(claim, "pay", reference=reference)
    house.do(claim, "refund")
    due = FeePayment.objects.due().order_by("id").values_list("reference", flat=True)
    assert list(due) == ["OTHER", "LATE-2"]


@pytest.mark.parametrize("state", ["awaiting_fee", "preparing", "completed", "returned"])
def test_no_refund_without_reason(house, policy, state):
    claim = house.claim_at(state, policy)
    assert refund_due() == []
    with pytest.raises(Conflict, match="No refund is due"):
        house.do(claim, "refund")


def test_a_fee_that_was_paid_back_does_not_pay_for_a_replacement(house, policy):
    claim = paid_then_returning(house, policy)
    house.do(claim, "refund")
    assert not fees.is_settled(fresh(claim))
    with pytest.raises(Conflict, match="cannot be taken back: the fee has been paid back"):
        house.do(claim, "undo")


def test_money_that_went_back_before_the_step_does_not_keep_it_from_being_taken_back(house, policy):
    late = house.take(house.claim_at("lapsed", policy), "pay", "refund", "send_back", "undo")
    assert late.progress == "lapsed"


def test_what_goes_back_in_the_instant_of_the_step_went_back_after_it(house, policy):
    claim = paid_then_returning(house, policy)
    house.now = claim.progress_at
    house.do(claim, "refund")
    with pytest.raises(Conflict, match="cannot be taken back: the fee has been paid back"):
        house.do(claim, "undo")


@pytest.mark.parametrize(("amount", "currency"), [("20.00", "USD"), ("119.00", "CAD")])
def test_other_money_that_goes_back_does_not_keep_the_step_from_being_taken_back(
    house, policy, another_policy, amount, currency
):
    theirs = paid_then_returning(house, another_policy)
    claim = house.take(house.claim_at("awaiting_fee", policy), "send_back")
    Region.objects.filter(pk=policy.region_id).update(currency=currency)
    house.do(claim, "pay", amount=Decimal(amount), currency=currency)
    house.do(theirs, "refund")
    assert house.take(claim, "refund", "undo").progress == "awaiting_fee"


def test_a_fee_paid_for_what_is_overruled_to_a_warranty_repair_goes_back(house, policy):
    claim = house.take(house.claim_at("received", policy), "pay", "assess")
    house.do(claim, "overrule", outcome="warranty")
    assert refund_due() == [claim]
    house.do(claim, "overrule", outcome="care")
    assert (refund_due(), fees.is_settled(fresh(claim))) == ([], True)


def test_a_fee_paid_for_what_turns_out_a_warranty_repair_goes_back(house, policy):
    claim = house.take(house.claim_at("preparing", policy), "undo", "undo", "undo")
    assert claim.progress == "received"
    house.do(claim, "assess", cause_found="product_defect")
    claim = house.take(claim, "prepare")
    assert refund_due() == [claim]
    house.do(claim, "ship", new_serial=policy.drone.serial)
    assert refund_due() == [claim]
    house.do(claim, "refund")
    assert refund_due() == []
