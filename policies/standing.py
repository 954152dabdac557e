"""How things stand with one serial number: may it be bound, renewed, claimed on (B10)?"""

from dataclasses import dataclass
from datetime import datetime

from policies import agreement, binding, eligibility, renewal
from policies.models import Drone, Policy, Region
from policies.verdict import Verdict


@dataclass(frozen=True)
class Standing:
    """`renew` and `claim` are None where there is no policy to ask about."""

    drone: Drone
    policy: Policy | None
    warranty_until: datetime | None
    bind: Verdict
    renew: Verdict | None
    claim: Verdict | None


def of(serial: str, region: Region, *, at: datetime) -> Standing | None:
    """The standing of a drone that is on file, with every reason; None for one that is not.

    `region` is where a plan would be bought: its binding window counts.
    """
    drone = Drone.objects.filter(serial=serial).select_related("drone_model").first()
    if drone is None:
        return None
    policy = (
        Policy.objects.counting()
        .filter(drone=drone, drone_life=drone.life)
        .select_related("plan", "region", "holder", "drone__drone_model")
        .prefetch_related("periods", "uses")
        .order_by("-starts_at")
        .first()
    )
    return Standing(
        drone=drone,
        policy=policy,
        warranty_until=agreement.warranty_until(policy) if policy else None,
        bind=binding.verdict_on_drone(drone, region, at=at),
        renew=renewal.verdict_on(policy, None, at=at) if policy else None,
        claim=claimable(policy, at=at) if policy else None,
    )


def claimable(policy: Policy, *, at: datetime) -> Verdict:
    return eligibility.may_claim(
        policy.starts_at,
        policy.ends_at,
        policy.status == Policy.Status.CANCELLED,
        policy.replacements_left(),
        at,
    )


def stage(policy: Policy, *, at: datetime) -> str:
    """Where a policy is in its life, computed from its dates and ledger (P3, E1).

    One of `in_force`, `cancelled`, `not_started`, `used_up` and `ended`.
    """
    if policy.is_in_force(at=at):
        return "in_force"
    if policy.status == Policy.Status.CANCELLED:
        return "cancelled"
    if at < policy.starts_at:
        return "not_started"
    if at >= policy.ends_at or policy.replacements_left() > 0:
        return "ended"
    return "used_up"
