"""Why a claim is covered or not: the decision that holds, as its customer reads it (K2, K12)."""

from dataclasses import dataclass
from typing import Any

from claims.decisions import for_the_customer
from claims.models import CLOSED, COVERED, Claim, Decision, Outcome, Progress
from policies.rules.text import Text

# Reasons that speak neither for nor against.
NEITHER = {"some_parts_not_covered"}


@dataclass(frozen=True)
class Argument:
    """A reason, and how it weighs: `weight` is for, against or note (neither)."""

    text: str
    weight: str


@dataclass(frozen=True)
class Explanation:
    """The decision that holds now. `basis` is intake, overruled, taken_up or assessed."""

    outcome: Text
    covered: bool | None  # None: not decided yet
    basis: str
    is_final: bool
    reasons: list[Argument]


def of(claim: Claim) -> Explanation | None:
    """None where nothing was decided yet, or declined for a reason that the timeline shows.

    `claim` has its `decisions` prefetched. A clerk's own words stay inside the house.
    """
    latest = _latest(claim)
    covered = claim.outcome in COVERED
    refused = claim.outcome == Outcome.NOT_COVERED
    if latest is None or (claim.progress == Progress.DECLINED and not refused):
        return None
    overruled = latest.kind == Decision.Kind.OVERRULED or latest.outcome != claim.outcome
    return Explanation(
        outcome=Outcome(claim.outcome).label,
        covered=None if claim.outcome == Outcome.NEEDS_REVIEW else covered,
        basis="overruled" if overruled else latest.kind,
        is_final=claim.accepted_at is not None or claim.progress in CLOSED,
        reasons=[] if overruled else _arguments(claim, for_the_customer(latest.reasons)),
    )


def _arguments(claim: Claim, reasons: list[dict[str, Any]]) -> list[Argument]:
    """Why; beside a no stands only what speaks against, lest the rest looks like its reason."""
    refused = claim.outcome == Outcome.NOT_COVERED
    return [_argument(claim, reason) for reason in reasons if reason["objects"] or not refused]


def _argument(claim: Claim, reason: dict[str, Any]) -> Argument:
    weight = "against" if reason["objects"] else "for"
    is_doubt = reason["objects"] and claim.outcome == Outcome.NEEDS_REVIEW
    if is_doubt or reason["code"] in NEITHER:
        weight = "note"
    return Argument(reason["text"], weight)


def _latest(claim: Claim) -> Decision | None:
    """The newest decision; what was decided on an assessment goes when that is taken back."""
    return next(reversed(claim.decisions_that_stand()), None)
