"""How things stand with one serial number (B10), and the letter that tells its holder."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from policies import agreement, binding, cover, letters, links, outbox, renewal
from policies.agreement import Warranty
from policies.models import Drone, Policy, PolicyEvent, Region
from policies.rules import eligibility
from policies.rules.verdict import Verdict
from policies.shared.actor import Actor


@dataclass(frozen=True)
class DroneStatus:
    """May it be bound, renewed, claimed on? `renew` and `claim` are None without a policy."""

    drone: Drone
    policy: Policy | None
    warranty: Warranty | None
    bind: Verdict
    renew: Verdict | None
    claim: Verdict | None


def of(serial: str, region: Region, *, at: datetime) -> DroneStatus | None:
    """How a drone that is on file stands, with every reason; None for one that is not.

    `region` is where a plan would be bought: its binding window counts.
    """
    drone = Drone.objects.filter(serial=serial).select_related("drone_model").first()
    if drone is None:
        return None
    policy = (
        Policy.objects.counting()
        .filter(drone=drone, drone_life=drone.life)
        .select_related("plan", "region", "holder", "drone__drone_model")
        .prefetch_related("periods__cover_terms", "uses")
        .order_by("-starts_at")
        .first()
    )
    return DroneStatus(
        drone=drone,
        policy=policy,
        warranty=agreement.warranty(policy) if policy else None,
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


def send_link(*, serial: str, email: str, actor: Actor, now: datetime) -> None:
    """Mails the policy's link if this e-mail holds one for this serial; returns nothing either way.

    At most one letter an hour for a policy and its mailbox, so that nobody fills another's mailbox.
    """
    theirs = Policy.objects.of_present_life().filter(
        drone__serial=serial, holder__email=email.strip().lower()
    )
    if not theirs.exists():  # a stranger takes no lock
        return
    with transaction.atomic():
        policy = (
            # Asked again when the lock comes: a change of owner meanwhile changes the link, too.
            theirs.select_for_update(of=("self",))
            .select_related("plan", "region", "drone__drone_model", "holder")
            .prefetch_related("periods", "uses", "plan__renewals")
            .first()
        )
        if policy is None:
            return
        queued = _mail_link(
            policy,
            now=now,
            # The mailbox is part of it: what one holder asked for is not the next one's letter.
            dedupe_key=f"link_requested/{policy.pk}/{outbox.mailbox(policy.holder.email)}"
            f"/{now:%Y-%m-%dT%H}",
        )
        if queued:
            PolicyEvent.objects.create(
                policy=policy, kind=PolicyEvent.Kind.LINK_SENT, at=now, **actor.signature()
            )


def _mail_link(policy: Policy, *, now: datetime, dedupe_key: str, replaced: bool = False) -> bool:
    return letters.link_requested(
        policy,
        covered=claimable(policy, at=now),
        offer=renewal.offer(policy, at=now),
        now=now,
        dedupe_key=dedupe_key,
        replaced=replaced,
    )


def replace_link(policy: Policy, *, reason: str, mail: bool, actor: Actor, now: datetime) -> None:
    """Revokes the policy's link and those of its repairs, which its page leads to (K12).

    The next letters bring others; with `mail` the policy's own goes out at once.
    """
    with transaction.atomic():
        locked = cover.lock(policy)
        links.rotate(locked, now=now)
        event = PolicyEvent.objects.create(
            policy=locked,
            kind=PolicyEvent.Kind.LINK_REVOKED,
            at=now,
            note=reason,
            **actor.signature(),
        )
        if mail:
            key = f"link_replaced/{event.pk}"
            _mail_link(locked, now=now, dedupe_key=key, replaced=True)
