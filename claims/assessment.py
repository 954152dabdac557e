"""What arrived, what is decided on it, and what follows for ledger and fee (K2, K4, K7)."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from claims import decision_facts, decisions, fees, letters, moves
from claims.models import CLOSED, COVERED, Claim, ClaimEvent, Decision, Outcome, Progress
from policies import cover
from policies.shared.actor import Actor
from policies.shared.errors import Conflict


def overrule(claim: Claim, *, outcome: str, reason: str, actor: Actor, now: datetime) -> None:
    """Puts a person's decision beside the computed one; both are kept (K2). Raises Conflict."""
    with transaction.atomic():
        step = moves.lock(claim, actor, now)
        current = step.claim
        undecided = current.progress == Progress.SUBMITTED and current.accepted_at is None
        if not undecided and current.progress != Progress.ASSESSED:
            raise Conflict(_("A decision is overruled before it is acted on, not after."))
        columns = {"outcome": outcome} if undecided else apply_outcome(step, outcome)
        before = current.outcome
        step.set(**columns)
        step.record_decision(Decision.Kind.OVERRULED, outcome, [], note=reason)
        assessed = moves.last_move(current)
        if assessed is not None and not undecided and outcome != before:
            letters.decided_anew(current, assessed, before=before, now=now)


def assess(
    claim: Claim,
    *,
    cause_found: str,
    parts_received: list[str],
    parts_damaged: list[str],
    actor: Actor,
    now: datetime,
    note: str = "",
) -> None:
    """Records what was found and decides again on it (K7). Raises Conflict.

    A decision that staff overruled stands, as long as what was found is what was reported.
    """
    with transaction.atomic():
        step = moves.lock(claim, actor, now)
        current = step.claim
        ruling = decision_facts.on_the_assessment(current, cause_found, parts_damaged)
        outcome = ruling.outcome
        as_reported = cause_found == current.cause and set(parts_damaged) == set(current.parts)
        stand = current.decisions_that_stand()
        if as_reported and any(one.kind == Decision.Kind.OVERRULED for one in stand):
            outcome = current.outcome
        changed = outcome != current.outcome
        columns = apply_outcome(step, outcome) | {
            "cause_found": cause_found,
            "parts_received": parts_received,
            "parts_damaged": parts_damaged,
        }
        reasons = decision_facts.as_json(ruling)
        step.record_decision(Decision.Kind.ASSESSED, ruling.outcome, reasons)
        step.move(
            Progress.ASSESSED, note=note, letter={"reasons": reasons if changed else []}, **columns
        )


def apply_outcome(step: moves.Step, outcome: str) -> dict[str, Any]:
    """Brings the ledger in line with the outcome; returns the columns that follow from it.

    Care takes a use and fixes ordinal and fee; anything else gives the use back (K4).
    """
    claim = step.claim
    if outcome != Outcome.CARE:
        cover.give_back(reference=claim.number, actor=step.actor, now=step.now)
        return {"outcome": outcome, "ordinal": None, "fee_amount": None, "fee_currency": ""}
    ordinal = cover.consume(claim.policy, reference=claim.number, actor=step.actor, now=step.now)
    if ordinal == claim.ordinal:
        return {"outcome": outcome}  # fixed when the claim was accepted, and kept (K4)
    amount, currency = fees.amount_due(claim, ordinal, at=claim.accepted_at or step.now)
    return {
        "outcome": outcome,
        "ordinal": ordinal,
        "fee_amount": amount,
        "fee_currency": currency,
    }


def take_up_again(step: moves.Step) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The columns and the reasons of a claim whose parcel came after it had ended (K15).

    It is accepted as at first, with its replacement and fee if they are free. Where none is left
    it is not covered, and the drone can only go back. Raises Conflict.
    """
    claim = step.claim
    _refuse_late(claim)
    claim.accepted_at = step.now
    columns = {"accepted_at": step.now}
    reasons: list[dict[str, Any]] = []
    outcome = claim.outcome
    if outcome == Outcome.CARE and claim.policy.replacements_left() < 1:
        outcome = Outcome.NOT_COVERED
        reasons = decision_facts.as_json(decisions.NONE_LEFT)
        step.record_decision(Decision.Kind.TAKEN_UP, outcome, reasons)
    columns |= apply_outcome(step, outcome)
    step.record(ClaimEvent.Kind.ACCEPTED)
    return columns, reasons


def _refuse_late(claim: Claim) -> None:
    policy = claim.policy
    if policy.cancelled_at is not None:
        raise Conflict(_("The policy has been cancelled: the drone can only be sent back."))
    if moves.is_anothers(claim):
        raise Conflict(_("The policy has a new owner: the drone can only be sent back."))
    if policy.drone_id != claim.drone_id:
        raise Conflict(_("The policy is on another drone now: this one can only be sent back."))
    if policy.drone_life != policy.drone.life:
        # Shipping would retire it in its present life, under somebody else's plan (B6).
        raise Conflict(_("This drone has been sold again since: it can only be sent back."))
    if claim.outcome not in COVERED:
        raise Conflict(
            _("The decision was “%(outcome)s”: the drone can only be sent back.")
            % {"outcome": claim.get_outcome_display()}
        )


def before_taken_up(claim: Claim) -> dict[str, Any]:
    """The columns with which the claim had ended before it was taken up again (K15)."""
    decided = [one for one in claim.decisions_that_stand() if one.kind != Decision.Kind.TAKEN_UP]
    outcome, accepted_at = decided[-1].outcome, _first_accepted_at(claim)
    columns = {"outcome": outcome, "accepted_at": accepted_at}
    if accepted_at is None:
        return columns | {"ordinal": None, "fee_amount": None, "fee_currency": ""}
    if outcome != Outcome.CARE or claim.ordinal is not None:
        return columns
    # It was not covered for want of a replacement, and had one before.
    ordinal = cover.ordinal_of(reference=claim.number)
    amount, currency = fees.amount_due(claim, ordinal, at=accepted_at)
    return columns | {"ordinal": ordinal, "fee_amount": amount, "fee_currency": currency}


def _first_accepted_at(claim: Claim) -> datetime | None:
    """When it was accepted before it ended, if it was."""
    events = claim.events.order_by("id")
    ended = events.filter(kind=ClaimEvent.Kind.MOVED, after__in=CLOSED).first()
    accepted = events.filter(kind=ClaimEvent.Kind.ACCEPTED).first()
    if accepted is None or ended is None or accepted.pk > ended.pk:
        return None
    return accepted.at


def outcome_at_acceptance(claim: Claim) -> str:
    """The outcome that the claim was accepted with."""
    assert claim.accepted_at is not None
    decided = claim.decisions_that_stand()  # every claim begins with one
    return [decision for decision in decided if decision.at <= claim.accepted_at][-1].outcome
