"""The arithmetic of terms (P2, P3, B2, B3). No database anywhere in this file."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from policies.rules import terms

SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


# --- calendar months (P2) ----------------------------------------------------
# The region's zone, the start on its clocks and in UTC, months, the end on its clocks and in UTC.

MONTHS = [
    # the example of the rule
    ("America/New_York", "2026-01-31T10:00", "2026-01-31T15:00", 12, "2027-01-31T10:00", "2027-01-31T15:00"),
    ("America/New_York", "2026-01-31T10:00", "2026-01-31T15:00", 24, "2028-01-31T10:00", "2028-01-31T15:00"),
    # month ends clamp
    ("America/New_York", "2026-08-31T10:00", "2026-08-31T14:00", 6, "2027-02-28T10:00", "2027-02-28T15:00"),
    ("America/New_York", "2027-08-31T10:00", "2027-08-31T14:00", 6, "2028-02-29T10:00", "2028-02-29T15:00"),
    ("Asia/Tokyo", "2026-01-31T09:00", "2026-01-31T00:00", 1, "2026-02-28T09:00", "2026-02-28T00:00"),
    ("Asia/Tokyo", "2026-01-30T09:00", "2026-01-30T00:00", 1, "2026-02-28T09:00", "2026-02-28T00:00"),
    ("Asia/Tokyo", "2026-01-29T09:00", "2026-01-29T00:00", 1, "2026-02-28T09:00", "2026-02-28T00:00"),
    ("Asia/Tokyo", "2026-01-28T09:00", "2026-01-28T00:00", 1, "2026-02-28T09:00", "2026-02-28T00:00"),
    ("Asia/Tokyo", "2028-01-31T09:00", "2028-01-31T00:00", 1, "2028-02-29T09:00", "2028-02-29T00:00"),
    ("Asia/Tokyo", "2026-03-31T09:00", "2026-03-31T00:00", 1, "2026-04-30T09:00", "2026-04-30T00:00"),
    ("Asia/Tokyo", "2026-12-31T09:00", "2026-12-31T00:00", 2, "2027-02-28T09:00", "2027-02-28T00:00"),
    # the leap day
    ("Europe/Berlin", "2028-02-29T12:00", "2028-02-29T11:00", 12, "2029-02-28T12:00", "2029-02-28T11:00"),
    ("Europe/Berlin", "2028-02-29T12:00", "2028-02-29T11:00", 24, "2030-02-28T12:00", "2030-02-28T11:00"),
    ("Europe/Berlin", "2028-02-29T12:00", "2028-02-29T11:00", 48, "2032-02-29T12:00", "2032-02-29T11:00"),
    ("Europe/Berlin", "2027-02-28T12:00", "2027-02-28T11:00", 12, "2028-02-28T12:00", "2028-02-28T11:00"),
    # the month is the region's, not the one in UTC
    ("Asia/Tokyo", "2026-02-01T00:30", "2026-01-31T15:30", 1, "2026-03-01T00:30", "2026-02-28T15:30"),
    ("America/New_York", "2027-02-28T21:00", "2027-03-01T02:00", 12, "2028-02-28T21:00", "2028-02-29T02:00"),
    ("Australia/Sydney", "2026-12-31T23:30", "2026-12-31T12:30", 12, "2027-12-31T23:30", "2027-12-31T12:30"),
    ("Australia/Sydney", "2027-01-01T08:30", "2026-12-31T21:30", 12, "2028-01-01T08:30", "2027-12-31T21:30"),
    # into summer time and back: the wall clock stays, the instant moves
    ("America/New_York", "2026-02-20T09:00", "2026-02-20T14:00", 1, "2026-03-20T09:00", "2026-03-20T13:00"),
    ("America/New_York", "2026-10-20T09:00", "2026-10-20T13:00", 1, "2026-11-20T09:00", "2026-11-20T14:00"),
    ("America/New_York", "2026-03-10T11:00", "2026-03-10T15:00", 12, "2027-03-10T11:00", "2027-03-10T16:00"),
    ("Europe/Berlin", "2026-03-10T12:00", "2026-03-10T11:00", 1, "2026-04-10T12:00", "2026-04-10T10:00"),
    ("Europe/Berlin", "2026-10-10T12:00", "2026-10-10T10:00", 1, "2026-11-10T12:00", "2026-11-10T11:00"),
    ("Europe/London", "2026-10-10T12:00", "2026-10-10T11:00", 1, "2026-11-10T12:00", "2026-11-10T12:00"),
    ("Australia/Sydney", "2026-09-10T12:00", "2026-09-10T02:00", 1, "2026-10-10T12:00", "2026-10-10T01:00"),
    ("Australia/Sydney", "2026-03-10T12:00", "2026-03-10T01:00", 1, "2026-04-10T12:00", "2026-04-10T02:00"),
    # a wall-clock time that is skipped moves forward by the change
    ("America/New_York", "2026-03-14T02:30", "2026-03-14T06:30", 12, "2027-03-14T03:30", "2027-03-14T07:30"),
    ("Europe/Berlin", "2027-02-28T02:30", "2027-02-28T01:30", 1, "2027-03-28T03:30", "2027-03-28T01:30"),
    ("Australia/Sydney", "2026-09-04T02:30", "2026-09-03T16:30", 1, "2026-10-04T03:30", "2026-10-03T16:30"),
    ("Australia/Lord_Howe", "2026-09-04T02:15", "2026-09-03T15:45", 1, "2026-10-04T02:45", "2026-10-03T15:45"),
    # one that happens twice means the first
    ("America/New_York", "2026-10-01T01:30", "2026-10-01T05:30", 1, "2026-11-01T01:30", "2026-11-01T05:30"),
    ("Europe/London", "2026-09-25T01:30", "2026-09-25T00:30", 1, "2026-10-25T01:30", "2026-10-25T00:30"),
    ("Europe/Berlin", "2027-07-31T02:30", "2027-07-31T00:30", 3, "2027-10-31T02:30", "2027-10-31T00:30"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "clock", "start", "months", "clock_then", "end"),
    MONTHS,
    ids=[f"{row[0]} {row[1]} +{row[3]}" for row in MONTHS],
)
def test_months_are_calendar_months_on_the_clocks_of_the_region(
    zone, clock, start, months, clock_then, end
):
    assert local(clock, zone) == utc(start)  # the row of the table agrees with itself

    reached = terms.add_months(utc(start), months, ZoneInfo(zone))

    assert reached == utc(end)
    assert f"{reached.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M}" == clock_then


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-01T05:30", "2027-11-01T05:30"),  # the first half past one of that night
        ("2026-11-01T06:30", "2027-11-01T05:30"),  # and the second: the same wall clock
        ("2026-11-01T07:30", "2027-11-01T06:30"),  # half past two, winter time
    ],
)
def test_a_start_in_the_hour_that_happens_twice_counts_by_its_wall_clock(start, end):
    assert terms.add_months(utc(start), 12, ZoneInfo("America/New_York")) == utc(end)


def test_p2_an_end_in_the_hour_that_happens_twice_is_the_first_of_the_two():
    """On 1 November 2026 half past one comes in summer time, and an hour later in winter time."""
    new_york = ZoneInfo("America/New_York")
    a_year_before = utc("2025-11-01T05:30")
    assert terms.add_months(a_year_before, 12, new_york) == utc("2026-11-01T05:30")
    # Also where the start itself was the second of its two: 2 November 2025, half past one.
    second = utc("2025-11-02T06:30")
    assert terms.add_months(second, 12, new_york) == utc("2026-11-02T06:30")
    assert terms.add_months(second, 0, new_york) == utc("2025-11-02T05:30")


def test_seconds_and_their_fractions_are_kept():
    start = utc("2026-01-31T15:00:59.123456")
    assert terms.add_months(start, 12, ZoneInfo("America/New_York")) == utc(
        "2027-01-31T15:00:59.123456"
    )


def test_the_end_of_a_term_is_given_in_utc_whatever_zone_the_start_came_in():
    zone = ZoneInfo("America/New_York")
    for start in (utc("2026-01-31T15:00"), local("2026-01-31T10:00", "America/New_York"),
                  local("2026-02-01T00:00", "Asia/Tokyo")):  # fmt: skip
        end = terms.add_months(start, 12, zone)
        assert end == utc("2027-01-31T15:00")
        assert end.utcoffset() == timedelta(0)


# --- the binding window (B2) -------------------------------------------------
# Zone, activation, and what its clocks show 48 real hours later. The twelve service regions;
# where there is summer time, once over each change.

WINDOWS = [
    ("America/New_York", "2026-03-07T10:00", "2026-03-09T11:00"),
    ("America/New_York", "2026-10-31T10:00", "2026-11-02T09:00"),
    ("America/New_York", "2026-06-10T10:00", "2026-06-12T10:00"),
    ("America/Toronto", "2026-03-07T10:00", "2026-03-09T11:00"),
    ("America/Toronto", "2026-10-31T10:00", "2026-11-02T09:00"),
    ("Europe/Berlin", "2026-03-28T10:00", "2026-03-30T11:00"),
    ("Europe/Berlin", "2026-10-24T10:00", "2026-10-26T09:00"),
    ("Europe/London", "2026-03-28T10:00", "2026-03-30T11:00"),
    ("Europe/London", "2026-10-24T10:00", "2026-10-26T09:00"),
    ("Europe/Zurich", "2026-03-28T10:00", "2026-03-30T11:00"),
    ("Europe/Zurich", "2026-10-24T10:00", "2026-10-26T09:00"),
    ("Europe/Oslo", "2026-03-28T10:00", "2026-03-30T11:00"),
    ("Europe/Oslo", "2026-10-24T10:00", "2026-10-26T09:00"),
    ("Australia/Sydney", "2026-10-03T10:00", "2026-10-05T11:00"),
    ("Australia/Sydney", "2026-04-04T10:00", "2026-04-06T09:00"),
    ("Asia/Hong_Kong", "2026-03-28T10:00", "2026-03-30T10:00"),
    ("Asia/Taipei", "2026-03-28T10:00", "2026-03-30T10:00"),
    ("Asia/Tokyo", "2026-03-28T10:00", "2026-03-30T10:00"),
    ("Asia/Seoul", "2026-03-28T10:00", "2026-03-30T10:00"),
    ("Asia/Shanghai", "2026-03-28T10:00", "2026-03-30T10:00"),
]


@pytest.mark.parametrize("kept_in", ["UTC", "zone of the region"])
@pytest.mark.parametrize(("zone", "activated", "deadline"), WINDOWS)
def test_the_binding_window_is_48_real_hours_and_its_last_instant_counts(
    zone, activated, deadline, kept_in
):
    # A form hands over the activation in the zone of the region, the database in UTC.
    keep = UTC if kept_in == "UTC" else ZoneInfo(zone)
    activated_at = local(activated, zone).astimezone(keep)
    deadline_at = local(deadline, zone).astimezone(UTC)

    def open_at(instant: datetime) -> bool:
        asked = {terms.within_binding_window(activated_at, 48, at=instant),
                 terms.within_binding_window(activated_at, 48, at=instant.astimezone(keep))}  # fmt: skip
        assert len(asked) == 1  # one instant, one answer, in whatever zone it is written
        return asked.pop()

    assert terms.binding_deadline(activated_at, 48) == deadline_at
    assert open_at(deadline_at - SECOND)
    assert open_at(deadline_at - MICROSECOND)
    assert open_at(deadline_at)
    assert not open_at(deadline_at + MICROSECOND)
    assert not open_at(deadline_at + SECOND)


@pytest.mark.parametrize(
    ("hours", "deadline"),
    [(1, "2026-03-10T11:00"), (48, "2026-03-12T10:00"), (96, "2026-03-14T10:00")],
)
def test_a_region_may_have_another_window(hours, deadline):
    activated_at = utc("2026-03-10T10:00")
    assert terms.binding_deadline(activated_at, hours) == utc(deadline)
    assert terms.within_binding_window(activated_at, hours, at=utc(deadline))
    assert not terms.within_binding_window(activated_at, hours, at=utc(deadline) + MICROSECOND)


def test_a_deadline_in_the_hour_that_happens_twice_is_not_an_hour_late():
    activated_at = local("2026-10-30T01:30", "America/New_York")  # summer time
    first_half_past_one = utc("2026-11-01T05:30")
    second_half_past_one = utc("2026-11-01T06:30")
    for keep in (UTC, ZoneInfo("America/New_York")):
        first, second = first_half_past_one.astimezone(keep), second_half_past_one.astimezone(keep)
        assert terms.within_binding_window(activated_at, 48, at=first)
        assert not terms.within_binding_window(activated_at, 48, at=second)


# --- permits (B3) ------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-03-10T09:59:59.999999", False),
        ("2026-03-10T10:00:00", True),
        ("2026-03-11T10:00:00", True),
        ("2026-03-13T09:59:59", True),
        ("2026-03-13T10:00:00", True),
        ("2026-03-13T10:00:00.000001", False),
        ("2026-03-13T10:00:01", False),
    ],
)
def test_a_permit_is_open_from_its_first_instant_to_its_last(at, is_open):
    opened_at, deadline_at = utc("2026-03-10T10:00"), utc("2026-03-13T10:00")
    assert terms.permit_open(opened_at, deadline_at, at=utc(at)) is is_open


# --- term and force (P2, P3, E1) ---------------------------------------------


@pytest.mark.parametrize(
    ("at", "inside"),
    [
        ("2026-01-31T14:59:59.999999", False),
        ("2026-01-31T15:00:00", True),
        ("2026-07-01T00:00:00", True),
        ("2027-01-31T14:59:59", True),
        ("2027-01-31T14:59:59.999999", True),
        ("2027-01-31T15:00:00", False),
        ("2027-01-31T15:00:01", False),
    ],
)
def test_a_term_begins_with_its_first_instant_and_ends_before_its_last(at, inside):
    starts_at, ends_at = utc("2026-01-31T15:00"), utc("2027-01-31T15:00")
    assert terms.in_term(starts_at, ends_at, at=utc(at)) is inside
    stage = terms.stage(starts_at, ends_at, cancelled=False, replacements_left=1, at=utc(at))
    assert (stage == "in_force") is inside


@pytest.mark.parametrize(
    ("left", "stage"), [(2, "in_force"), (1, "in_force"), (0, "used_up"), (-1, "used_up")]
)
def test_a_policy_without_a_replacement_left_is_not_in_force(left, stage):
    starts_at, ends_at = utc("2026-01-31T15:00"), utc("2027-01-31T15:00")
    at = utc("2026-07-01T00:00")
    assert terms.stage(starts_at, ends_at, cancelled=False, replacements_left=left, at=at) == stage


# --- warranty (P8) -----------------------------------------------------------


def test_the_warranty_runs_calendar_months_from_the_activation():
    end = terms.warranty_end(utc("2028-02-29T11:00"), 12, ZoneInfo("Europe/Berlin"))
    assert end == utc("2029-02-28T11:00")
