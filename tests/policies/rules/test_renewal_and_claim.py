"""May this policy be renewed or claimed on (R1, P1, P3, B7)? No database anywhere in this file."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from policies.rules.eligibility import may_claim
from policies.rules.renewability import RenewalFacts, may_renew
from policies.rules.verdict import Verdict

STARTS = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
ENDS = datetime(2027, 1, 5, 9, 0, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)

USUAL = RenewalFacts(
    at=datetime(2026, 6, 1, 12, 0, tzinfo=UTC),
    starts_at=STARTS,
    ends_at=ENDS,
    cancelled=False,
    replacements_left=2,
    renewed_before=False,
    plan="1-Year",
    plan_renewed_by_code="1-Year",
    code_model="Mavic 2 Pro",
    drone_model="Mavic 2 Pro",
    code_region="United States",
    policy_region="United States",
)


def summary(verdict: Verdict) -> list[str]:
    """The reasons; an objection has an exclamation mark."""
    return [f"{one.rule} {one.code}{'!' * one.objects}" for one in verdict.reasons]


RENEWALS = {
    "as usual": ({}, ["R1 in_term"]),
    "in its first instant": ({"at": STARTS}, ["R1 in_term"]),
    "before its first instant": ({"at": STARTS - INSTANT}, ["R1 not_begun!"]),
    "in its last instant": ({"at": ENDS - INSTANT}, ["R1 in_term"]),
    "at its end": ({"at": ENDS}, ["R1 not_in_term!"]),
    "with one replacement left": ({"replacements_left": 1}, ["R1 in_term"]),
    "with none left": ({"replacements_left": 0}, ["R1 none_left!"]),
    "at its end, with none left": (
        {"at": ENDS, "replacements_left": 0},
        ["R1 not_in_term!", "R1 none_left!"],
    ),
    "cancelled": ({"cancelled": True}, ["R1 cancelled!"]),
    "renewed before": ({"renewed_before": True}, ["R1 in_term", "R1 renewed_before!"]),
    "nothing renews it": ({"plan_renewed_by_code": None}, ["R1 in_term", "P1 wrong_plan!"]),
    "another plan": ({"plan_renewed_by_code": "2-Year"}, ["R1 in_term", "P1 wrong_plan!"]),
    "another model": ({"code_model": "Mavic 3"}, ["R1 in_term", "B7 wrong_model!"]),
    "another region": ({"code_region": "Canada"}, ["R1 in_term", "B7 wrong_region!"]),
}


@pytest.mark.parametrize(("facts", "reasons"), RENEWALS.values(), ids=RENEWALS)
def test_r1_a_policy_is_renewed_in_its_term_once_and_with_a_replacement_left(facts, reasons):
    verdict = may_renew(replace(USUAL, **facts))
    assert summary(verdict) == reasons
    assert verdict.allowed is not any(one.endswith("!") for one in reasons)


def test_p1_a_code_that_renews_nothing_and_one_for_another_plan_are_told_apart():
    def sentences(plan_renewed_by_code: str | None) -> list[str]:
        verdict = may_renew(replace(USUAL, plan_renewed_by_code=plan_renewed_by_code))
        return [str(one) for one in verdict.objections]

    assert sentences(None) == ["Nothing renews a 1-Year plan."]
    assert sentences("2-Year") == ["This code does not renew a 1-Year plan."]


CLAIMS = {
    "in its last instant": (ENDS - INSTANT, 1, ["P3 in_term", "P3 replacement_left"]),
    "at its end": (ENDS, 1, ["P3 ended!", "P3 replacement_left"]),
    "in its first instant": (STARTS, 2, ["P3 in_term", "P3 replacement_left"]),
    "before its first instant": (
        STARTS - INSTANT,
        2,
        ["B9 not_begun!", "P3 replacement_left"],
    ),
    "with none left": (STARTS, 0, ["P3 none_left!"]),
}


@pytest.mark.parametrize(("at", "left", "reasons"), CLAIMS.values(), ids=CLAIMS)
def test_p3_a_drone_is_covered_in_the_term_with_a_replacement_left(at, left, reasons):
    verdict = may_claim(STARTS, ENDS, False, left, at)
    assert summary(verdict) == reasons
    assert verdict.allowed is not any(one.endswith("!") for one in reasons)


def test_t3_a_cancelled_plan_covers_nothing():
    verdict = may_claim(STARTS, ENDS, True, 1, STARTS)
    assert summary(verdict) == ["T3 cancelled!", "P3 replacement_left"]
    assert not verdict.allowed
