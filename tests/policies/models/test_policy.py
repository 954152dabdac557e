"""Whether a policy is in force (P3, E1): one meaning, in Python, in the ORM and in SQL."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from policies import status
from policies.models import Policy
from policies.models.policy import IN_FORCE_SQL, REPLACEMENT_LEFT_SQL
from policies.rules.terms import Stage
from tests import factories

pytestmark = pytest.mark.django_db

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
END = datetime(2027, 1, 5, 9, 0, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
WITHIN = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@dataclass
class Case:
    """Ann's 1-Year policy with two replacements, of which `taken` are used, at an instant."""

    at: datetime
    stage: str
    taken: int = 0
    given_back: int = 0
    renewed: bool = False
    columns: dict[str, Any] = field(default_factory=dict)


CANCELLED = {"status": "cancelled", "cancelled_at": WITHIN, "cancel_reason": "Sold"}

CASES = {
    "before its first instant": Case(START - INSTANT, "not_started"),
    "at its first instant": Case(START, "in_force"),
    "in its last instant": Case(END - INSTANT, "in_force"),
    "at its end": Case(END, "ended"),
    "long after": Case(END + timedelta(days=900), "ended"),
    "one used": Case(WITHIN, "in_force", taken=1),
    "both used": Case(WITHIN, "used_up", taken=2),
    "both used, in its last instant": Case(END - INSTANT, "used_up", taken=2),
    "both used, at its end": Case(END, "ended", taken=2),
    "both used before it began": Case(START - INSTANT, "not_started", taken=2),
    "both used, one given back": Case(WITHIN, "in_force", taken=1, given_back=1),
    "both used, then renewed": Case(WITHIN, "in_force", taken=2, renewed=True),
    "renewed and all three used": Case(WITHIN, "used_up", taken=3, renewed=True),
    "no period": Case(WITHIN, "used_up", columns={"period": None}),
    "cancelled, before it began": Case(START - INSTANT, "cancelled", columns=CANCELLED),
    "cancelled, at its first instant": Case(START, "cancelled", columns=CANCELLED),
    "cancelled": Case(WITHIN, "cancelled", columns=CANCELLED),
    "cancelled, at its end": Case(END, "cancelled", columns=CANCELLED),
    "cancelled and both used": Case(WITHIN, "cancelled", taken=2, columns=CANCELLED),
    "not marked as begun": Case(WITHIN, "in_force", columns={"status": "scheduled"}),
    "not marked as ended": Case(END, "ended", columns={"status": "active"}),
    "marked as ended too early": Case(END - INSTANT, "in_force", columns={"status": "expired"}),
    "marked as begun too early": Case(START - INSTANT, "not_started"),
}


def make(case: Case) -> Policy:
    policy = factories.PolicyFactory(**case.columns)
    if case.renewed:
        factories.PeriodFactory(policy=policy, number=2, replacements=1)
    for ordinal in range(1, case.taken + 1):
        factories.AllowanceUseFactory(policy=policy, ordinal=ordinal)
    for _number in range(case.given_back):
        factories.AllowanceUseFactory(policy=policy, ordinal=2, given_back_at=WITHIN)
    return policy


def numbers_where(condition: str, at: datetime) -> list[str]:
    """What the sweeps would find."""
    now = connection.ops.adapt_datetimefield_value(at)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT p.number FROM policies_policy p WHERE {condition}", {"now": now})
        return [number for (number,) in cursor.fetchall()]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_p3_e1_python_orm_and_sql_agree_on_what_is_in_force(case):
    policy, at = make(case), case.at
    in_force = [policy] if case.stage == "in_force" else []
    in_term = [policy] if case.stage in {"in_force", "used_up"} else []
    numbers = [one.number for one in in_force]

    assert policy.stage(at=at) == case.stage
    assert policy.is_in_force(at=at) is bool(in_force)
    assert status.claimable(policy, at=at).allowed is bool(in_force)

    [counted] = Policy.objects.with_allowance()
    left = counted.granted - counted.used
    assert left == policy.replacements_left()
    assert counted.stage(at=at, replacements_left=left) == case.stage
    assert list(Policy.objects.in_force(at=at)) == in_force
    assert list(Policy.objects.in_term(at=at)) == in_term
    stages = [stage for stage in Stage if Policy.objects.at_stage(stage, at=at).exists()]
    assert stages == [case.stage]

    assert numbers_where(IN_FORCE_SQL, at) == numbers
    assert numbers_where(REPLACEMENT_LEFT_SQL, at) == ([policy.number] if left > 0 else [])
