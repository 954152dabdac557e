"""Is a claim covered, and by what (K2, P3, P6-P8)? No database anywhere in this file."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims.decisions import NONE_LEFT, ClaimFacts, Ruling, decide, for_the_customer
from policies.models import Cause, Part
from policies.rules.entitlement import Entitlement

NEW_YORK = ZoneInfo("America/New_York")
A_MICROSECOND = timedelta(microseconds=1)
ALL_PARTS = ("aircraft", "gimbal", "camera", "battery", "propellers")

# 5 January 2026 to 5 January 2027, four in the morning in New York.
COVER = Entitlement(
    zones=(NEW_YORK,),
    starts_at=datetime(2026, 1, 5, 9, 0, tzinfo=UTC),
    ends_at=datetime(2027, 1, 5, 9, 0, tzinfo=UTC),
    cancelled_at=None,
    replacements_left=2,
    parts=ALL_PARTS,
    excluded_causes=frozenset(
        ["lost_or_stolen", "unsuitable_conditions", "deliberate", "third_party"]
    ),
    warranty_until=datetime(2027, 1, 3, 20, 0, tzinfo=UTC),
    bound_at=datetime(2026, 1, 5, 9, 0, tzinfo=UTC),
)
CRASH = ClaimFacts(
    cause="collision",
    parts=("aircraft", "gimbal"),
    happened_on=date(2026, 3, 8),
    requested_at=datetime(2026, 3, 10, 15, 0, tzinfo=UTC),
)


def summary(ruling: Ruling) -> tuple[str, list[str]]:
    """The outcome and the reasons; an objection has an exclamation mark."""
    return ruling.outcome, [
        f"{reason.rule} {reason.code}{'!' * reason.objects}" for reason in ruling.reasons
    ]


def decided(**changes) -> tuple[str, list[str]]:
    """On the usual crash, with some facts changed."""
    crash = {name: value for name, value in changes.items() if hasattr(CRASH, name)}
    # Both sides speak of parts: `parts` are the damaged ones, `covered` those of the plan.
    cover = {name: value for name, value in changes.items() if not hasattr(CRASH, name)}
    if "covered" in cover:
        cover["parts"] = cover.pop("covered")
    return summary(decide(replace(CRASH, **crash), replace(COVER, **cover)))


IN_TERM = ["K2 damage_in_term", "K2 request_in_term"]
LEFT = "P3 replacement_left"
PARTS = "P6 parts_covered"
CARE = ("care", [*IN_TERM, LEFT, PARTS])


def test_an_accident_in_the_term_is_covered_with_every_reason_said():
    assert decided() == CARE


# --- the causes (P7, P8) -------------------------------------------------------

BY_CAUSE = {
    "collision": CARE,
    "water": CARE,
    "drop": CARE,
    "signal_interference": CARE,
    "other_accident": ("needs_review", [*IN_TERM, LEFT, PARTS, "K2 cause_unclear!"]),
    "product_defect": ("warranty", ["P8 warranty_runs"]),
    "lost_or_stolen": ("not_covered", ["P7 excluded_cause!"]),
    "unsuitable_conditions": ("not_covered", ["P7 excluded_cause!"]),
    "deliberate": ("not_covered", ["P7 excluded_cause!"]),
    "third_party": ("not_covered", ["P7 excluded_cause!"]),
}


def test_every_cause_of_the_form_is_in_the_table_below():
    assert sorted(BY_CAUSE) == sorted(Cause.values)


@pytest.mark.parametrize("cause", BY_CAUSE)
def test_each_cause_has_its_answer(cause):
    assert decided(cause=cause) == BY_CAUSE[cause]


def test_what_is_excluded_is_what_the_plan_says_and_not_a_list_in_the_code():
    assert decided(cause="lost_or_stolen", excluded_causes=frozenset())[0] == "care"
    assert decided(excluded_causes=frozenset(["collision"])) == (
        "not_covered", ["P7 excluded_cause!"])  # fmt: skip
    assert decided(cause="product_defect", excluded_causes=frozenset(["product_defect"])) == (
        "not_covered", ["P7 excluded_cause!"])  # fmt: skip


# --- an accident: four questions, and all their answers are given ---------------

DAMAGE = {
    date(2026, 1, 4): "K2 damage_before!",
    date(2026, 3, 8): "K2 damage_in_term",
    date(2027, 1, 6): "K2 damage_after!",
}
REQUEST = {
    datetime(2026, 3, 10, 15, 0, tzinfo=UTC): "K2 request_in_term",
    datetime(2027, 1, 7, 15, 0, tzinfo=UTC): "K2 request_after!",
}
ALLOWANCE = {
    2: "P3 replacement_left",
    1: "P3 replacement_left",
    0: "P3 none_left!",
    # A ledger that grants less than was used: the same as nothing.
    -1: "P3 none_left!",
}
DAMAGED_PARTS = {
    ("aircraft", "camera"): "P6 parts_covered",
    ("aircraft", "remote_controller"): "P6 some_parts_not_covered",
    ("remote_controller",): "P6 no_part_covered!",
    (): "P6 no_part_covered!",
}
EVERY_CASE = list(
    product(DAMAGE.items(), REQUEST.items(), ALLOWANCE.items(), DAMAGED_PARTS.items())
)


@pytest.mark.parametrize(
    "cause", ["collision", "water", "drop", "signal_interference", "other_accident"]
)
def test_an_accident_gets_every_reason_and_one_objection_is_enough(cause):
    assert len(EVERY_CASE) == 96
    unclear = ["K2 cause_unclear!"] if cause == "other_accident" else []
    for (day, by_day), (asked, by_request), (left, by_left), (parts, by_parts) in EVERY_CASE:
        reasons = [by_day, by_request, by_left, by_parts]
        favourable = "needs_review" if unclear else "care"
        outcome = "not_covered" if any("!" in each for each in reasons) else favourable
        assert decided(
            cause=cause,
            happened_on=day,
            requested_at=asked,
            replacements_left=left,
            parts=parts,
        ) == (outcome, [*reasons, *unclear])


@pytest.mark.parametrize(
    "cause", ["lost_or_stolen", "unsuitable_conditions", "deliberate", "third_party"]
)
def test_an_excluded_cause_is_not_covered_whatever_else_is_true(cause):
    for (day, _), (asked, _), (left, _), (parts, _) in EVERY_CASE:
        facts = {"happened_on": day, "requested_at": asked}
        assert decided(cause=cause, **facts, replacements_left=left, parts=parts) == (
            "not_covered", ["P7 excluded_cause!"])  # fmt: skip


# --- a defect is the warranty's business, and never the plan's (P8) -------------

WARRANTY = {
    datetime(2027, 1, 3, 20, 0, tzinfo=UTC): {
        datetime(2026, 3, 10, 15, 0, tzinfo=UTC): ("warranty", ["P8 warranty_runs"]),
        datetime(2027, 1, 3, 20, 0, tzinfo=UTC) - A_MICROSECOND: ("warranty", ["P8 warranty_runs"]),
        datetime(2027, 1, 3, 20, 0, tzinfo=UTC): ("not_covered", ["P8 warranty_over!"]),
        datetime(2027, 6, 1, 20, 0, tzinfo=UTC): ("not_covered", ["P8 warranty_over!"]),
    },
    None: {
        datetime(2026, 3, 10, 15, 0, tzinfo=UTC): ("needs_review", ["P8 warranty_unknown!"]),
        datetime(2027, 6, 1, 20, 0, tzinfo=UTC): ("needs_review", ["P8 warranty_unknown!"]),
    },
}


@pytest.mark.parametrize("until", WARRANTY)
def test_a_defect_is_repaired_while_the_warranty_runs(until):
    for requested_at, expected in WARRANTY[until].items():
        assert (
            decided(cause="product_defect", warranty_until=until, requested_at=requested_at)
            == expected
        )


def test_p8_a_defect_soon_after_the_binding_is_warranty_though_nobody_knows_the_activation():
    """The drone was not activated before it was bound, so the months cannot be over."""
    floor = datetime(2027, 1, 5, 9, 0, tzinfo=UTC)
    facts = {"warranty_until": None, "warranty_at_least_until": floor, "cause": "product_defect"}
    for requested_at, expected in (
        (floor - A_MICROSECOND, ("warranty", ["P8 warranty_runs"])),
        (floor, ("needs_review", ["P8 warranty_unknown!"])),
    ):
        assert decided(**facts, requested_at=requested_at) == expected
    # Dated before the plan began it contradicts that. New York's 5 January is its first day.
    assert decided(**facts, happened_on=date(2026, 1, 5))[0] == "warranty"
    assert decided(**facts, happened_on=date(2026, 1, 4)) == (
        "needs_review", ["P8 warranty_runs", "P8 defect_before_binding!"])  # fmt: skip


def test_p8_a_defect_dated_before_the_activation_is_not_silently_warranty():
    activated_at = datetime(2026, 1, 4, 4, 59, tzinfo=UTC)  # 3 January in New York, 23:59
    facts = {"cause": "product_defect", "activated_at": activated_at}
    assert decided(**facts, happened_on=date(2026, 1, 3))[0] == "warranty"
    assert decided(**facts, happened_on=date(2026, 1, 2)) == (
        "needs_review", ["P8 warranty_runs", "P8 defect_before_activation!"])  # fmt: skip


def test_a_defect_needs_neither_the_term_nor_the_allowance_nor_a_covered_part():
    for (day, _), (_, _), (left, _), (parts, _) in EVERY_CASE:
        facts = {"cause": "product_defect", "happened_on": day, "parts": parts}
        assert decided(**facts, replacements_left=left) == ("warranty", ["P8 warranty_runs"])


def test_an_accident_is_never_the_warranty_s():
    for until in WARRANTY:
        assert decided(warranty_until=until) == CARE


# --- the parts of each series (P6) ----------------------------------------------

COVERED = {
    "Mavic": ["aircraft", "gimbal", "camera", "battery", "propellers"],
    "Spark": ["aircraft", "gimbal", "camera", "battery", "propellers"],
    "FPV": ["aircraft", "gimbal", "camera", "battery", "propellers"],
    "Phantom": ["aircraft", "gimbal", "camera", "propellers"],
    "Inspire": ["aircraft", "gimbal", "camera"],
}
NOT_COVERED = {
    "Mavic": ["remote_controller"],
    "Spark": ["remote_controller"],
    "FPV": ["remote_controller"],
    "Phantom": ["battery", "remote_controller"],
    "Inspire": ["battery", "propellers", "remote_controller"],
}


@pytest.mark.parametrize("series", COVERED)
def test_a_series_covers_its_parts_and_no_other(series):
    covered, others = COVERED[series], NOT_COVERED[series]
    assert sorted(covered + others) == sorted(Part.values)
    for part in covered:
        assert decided(parts=(part,), covered=tuple(covered)) == CARE
    for part in others:
        assert decided(parts=(part,), covered=tuple(covered)) == (
            "not_covered", [*IN_TERM, LEFT, "P6 no_part_covered!"])  # fmt: skip
        assert decided(parts=("gimbal", part), covered=tuple(covered)) == (
            "care", [*IN_TERM, LEFT, "P6 some_parts_not_covered"])  # fmt: skip


NAMED = [
    (["aircraft"], "The aircraft is not covered; it is not replaced."),
    (["gimbal"], "The gimbal is not covered; it is not replaced."),
    (["camera"], "The camera is not covered; it is not replaced."),
    (["battery"], "The battery is not covered; it is not replaced."),
    (["propellers"], "The propellers are not covered; they are not replaced."),
    (["remote_controller"], "The remote controller is not covered; it is not replaced."),
    (
        ["battery", "remote_controller"],
        "The battery and the remote controller are not covered; they are not replaced.",
    ),
    (
        ["battery", "propellers", "remote_controller"],
        "The battery, the propellers and the remote controller are not covered; "
        "they are not replaced.",
    ),
]


@pytest.mark.parametrize(("others", "sentence"), NAMED)
def test_the_parts_that_are_not_covered_are_named(others, sentence):
    covered = next(part for part in ("gimbal", "camera") if part not in others)
    parts = tuple(part for part in Part.values if part in [*others, covered])
    ruling = decide(replace(CRASH, parts=parts), replace(COVER, parts=(covered,)))
    assert str(ruling.reasons[3]) == sentence


# --- the days, on the region's clock (K2, P2) -------------------------------------

UTC_OF = {
    # Midnight at the beginning of the day, and at its end, by the clock of the place.
    ("America/New_York", "2026-06-10"): ("2026-06-10T04:00Z", "2026-06-11T04:00Z"),
    # The day on which clocks go forward has 23 hours, the other one 25.
    ("America/New_York", "2026-03-08"): ("2026-03-08T05:00Z", "2026-03-09T04:00Z"),
    ("America/New_York", "2026-11-01"): ("2026-11-01T04:00Z", "2026-11-02T05:00Z"),
    ("Europe/Berlin", "2026-03-29"): ("2026-03-28T23:00Z", "2026-03-29T22:00Z"),
    ("Europe/Berlin", "2026-10-25"): ("2026-10-24T22:00Z", "2026-10-25T23:00Z"),
    ("Europe/London", "2026-10-25"): ("2026-10-24T23:00Z", "2026-10-26T00:00Z"),
    ("Australia/Sydney", "2026-04-05"): ("2026-04-04T13:00Z", "2026-04-05T14:00Z"),
    ("Australia/Sydney", "2026-10-04"): ("2026-10-03T14:00Z", "2026-10-04T13:00Z"),
    ("Asia/Tokyo", "2026-06-10"): ("2026-06-09T15:00Z", "2026-06-10T15:00Z"),
}


@pytest.mark.parametrize(("zone", "day"), UTC_OF)
def test_a_day_that_touches_the_term_counts_and_no_other(zone, day):
    begins, ends = (datetime.fromisoformat(each) for each in UTC_OF[zone, day])

    def answer(starts_at: datetime, ends_at: datetime) -> str:
        _outcome, reasons = decided(
            zones=(ZoneInfo(zone),),
            happened_on=date.fromisoformat(day),
            starts_at=starts_at,
            ends_at=ends_at,
        )
        return reasons[0]

    long_ago, far_away = begins - timedelta(days=200), ends + timedelta(days=200)
    assert answer(ends, far_away) == "K2 damage_before!"
    assert answer(ends - A_MICROSECOND, far_away) == "K2 damage_in_term"
    assert answer(long_ago, begins + A_MICROSECOND) == "K2 damage_in_term"
    assert answer(long_ago, begins) == "K2 damage_after!"


def test_the_last_instant_of_a_request_is_just_before_the_end():
    end = COVER.ends_at
    assert decided(requested_at=end - A_MICROSECOND) == CARE
    assert decided(requested_at=end) == (
        "not_covered", ["K2 damage_in_term", "K2 request_after!", LEFT, PARTS])  # fmt: skip


def test_the_same_instant_is_the_same_in_any_zone():
    in_new_york = replace(
        COVER,
        starts_at=COVER.starts_at.astimezone(NEW_YORK),
        ends_at=COVER.ends_at.astimezone(NEW_YORK),
    )
    assert summary(decide(CRASH, in_new_york)) == CARE
    late = replace(CRASH, requested_at=COVER.ends_at.astimezone(ZoneInfo("Asia/Tokyo")))
    assert summary(decide(late, in_new_york))[0] == "not_covered"


def test_a_day_in_year_one_is_just_before():
    assert decided(happened_on=date(1, 1, 1), zones=(ZoneInfo("Asia/Tokyo"),))[1][0] == (
        "K2 damage_before!"
    )


# --- a day is the customer's, on whichever clock of the region (P9) -----------------

GUAM = ZoneInfo("Pacific/Guam")
HONOLULU = ZoneInfo("Pacific/Honolulu")
WIDE = (NEW_YORK, GUAM, HONOLULU)
ON_ANOTHER_CLOCK = (
    "The damage happened within the term, by the clock of another place in the region."
)


def by_day(day: date, **changes) -> tuple[str, str]:
    """What is said of the day, and its sentence."""
    ruling = decide(replace(CRASH, happened_on=day), replace(COVER, zones=WIDE, **changes))
    return ruling.reasons[0].code, str(ruling.reasons[0])


def test_p9_the_first_day_of_a_term_is_the_one_on_the_western_clock():
    # 04:30 on the 5th in New York is 23:30 on the 4th in Honolulu, and 19:30 on the 5th on Guam.
    begins = {"starts_at": datetime(2026, 1, 5, 9, 30, tzinfo=UTC)}
    assert by_day(date(2026, 1, 3), **begins)[0] == "damage_before"
    assert by_day(date(2026, 1, 4), **begins) == ("damage_in_term", ON_ANOTHER_CLOCK)
    assert by_day(date(2026, 1, 5), **begins) == (
        "damage_in_term", "The damage happened within the term.")  # fmt: skip
    # Half an hour later Honolulu, too, has the 5th.
    begins = {"starts_at": datetime(2026, 1, 5, 10, 0, tzinfo=UTC)}
    assert by_day(date(2026, 1, 4), **begins)[0] == "damage_before"


def test_p9_the_last_day_of_a_term_is_the_one_on_the_eastern_clock():
    # 10:00 on the 5th in New York is 01:00 on the 6th on Guam.
    ends = {"ends_at": datetime(2027, 1, 5, 15, 0, tzinfo=UTC)}
    assert by_day(date(2027, 1, 5), **ends) == (
        "damage_in_term", "The damage happened within the term.")  # fmt: skip
    assert by_day(date(2027, 1, 6), **ends) == ("damage_in_term", ON_ANOTHER_CLOCK)
    assert by_day(date(2027, 1, 7), **ends)[0] == "damage_after"
    # The end is outside: at midnight on Guam its 6th has no instant of the term.
    at_midnight = datetime(2027, 1, 5, 14, 0, tzinfo=UTC)
    assert by_day(date(2027, 1, 6), ends_at=at_midnight)[0] == "damage_after"
    assert by_day(date(2027, 1, 6), ends_at=at_midnight + A_MICROSECOND)[0] == "damage_in_term"


def test_p9_the_first_day_is_remarked_on_whichever_clock_it_was():
    # 10:00 on the 5th in New York; on Guam the 6th has begun.
    begins = {"zones": WIDE, "starts_at": datetime(2026, 1, 5, 15, 0, tzinfo=UTC)}
    remark = "K2 damage_on_first_day"
    assert remark not in decided(happened_on=date(2026, 1, 4), **begins)[1]
    assert remark in decided(happened_on=date(2026, 1, 5), **begins)[1]
    assert remark in decided(happened_on=date(2026, 1, 6), **begins)[1]
    assert remark not in decided(happened_on=date(2026, 1, 7), **begins)[1]


def test_p9_a_defect_lies_before_the_activation_if_its_day_is_over_on_every_clock():
    # Noon on the 4th in New York; on Guam it is the 5th, in Honolulu the 4th.
    activated_at = datetime(2026, 1, 4, 17, 0, tzinfo=UTC)
    facts = {"cause": "product_defect", "zones": WIDE, "activated_at": activated_at}
    assert decided(**facts, happened_on=date(2026, 1, 4))[0] == "warranty"
    assert decided(**facts, happened_on=date(2026, 1, 3)) == (
        "needs_review", ["P8 warranty_runs", "P8 defect_before_activation!"])  # fmt: skip


def test_p3_what_is_decided_where_the_last_replacement_has_gone_meanwhile():
    assert summary(NONE_LEFT) == ("not_covered", ["P3 none_left!"])


# --- what the clerk is told -------------------------------------------------------


FIRST_DAY = "K2 damage_on_first_day"
BOUND = "K2 bound_shortly_before"
SHIPPED = "K2 damage_before_shipment"


def remarks(**changes) -> list[str]:
    """What is said beyond the four answers of an accident that is covered."""
    outcome, reasons = decided(**changes)
    assert (outcome, reasons[:4]) == CARE
    return reasons[4:]


def test_damage_on_the_first_day_is_covered_and_said():
    # A minute to midnight in New York is five in the morning of the next day in UTC.
    assert remarks(happened_on=date(2026, 1, 5)) == [FIRST_DAY, BOUND]
    late = {"starts_at": datetime(2026, 1, 6, 4, 59, tzinfo=UTC)}
    assert remarks(happened_on=date(2026, 1, 5), **late) == [FIRST_DAY, BOUND]
    assert remarks(happened_on=date(2026, 1, 6)) == [BOUND]


def test_a_plan_bound_within_seven_days_before_the_damage_is_covered_and_said():
    assert remarks(happened_on=date(2026, 1, 12)) == [BOUND]
    assert remarks(happened_on=date(2026, 1, 13)) == []
    # A plan that came with its drone was bound long before it began, or a few days.
    began = {"happened_on": date(2026, 1, 5), "starts_at": datetime(2026, 1, 5, 9, tzinfo=UTC)}
    assert remarks(**began, bound_at=datetime(2025, 12, 28, 12, tzinfo=UTC)) == [FIRST_DAY]
    assert remarks(**began, bound_at=datetime(2025, 12, 29, 12, tzinfo=UTC)) == [FIRST_DAY, BOUND]
    # Damage before the binding was not shortly after it.
    assert BOUND not in decided(happened_on=date(2026, 1, 4))[1]


def test_the_seven_days_are_counted_on_the_customer_s_clock():
    # Ten in the morning of the 5th in New York; on Guam it is the 6th.
    bound = {"zones": WIDE, "bound_at": datetime(2026, 1, 5, 15, 0, tzinfo=UTC)}
    assert BOUND in remarks(happened_on=date(2026, 1, 13), **bound)
    assert BOUND not in remarks(happened_on=date(2026, 1, 14), **bound)
    # Half past four on the 5th in New York; in Honolulu it is the 4th.
    bound = {"zones": WIDE, "bound_at": datetime(2026, 1, 5, 9, 30, tzinfo=UTC)}
    early = {"starts_at": datetime(2025, 12, 1, tzinfo=UTC)}
    assert BOUND in remarks(happened_on=date(2026, 1, 4), **bound, **early)
    assert BOUND not in remarks(happened_on=date(2026, 1, 3), **bound, **early)


def test_damage_before_the_covered_drone_was_shipped_as_a_replacement_is_covered_and_said():
    # Half past eleven at night on 9 March in New York.
    shipped = {"came_as_replacement_at": datetime(2026, 3, 10, 3, 30, tzinfo=UTC)}
    assert remarks(happened_on=date(2026, 3, 8), **shipped) == [SHIPPED]
    assert remarks(happened_on=date(2026, 3, 9), **shipped) == []
    # The day is told on the region's clock: in Honolulu it is the 9th as well, on Guam the 10th.
    ruling = decide(CRASH, replace(COVER, **shipped, zones=(NEW_YORK, HONOLULU, GUAM)))
    assert str(ruling.reasons[-1]) == (
        "The covered drone came as a replacement: it was shipped on 9 March 2026, "
        "after the day of the damage."
    )
    # On the 9th somewhere in the region, when it was shipped on the 10th by the region's clock.
    shipped = {"zones": WIDE, "came_as_replacement_at": datetime(2026, 3, 10, 5, 0, tzinfo=UTC)}
    assert remarks(happened_on=date(2026, 3, 9), **shipped) == []
    assert remarks(happened_on=date(2026, 3, 8), **shipped) == [SHIPPED]


def test_an_activation_that_the_customer_stated_is_covered_and_said():
    stated = "B11 activation_stated"
    assert decided(activation_stated_by_customer=True) == ("care", [*CARE[1], stated])
    assert decided(cause="product_defect", activation_stated_by_customer=True) == (
        "warranty", ["P8 warranty_runs", stated])  # fmt: skip
    assert decided(cause="lost_or_stolen", activation_stated_by_customer=True) == (
        "not_covered", ["P7 excluded_cause!"])  # fmt: skip


def test_a_doubt_and_a_remark_are_said_together():
    assert decided(
        cause="other_accident", happened_on=date(2026, 1, 5), activation_stated_by_customer=True
    ) == (
        "needs_review",
        [*CARE[1], "K2 cause_unclear!", FIRST_DAY, BOUND, "B11 activation_stated"],
    )


def test_remarks_are_the_clerk_s_and_answers_are_the_customer_s_too():
    everything = decide(
        replace(CRASH, happened_on=date(2026, 1, 5), parts=("gimbal", "remote_controller")),
        replace(
            COVER,
            activation_stated_by_customer=True,
            came_as_replacement_at=datetime(2026, 3, 1, tzinfo=UTC),
        ),
    )
    kept = [{"code": reason.code} for reason in everything.reasons]
    assert len(kept) == 8
    assert [reason["code"] for reason in for_the_customer(kept)] == [
        "damage_in_term", "request_in_term", "replacement_left", "some_parts_not_covered"
    ]  # fmt: skip


# --- a cancelled plan (T3) ---------------------------------------------------------


def test_a_plan_cancelled_before_the_request_does_not_cover_it():
    asked = CRASH.requested_at
    no = ("not_covered", [*IN_TERM, "T3 cancelled!", LEFT, PARTS])
    assert decided(cancelled_at=asked - timedelta(days=30)) == no
    assert decided(cancelled_at=asked) == no
    assert decided(cancelled_at=asked + A_MICROSECOND) == CARE


# --- all of it at once ------------------------------------------------------------


def test_nothing_is_left_unsaid_when_everything_speaks_against_it():
    assert decided(
        happened_on=date(2027, 1, 6),
        requested_at=datetime(2027, 1, 7, 15, 0, tzinfo=UTC),
        cancelled_at=datetime(2026, 5, 1, tzinfo=UTC),
        replacements_left=0,
        parts=("remote_controller",),
        activation_stated_by_customer=True,
    ) == (
        "not_covered",
        [
            *("K2 damage_after!", "K2 request_after!", "T3 cancelled!"),
            *("P3 none_left!", "P6 no_part_covered!", "B11 activation_stated"),
        ],
    )


def test_every_reason_is_a_sentence_that_ends():
    spoken = [
        decide(replace(CRASH, cause=cause), cover).reasons
        for cause in Cause.values
        for cover in (
            COVER,
            replace(COVER, replacements_left=0, parts=(), warranty_until=None),
            replace(COVER, ends_at=CRASH.requested_at, warranty_until=CRASH.requested_at),
            replace(COVER, activated_at=CRASH.requested_at),
            replace(
                COVER,
                starts_at=CRASH.requested_at,
                warranty_until=None,
                warranty_at_least_until=COVER.ends_at,
            ),
        )
    ]
    texts = {str(reason) for reasons in spoken for reason in reasons}
    assert len(texts) >= 10
    assert all(text[0].isupper() and text.endswith(".") for text in texts)


DAYS = st.dates(date(2025, 12, 25), date(2027, 1, 20))
INSTANTS = st.integers(0, 391 * 24 * 60).map(
    lambda minutes: datetime(2025, 12, 25, tzinfo=UTC) + timedelta(minutes=minutes)
)


@settings(max_examples=300)
@given(
    cause=st.sampled_from(Cause.values),
    parts=st.lists(st.sampled_from(Part.values), unique=True).map(tuple),
    happened_on=DAYS,
    requested_at=INSTANTS,
    replacements_left=st.integers(-1, 3),
    warranty_until=st.none() | INSTANTS,
    cancelled_at=st.none() | INSTANTS,
)
def test_the_outcome_follows_from_the_reasons(**facts):
    outcome, reasons = decided(**facts)
    assert reasons
    if outcome in {"care", "warranty"}:
        assert not [each for each in reasons if each.endswith("!")]
    else:
        assert [each for each in reasons if each.endswith("!")]
    if outcome == "care":
        assert facts["requested_at"] < COVER.ends_at
        assert facts["replacements_left"] > 0
        assert date(2026, 1, 5) <= facts["happened_on"] <= date(2027, 1, 5)
        assert set(facts["parts"]) & set(COVER.parts)
        assert facts["cause"] in {"collision", "water", "drop", "signal_interference"}
    if outcome == "warranty":
        assert facts["cause"] == "product_defect"
        assert facts["requested_at"] < facts["warranty_until"]
