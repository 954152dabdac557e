"""The decision about a claim with the facts that the database holds (K2, K7)."""

from typing import Any

from claims import decisions
from claims.models import Claim
from policies import cover as policy_cover
from policies.cover import Cover


def on_the_request(claim: Claim, cover: Cover) -> decisions.Ruling:
    return _decide(claim, cover, claim.cause, claim.parts)


def on_the_assessment(claim: Claim, cause_found: str, parts_damaged: list[str]) -> decisions.Ruling:
    """The claim's own use counts as still left: it is the one being decided about."""
    cover = policy_cover.cover_of(claim.policy, reference=claim.number)
    return _decide(claim, cover, cause_found, parts_damaged)


def _decide(claim: Claim, cover: Cover, cause: str, parts: list[str]) -> decisions.Ruling:
    facts = decisions.ClaimFacts(
        cause=cause,
        parts=tuple(parts),
        happened_on=claim.happened_on,
        requested_at=claim.submitted_at,
    )
    return decisions.decide(facts, cover)


def as_json(ruling: decisions.Ruling) -> list[dict[str, Any]]:
    return [
        {
            "rule": reason.rule,
            "code": reason.code,
            "text": str(reason.text),
            "objects": reason.objects,
        }
        for reason in ruling.reasons
    ]
