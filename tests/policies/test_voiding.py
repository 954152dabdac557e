"""Codes taken out of use: one (C2), those of a sale that are taken back (C7), a batch (C6)."""

import pytest
from django.db import IntegrityError, transaction

from policies import codes, outbox, sales, voiding
from policies.models import ActivationCode, CodeEvent, Letter, SaleEvent
from policies.shared.errors import Conflict
from tests import factories

# --- one code ----------------------------------------------------------------


@pytest.mark.parametrize("sold", [False, True])
def test_a_code_is_made_void_with_a_reason(sold, desk, now):
    code = factories.ActivationCodeFactory(sold=sold)
    voiding.void(code, reason="Printed twice", actor=desk, now=now)
    code.refresh_from_db()
    assert (code.state, code.void_reason) == ("void", "Printed twice")
    assert (code.sale is not None) is sold
    event = CodeEvent.objects.get(code=code)
    assert (event.kind, event.note, event.actor, event.at) == (
        "voided",
        "Printed twice",
        "clerk",
        now,
    )


def test_a_code_is_not_made_void_without_a_reason(code_in_stock, desk, now):
    with pytest.raises(IntegrityError), transaction.atomic():
        voiding.void(code_in_stock, reason="", actor=desk, now=now)
    assert CodeEvent.objects.count() == 0


def test_a_void_code_is_not_made_void_again(desk, now):
    code = factories.ActivationCodeFactory(void=True)
    with pytest.raises(Conflict):
        voiding.void(code, reason="Again", actor=desk, now=now)
    code.refresh_from_db()
    assert code.void_reason == "Printed twice"


def test_a_redeemed_code_is_not_made_void(sold_code, desk, now):
    factories.PeriodFactory(code=sold_code)
    with pytest.raises(Conflict):
        voiding.void(sold_code, reason="Refund", actor=desk, now=now)
    sold_code.refresh_from_db()
    assert sold_code.state == "sold"


# --- codes of a sale (C7) ----------------------------------------------------


@pytest.fixture
def sale(shelf, ann):
    """Four codes, bought by Ann."""
    codes.generate(**shelf, count=4)
    return sales.sell_from_stock(**shelf, quantity=4, to=ann, order_reference="SO-1001")


def test_codes_that_were_taken_back_are_void_and_the_sale_and_its_buyer_know(
    sale, desk, clerk, now
):
    first, second, *others = factories.codes_of(sale)
    voiding.take_back(sale, [first, second], reason="Wrong person", actor=desk, now=now)

    states = {code.pk: code.state for code in factories.codes_of(sale)}
    assert states == {
        first.pk: "void",
        second.pk: "void",
        **{code.pk: "sold" for code in others},
    }
    for code in (first, second):
        event = CodeEvent.objects.exclude(kind="sold").get(code=code)
        assert (event.kind, event.note, event.at) == ("taken_back", "Wrong person", now)
        assert (event.by, event.actor, event.address) == (clerk, "clerk", "192.0.2.10")
        code.refresh_from_db()
        assert (code.void_reason, code.sale) == ("Wrong person", sale)
    [event] = SaleEvent.objects.all()
    assert (event.sale, event.kind, event.note, event.by) == (
        sale,
        "taken_back",
        "Wrong person",
        clerk,
    )
    assert event.data == {"codes": [first.last_four, second.last_four]}
    assert event.change == f"…{first.last_four}, …{second.last_four}"
    letter = Letter.objects.get(name="code_voided")
    assert (letter.recipient, letter.sale, letter.reference) == ("ann@example.com", sale, "SO-1001")
    said = outbox.render(letter)
    assert said.subject == "2 activation codes of yours are void"
    for body in (said.text, said.html):
        assert "2 activation codes of yours out of use. They can no longer be activated" in body
        for code in (first, second):
            goods = "for one 1-Year care plan for one Mavic 2 Pro"
            assert f"the code that ends in {code.last_four}, {goods}" in body
        assert "Other codes of it are not affected." in body
        assert "Wrong person" not in body


def test_the_letter_speaks_of_no_others_where_all_were_taken_back(sale, desk, now):
    voiding.take_back(sale, factories.codes_of(sale), reason="Returned", actor=desk, now=now)
    said = outbox.render(Letter.objects.get(name="code_voided"))
    assert "Order: SO-1001." in said.text
    assert "Other codes" not in said.text + said.html


def test_a_code_that_was_taken_back_is_not_sold_again(sale, shelf, ann, desk, now):
    [code, *_others] = factories.codes_of(sale)
    voiding.take_back(sale, [code], reason="Wrong person", actor=desk, now=now)
    with pytest.raises(Conflict):
        sales.sell(code, to=ann, order_reference="SO-2", actor=desk, now=now)
    with pytest.raises(Conflict):
        sales.sell_from_stock(**shelf, quantity=1, to=ann, order_reference="SO-2")


def test_only_codes_of_the_sale_that_nobody_has_redeemed_are_taken_back(sale, desk, now):
    redeemed, void, good, _other = factories.codes_of(sale)
    factories.PeriodFactory(code=redeemed)
    voiding.void(void, reason="Stolen", actor=desk, now=now)
    strange = factories.ActivationCodeFactory(sold=True)
    for bad in (redeemed, void, strange):
        with pytest.raises(Conflict) as conflict:
            voiding.take_back(sale, [good, bad], reason="Wrong person", actor=desk, now=now)
        message = f"These can no longer be taken back: …{bad.last_four}."
        assert str(conflict.value.message) == message
    with pytest.raises(Conflict):
        voiding.take_back(sale, [], reason="Wrong person", actor=desk, now=now)
    good.refresh_from_db()
    assert good.state == "sold"
    assert not CodeEvent.objects.filter(kind="taken_back").exists()


# --- a batch (C6) ------------------------------------------------------------


def test_a_batch_is_made_void_but_for_what_was_redeemed(shelf, ann, desk, clerk, now):
    ben = factories.CustomerFactory(name="Ben", email="ben@example.com")
    batch = codes.generate(**shelf, count=8)
    other = codes.generate(**shelf, count=1)
    goods = {"actor": desk, "now": now}
    anns = sales.sell_from_batch(batch, quantity=3, to=ann, order_reference="SO-1", **goods)
    bens = sales.sell_from_batch(batch, quantity=1, to=ben, order_reference="SO-2", **goods)
    redeemed, *kept = factories.codes_of(anns)
    factories.PeriodFactory(code=redeemed)
    Letter.objects.all().delete()

    assert voiding.void_batch(batch, reason="Wrong region", actor=desk, now=now) == 7

    assert other.codes.get().state == "in_stock"
    redeemed.refresh_from_db()
    assert (redeemed.state, redeemed.void_reason) == ("sold", "")
    assert set(
        batch.codes.exclude(pk=redeemed.pk).values_list("state", "void_reason").distinct()
    ) == {("void", "Wrong region")}
    events = CodeEvent.objects.filter(kind="voided", code__batch=batch)
    assert events.count() == 7
    assert set(events.values_list("note", "by", "actor")) == {("Wrong region", clerk.pk, "clerk")}
    told = {letter.recipient: letter for letter in Letter.objects.all()}
    assert set(told) == {"ann@example.com", "ben@example.com"}
    assert [one["last_four"] for one in told["ann@example.com"].context["codes"]] == [
        code.last_four for code in kept
    ]
    assert (told["ann@example.com"].sale, told["ben@example.com"].sale) == (anns, bens)
    assert "Other codes of it are not affected." in outbox.render(told["ann@example.com"]).text
    assert "Other codes" not in outbox.render(told["ben@example.com"]).text
    assert SaleEvent.objects.filter(kind="voided", note="Wrong region").count() == 2


def test_a_batch_is_not_made_void_twice(shelf, desk, now):
    batch = codes.generate(**shelf, count=2)
    voiding.void_batch(batch, reason="Wrong region", actor=desk, now=now)
    with pytest.raises(Conflict):
        voiding.void_batch(batch, reason="Wrong region", actor=desk, now=now)
    assert CodeEvent.objects.count() == 2


def test_a_large_batch_is_made_void_in_as_many_statements_as_a_small_one(
    shelf, desk, now, django_assert_max_num_queries
):
    for count in (1, 3_000):
        batch = codes.generate(**shelf, count=count)
        with django_assert_max_num_queries(8):
            assert voiding.void_batch(batch, reason="Lost", actor=desk, now=now) == count
    assert not ActivationCode.objects.in_stock().exists()


def test_sent_again_the_letter_of_a_sale_brings_no_code_of_a_void_batch(
    sale, shelf, ann, desk, now
):
    [good] = factories.ActivationCodeFactory.create_batch(1)
    mixed = sales.sell(good, to=ann, order_reference="SO-3", actor=desk, now=now)
    letters = {one.sale_id: one for one in Letter.objects.all()}
    Letter.objects.update(state="sent", sent_at=now)
    [code, *_others] = factories.codes_of(sale)
    voiding.void_batch(code.batch, reason="Wrong region", actor=desk, now=now)
    with pytest.raises(Conflict):
        outbox.send_again(letters[sale.pk], now=now)
    outbox.send_again(letters[mixed.pk], now=now)
    whole = outbox.render(letters[sale.pk], whole=True)
    for one in factories.codes_of(sale):
        assert factories.whole(one) not in whole.text + whole.html
