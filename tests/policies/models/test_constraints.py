"""What the database itself refuses, whoever writes to it: raw SQL, on both databases."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, models, transaction

from policies.models import (
    ActivationCode,
    AllowanceUse,
    BindingPermit,
    CodeBatch,
    CoveredPart,
    Customer,
    Drone,
    Letter,
    Link,
    Period,
    Plan,
    Policy,
    Region,
    RegionCountry,
    ReplacementFee,
    Series,
)
from tests import factories

JANUARY_2026 = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MAY_2026 = datetime(2026, 5, 5, 9, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def execute(statement: str, values: list) -> int:
    adapt = connection.ops.adapt_datetimefield_value
    values = [adapt(value) if isinstance(value, datetime) else value for value in values]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.rowcount


def change(row: models.Model, **values) -> int:
    """UPDATE of one row, in SQL."""
    settings = ", ".join(f"{column} = %s" for column in values)
    table = row._meta.db_table
    return execute(f"UPDATE {table} SET {settings} WHERE id = %s", [*values.values(), row.pk])


def copy(row: models.Model, **values) -> int:
    """INSERT of the same row once more with some columns changed, in SQL."""
    columns = [f.column for f in row._meta.concrete_fields if not f.primary_key]
    assert set(values) <= set(columns)
    chosen = ["%s" if column in values else column for column in columns]
    given = [values[column] for column in columns if column in values]
    return execute(
        f"INSERT INTO {row._meta.db_table} ({', '.join(columns)}) "
        f"SELECT {', '.join(chosen)} FROM {row._meta.db_table} WHERE id = %s",
        [*given, row.pk],
    )


def refused(constraint: str, *columns: str):
    """By the constraint of that name, or (SQLite names columns instead) over those columns."""
    over = ", ".join(rf"\w+\.{column}" for column in columns)
    names = rf"\b{constraint}\b" + (rf"|UNIQUE constraint failed: {over}$" if over else "")
    return pytest.raises(IntegrityError, match=re.compile(names, re.MULTILINE))


# --- one drone, one policy (B4) ----------------------------------------------


@pytest.mark.parametrize("marked", ["scheduled", "active", "expired"])
def test_a_drone_has_one_policy_in_each_of_its_lives_whatever_is_marked(marked):
    policy = factories.PolicyFactory(status=marked)
    other_names = {"number": "POL-OTHER234", "status": "active"}
    with refused("policy_one_per_life_of_a_drone", "drone_id", "drone_life"):
        copy(policy, **other_names)
    assert copy(policy, **other_names, drone_life=2) == 1


def test_numbers_are_never_shared():
    first, second = factories.PolicyFactory.create_batch(2)
    with refused("policy_number_once", "number"):
        change(second, number=first.number)


# --- links -------------------------------------------------------------------


def test_no_two_links_have_one_token():
    first, second = factories.LinkFactory.create_batch(2)
    with refused("link_digest_once", "digest"):
        execute(
            "UPDATE policies_link SET digest = (SELECT digest FROM policies_link WHERE id = %s) "
            "WHERE id = %s",
            [first.pk, second.pk],
        )


def test_a_page_has_one_link_that_is_not_revoked():
    policy = factories.PolicyFactory()
    other = factories.LinkFactory(policy=policy, revoked_at=factories.LONG_AGO)
    factories.LinkFactory(policy=policy, reference="CLM-ABCD2345")
    with refused("link_one_for_each_page", "policy_id", "reference"):
        change(other, revoked_at=None)


def test_a_link_is_revoked_after_it_was_made():
    link = factories.LinkFactory()
    with refused("link_revoked_after_made"):
        change(link, revoked_at=link.made_at - timedelta(microseconds=1))
    assert change(link, revoked_at=link.made_at) == 1


def test_a_policy_ends_after_its_start():
    policy = factories.PolicyFactory()
    with refused("policy_ends_after_start"):
        change(policy, ends_at=policy.starts_at)


def test_a_cancelled_policy_has_a_reason_and_a_date():
    policy = factories.PolicyFactory()
    for values in (
        {"status": "cancelled"},
        {"status": "cancelled", "cancelled_at": MAY_2026},
        {"status": "cancelled", "cancel_reason": "Sold in error"},
        {"cancel_reason": "Sold in error"},
        {"cancelled_at": MAY_2026},
    ):
        with refused("policy_cancelled_has_reason"):
            change(policy, **values)
    assert change(policy, status="cancelled", cancelled_at=MAY_2026, cancel_reason="Sold in error")


def test_a_policy_has_a_status_that_is_known():
    with refused("policy_status_known"):
        change(factories.PolicyFactory(), status="asleep")


# --- one code, one policy (C5) -----------------------------------------------


def test_a_code_is_redeemed_once():
    code = factories.ActivationCodeFactory(sold=True)
    first = factories.PeriodFactory(code=code)
    other = factories.PolicyFactory(period=None)
    with pytest.raises(IntegrityError, match="code_id"):
        copy(first, policy_id=other.pk)
    assert copy(first, policy_id=other.pk, code_id=None) == 1


def test_a_code_has_its_digest_to_itself():
    first, second = factories.ActivationCodeFactory.create_batch(2)
    digest = first.digest if connection.vendor == "postgresql" else first.digest.hex
    with refused("code_digest_once", "digest"):
        change(second, digest=digest)


TERMS = {"months": 12, "replacements": 2, "warranty_months": 0, "binding_window_hours": 48}


def test_a_sold_code_has_a_sale_and_its_terms(db):
    code = factories.ActivationCodeFactory()
    frozen = factories.of_today(code.batch.drone_model)
    sale = {**TERMS, "sale_id": factories.SaleFactory().pk, "cover_terms_id": frozen.pk}
    for missing in sale:
        part = {column: value for column, value in sale.items() if column != missing}
        with refused("code_sold_with_terms|code_sold_has_sale"):
            change(code, state="sold", **part)
    for nothing in ("months", "binding_window_hours"):
        with refused("code_sold_with_terms"):
            change(code, state="sold", **{**sale, nothing: 0})
    assert change(code, state="sold", **sale) == 1


def test_a_code_in_stock_has_no_sale_and_no_terms(db):
    code = factories.ActivationCodeFactory()
    frozen = factories.of_today(code.batch.drone_model)
    sale = {**TERMS, "sale_id": factories.SaleFactory().pk, "cover_terms_id": frozen.pk}
    for column, value in sale.items():
        with refused("code_sold_with_terms|code_sold_has_sale"):
            change(code, **{column: value})
    with refused("code_sold_has_sale"):
        change(code, **sale)


def test_a_code_is_void_exactly_when_there_is_a_reason():
    code = factories.ActivationCodeFactory()
    with refused("code_void_has_reason"):
        change(code, state="void")
    with refused("code_void_has_reason"):
        change(code, void_reason="Printed twice")
    assert change(code, state="void", void_reason="Printed twice") == 1


def test_a_code_is_in_a_state_that_is_known():
    with refused("code_sold_has_sale"):
        change(factories.ActivationCodeFactory(), state="lent")


# --- the allowance (K4) ------------------------------------------------------


@pytest.fixture
def policy_with_two():
    """A 1-Year policy: two replacements."""
    return factories.PolicyFactory()


def overdrawn():
    return pytest.raises(IntegrityError, match="allowance overdrawn")


def test_an_allowance_cannot_be_overdrawn_by_insert(policy_with_two):
    first = factories.AllowanceUseFactory(policy=policy_with_two)
    assert copy(first, ordinal=2, reference="CLM-SECOND") == 1
    with overdrawn():
        copy(first, ordinal=3, reference="CLM-THIRD")
    assert AllowanceUse.objects.count() == 2


def test_an_allowance_cannot_be_overdrawn_by_update(policy_with_two):
    use = factories.AllowanceUseFactory(policy=policy_with_two)
    with overdrawn():
        change(use, ordinal=3)
    assert change(use, ordinal=2) == 1


def test_an_allowance_cannot_be_overdrawn_by_taking_back_what_was_given_back(policy_with_two):
    given_back = factories.AllowanceUseFactory(policy=policy_with_two, given_back_at=MAY_2026)
    factories.AllowanceUseFactory(policy=policy_with_two, ordinal=1)
    factories.AllowanceUseFactory(policy=policy_with_two, ordinal=2)
    with refused("use_ordinal_once", "policy_id", "ordinal"):
        change(given_back, given_back_at=None)
    with overdrawn():
        change(given_back, given_back_at=None, ordinal=3)


def test_an_allowance_cannot_be_overdrawn_by_moving_a_use_to_another_policy(policy_with_two):
    nothing_granted = factories.PolicyFactory(period=None)
    use = factories.AllowanceUseFactory(policy=policy_with_two)
    with overdrawn():
        change(use, policy_id=nothing_granted.pk)


def test_one_replacement_is_not_taken_twice(policy_with_two):
    first = factories.AllowanceUseFactory(policy=policy_with_two)
    with refused("use_ordinal_once", "policy_id", "ordinal"):
        copy(first, reference="CLM-SECOND")
    change(first, given_back_at=MAY_2026)
    assert copy(first, reference="CLM-SECOND", given_back_at=None) == 1


def test_a_renewal_grants_one_more(policy_with_two, refresh_plus):
    use = factories.AllowanceUseFactory(policy=policy_with_two)
    copy(use, ordinal=2, reference="CLM-SECOND")
    with overdrawn():
        copy(use, ordinal=3, reference="CLM-THIRD")
    factories.PeriodFactory(policy=policy_with_two, number=2, plan=refresh_plus)
    assert copy(use, ordinal=3, reference="CLM-THIRD") == 1
    with overdrawn():
        copy(use, ordinal=4, reference="CLM-FOURTH")


def test_a_claim_takes_one_replacement_only(policy_with_two):
    use = factories.AllowanceUseFactory(policy=policy_with_two)
    with refused("use_reference_once", "reference"):
        copy(use, ordinal=2)


def test_the_first_replacement_is_number_one(policy_with_two):
    with refused("use_ordinal_positive"):
        change(factories.AllowanceUseFactory(policy=policy_with_two), ordinal=0)


def test_a_use_is_not_given_back_before_it_is_taken():
    use = factories.AllowanceUseFactory(taken_at=MAY_2026)
    with refused("use_given_back_after_taken"):
        change(use, given_back_at=JANUARY_2026)


# --- renewal (R1) ------------------------------------------------------------


def test_a_policy_is_renewed_once(policy_with_two):
    period = policy_with_two.periods.get()
    assert copy(period, number=2) == 1
    with refused("period_number_once", "policy_id", "number"):
        copy(period, number=2)
    for number in (0, 3):
        with refused("period_one_renewal"):
            copy(period, number=number)
    assert Period.objects.filter(policy=policy_with_two).count() == 2


def test_a_period_ends_after_its_start(policy_with_two):
    period = policy_with_two.periods.get()
    with refused("period_ends_after_start"):
        change(period, ends_at=period.starts_at)


def test_a_plan_does_not_renew_itself():
    plan = Plan.objects.get(code="care-1y")
    with refused("plan_does_not_renew_itself"):
        change(plan, renews_id=plan.pk)


def test_a_plan_runs_for_some_time():
    with refused("plan_months_positive"):
        change(Plan.objects.get(code="care-1y"), months=0)


# --- history -----------------------------------------------------------------


@pytest.mark.parametrize("event", [factories.CodeEventFactory, factories.PolicyEventFactory])
def test_history_is_neither_changed_nor_deleted(event):
    row = event(note="as it was")
    table = row._meta.db_table
    append_only = pytest.raises(IntegrityError, match="history is append-only")
    with append_only:
        change(row, note="as it should have been")
    with append_only:
        execute(f"DELETE FROM {table} WHERE id = %s", [row.pk])
    with append_only:
        execute(f"DELETE FROM {table}", [])
    with append_only, transaction.atomic():
        type(row).objects.filter(pk=row.pk).update(note="by the ORM")
    with append_only, transaction.atomic():
        row.delete()
    assert type(row).objects.get().note == "as it was"
    assert copy(row, note="and one more line") == 1


def test_what_history_speaks_of_is_not_deleted():
    event = factories.CodeEventFactory()
    with pytest.raises(models.ProtectedError):
        event.code.delete()
    assert ActivationCode.objects.filter(pk=event.code_id).exists()


# --- drones and people -------------------------------------------------------


@pytest.mark.parametrize("serial", ["0axce1k003", "0AXC E1K003", "0AXC-E1K003", ""])
def test_a_serial_is_kept_normalised(serial):
    with refused("drone_serial_normalised"):
        change(factories.DroneFactory(), serial=serial)


def test_a_serial_is_known_once():
    first, second = factories.DroneFactory.create_batch(2)
    with refused("drone_serial_once", "serial"):
        change(second, serial=first.serial)


def test_an_activation_has_its_source_and_the_reverse():
    drone = factories.DroneFactory()
    for values in (
        {"activated_at": MAY_2026},
        {"activation_source": "dealer"},
        {"activation_source": "customer"},
        {"activated_at": MAY_2026, "activation_source": "hearsay"},
    ):
        with refused("drone_activation_has_source"):
            change(drone, **values)
    assert change(drone, activated_at=MAY_2026, activation_source="customer") == 1


def test_lives_are_counted_from_one():
    with refused("drone_life_positive"):
        change(factories.DroneFactory(), life=0)


def test_an_e_mail_address_is_kept_in_lower_case(ann):
    with refused("customer_email_lower_case"):
        change(ann, email="Ann@example.com")


@pytest.mark.parametrize("column", ["name", "email"])
def test_a_customer_has_a_name_and_an_address(ann, column):
    with refused("customer_has_name_and_email"):
        change(ann, **{column: ""})


def test_a_customer_is_on_file_once(ann):
    with refused("customer_once|index 'customer_once'"):
        copy(ann, name="ANN LEE")
    assert copy(ann, name="Ann Lee-Smith") == 1
    assert copy(ann, country="CA") == 1
    assert Customer.objects.count() == 3


# --- the catalogue -----------------------------------------------------------


def test_a_remote_controller_is_never_covered():
    part = CoveredPart.objects.filter(series__slug="mavic", part="battery").get()
    with refused("covered_part_never_remote_controller"):
        change(part, part="remote_controller")
    with refused("covered_part_never_remote_controller"):
        copy(part, part="remote_controller")


def test_a_covered_part_is_one_that_is_known():
    with refused("covered_part_known"):
        change(CoveredPart.objects.first(), part="landing_gear")


def test_a_part_is_covered_for_a_series_or_for_a_model(mavic_2_pro):
    part = CoveredPart.objects.filter(series__slug="mavic", part="battery").get()
    with refused("covered_part_of_series_or_model"):
        change(part, drone_model_id=mavic_2_pro.pk)
    with refused("covered_part_of_series_or_model"):
        change(part, series_id=None)
    assert change(part, series_id=None, drone_model_id=mavic_2_pro.pk) == 1
    with refused("covered_part_once_per_model", "drone_model_id", "part"):
        copy(part)


def test_a_part_is_listed_once():
    part = CoveredPart.objects.filter(series__slug="mavic", part="battery").get()
    with refused("covered_part_once_per_series", "series_id", "part"):
        copy(part)


def test_a_country_belongs_to_one_region(eu):
    belongs = RegionCountry.objects.get(country="US")
    with pytest.raises(IntegrityError, match="country"):
        copy(belongs, region_id=eu.pk)


@pytest.mark.parametrize("column", ["binding_window_hours", "permit_hours"])
def test_a_region_gives_some_time(column):
    with refused("region_hours_positive"):
        change(Region.objects.get(code="US"), **{column: 0})


def test_a_fee_is_one_figure_for_one_day():
    fee = ReplacementFee.objects.first()
    with refused("fee_once_per_day", "drone_model_id", "region_id", "ordinal", "valid_from"):
        copy(fee, amount=1)
    for values in ({"amount": -1}, {"ordinal": 0}):
        with refused("fee_amount_and_ordinal"):
            change(fee, **values)


def test_what_is_in_use_is_not_deleted():
    policy = factories.PolicyFactory()
    for row in (policy.plan, policy.region, policy.drone, policy.drone.drone_model,
                policy.holder, Series.objects.get(slug="mavic")):  # fmt: skip
        with pytest.raises(models.ProtectedError):
            row.delete()


# --- permits, letters --------------------------------------------------------


def test_a_permit_ends_after_it_opens():
    permit = factories.BindingPermitFactory()
    with refused("permit_deadline_after_opening"):
        change(permit, deadline_at=permit.opened_at)


def test_a_permit_that_was_used_does_not_lapse():
    policy = factories.PolicyFactory()
    permit = factories.BindingPermitFactory(drone=policy.drone)
    change(permit, used_for_id=policy.pk)
    with refused("permit_lapsed_unused"):
        change(permit, lapsed_at=permit.deadline_at)


def test_a_permit_is_used_for_one_policy_and_a_policy_uses_one_permit():
    policy = factories.PolicyFactory()
    first, second = factories.BindingPermitFactory.create_batch(2, drone=policy.drone)
    change(first, used_for_id=policy.pk)
    with pytest.raises(IntegrityError, match="used_for_id"):
        change(second, used_for_id=policy.pk)
    assert BindingPermit.objects.filter(used_for=policy).count() == 1


def test_a_permit_that_lapsed_was_not_used():
    policy = factories.PolicyFactory()
    permit = factories.BindingPermitFactory(drone=policy.drone)
    with refused("permit_lapsed_unused"):
        change(permit, used_for_id=policy.pk, lapsed_at=MAY_2026)
    assert change(permit, used_for_id=policy.pk) == 1
    with refused("permit_lapsed_unused"):
        change(permit, lapsed_at=MAY_2026)
    assert change(permit, used_for_id=None, lapsed_at=MAY_2026) == 1


def test_a_letter_is_queued_once_for_one_fact():
    letter = factories.LetterFactory()
    with refused("letter_once", "dedupe_key"):
        copy(letter, message_id="<other@skyline.example>")
    with refused("letter_message_id_once", "message_id"):
        copy(letter, dedupe_key="other")
    assert copy(letter, dedupe_key="other", message_id="<other@skyline.example>") == 1


def test_a_letter_is_sent_exactly_when_it_has_a_date():
    letter = factories.LetterFactory()
    for values in (
        {"state": "sent"},
        {"sent_at": MAY_2026},
        {"state": "failed", "sent_at": MAY_2026},
        {"state": "lost"},
    ):
        with refused("letter_sent_has_date"):
            change(letter, **values)
    assert change(letter, state="sent", sent_at=MAY_2026) == 1


# --- the net is complete -----------------------------------------------------

NAMED_ABOVE = re.compile(r'refused\(\s*"([a-z_|]+)')


def test_every_constraint_of_the_models_is_tried_here():
    source = Path(__file__).read_text()
    tried = {name for names in NAMED_ABOVE.findall(source) for name in names.split("|")}
    tables = [ActivationCode, AllowanceUse, BindingPermit, CodeBatch, CoveredPart, Customer, Drone,
              Letter, Link, Period, Plan, Policy, Region, ReplacementFee]  # fmt: skip
    declared = {constraint.name for model in tables for constraint in model._meta.constraints}
    assert declared <= tried
