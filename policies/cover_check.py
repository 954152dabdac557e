"""The cover check: a customer asks by serial number and e-mail; the letter is the answer (B10)."""

from datetime import datetime

from django.db import transaction

from policies import emails, renewal, standing
from policies.actor import Actor
from policies.models import Policy, PolicyEvent


def send_link(*, serial: str, email: str, actor: Actor, now: datetime) -> None:
    """Mails the policy's link if this e-mail holds one for this serial; says nothing either way.

    At most one letter an hour for a policy, so that nobody fills another's mailbox.
    """
    policy = (
        Policy.objects.filter(drone__serial=serial, holder__email=email.strip().lower())
        .select_related("plan", "region", "drone__drone_model", "holder")
        .prefetch_related("periods", "uses", "plan__renewals")
        .order_by("-starts_at")
        .first()
    )
    if policy is None:
        return
    with transaction.atomic():
        queued = emails.link_requested(
            policy,
            covered=standing.claimable(policy, at=now),
            offer=renewal.offer(policy, at=now),
            now=now,
            dedupe_key=f"link_requested/{policy.pk}/{now:%Y-%m-%dT%H}",
        )
        if queued:
            PolicyEvent.objects.create(
                policy=policy, kind=PolicyEvent.Kind.LINK_SENT, at=now, **actor.signature()
            )
