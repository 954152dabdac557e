"""Cancelling a policy, by staff and with a reason (T3)."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from policies import cover, letters
from policies.models import Policy, PolicyEvent
from policies.shared.actor import Actor
from policies.shared.errors import Conflict


def cancel(policy: Policy, *, reason: str, actor: Actor, now: datetime) -> Policy:
    """Ends the policy now. Raises Conflict while a claim is open, or when it is over already."""
    with transaction.atomic():
        locked = cover.lock(policy)
        if locked.holds.exists():
            raise Conflict(_("There is an open claim on this policy; it must end first."))
        if locked.is_over(at=now):
            raise Conflict(_("This policy has ended already."))
        locked.status, locked.cancelled_at = Policy.Status.CANCELLED, now
        locked.cancel_reason = reason
        locked.save(update_fields=["status", "cancelled_at", "cancel_reason"])
        PolicyEvent.objects.create(
            policy=locked,
            kind=PolicyEvent.Kind.CANCELLED,
            at=now,
            note=reason,
            **actor.signature(),
        )
        letters.policy_cancelled(locked, now=now)
        return locked
