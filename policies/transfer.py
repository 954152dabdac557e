"""Change of owner: a policy in force goes to a new holder (T2)."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from policies import cover, customers, letters, links
from policies.models import Policy, PolicyEvent, Region
from policies.shared.actor import Actor
from policies.shared.errors import Conflict


def change_owner(
    policy: Policy,
    *,
    name: str,
    email: str,
    country: str,
    phone: str = "",
    seen_holder: int | None = None,
    actor: Actor,
    now: datetime,
) -> Policy:
    """Moves the policy; both people get a letter, and every old link stops working.

    Raises Conflict for a policy that is over or held by an open claim, for its present
    holder, for a country outside its region (B7), and where `seen_holder`, the customer from
    whom it was to go, is no longer its holder.
    """
    with transaction.atomic():
        locked = cover.lock(policy)
        _refuse_ended(locked, now=now)
        if seen_holder is not None and locked.holder_id != seen_holder:
            raise Conflict(
                _("%(holder)s holds this policy now: somebody has changed the owner meanwhile.")
                % {"holder": locked.holder.name}
            )
        if locked.holds.exists():
            raise Conflict(_("There is an open claim on this policy; it must end first."))
        if not Region.objects.for_country(country).filter(pk=locked.region_id).exists():
            raise Conflict(
                _("The new owner must live in the region of this policy, %(region)s.")
                % {"region": locked.region}
            )
        before = locked.holder
        after = customers.known(name=name, email=email, country=country, phone=phone, now=now)
        if after == before:
            raise Conflict(_("This customer holds the policy already."))
        locked.holder = after
        locked.save(update_fields=["holder"])
        links.rotate(locked, letters_follow=False, now=now)
        event = PolicyEvent.objects.create(
            policy=locked,
            kind=PolicyEvent.Kind.TRANSFERRED,
            at=now,
            data={"from": before.pk, "to": after.pk},
            **actor.signature(),
        )
        letters.owner_changed(locked, before=before, occasion=event.pk, now=now)
        return locked


def _refuse_ended(policy: Policy, *, now: datetime) -> None:
    if not policy.is_in_force(at=now):
        raise Conflict(_("Only a running policy can move to a new owner."))
