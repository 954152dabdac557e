"""The bearer links of customers: made, found, rotated (K12, T2, T4).

A link is 256 random bits in the address of a page: who has it needs no account. The database
holds a digest and a seal, as of a code (C4). A policy or claim has one link at a time, and a
link that was revoked never works again.
"""

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from policies import agreement, sealing
from policies.models import Letter, Link, Policy

KIND = "link"

# What a letter shows in place of the token to anybody but its reader (K13).
MASK = "shown-to-the-customer-only"


def of(policy: Policy, *, reference: str = "", now: datetime) -> Link:
    """The link to the policy's page, or to that of its claim `reference`; a new one if need be."""
    its = Link.objects.filter(policy=policy, reference=reference, revoked_at=None)
    link = its.first()
    if link is None:
        link, _made = its.get_or_create(
            defaults={"policy": policy, "reference": reference, **_fresh(now=now)}
        )
    return link


def _fresh(*, now: datetime) -> dict[str, Any]:
    sealed = sealing.seal(secrets.token_urlsafe(32), kind=KIND)
    return {**sealed._asdict(), "made_at": now}


def token_of(policy: Policy, *, reference: str = "", now: datetime) -> str:
    """What stands in the address, for the customer's own browser. Raises SealBroken."""
    return _opened(of(policy, reference=reference, now=now))


def tokens_of_claims(policy: Policy) -> dict[str, str]:
    """The same of all claims of a policy that have a link, by their numbers."""
    live = Link.objects.filter(policy=policy, revoked_at=None).exclude(reference="")
    return {link.reference: _opened(link) for link in live}


def in_letter(link_id: int | None, *, whole: bool) -> str:
    """The token as a letter shows it, masked unless `whole`; "" for a link that is revoked."""
    link = Link.objects.filter(pk=link_id, revoked_at=None).first() if link_id else None
    if link is None:
        return ""
    return _opened(link) if whole else MASK


def _opened(link: Link) -> str:
    return sealing.unseal(link.digest, link.sealed, link.key_id, kind=KIND)


def find(token: str) -> Link | None:
    """The link with this token, unless it was revoked. Whether it has expired, is not looked at."""
    digests = sealing.digests(token, kind=KIND)
    return Link.objects.filter(digest__in=digests, revoked_at=None).first()


def policy_behind(token: str, policies: QuerySet[Policy], *, at: datetime) -> Policy | None:
    """The one of `policies` whose page the link opens at `at`; None for a link that does not."""
    link = find(token)
    policy = policies.filter(pk=link.policy_id).first() if link and not link.reference else None
    return policy if policy is not None and not has_expired(ended_at(policy), at=at) else None


def has_expired(ended_at: datetime | None, *, at: datetime) -> bool:
    """Whether a link has stopped working at `at`, what it opens having ended at `ended_at`."""
    return ended_at is not None and at >= ended_at + timedelta(days=settings.LINK_DAYS)


def ended_at(policy: Policy) -> datetime:
    """When its term and its drone's warranty have both ended, or will have."""
    term = policy.cancelled_at or policy.ends_at
    return max([term, *(end for end in agreement.warranty(policy) if end is not None)])


def rotate(
    policy: Policy, *, reference: str | None = None, letters_follow: bool = True, now: datetime
) -> None:
    """Revokes the links of a policy, those of its claims too, and makes others in their place.

    `reference` names a claim whose link alone is meant. Nobody has the new ones yet: the next
    letter brings them, and with `letters_follow` so does any that is sent (again) from now on.
    Not so where another person comes (T2). Call it with the policy locked; who and why, the
    caller records.
    """
    live = Link.objects.filter(policy=policy, revoked_at=None)
    if reference is not None:
        live = live.filter(reference=reference)
    old = list(live)
    if not old:
        return
    # A clock may have been set back meanwhile.
    revoked_at = max(now, *(link.made_at for link in old))
    Link.objects.filter(pk__in=[link.pk for link in old]).update(revoked_at=revoked_at)
    new = Link.objects.bulk_create(
        Link(policy=policy, reference=link.reference, **_fresh(now=now)) for link in old
    )
    if letters_follow:
        _take_along(policy, {before.pk: after.pk for before, after in zip(old, new, strict=True)})


def _take_along(policy: Policy, successors: dict[int, int]) -> None:
    letters = list(Letter.objects.filter(policy=policy, context__link__in=list(successors)))
    for letter in letters:
        letter.context["link"] = successors[letter.context["link"]]
    Letter.objects.bulk_update(letters, ["context"])


def reseal(*, block: int = 1_000) -> Iterator[int]:
    """Seals again every link sealed with an older key; see `sealing.reseal` (C4)."""
    return sealing.reseal(Link.objects.all(), kind=KIND, block=block)
