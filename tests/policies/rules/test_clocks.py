"""The customers' clocks (P9). No database anywhere in this file."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from policies.rules import clocks

MICROSECOND = timedelta(microseconds=1)
NEW_YORK = ZoneInfo("America/New_York")
SYDNEY = ZoneInfo("Australia/Sydney")
BERLIN = ZoneInfo("Europe/Berlin")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_the_clocks_of_a_region_are_those_of_its_countries_and_its_own_comes_first():
    zones = clocks.zones_of(["US", "GU"], NEW_YORK)
    assert zones[0] == NEW_YORK
    assert {"America/Los_Angeles", "Pacific/Honolulu", "Pacific/Guam"} <= {z.key for z in zones}
    assert len(set(zones)) == len(zones)


def test_a_country_without_an_entry_in_the_time_zone_data_adds_no_clock():
    assert clocks.zones_of(["XK"], BERLIN) == (BERLIN,)


# Countries, the region's clock, a day, and when it begins on the first clock of them all.
BEGINS = [
    (["US", "GU"], NEW_YORK, date(2026, 3, 2), "2026-03-01T14:00"),
    (["US"], NEW_YORK, date(2026, 3, 2), "2026-03-02T05:00"),
    (["AU", "NZ"], SYDNEY, date(2026, 3, 2), "2026-03-01T10:15"),
    (["DE", "GR"], BERLIN, date(2026, 3, 2), "2026-03-01T22:00"),
]


@pytest.mark.parametrize(("countries", "zone", "day", "begins"), BEGINS)
def test_a_day_has_begun_with_the_first_clock_of_the_region(countries, zone, day, begins):
    zones = clocks.zones_of(countries, zone)
    assert clocks.has_begun(day, zones, at=utc(begins))
    assert not clocks.has_begun(day, zones, at=utc(begins) - MICROSECOND)


def test_an_instant_lies_on_several_days_where_a_region_is_wide():
    zones = clocks.zones_of(["US", "GU", "AS"], NEW_YORK)
    at_noon_in_new_york = utc("2026-03-02T17:00")
    assert clocks.days_at(at_noon_in_new_york, zones) == (date(2026, 3, 2), date(2026, 3, 3))
    assert clocks.days_at(at_noon_in_new_york, (NEW_YORK,)) == (date(2026, 3, 2),) * 2
    # Two in the morning on Guam, five in the morning of the day before on American Samoa.
    assert clocks.days_at(utc("2026-03-02T10:30"), zones) == (date(2026, 3, 1), date(2026, 3, 2))


def test_days_at_the_edge_of_the_calendar_are_only_before_or_after():
    zones = clocks.zones_of(["US", "GU"], NEW_YORK)
    assert clocks.has_begun(date.min, zones, at=utc("2026-03-02T17:00"))
    assert not clocks.has_begun(date.max, zones, at=utc("2026-03-02T17:00"))


def test_a_zone_is_named_with_the_time_that_it_is_there():
    words = clocks.in_words(ZoneInfo("America/Los_Angeles"), at=utc("2026-03-03T13:29"))
    assert str(words) == "Los Angeles time; it is 05:29 there now"


LANGUAGES = [
    (["el-GR", "el", "en-US"], "GR"),
    (["en-NZ"], "NZ"),
    (["zh-Hant-TW"], "TW"),
    (["zh-Hans-CN", "zh"], "CN"),
    (["de", "de-AT", "en-US"], "AT"),
    (["ja", "en-US", "en"], "JP"),
    (["nb", "no", "en-US"], "NO"),
    (["de", "en-US", "en"], ""),
    (["en"], ""),
    (["es-419"], ""),
    (["en-x-us"], ""),
    (["", "en-US"], ""),
    (["--"], ""),
    ([], ""),
]


@pytest.mark.parametrize(("languages", "country"), LANGUAGES)
def test_the_dearest_language_hints_at_a_country_and_what_browsers_add_does_not(languages, country):
    assert clocks.likely_country(languages) == country


@pytest.mark.parametrize(
    ("country", "region_zone", "likely"),
    [
        ("US", NEW_YORK, "America/New_York"),
        ("AU", SYDNEY, "Australia/Sydney"),
        ("NZ", SYDNEY, "Pacific/Auckland"),
        ("GR", BERLIN, "Europe/Athens"),
        ("ES", BERLIN, "Europe/Madrid"),
        ("GU", NEW_YORK, "Pacific/Guam"),
        ("XK", BERLIN, "Europe/Berlin"),
    ],
)
def test_the_likeliest_clock_of_a_country_is_its_regions_if_it_is_there(
    country, region_zone, likely
):
    assert clocks.likely_zone(country, region_zone).key == likely
