"""One table of currencies decides about amounts, wherever one comes in or is shown."""

from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse

from claims.models import Claim, FeePayment
from policies.imports import base
from policies.imports.fees import FeeImport
from policies.models import DroneModel, Region, ReplacementFee
from tests.admin.conftest import NOON
from tests.pages import form_with

FITS = [("USD", "119.50"), ("TWD", "119.50"), ("KWD", "119.50"), ("JPY", "119"), ("XAF", "119.00")]
DOES_NOT_FIT = [("JPY", "119.50"), ("XAF", "119.50"), ("UGX", "0.01"), ("KRW", "119.99")]
DAY = date(2027, 1, 1)


@pytest.fixture
def region_with(us):
    def set_currency(currency: str) -> Region:
        Region.objects.filter(pk=us.pk).update(currency=currency)
        us.refresh_from_db()
        return us

    return set_currency


def enter_fee(manager, region: Region, amount: str):
    page = reverse("admin:policies_replacementfee_add")
    form = form_with("amount", manager.get(page).content.decode())
    chosen = {
        "drone_model": DroneModel.objects.get(slug="mini-2").pk,
        "region": region.pk,
        "ordinal": "1",
        "amount": amount,
        "valid_from": str(DAY),
    }
    return manager.post(page, form | chosen)


@pytest.mark.parametrize("currency", ["ZZZ", "REA"])
def test_a_region_has_a_currency_that_exists(manager, currency):
    page = reverse("admin:policies_region_add")
    form = form_with("currency", manager.get(page).content.decode())
    refused = manager.post(page, form | {"currency": currency}).context["adminform"].form.errors
    assert refused["currency"] == [
        f"There is no currency {currency}. Give its code of ISO 4217, as in USD."
    ]


def test_the_preview_of_fees_shows_the_digits_of_the_currency(region_with, tmp_path):
    region_with("JPY")
    path = tmp_path / "fees.csv"
    path.write_text(f"model,region,ordinal,amount,valid_from\nmini-2,US,1,4001,{DAY}\n")
    [change] = base.check(FeeImport(now=NOON), path).changes
    assert change.after == "JPY\N{NO-BREAK SPACE}4,001"


def import_fee(tmp_path, amount: str) -> list[str]:
    path = tmp_path / "fees.csv"
    path.write_text(f"model,region,ordinal,amount,valid_from\nmini-2,US,1,{amount},{DAY}\n")
    checked = base.check(FeeImport(now=NOON), path)
    return [str(line.problem) for line in checked.problems]


def pay(claims_desk, claim: Claim, amount: str, currency: str):
    page = reverse("admin:claims_claim_pay", args=[claim.pk])
    form = form_with("amount", claims_desk.get(page).content.decode())
    paid = {"amount": amount, "currency": currency, "method": "card", "reference": "CARD-1"}
    return claims_desk.post(page, form | paid)


@pytest.mark.parametrize(("currency", "amount"), FITS)
def test_an_amount_that_fits_is_taken_everywhere(
    currency, amount, region_with, manager, claims_desk, house, policy, tmp_path
):
    region = region_with(currency)
    assert import_fee(tmp_path, amount) == []
    assert enter_fee(manager, region, amount).status_code == 302
    fee = ReplacementFee.objects.get(region=region, drone_model__slug="mini-2", valid_from=DAY)
    assert fee.amount == Decimal(amount)
    claim = house.claim_at("awaiting_fee", policy)
    Claim.objects.filter(pk=claim.pk).update(fee_amount=amount, fee_currency=currency)
    assert pay(claims_desk, claim, amount, currency).status_code == 302
    assert FeePayment.objects.get().amount == Decimal(amount)


@pytest.mark.parametrize(("currency", "amount"), DOES_NOT_FIT)
def test_an_amount_that_does_not_fit_is_refused_everywhere_with_one_sentence(
    currency, amount, region_with, manager, claims_desk, house, policy, tmp_path
):
    region = region_with(currency)
    sentence = f"An amount in {currency} has no decimals."
    assert import_fee(tmp_path, amount) == [sentence]
    answer = enter_fee(manager, region, amount)
    assert answer.context["adminform"].form.errors == {"amount": [sentence]}
    assert not ReplacementFee.objects.filter(valid_from=DAY).exists()
    claim = house.claim_at("awaiting_fee", policy)
    answer = pay(claims_desk, claim, amount, currency)
    assert answer.context["form"].non_field_errors() == [sentence]
    assert not FeePayment.objects.exists()


def test_a_fee_fixed_with_a_fraction_in_the_past_can_be_paid(claims_desk, house, policy):
    claim = house.claim_at("awaiting_fee", policy)
    Claim.objects.filter(pk=claim.pk).update(fee_amount="119.50", fee_currency="JPY")
    assert pay(claims_desk, claim, "119.50", "JPY").status_code == 302
    assert FeePayment.objects.get().amount == Decimal("119.50")


def test_a_third_decimal_is_never_cut_off_in_silence(region_with, manager, tmp_path):
    region = region_with("KWD")
    assert import_fee(tmp_path, "119.505") == ["An amount in KWD has at most 2 decimals."]
    errors = enter_fee(manager, region, "119.505").context["adminform"].form.errors
    assert errors == {"amount": ["Ensure that there are no more than 2 decimal places."]}


def test_a_word_in_place_of_an_amount_is_refused_by_its_field_alone(region_with, manager):
    errors = enter_fee(manager, region_with("JPY"), "free").context["adminform"].form.errors
    assert errors == {"amount": ["Enter a number."]}


@pytest.mark.parametrize(
    ("currency", "shown"), [("JPY", "JPY\xa012,900"), ("TWD", "TWD\xa012,900.00")]
)
def test_an_amount_looks_the_same_wherever_it_is_shown(
    currency, shown, region_with, manager, claims_desk, house, policy, tmp_path
):
    region = region_with(currency)
    fee = ReplacementFee.objects.filter(region=region, drone_model__slug="mavic-2-pro").first()
    ReplacementFee.objects.filter(pk=fee.pk).update(amount=12900)
    fee.refresh_from_db()
    page = reverse("admin:policies_replacementfee_changelist")
    assert (
        shown in manager.get(page, {"drone_model__id__exact": fee.drone_model_id}).content.decode()
    )
    assert str(fee).endswith(f": {shown}")
    claim = house.claim_at("awaiting_fee", policy)
    Claim.objects.filter(pk=claim.pk).update(fee_amount=12900, fee_currency=currency)
    page = claims_desk.get(reverse("admin:claims_claim_change", args=[claim.pk]))
    assert shown in page.content.decode()
    [error] = pay(claims_desk, claim, "1", currency).context["form"].non_field_errors()
    assert error == f"The fee is {shown}, neither more nor less."
    assert pay(claims_desk, claim, "12900", currency).status_code == 302
    assert str(FeePayment.objects.get()) == shown
