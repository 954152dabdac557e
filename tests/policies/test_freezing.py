"""A policy keeps the parts, exclusions and warranty that it was sold with (P4, P6-P8)."""

from datetime import UTC, datetime
from importlib import import_module

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction

from policies import agreement, binding, cover, freezing, orders, renewal, sales
from policies.models import ActivationCode, CoverTerms, DroneModel, Exclusion, Order, Period
from policies.shared.actor import Actor
from tests import factories

HOUSE = Actor.command("test")
NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
ALL_PARTS = ["aircraft", "gimbal", "camera", "battery", "propellers"]


@pytest.fixture
def change_the_catalogue(mavic_2_pro):
    """No battery for the series, one exclusion more, and half the warranty."""

    def change() -> None:
        mavic_2_pro.series.parts.filter(part="battery").delete()
        Exclusion.objects.create(cause="water", title="Water", text="No more water.")
        mavic_2_pro.warranty_months = 6
        mavic_2_pro.save()

    return change


@pytest.fixture
def sell(ann, mavic_2_pro, care_1y, us):
    def sell(plan=care_1y) -> ActivationCode:
        goods = {"plan": plan, "drone_model": mavic_2_pro, "region": us}
        factories.ActivationCodeFactory(batch=factories.CodeBatchFactory(plan=plan))
        sale = sales.sell_from_stock(
            **goods, quantity=1, to=ann, order_reference="W-1", actor=HOUSE, now=NOW
        )
        [code] = factories.codes_of(sale)
        return code

    return sell


def bind(code, serial="0AXCKEEP0001", **stated):
    application = binding.Application(
        serial=serial,
        name="Ann Lee",
        email="ann@example.com",
        country="US",
        drone_model=code.batch.drone_model,
        **stated,
    )
    return binding.bind_at_desk(code, application, actor=HOUSE, now=NOW)


def promised(policy) -> tuple[list[str], int, datetime]:
    """Parts, number of exclusions, end of the warranty: as the agreement and a claim see them."""
    drawn_up, seen = agreement.of(policy, at=NOW), cover.cover_of(policy)
    assert list(seen.parts) == drawn_up.parts
    assert len(seen.excluded_causes) == len(drawn_up.exclusions)
    until = drawn_up.warranty_until or drawn_up.warranty_at_least_until
    assert until == (seen.warranty_until or seen.warranty_at_least_until)
    return drawn_up.parts, len(drawn_up.exclusions), until


# Eleven in the morning in New York, where summer time has not begun by then.
A_YEAR_ON = datetime(2027, 3, 10, 16, 0, tzinfo=UTC)


def test_p4_what_a_code_was_sold_with_holds_though_the_catalogue_changes_before_it_is_bound(
    sell, change_the_catalogue
):
    code = sell()
    change_the_catalogue()
    assert promised(bind(code)) == (ALL_PARTS, 4, A_YEAR_ON)


def test_p4_what_a_policy_was_sold_with_holds_though_the_catalogue_changes(
    sell, change_the_catalogue
):
    policy = bind(sell())
    change_the_catalogue()
    assert promised(policy) == (ALL_PARTS, 4, A_YEAR_ON)
    assert "water" not in cover.cover_of(policy).excluded_causes


def test_p4_what_is_sold_afterwards_has_the_new_terms(sell, change_the_catalogue):
    sell()
    change_the_catalogue()
    half_a_year_on = datetime(2026, 9, 10, 15, 0, tzinfo=UTC)
    without_battery = ["aircraft", "gimbal", "camera", "propellers"]
    assert promised(bind(sell())) == (without_battery, 5, half_a_year_on)


def test_p4_an_order_keeps_what_was_covered_on_its_day(mavic_2_pro, care_1y, change_the_catalogue):
    bought = orders.Purchase(
        reference="W-1",
        serial="0AXCSHOP0001",
        drone_model=mavic_2_pro,
        plan=care_1y,
        name="Ann Lee",
        email="ann@example.com",
        country="US",
    )
    order = orders.place(bought, actor=HOUSE, now=NOW)
    change_the_catalogue()
    policy = orders.ship(order, shipped_at=NOW, actor=HOUSE, now=NOW)
    parts, exclusions, _until = promised(policy)
    assert (parts, exclusions) == (ALL_PARTS, 4)


def test_p4_a_renewal_prolongs_what_the_policy_was_sold_with(
    sell, change_the_catalogue, refresh_plus
):
    policy = bind(sell(), activated_at=NOW)
    change_the_catalogue()
    factories.ActivationCodeFactory(batch=factories.CodeBatchFactory(plan=refresh_plus))
    renewed = renewal.sell_and_renew(
        policy, plan=refresh_plus, order_reference="", actor=HOUSE, now=NOW
    )
    # Twelve months of the manufacturer's as they were, and twelve more of the renewal's.
    two_years_on = datetime(2028, 3, 10, 16, 0, tzinfo=UTC)
    assert promised(renewed) == (ALL_PARTS, 4, two_years_on)
    assert Period.objects.get(number=2).cover_terms.warranty_months == 6


def test_the_same_terms_are_kept_once_however_many_are_sold(sell):
    for number in range(3):
        bind(sell(), serial=f"0AXCKEEP000{number}")
    assert len(set(Period.objects.values_list("cover_terms", flat=True))) == 1


@pytest.mark.django_db
def test_what_was_on_file_is_frozen_as_the_next_sale_is():
    migration = import_module("policies.migrations.0017_frozen_terms")
    frozen = migration._terms_of_today(apps)
    by_model = {model: terms for terms, models in frozen.items() for model in models}
    models = DroneModel.objects.all()
    assert by_model == {model.pk: freezing.cover_terms_of_today(model).pk for model in models}
    assert len(by_model) > len(frozen) > 1


def test_terms_that_were_sold_are_never_changed(mavic_2_pro):
    terms = freezing.cover_terms_of_today(mavic_2_pro)
    for change in (lambda row: row.update(parts=[]), lambda row: row._raw_delete("default")):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            change(CoverTerms.objects.filter(pk=terms.pk))


@pytest.mark.django_db
def test_nothing_is_sold_without_its_terms():
    code = factories.ActivationCodeFactory(sold=True)
    period = factories.PeriodFactory()
    for table, row in ((ActivationCode, code), (Period, period)):
        with pytest.raises(IntegrityError), transaction.atomic():
            table.objects.filter(pk=row.pk).update(cover_terms=None)
    assert not Order._meta.get_field("cover_terms").null
