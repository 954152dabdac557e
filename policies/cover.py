"""FACE: what a claim may ask of a policy.

Everything is called inside the caller's transaction. A claim is named by its number, a
plain text reference: this app does not know what a claim is. What changes the ledger or the
drone expects the policy that `lock` returned: its row is locked once in a transaction,
before anything is counted.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from policies import agreement, letters
from policies.models import (
    ActivationSource,
    AllowanceUse,
    Drone,
    DroneModel,
    Hold,
    Policy,
    PolicyEvent,
    Region,
    ReplacementFee,
)
from policies.rules.entitlement import Entitlement
from policies.rules.terms import Stage
from policies.shared.actor import Actor
from policies.shared.errors import Conflict


@dataclass(frozen=True, kw_only=True)
class Cover(Entitlement):
    """What a drone's care plan promises, and the policy that promises it."""

    policy: Policy
    serial: str

    @property
    def region(self) -> Region:
        return self.policy.region


def policy_on(serial: str, *, at: datetime) -> Policy | None:
    """The newest policy of the drone's present life that had begun by `at`, or None.

    It may have ended: whether it covers a case is the claim's question (K2).
    """
    return (
        Policy.objects.counting()
        # An earlier life's policy may have begun later than the one that a replacement brought.
        .filter(drone__serial=serial, drone_life=F("drone__life"), starts_at__lte=at)
        .select_related("region", "plan", "holder", "drone__drone_model__series")
        .prefetch_related("periods__cover_terms", "uses", "region__countries")
        .order_by("-starts_at", "-id")
        .first()
    )


def cover_on(serial: str, *, at: datetime) -> Cover | None:
    """The cover of `policy_on`, or None. What is decided on it needs that policy locked."""
    policy = policy_on(serial, at=at)
    return cover_of(policy) if policy is not None else None


def cover_of(policy: Policy, *, reference: str = "") -> Cover:
    """The cover of a policy, wherever its drone is now.

    Uses taken under `reference` count as still left, so that a claim that is decided again is
    not refused for the replacement that it took itself.
    """
    drone, region, sold = policy.drone, policy.region, policy.cover_terms()
    lasts = agreement.warranty(policy, sold)
    own = sum(
        1 for use in policy.uses.all() if use.reference == reference and use.given_back_at is None
    )
    return Cover(
        policy=policy,
        serial=drone.serial,
        zones=region.zones,
        starts_at=policy.starts_at,
        ends_at=policy.ends_at,
        cancelled_at=policy.cancelled_at,
        replacements_left=policy.replacements_left() + own,
        parts=tuple(sold.parts),
        excluded_causes=sold.excluded_causes,
        warranty_until=lasts.until,
        warranty_at_least_until=lasts.at_least_until,
        bound_at=policy.created_at,
        came_as_replacement_at=_replaced_at(policy),
        activated_at=drone.activated_at,
        activation_stated_by_customer=drone.activation_source == ActivationSource.CUSTOMER,
    )


def _replaced_at(policy: Policy) -> datetime | None:
    """When the policy came to its present drone, if by a replacement (T1)."""
    moved = policy.events.filter(kind=PolicyEvent.Kind.MOVED).order_by("-id").first()
    return moved.at if moved is not None else None


def lock(policy: Policy) -> Policy:
    """Locks the policy's row until the transaction ends, and reads it; the first lock of a verb."""
    # The bare row first. With a join PostgreSQL would no longer find the row if the transaction
    # that held the lock before ours moved the policy to another drone or holder.
    Policy.objects.select_for_update().only("pk").get(pk=policy.pk)
    related = ["region", "plan", "holder", "drone__drone_model__series"]
    return Policy.objects.select_related(*related).get(pk=policy.pk)


def hold(drone: Drone, *, policy: Policy | None, reference: str, now: datetime) -> None:
    """While held, a drone gets no new life (B6), and a policy is not transferred or cancelled (T3).

    Without a `policy` the drone alone is held: it lies with us for somebody whose policy went to
    a new owner, or was cancelled (K15).
    """
    held = {"drone": drone, "policy": policy, "since": now}
    Hold.objects.get_or_create(reference=reference, defaults=held)


def release(*, reference: str) -> None:
    Hold.objects.filter(reference=reference).delete()


def has_changed_hands(policy: Policy, *, since: datetime) -> bool:
    """Whether the policy went to a new owner after `since` (T2)."""
    return policy.events.filter(kind=PolicyEvent.Kind.TRANSFERRED, at__gte=since).exists()


def consume(locked: Policy, *, reference: str, actor: Actor, now: datetime) -> int:
    """Takes one replacement from the allowance; returns its ordinal, 1 for the first (K4).

    The same reference takes once, however often it asks, and the same ordinal as before while
    that is free. Raises Conflict when none is left.
    """
    uses = {use.reference: use for use in locked.uses.all()}
    live = {use.ordinal for use in uses.values() if use.given_back_at is None}
    earlier = uses.get(reference)
    if earlier is not None and earlier.given_back_at is None:
        return earlier.ordinal
    granted = locked.granted_replacements()
    free = [ordinal for ordinal in range(1, granted + 1) if ordinal not in live]
    if not free:
        raise Conflict(_("No replacement is left in the allowance of this policy."))
    use = earlier or AllowanceUse(policy=locked, reference=reference)
    if use.ordinal not in free:
        use.ordinal = free[0]
    use.taken_at, use.given_back_at = now, None
    use.save()
    _record(locked, PolicyEvent.Kind.USE_TAKEN, reference, actor=actor, now=now)
    if len(free) == 1:
        letters.allowance_used_up(locked, reference=reference, now=now)
    return use.ordinal


def give_back(*, reference: str, actor: Actor, now: datetime) -> bool:
    """Gives back what `reference` took, if it holds a use; says whether it did (K4).

    The caller has locked the policy.
    """
    use = AllowanceUse.objects.live().filter(reference=reference).select_related("policy").first()
    if use is None:
        return False
    given_back = AllowanceUse.objects.live().filter(pk=use.pk).update(given_back_at=now)
    if given_back:
        _record(use.policy, PolicyEvent.Kind.USE_GIVEN_BACK, reference, actor=actor, now=now)
    return bool(given_back)


def ordinal_of(*, reference: str) -> int:
    """Which replacement `reference` took, given back since or not. It must have taken one."""
    return AllowanceUse.objects.get(reference=reference).ordinal


@dataclass(frozen=True)
class Kept:
    """`how` is kept (taken, and back), unused (never taken), over (back, too late) or nothing."""

    how: str
    left: int
    granted: int


def kept(policy: Policy, *, reference: str, at: datetime) -> Kept:
    """What is left of the allowance when `reference` ends without a replacement (K4).

    A use that it still holds counts as given back.
    """
    use = AllowanceUse.objects.filter(reference=reference).first()
    held = use is not None and use.given_back_at is None
    granted = policy.granted_replacements()
    left = granted - policy.used_replacements() + held
    usable = policy.stage(at=at, replacements_left=left) is Stage.IN_FORCE
    if use is None:
        how = "unused" if usable else ""
    else:
        how = "kept" if usable else "over"
    return Kept(how, max(left, 0), granted)


def fee(
    drone_model: DroneModel, region: Region, *, ordinal: int, at: datetime
) -> ReplacementFee | None:
    """The fee row for a replacement on the region's day of `at` (P4, P5), or None."""
    today = at.astimezone(region.zone).date()
    rows = ReplacementFee.objects.in_force(on=today)
    return rows.filter(drone_model=drone_model, region=region, ordinal=ordinal).first()


def serves(region: Region, country: str) -> bool:
    """Whether a country lies in the region (B7, K14)."""
    return Region.objects.for_country(country).filter(pk=region.pk).exists()


def _record(
    policy: Policy, kind: PolicyEvent.Kind, reference: str, *, actor: Actor, now: datetime
) -> None:
    PolicyEvent.objects.create(
        policy=policy, kind=kind, at=now, note=reference, **actor.signature()
    )
