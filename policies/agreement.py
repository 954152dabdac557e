"""What the holder of a policy was promised: the facts of the letter and of the policy page (B8)."""

from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import count, takewhile
from typing import Any

from django.conf import settings

from policies.models import DroneModel, Exclusion, Policy, Region, ReplacementFee
from policies.rules import terms


@dataclass(frozen=True)
class Agreement:
    """Instants are aware UTC, `time_zone` is the region's, fees are the day's."""

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
    parts: list[str]
    exclusions: list[dict[str, str]]
    fees: list[str]
    currency: str
    warranty_until: datetime | None

    def as_facts(self) -> dict[str, Any]:
        """The same as plain JSON values, for a letter."""
        facts = asdict(self)
        for name in ("starts_at", "ends_at", "warranty_until"):
            facts[name] = facts[name].isoformat() if facts[name] else None
        return facts


def paper_facts(policy: Policy, *, at: datetime) -> dict[str, Any]:
    """What the paper of the agreement needs, as it stands at `at`."""
    return {"agreement": of(policy, at=at), "at": at, "dealer": settings.DEALER_NAME}


def of(policy: Policy, *, at: datetime) -> Agreement:
    region, drone = policy.region, policy.drone
    replacements = policy.granted_replacements()
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
        parts=drone.drone_model.covered_parts(),
        exclusions=exclusions(),
        fees=fees(drone.drone_model, region, at=at)[:replacements],
        currency=region.currency,
        warranty_until=warranty_until(policy),
    )


def warranty_until(policy: Policy) -> datetime | None:
    """When the warranty of the policy's drone ends, renewals included; None if not activated.

    The manufacturer's months run from the drone's activation (P8); what a renewal adds (R2)
    hangs on the policy, and so goes with it to a replacement drone (T1).
    """
    drone = policy.drone
    if drone.activated_at is None:
        return None
    added = sum(period.warranty_months for period in policy.periods.all())
    months = drone.drone_model.warranty_months + added
    return terms.warranty_end(drone.activated_at, months, policy.region.zone)


def exclusions() -> list[dict[str, str]]:
    return [
        {"title": exclusion.title, "text": exclusion.text} for exclusion in Exclusion.objects.all()
    ]


def fees(drone_model: DroneModel, region: Region, *, at: datetime) -> list[str]:
    """The fees of the 1st, 2nd … replacement on the region's day of `at`, in its currency.

    The list ends before the first fee that is missing: nothing is guessed from the next (P5).
    """
    today = at.astimezone(region.zone).date()
    rows = ReplacementFee.objects.in_force(on=today).filter(drone_model=drone_model, region=region)
    amounts = dict(rows.values_list("ordinal", "amount"))
    return [str(amounts[ordinal]) for ordinal in takewhile(amounts.__contains__, count(1))]
