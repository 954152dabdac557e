"""The decision about a claim with the facts that the database holds (K2, K7)."""

from typing import Any

from claims import decisions
from claims.models import Claim
from policies import cover as policy_cover
from policies.cover import Cover


def on_what_was_said(claim: Claim, cover: Cover) -> decisions.Decision:
    return _decide(claim, cover, claim.cause, claim.parts)


def on_what_was_found(
    claim: Claim, cause_found: str, parts_damaged: list[str]
) -> decisions.Decision:
    """The claim's own use counts as still left: it is the one being decided about."""
    cover = policy_cover.cover_of(claim.policy, reference=claim.number)
    return _decide(claim, cover, cause_found, parts_damaged)


def _decide(claim: Claim, cover: Cover, cause: str, parts: list[str]) -> decisions.Decision:
    facts = decisions.ClaimFacts(
        cause=cause,
        parts=tuple(parts),
        happened_on=claim.happened_on,
        requested_at=claim.submitted_at,
    )
    return decisions.decide(facts, cover)


def as_json(decision: decisions.Decision) -> list[dict[str, Any]]:
    return [
        {
            "rule": reason.rule,
            "code": reason.code,
            "text": str(reason.text),
            "objects": reason.objects,
        }
        for reason in decision.reasons
    ]
