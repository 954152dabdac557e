"""What the holder of a policy was promised, and what of it is left (B8, T2).

The facts of the letters, of the policy page and of the paper, so that all three say the same.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import count, takewhile
from typing import Any, NamedTuple

from django.conf import settings

from policies.models import (
    AllowanceUse,
    CoverTerms,
    DroneModel,
    Policy,
    Region,
    ReplacementFee,
)
from policies.rules import terms
from policies.rules.terms import Stage

USABLE = {Stage.NOT_STARTED, Stage.IN_FORCE}


@dataclass(frozen=True)
class Agreement:
    """As it stands at `as_of_at`. Instants are aware UTC, `time_zone` is the region's.

    `replacements` is what was granted, `fees` are the day's. `next_ordinal` is None, and
    `days_left` 0, where the plan cannot be used (any more). `over_at` is when it ended.
    `warranty_runs`: a defect can be reported, whether or not the plan is over (P8).
    """

    number: str
    plan: str
    holder: str
    serial: str
    drone_model: str
    region: str
    time_zone: str
    starts_at: datetime
    ends_at: datetime
    replacements: int
    used_ordinals: list[int]
    parts: list[str]
    exclusions: list[dict[str, str]]
    fees: list[str]
    currency: str
    warranty_until: datetime | None
    warranty_at_least_until: datetime | None
    as_of_at: datetime
    stage: str
    over_at: datetime | None
    used: int
    left: int
    next_ordinal: int | None
    days_left: int
    warranty_runs: bool

    def as_facts(self) -> dict[str, Any]:
        """The same as plain JSON values, for a letter."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }


def paper_facts(policy: Policy, *, at: datetime) -> dict[str, Any]:
    """What the paper of the agreement needs, as it stands at `at`."""
    return asdict(of(policy, at=at)) | {"dealer": settings.DEALER_NAME}


def of(policy: Policy, *, at: datetime) -> Agreement:
    region, drone, sold = policy.region, policy.drone, policy.cover_terms()
    replacements = policy.granted_replacements()
    uses = [use for use in policy.uses.all() if use.given_back_at is None]
    used_ordinals = sorted(use.ordinal for use in uses)
    left = max(replacements - len(uses), 0)
    stage = policy.stage(at=at, replacements_left=left)
    lasts = warranty(policy, sold)
    warranty_ends = lasts.until or lasts.at_least_until
    return Agreement(
        number=policy.number,
        plan=policy.plan.name,
        holder=policy.holder.name,
        serial=drone.serial,
        drone_model=drone.drone_model.name,
        region=region.name,
        time_zone=region.time_zone,
        starts_at=policy.starts_at,
        ends_at=policy.ends_at,
        replacements=replacements,
        used_ordinals=used_ordinals,
        parts=sold.parts,
        exclusions=[{"title": one["title"], "text": one["text"]} for one in sold.exclusions],
        fees=fees(drone.drone_model, region, at=at)[:replacements],
        currency=region.currency,
        warranty_until=lasts.until,
        warranty_at_least_until=lasts.at_least_until,
        as_of_at=at,
        stage=stage.value,
        over_at=_over_at(policy, stage, uses if not left else []),
        used=len(uses),
        left=left,
        next_ordinal=_next_ordinal(replacements, used_ordinals) if stage in USABLE else None,
        days_left=_days_left(policy, at=at) if stage is Stage.IN_FORCE else 0,
        warranty_runs=warranty_ends is not None and _has_begun(policy, at) and at < warranty_ends,
    )


def _has_begun(policy: Policy, at: datetime) -> bool:
    """One that was cancelled before it began never did."""
    cancelled_at = policy.cancelled_at
    return policy.starts_at <= at and (cancelled_at is None or policy.starts_at <= cancelled_at)


def _over_at(policy: Policy, stage: Stage, all_uses: list[AllowanceUse]) -> datetime | None:
    """When the plan ended: cancelled, its last replacement requested, or its term over (P3).

    None for one that may still be used, or has not begun. `all_uses` is empty while a
    replacement is left.
    """
    if stage in USABLE:
        return None
    if stage is Stage.CANCELLED:
        return policy.cancelled_at
    last_taken = [max(use.taken_at for use in all_uses)] if all_uses else []
    return min([policy.ends_at, *last_taken])


def _next_ordinal(granted: int, used: list[int]) -> int | None:
    """Which replacement the next one would be: the lowest that nobody holds (K4)."""
    return next((nth for nth in range(1, granted + 1) if nth not in used), None)


def _days_left(policy: Policy, *, at: datetime) -> int:
    """How many days on the region's calendar lie between `at` and the end."""
    zone = policy.region.zone
    return (policy.ends_at.astimezone(zone).date() - at.astimezone(zone).date()).days


class Warranty(NamedTuple):
    """Until when it lasts; where nobody knows the activation, until when it lasts in any case."""

    until: datetime | None
    at_least_until: datetime | None


def warranty(policy: Policy, sold: CoverTerms | None = None) -> Warranty:
    """The warranty of the policy's drone, renewals included; `sold` saves asking for the terms.

    The manufacturer's months run from the drone's activation (P8). Where nobody knows it, the
    drone was not activated before it was bound. What a renewal adds (R2) hangs on the policy,
    and so goes with it to a replacement drone (T1). Of a drone that was sold again since (B6)
    nothing is known here: its activation is another life's.
    """
    drone, sold = policy.drone, sold or policy.cover_terms()
    if policy.drone_life != drone.life:
        return Warranty(None, None)
    months = sold.warranty_months + sum(one.warranty_months for one in policy.periods.all())
    ends = terms.warranty_end(drone.activated_at or policy.starts_at, months, policy.region.zone)
    return Warranty(ends, None) if drone.activated_at else Warranty(None, ends)


def fees(drone_model: DroneModel, region: Region, *, at: datetime) -> list[str]:
    """The fees of the 1st, 2nd … replacement on the region's day of `at`, in its currency.

    The list ends before the first fee that is missing: nothing is guessed from the next (P5).
    """
    today = at.astimezone(region.zone).date()
    rows = ReplacementFee.objects.in_force(on=today).filter(drone_model=drone_model, region=region)
    amounts = dict(rows.values_list("ordinal", "amount"))
    return [str(amounts[ordinal]) for ordinal in takewhile(amounts.__contains__, count(1))]
