"""What a customer gave us about themselves is put right while their claim is open (K16)."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from claims import letters, moves
from claims.models import CLOSED, Claim, ClaimEvent, Progress
from claims.parcels import shipping
from policies import cover
from policies.rules import addresses
from policies.shared.actor import Actor
from policies.shared.errors import Conflict

# From here on the parcel to the customer is on its way, to the address of that day.
GONE = {Progress.SHIPPED, Progress.RETURNING}


@dataclass(frozen=True, kw_only=True)
class ReturnAddress:
    """Where the drone or its replacement goes; `country` is ISO 3166 alpha-2."""

    line1: str
    line2: str = ""
    city: str
    state: str = ""
    postal_code: str = ""
    country: str


def may_correct_address(claim: Claim) -> bool:
    return claim.progress not in CLOSED and claim.progress not in GONE


def correct_address(
    claim: Claim, *, address: ReturnAddress, reason: str, actor: Actor, now: datetime
) -> None:
    """Corrects the return address (K16); the customer gets it by letter.

    A label that was not used yet is taken back and bought anew: it names the sender. Raises
    Conflict for a claim that has ended or whose parcel is on its way, for the same address, and
    for a country outside the region of the plan (K14).
    """
    with transaction.atomic():
        step = moves.lock(claim, actor, now)
        current = step.claim
        if not may_correct_address(current):
            raise Conflict(_("The address of this claim can no longer be corrected."))
        region = current.policy.region
        if not cover.serves(region, address.country):
            raise Conflict(
                _("This plan is serviced in the region %(region)s.") % {"region": region}
            )
        before, columns = in_words(current), vars(address)
        if all(getattr(current, name) == value for name, value in columns.items()):
            raise Conflict(_("This is the address of the claim already."))
        step.set(**columns)
        current.refresh_from_db(fields=list(columns))
        change = f"{before} → {in_words(current)}"
        step.record(ClaimEvent.Kind.CORRECTED, note=f"{change}: {reason}")
        new_label = _buy_label_anew(step, reason=reason, now=now)
        letters.address_corrected(
            current, new_label=new_label, occasion=current.events.latest("id").pk, now=now
        )


def _buy_label_anew(step: moves.Step, *, reason: str, now: datetime) -> bool:
    """Whether there was a label, or an order for one, that the carrier has not seen yet."""
    claim = step.claim
    if claim.progress == Progress.LABEL_SENT:
        # The worker that buys the new one takes the step again, with the news in its letter.
        step.take_back(Progress.SUBMITTED, reason=reason)
    elif claim.progress != Progress.SUBMITTED or claim.accepted_at is None:
        return False
    shipping.void_unused(claim, bought=True, now=now)
    shipping.order_label(claim, now=now)
    return True


def in_words(claim: Claim) -> str:
    """The return address on one line."""
    lines = addresses.lines(claim, country=str(claim.country.name))
    return ", ".join(lines)
