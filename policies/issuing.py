"""Issuing: the rows of a new policy, by code or with a drone, one or thousands (P4, B8, B9)."""

from datetime import datetime
from typing import NamedTuple

from policies.models import ActivationCode, Drone, Period, Policy, Region
from policies.models.code import SoldTerms
from policies.rules import terms


class NewPolicy(NamedTuple):
    """Not saved: the policy goes first, so that its period can name it."""

    policy: Policy
    period: Period


def new_policy(
    *,
    plan_id: int,
    region: Region,
    drone: Drone,
    holder_id: int,
    sold: SoldTerms,
    starts_at: datetime,
    status: Policy.Status,
    now: datetime,
    code: ActivationCode | None = None,
) -> NewPolicy:
    """A policy that runs from `starts_at` under the terms that were sold, with its first period.

    Plan and holder come as ids, because a file with thousands of orders has fetched neither.
    """
    ends_at = terms.add_months(starts_at, sold.months, region.zone)
    policy = Policy(
        plan_id=plan_id,
        region=region,
        drone=drone,
        drone_life=drone.life,
        holder_id=holder_id,
        status=status.value,
        starts_at=starts_at,
        ends_at=ends_at,
        created_at=now,
    )
    period = Period(
        policy=policy,
        plan_id=plan_id,
        code=code,
        starts_at=starts_at,
        ends_at=ends_at,
        created_at=now,
        **sold._asdict(),
    )
    return NewPolicy(policy, period)
