"""Cancelling a policy, by staff and with a reason (T3)."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from policies import cover, letters, marks
from policies.models import Order, OrderEvent, Policy, PolicyEvent
from policies.shared.actor import Actor
from policies.shared.errors import Conflict


def cancel(policy: Policy, *, reason: str, actor: Actor, now: datetime) -> Policy:
    """Ends the policy now. Raises Conflict while a claim is open, or when it is over already.

    One that has not begun yet frees its order, and with it the drone (B9).
    """
    with transaction.atomic():
        locked = cover.lock(policy)
        if locked.holds.exists():
            raise Conflict(_("There is an open claim on this policy; it must end first."))
        if locked.is_over(at=now):
            raise Conflict(_("This policy has ended already."))
        marks.take_back_on(locked, now=now)
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
        if now < locked.starts_at:
            for order in Order.objects.select_for_update(of=("self",)).filter(policy=locked):
                end_order(order, reason=reason, actor=actor, now=now)
        letters.policy_cancelled(locked, now=now)
        return locked


def end_order(locked: Order, *, reason: str, actor: Actor, now: datetime) -> None:
    """Cancels a line of an order; its reference and its drone may be ordered again (B9)."""
    locked.cancelled_at = now
    locked.save(update_fields=["cancelled_at"])
    OrderEvent.objects.create(
        order=locked,
        kind=OrderEvent.Kind.CANCELLED,
        at=now,
        note=reason,
        **actor.signature(),
    )
