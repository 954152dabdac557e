"""Selling codes: each sale is one record (C2, C7), with the terms of its day (P4)."""

import pytest

from policies import codes, sales
from policies.models import ActivationCode, CodeEvent, Letter, Plan, Region, Sale
from policies.shared.errors import Conflict
from tests import factories


def test_a_sale_is_recorded_with_the_terms_of_the_day_and_one_letter(ann, desk, clerk, now):
    code = factories.ActivationCodeFactory()

    sale = sales.sell(code, to=ann, order_reference="SO-1001", actor=desk, now=now)

    code.refresh_from_db()
    assert (code.state, code.sale) == ("sold", sale)
    assert (sale.buyer, sale.order_reference, sale.sold_at) == (ann, "SO-1001", now)
    assert (sale.sold_by, sale.actor, sale.region) == (clerk, "clerk", code.batch.region)
    assert (code.months, code.replacements, code.warranty_months) == (12, 2, 0)
    assert code.binding_window_hours == 48
    event = CodeEvent.objects.get(code=code)
    assert (event.kind, event.at, event.note) == ("sold", now, "SO-1001")
    assert (event.actor, event.by, event.address) == ("clerk", clerk, "192.0.2.10")
    letter = Letter.objects.get()
    assert (letter.name, letter.recipient) == ("code_sold", "ann@example.com")
    assert (letter.reference, letter.state, letter.sale) == ("SO-1001", "queued", sale)


def test_a_code_is_sold_once(ann, desk, now):
    code = factories.ActivationCodeFactory()
    ben = factories.CustomerFactory(name="Ben")
    sales.sell(code, to=ann, order_reference="SO-1", actor=desk, now=now)
    with pytest.raises(Conflict):
        sales.sell(code, to=ben, order_reference="SO-2", actor=desk, now=now)
    code.refresh_from_db()
    assert (code.sale.buyer, code.sale.order_reference) == (ann, "SO-1")
    assert CodeEvent.objects.count() == Letter.objects.count() == Sale.objects.count() == 1


def test_a_void_code_is_not_sold(ann, desk, now):
    code = factories.ActivationCodeFactory(void=True)
    with pytest.raises(Conflict):
        sales.sell(code, to=ann, order_reference="SO-1", actor=desk, now=now)
    assert Letter.objects.count() == 0


def test_several_codes_of_one_sale_go_out_in_one_letter(ann, shelf):
    codes.generate(**shelf, count=5)

    sale = sales.sell_from_stock(**shelf, quantity=3, to=ann, order_reference="SO-1001")

    sold = factories.codes_of(sale)
    assert len(sold) == 3
    assert ActivationCode.objects.filter(state="in_stock").count() == 2
    assert CodeEvent.objects.filter(kind="sold", code__in=sold).count() == 3
    assert Letter.objects.get().context["code_ids"] == [code.pk for code in sold]


def test_the_oldest_batch_is_sold_first(ann, shelf):
    old = codes.generate(**shelf, count=2)
    new = codes.generate(**shelf, count=2)
    sale = sales.sell_from_stock(**shelf, quantity=3, to=ann, order_reference="SO-1001")
    sold = factories.codes_of(sale)
    assert [code.batch_id for code in sold] == [old.pk, old.pk, new.pk]
    assert max(code.pk for code in sold) == new.codes.earliest("id").pk


def test_too_few_in_stock_sells_nothing(ann, shelf):
    codes.generate(**shelf, count=2)
    with pytest.raises(Conflict) as conflict:
        sales.sell_from_stock(**shelf, quantity=3, to=ann, order_reference="SO-1001")
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
            sales.sell_from_stock(**(shelf | other), quantity=1, to=ann, order_reference="SO-1")
        assert str(conflict.value.message) == "No such code is in stock."
    sale = sales.sell_from_stock(**shelf, quantity=1, to=ann, order_reference="SO-1")
    assert sale.codes.count() == 1


def test_a_large_sale_takes_as_many_queries_as_a_small_one(
    ann, shelf, django_assert_max_num_queries
):
    codes.generate(**shelf, count=200)
    for quantity in (1, 100):
        with django_assert_max_num_queries(16):
            sales.sell_from_stock(**shelf, quantity=quantity, to=ann, order_reference="SO-1001")


def test_a_sold_code_keeps_its_terms_when_the_catalogue_changes(ann, desk, now):
    before, after = factories.ActivationCodeFactory.create_batch(2)
    sales.sell(before, to=ann, order_reference="SO-1", actor=desk, now=now)
    Plan.objects.filter(code="care-1y").update(months=6, replacements=1, warranty_months=3)
    Region.objects.filter(code="US").update(binding_window_hours=24)
    sales.sell(after, to=ann, order_reference="SO-2", actor=desk, now=now)

    def terms(code):
        code.refresh_from_db()
        return (code.months, code.replacements, code.warranty_months, code.binding_window_hours)

    assert terms(before) == (12, 2, 0, 48)
    assert terms(after) == (6, 1, 3, 24)


def test_codes_are_sold_from_one_batch_its_oldest_first(ann, shelf, desk, now):
    codes.generate(**shelf, count=2)
    batch = codes.generate(**shelf, count=3)
    sale = sales.sell_from_batch(
        batch, quantity=2, to=ann, order_reference="SO-1", actor=desk, now=now
    )
    assert factories.codes_of(sale) == list(batch.codes.order_by("id")[:2])
    with pytest.raises(Conflict) as conflict:
        sales.sell_from_batch(
            batch, quantity=2, to=ann, order_reference="SO-2", actor=desk, now=now
        )
    assert str(conflict.value.message) == "Only 1 such code is in stock."
