"""The catalogue as it is seeded (P1, P2, P5-P8, B2, B3), and how fees and parts are found in it."""

from datetime import date
from decimal import Decimal
from itertools import product

import pytest
from django.core.exceptions import ValidationError

from policies.models import (
    CoveredPart,
    DroneModel,
    Exclusion,
    Plan,
    Region,
    RegionCountry,
    ReplacementFee,
    Series,
)
from policies.rules import serials

pytestmark = pytest.mark.django_db

REGIONS = {
    "US": ("USD", "America/New_York"),
    "CA": ("CAD", "America/Toronto"),
    "EU": ("EUR", "Europe/Berlin"),
    "UK": ("GBP", "Europe/London"),
    "CH": ("CHF", "Europe/Zurich"),
    "NO": ("NOK", "Europe/Oslo"),
    "AU": ("AUD", "Australia/Sydney"),
    "HK": ("HKD", "Asia/Hong_Kong"),
    "TW": ("TWD", "Asia/Taipei"),
    "JP": ("JPY", "Asia/Tokyo"),
    "KR": ("KRW", "Asia/Seoul"),
    "CN": ("CNY", "Asia/Shanghai"),
}

AIRCRAFT_GIMBAL_CAMERA = ["aircraft", "gimbal", "camera"]

# --- plans (P1) --------------------------------------------------------------


def test_the_plans_are_those_of_the_business():
    plans = Plan.objects.values_list(
        "code", "name", "months", "replacements", "warranty_months", "renews__code"
    )
    assert set(plans) == {
        ("care-1y", "1-Year", 12, 2, 0, None),
        ("care-2y", "2-Year", 24, 3, 0, None),
        ("refresh-plus", "Refresh +", 12, 1, 12, "care-1y"),
    }


def test_only_refresh_plus_is_a_renewal():
    assert {plan.code for plan in Plan.objects.all() if plan.is_renewal} == {"refresh-plus"}


# --- regions -----------------------------------------------------------------


def test_the_regions_have_their_currencies_and_zones():
    found = {region.code: (region.currency, region.time_zone) for region in Region.objects.all()}
    assert found == REGIONS


def test_every_region_gives_48_hours_to_bind_and_72_with_a_permit():
    hours = Region.objects.values_list("binding_window_hours", "permit_hours").distinct()
    assert set(hours) == {(48, 72)}


@pytest.mark.parametrize("code", REGIONS)
def test_a_seeded_region_is_one_that_the_admin_would_accept(code):
    region = Region.objects.get(code=code)
    region.full_clean()
    assert region.zone.key == REGIONS[code][1]
    assert region.countries.filter(country=region.country).exists()  # serviced where it is bought


@pytest.mark.parametrize(
    ("country", "region"),
    [
        ("US", "US"), ("PR", "US"), ("CA", "CA"), ("DE", "EU"), ("FR", "EU"), ("GB", "UK"),
        ("CH", "CH"), ("LI", "CH"), ("NO", "NO"), ("AU", "AU"), ("NZ", "AU"), ("HK", "HK"),
        ("MO", "HK"), ("TW", "TW"), ("JP", "JP"), ("KR", "KR"), ("CN", "CN"),
        ("BR", None), ("", None), ("XX", None), ("us", None),
    ],
)  # fmt: skip
def test_a_country_has_its_region_or_none(country, region):
    found = Region.objects.for_country(country).first()
    assert (found and found.code) == region


def test_all_27_countries_of_the_european_union_are_one_region():
    assert RegionCountry.objects.filter(region__code="EU").count() == 27


def test_a_time_zone_that_does_not_exist_is_refused():
    region = Region.objects.get(code="US")
    region.time_zone = "America/Atlantis"
    with pytest.raises(ValidationError, match="is not a time zone"):
        region.full_clean()


# --- parts (P6) --------------------------------------------------------------


@pytest.mark.parametrize(
    ("series", "parts"),
    [
        ("mavic", ["aircraft", "gimbal", "camera", "battery", "propellers"]),
        ("spark", ["aircraft", "gimbal", "camera", "battery", "propellers"]),
        ("fpv", ["aircraft", "gimbal", "camera", "battery", "propellers"]),
        ("phantom", ["aircraft", "gimbal", "camera", "propellers"]),
        ("inspire", ["aircraft", "gimbal", "camera"]),
    ],
)
def test_each_series_covers_its_parts(series, parts):
    models = DroneModel.objects.filter(series__slug=series)
    assert models
    for model in models.prefetch_related("parts", "series__parts"):
        assert model.covered_parts() == parts


def test_there_is_no_series_beside_the_five():
    assert set(Series.objects.values_list("slug", flat=True)) == {
        "mavic", "spark", "fpv", "phantom", "inspire"}  # fmt: skip


def test_a_model_may_have_a_list_of_its_own():
    model = DroneModel.objects.get(slug="mavic-2-pro")
    for part in ("camera", "aircraft"):
        CoveredPart.objects.create(drone_model=model, part=part)
    assert model.covered_parts() == ["aircraft", "camera"]
    assert len(DroneModel.objects.get(slug="mavic-2-zoom").covered_parts()) == 5


def test_a_remote_controller_is_covered_nowhere():
    assert not CoveredPart.objects.filter(part="remote_controller").exists()
    part = CoveredPart(series=Series.objects.get(slug="mavic"), part="remote_controller")
    with pytest.raises(ValidationError, match="A remote controller is never covered"):
        part.full_clean()


# --- exclusions, warranty (P7, P8) -------------------------------------------


def test_four_causes_are_excluded_in_words():
    rows = Exclusion.objects.all()
    assert [row.cause for row in rows] == [
        "lost_or_stolen", "unsuitable_conditions", "deliberate", "third_party"]  # fmt: skip
    assert all(row.title and row.text.endswith(".") for row in rows)


def test_every_model_has_twelve_months_of_warranty():
    assert set(DroneModel.objects.values_list("warranty_months", flat=True)) == {12}


def test_the_models_that_the_business_names_are_there():
    slugs = set(DroneModel.objects.values_list("slug", flat=True))
    assert {"mavic-2-pro", "dji-fpv", "mavic-air", "spark", "inspire-2"} <= slugs


# --- fees (P4, P5) -----------------------------------------------------------


def test_every_region_has_a_fee_for_every_model_and_replacement():
    cases = set(ReplacementFee.objects.values_list("region__code", "drone_model__slug", "ordinal"))
    slugs = DroneModel.objects.values_list("slug", flat=True)
    assert cases == set(product(REGIONS, slugs, (1, 2, 3)))


def test_every_fee_is_worth_something_and_grows_with_the_ordinal():
    amounts: dict[tuple, list] = {}
    for row in ReplacementFee.objects.order_by("ordinal"):
        amounts.setdefault((row.region_id, row.drone_model_id), []).append(row.amount)
    assert all(0 < first <= second <= third for first, second, third in amounts.values())


@pytest.mark.parametrize(
    ("model", "region", "amounts"),
    [
        ("mavic-2-pro", "US", ["119.00", "139.00", "139.00"]),
        ("mavic-3", "US", ["159.00", "199.00", "229.00"]),
        ("mavic-pro", "EU", ["99.00", "139.00", "159.00"]),
        ("mini-2", "JP", ["5990.00", "6990.00", "7990.00"]),
    ],
)
def test_some_fees_in_figures(model, region, amounts):
    rows = ReplacementFee.objects.filter(drone_model__slug=model, region__code=region)
    assert [str(row.amount) for row in rows.order_by("ordinal")] == amounts


@pytest.fixture
def first_fee(mavic_2_pro, us):
    """The first replacement of a Mavic 2 Pro: 119 since 2024, 125.50 from 10 March 2026 on."""
    rows = ReplacementFee.objects.filter(drone_model=mavic_2_pro, region=us, ordinal=1)
    for amount, day in (("125.50", date(2026, 3, 10)), ("131.00", date(2027, 1, 1))):
        ReplacementFee.objects.create(
            drone_model=mavic_2_pro, region=us, ordinal=1, amount=amount, valid_from=day
        )
    return lambda day: [row.amount for row in rows.in_force(on=day)]


@pytest.mark.parametrize(
    ("day", "amounts"),
    [
        (date(2023, 12, 31), []),
        (date(2024, 1, 1), ["119.00"]),
        (date(2026, 3, 9), ["119.00"]),
        (date(2026, 3, 10), ["125.50"]),
        (date(2026, 12, 31), ["125.50"]),
        (date(2027, 1, 1), ["131.00"]),
        (date(2099, 1, 1), ["131.00"]),
    ],
)
def test_the_newest_fee_that_has_begun_is_in_force(first_fee, day, amounts):
    assert first_fee(day) == [Decimal(amount) for amount in amounts]


def test_a_new_fee_touches_no_other_case(first_fee):
    in_force = ReplacementFee.objects.in_force(on=date(2026, 3, 10))
    assert in_force.count() == ReplacementFee.objects.filter(valid_from=date(2024, 1, 1)).count()
    assert in_force.filter(valid_from__gt=date(2024, 1, 1)).count() == 1


# --- parcels -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("slug", "box"),
    [
        ("mavic-2-pro", (36, 28, 20, 2_700, 1_000, "880622")),
        ("mini-3-pro", (28, 24, 12, 1_000, 500, "880621")),
        ("spark", (30, 24, 14, 1_300, 400, "880622")),
        ("inspire-2", (64, 54, 40, 13_000, 2_500, "880622")),
    ],
)
def test_each_model_has_a_box_with_a_weight_and_a_value(slug, box):
    assert box == DroneModel.objects.values_list(
        "length_cm", "width_cm", "height_cm", "weight_g", "customs_value", "tariff_number"
    ).get(slug=slug)


def test_b12_models_of_2021_and_later_have_serial_numbers_of_the_standard():
    newer = DroneModel.objects.filter(serial_pattern=serials.CTA_2063_A)
    assert set(newer.values_list("slug", flat=True)) == {
        *("dji-fpv", "dji-avata", "dji-avata-2", "inspire-3", "air-2s", "air-3", "mini-se"),
        *("mavic-3", "mavic-3-cine", "mavic-3-classic", "mavic-3-pro", "mavic-3-pro-cine"),
        *("mini-3", "mini-3-pro", "mini-2-se", "mini-4-pro"),
    }
