"""How a customer comes to their claim's page: by its link, or by number and e-mail (K12)."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from claims import letters, moves
from claims.models import Claim, ClaimEvent
from policies import links
from policies.shared.actor import Actor


def by_link(token: str, claims: QuerySet[Claim], *, at: datetime) -> Claim | None:
    """The one of `claims` that the link opens at `at`; None for a link that does not work."""
    link = links.find(token)
    claim = claims.filter(number=link.reference).first() if link and link.reference else None
    return claim if claim is not None and link_works(claim, at=at) else None


def by_number(number: str, email: str, claims: QuerySet[Claim]) -> Claim | None:
    """The one of `claims` with this number, if it is this mailbox's; it is only to be shown."""
    return claims.filter(number=number, email__iexact=email).first()


def link_works(claim: Claim, *, at: datetime) -> bool:
    return not links.has_expired(claim.ended_at, at=at)


def mail_link(claim: Claim, *, actor: Actor, now: datetime) -> None:
    """Mails the link to the address on file, at most once an hour; none that has expired."""
    if not link_works(claim, at=now):
        return
    with transaction.atomic():
        step = moves.lock(claim, actor, now)
        if letters.claim_link_requested(step.claim, now=now):
            step.record(ClaimEvent.Kind.LINK_SENT)


def replace_link(claim: Claim, *, reason: str, mail: bool, actor: Actor, now: datetime) -> None:
    """Revokes the link; the next letter brings another one, at once if `mail`."""
    with transaction.atomic():
        step = moves.lock(claim, actor, now)
        links.rotate(step.claim.policy, reference=claim.number, now=now)
        event = step.record(ClaimEvent.Kind.LINK_REVOKED, note=reason)
        if mail:
            letters.claim_link_replaced(step.claim, occasion=event.pk, now=now)
