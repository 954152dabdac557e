"""Where a policy is in its life, as its page says in the heading (P3, E1)."""

from datetime import UTC, datetime, timedelta

import pytest

from policies import status
from policies.models import Policy
from tests import factories

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
END = datetime(2027, 1, 5, 9, 0, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


@pytest.fixture
def policy(ann):
    """Ann's 1-Year policy with two replacements, as no sweep has touched it."""
    return factories.PolicyFactory(holder=ann)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (START - INSTANT, "not_started"),
        (START, "in_force"),
        (END - INSTANT, "in_force"),
        (END, "ended"),
    ],
)
def test_e1_the_dates_say_whether_it_has_begun_or_ended(policy, at, expected):
    assert status.stage(policy, at=at) == expected


def test_p3_without_a_replacement_left_it_is_used_up_until_its_term_ends(policy):
    for ordinal in (1, 2):
        factories.AllowanceUseFactory(policy=policy, ordinal=ordinal)
    assert status.stage(policy, at=END - INSTANT) == "used_up"
    assert status.stage(policy, at=END) == "ended"


@pytest.mark.parametrize("at", [START - INSTANT, START, END])
def test_cancelled_it_stays_cancelled(policy, at):
    policy.status = Policy.Status.CANCELLED
    assert status.stage(policy, at=at) == "cancelled"


def test_e1_the_mark_of_a_sweep_that_ran_too_early_does_not_end_it(policy):
    policy.status = Policy.Status.EXPIRED
    policy.save()
    assert status.stage(policy, at=END - INSTANT) == "in_force"
    assert Policy.objects.in_force(at=END - INSTANT).get() == policy
    assert status.stage(policy, at=END) == "ended"
