"""Activation codes: their life (C1, C2), and what strangers are told (C3, C5)."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from policies import codes
from policies.models import (
    ActivationCode,
    CodeBatch,
    CodeEvent,
    Letter,
    Period,
    Plan,
    Region,
)
from policies.rules import code_format
from policies.rules.reference_numbers import ALPHABET
from policies.shared.errors import CodeRefused, Conflict
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


@pytest.fixture
def shelf(care_1y, mavic_2_pro, us, desk, now):
    """What a batch or a sale is of, and who does it when."""
    return {
        "plan": care_1y,
        "drone_model": mavic_2_pro,
        "region": us,
        "actor": desk,
        "now": now,
    }


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
        assert (code.sold_to_id, code.sold_at, code.months, code.replacements) == (None,) * 4
        assert (code.order_reference, code.void_reason) == ("", "")
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


# --- selling (C2, P4) --------------------------------------------------------


def test_a_sale_is_recorded_with_the_terms_of_the_day_and_one_letter(ann, desk, clerk, now):
    code = factories.ActivationCodeFactory()

    codes.sell(code, to=ann, order_reference="SO-1001", actor=desk, now=now)

    code.refresh_from_db()
    assert (code.state, code.sold_to, code.sold_at) == ("sold", ann, now)
    assert code.order_reference == "SO-1001"
    assert (code.months, code.replacements, code.warranty_months) == (12, 2, 0)
    assert code.binding_window_hours == 48
    event = CodeEvent.objects.get(code=code)
    assert (event.kind, event.at, event.note) == ("sold", now, "SO-1001")
    assert (event.actor, event.by, event.address) == ("clerk", clerk, "192.0.2.10")
    letter = Letter.objects.get()
    assert (letter.name, letter.recipient) == ("code_sold", "ann@example.com")
    assert (letter.reference, letter.state) == ("SO-1001", "queued")


def test_a_code_is_sold_once(ann, desk, now):
    code = factories.ActivationCodeFactory()
    ben = factories.CustomerFactory(name="Ben")
    codes.sell(code, to=ann, order_reference="SO-1", actor=desk, now=now)
    with pytest.raises(Conflict):
        codes.sell(code, to=ben, order_reference="SO-2", actor=desk, now=now)
    code.refresh_from_db()
    assert (code.sold_to, code.order_reference) == (ann, "SO-1")
    assert CodeEvent.objects.count() == 1
    assert Letter.objects.count() == 1


def test_a_void_code_is_not_sold(ann, desk, now):
    code = factories.ActivationCodeFactory(void=True)
    with pytest.raises(Conflict):
        codes.sell(code, to=ann, order_reference="SO-1", actor=desk, now=now)
    assert Letter.objects.count() == 0


def test_several_codes_of_one_sale_go_out_in_one_letter(ann, shelf):
    codes.generate(**shelf, count=5)

    sold = codes.sell_from_stock(**shelf, quantity=3, to=ann, order_reference="SO-1001")

    assert ActivationCode.objects.filter(state="sold", sold_to=ann).count() == 3
    assert ActivationCode.objects.filter(state="in_stock").count() == 2
    assert CodeEvent.objects.filter(kind="sold", code__in=sold).count() == 3
    assert Letter.objects.get().context["code_ids"] == [code.pk for code in sold]


def test_the_oldest_batch_is_sold_first(ann, shelf):
    old = codes.generate(**shelf, count=2)
    new = codes.generate(**shelf, count=2)
    sold = codes.sell_from_stock(**shelf, quantity=3, to=ann, order_reference="SO-1001")
    assert [code.batch_id for code in sold] == [old.pk, old.pk, new.pk]
    assert [code.pk for code in sold] == sorted(code.pk for code in sold)


def test_too_few_in_stock_sells_nothing(ann, shelf):
    codes.generate(**shelf, count=2)
    with pytest.raises(Conflict) as conflict:
        codes.sell_from_stock(**shelf, quantity=3, to=ann, order_reference="SO-1001")
    assert str(conflict.value.message) == "Only 2 such codes are in stock."
    assert ActivationCode.objects.filter(state="in_stock").count() == 2
    assert CodeEvent.objects.count() == 0
    assert Letter.objects.count() == 0


def test_only_codes_of_that_plan_model_and_region_are_sold(
    ann, shelf, care_2y, mavic_air, eu, desk
):
    codes.generate(**shelf, count=1)
    for other in ({"plan": care_2y}, {"drone_model": mavic_air}, {"region": eu}):
        with pytest.raises(Conflict) as conflict:
            codes.sell_from_stock(**(shelf | other), quantity=1, to=ann, order_reference="SO-1")
        assert str(conflict.value.message) == "Only 0 such codes are in stock."
    assert len(codes.sell_from_stock(**shelf, quantity=1, to=ann, order_reference="SO-1")) == 1


def test_a_large_sale_takes_as_many_queries_as_a_small_one(
    ann, shelf, django_assert_max_num_queries
):
    codes.generate(**shelf, count=200)
    for quantity in (1, 100):
        with django_assert_max_num_queries(16):
            codes.sell_from_stock(**shelf, quantity=quantity, to=ann, order_reference="SO-1001")


def test_a_sold_code_keeps_its_terms_when_the_catalogue_changes(ann, desk, now):
    before, after = factories.ActivationCodeFactory.create_batch(2)
    codes.sell(before, to=ann, order_reference="SO-1", actor=desk, now=now)
    Plan.objects.filter(code="care-1y").update(months=6, replacements=1, warranty_months=3)
    Region.objects.filter(code="US").update(binding_window_hours=24)
    codes.sell(after, to=ann, order_reference="SO-2", actor=desk, now=now)

    def terms(code):
        code.refresh_from_db()
        return (code.months, code.replacements, code.warranty_months, code.binding_window_hours)

    assert terms(before) == (12, 2, 0, 48)
    assert terms(after) == (6, 1, 3, 24)


# --- void (C2) ---------------------------------------------------------------


@pytest.mark.parametrize("sold", [False, True])
def test_a_code_is_made_void_with_a_reason(sold, desk, now):
    code = factories.ActivationCodeFactory(sold=sold)
    codes.void(code, reason="Printed twice", actor=desk, now=now)
    code.refresh_from_db()
    assert (code.state, code.void_reason) == ("void", "Printed twice")
    assert (code.sold_at is not None) is sold
    event = CodeEvent.objects.get(code=code)
    assert (event.kind, event.note, event.actor, event.at) == (
        "voided",
        "Printed twice",
        "clerk",
        now,
    )


def test_a_code_is_not_made_void_without_a_reason(code_in_stock, desk, now):
    with pytest.raises(IntegrityError), transaction.atomic():
        codes.void(code_in_stock, reason="", actor=desk, now=now)
    assert CodeEvent.objects.count() == 0


def test_a_void_code_is_not_made_void_again(desk, now):
    code = factories.ActivationCodeFactory(void=True)
    with pytest.raises(Conflict):
        codes.void(code, reason="Again", actor=desk, now=now)
    code.refresh_from_db()
    assert code.void_reason == "Printed twice"


def test_a_redeemed_code_is_not_made_void(sold_code, desk, now):
    factories.PeriodFactory(code=sold_code)
    with pytest.raises(Conflict):
        codes.void(sold_code, reason="Refund", actor=desk, now=now)
    sold_code.refresh_from_db()
    assert sold_code.state == "sold"


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
