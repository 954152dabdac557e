"""Activation codes: in stock (C1), whole (C4), and what strangers are told (C3, C5)."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from policies import codes
from policies.models import (
    ActivationCode,
    CodeBatch,
    CodeEvent,
    Period,
)
from policies.rules import code_format
from policies.rules.reference_numbers import ALPHABET
from policies.shared.errors import CodeRefused
from tests import factories

# --- making them (C1), and looking at one that was typed (C3) -----------------


def test_a_mistyped_code_is_told_apart_without_any_look_up(db, django_assert_num_queries):
    for typed in ("ABCD", "ABCD-2345-EFGH-67O9", "3222-2222-2222-2222"):
        with django_assert_num_queries(0):
            with pytest.raises(code_format.Mistyped):
                codes.find_redeemable(typed)
            with pytest.raises(code_format.Mistyped):
                codes.find(typed)


def test_new_codes_are_well_formed_and_all_different():
    made = list(codes.new_codes(20_000))
    assert len(set(made)) == 20_000
    assert all(code_format.parse(code) == code for code in made)


def test_new_codes_favour_no_character():
    bodies = "".join(code[:15] for code in codes.new_codes(20_000))
    # 300,000 characters: 9,677 of each are expected, give or take 97 (one standard deviation).
    counts = [bodies.count(character) for character in ALPHABET]
    assert min(counts) > 9_677 - 8 * 97
    assert max(counts) < 9_677 + 8 * 97


# --- batches (C1) ------------------------------------------------------------


def test_a_batch_holds_as_many_codes_as_were_asked_for(shelf, clerk, now):
    kept: list[str] = []
    batch = codes.generate(**shelf, count=30, keep=kept.append)

    assert (batch.size, batch.origin, batch.source) == (30, "generated", "")
    assert (batch.created_at, batch.created_by, batch.actor) == (now, clerk, "clerk")
    stock = list(ActivationCode.objects.filter(batch=batch).order_by("id"))
    assert [factories.whole(code).replace("-", "") for code in stock] == kept
    for code, text in zip(stock, kept, strict=True):
        assert code.last_four == text[-4:]
        assert (code.state, code.key_id) == ("in_stock", "t2")
        assert (code.sale_id, code.months, code.replacements) == (None,) * 3
        assert code.void_reason == ""
        assert codes.find(text) == code


def test_a_batch_may_be_larger_than_one_block(shelf):
    batch = codes.generate(**shelf, count=10_001)
    assert batch.codes.count() == 10_001
    assert batch.codes.values("digest").distinct().count() == 10_001


def test_a_batch_that_fails_on_the_way_leaves_nothing(shelf):
    kept: list[str] = []

    def disk_that_fills_up(code: str) -> None:
        if len(kept) == 10_005:  # in the second block, when the first is in the database
            raise OSError("No space left on device")
        kept.append(code)

    with pytest.raises(OSError, match="No space left"):
        codes.generate(**shelf, count=10_010, keep=disk_that_fills_up)

    assert len(kept) == 10_005
    assert ActivationCode.objects.count() == 0
    assert CodeBatch.objects.count() == 0


def test_a_code_that_is_there_already_is_not_added_again(
    shelf, care_1y, mavic_2_pro, us, desk, now
):
    kept: list[str] = []
    codes.generate(**shelf, count=2, keep=kept.append)
    batch = codes.new_imported_batch(
        care_1y, mavic_2_pro, us, 2, source="codes.csv", actor=desk, now=now
    )
    fresh = next(codes.new_codes(1))
    with pytest.raises(IntegrityError), transaction.atomic():
        codes.add_to_stock(batch, iter([fresh, kept[0]]))
    assert batch.codes.count() == 0
    assert codes.add_to_stock(batch, iter([fresh])) == 1
    assert (batch.origin, batch.source, batch.codes.count()) == ("imported", "codes.csv", 1)


# --- the whole code (C4) -----------------------------------------------------


def test_showing_a_whole_code_leaves_an_audit_row(sold_code, desk, clerk, now):
    shown = codes.reveal(sold_code, reason="Customer lost the letter", actor=desk, now=now)

    assert [len(group) for group in shown.split("-")] == [4, 4, 4, 4]
    assert codes.find(shown) == sold_code
    event = CodeEvent.objects.get(code=sold_code)
    assert (event.kind, event.note) == ("revealed", "Customer lost the letter")
    assert (event.actor, event.by, event.address, event.at) == ("clerk", clerk, "192.0.2.10", now)


def test_the_audit_row_itself_does_not_hold_the_code(sold_code, desk, now):
    shown = codes.reveal(sold_code, reason="Customer lost the letter", actor=desk, now=now)
    event = CodeEvent.objects.values().get(code=sold_code)
    assert shown not in str(event)
    assert shown.replace("-", "") not in str(event)


# --- redeeming (C5) ----------------------------------------------------------


def test_a_sold_code_is_found_by_its_text(sold_code):
    with transaction.atomic():
        assert codes.find_redeemable(factories.whole(sold_code)) == sold_code
        assert codes.find_redeemable(factories.whole(sold_code).lower().replace("-", " ")) == (
            sold_code
        )


def refusal(text: str) -> tuple:
    with pytest.raises(CodeRefused) as refused, transaction.atomic():
        codes.find_redeemable(text)
    return (type(refused.value), refused.value.args, str(refused.value))


def test_the_refusal_does_not_say_what_is_wrong_with_a_code(db):
    unsold = factories.ActivationCodeFactory()
    void = factories.ActivationCodeFactory(void=True)
    void_after_sale = factories.ActivationCodeFactory(sold=True, state="void", void_reason="Refund")
    used = factories.ActivationCodeFactory(sold=True)
    factories.PeriodFactory(code=used)
    unknown = next(codes.new_codes(1))

    refusals = [
        refusal(text)
        for text in (unknown, *map(factories.whole, (unsold, void, void_after_sale, used)))
    ]
    assert refusals == [(CodeRefused, (), "")] * 5


def test_the_refusal_costs_the_same_queries_whether_a_code_exists_or_not(
    db, django_assert_num_queries
):
    unsold, unknown = factories.ActivationCodeFactory(), next(codes.new_codes(1))
    for text in (factories.whole(unsold), unknown):
        with transaction.atomic(), django_assert_num_queries(1), pytest.raises(CodeRefused):
            codes.find_redeemable(text)


def test_stock_and_redeemable_are_told_by_the_facts(db):
    in_stock = factories.ActivationCodeFactory()
    sold = factories.ActivationCodeFactory(sold=True)
    used = factories.ActivationCodeFactory(sold=True)
    factories.ActivationCodeFactory(void=True)
    factories.PeriodFactory(code=used)

    assert list(ActivationCode.objects.in_stock()) == [in_stock]
    assert list(ActivationCode.objects.redeemable()) == [sold]
    redeemed = ActivationCode.objects.with_redeemed().filter(redeemed=True)
    assert list(redeemed) == [used]
    assert codes.is_redeemed(used)
    assert not codes.is_redeemed(sold)


def test_a_used_code_stays_used_when_its_policy_has_ended(sold_code, now):
    period = factories.PeriodFactory(code=sold_code)
    period.policy.status = "expired"
    period.policy.save()
    assert refusal(factories.whole(sold_code)) == (CodeRefused, (), "")
    assert Period.objects.filter(ends_at__lt=now + timedelta(days=365)).count() == 1
