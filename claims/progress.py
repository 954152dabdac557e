"""The moves of a claim: one table, one writer, one verb per move (K10).

Whatever a step does — ledger, hold, shipment, history, letter — is done in one
transaction, the letter last. Locks are taken in one order: the policy, then the claim.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from claims import decision_facts, fees, letters, shipping
from claims.models import (
    CLOSED,
    Claim,
    ClaimEvent,
    Decision,
    FeePayment,
    Outcome,
    Progress,
    Shipment,
)
from policies import cover
from policies.shared.actor import Actor
from policies.shared.errors import Conflict

P = Progress

# From, to, and the verb that does it. The customer's words for each state are in Progress.
MOVES: dict[tuple[str, str], str] = {
    (P.SUBMITTED, P.LABEL_SENT): "label_bought",
    (P.SUBMITTED, P.DECLINED): "decline",
    (P.SUBMITTED, P.CANCELLED): "cancel",
    (P.LABEL_SENT, P.IN_TRANSIT): "pick_up",
    (P.LABEL_SENT, P.RECEIVED): "receive",
    (P.LABEL_SENT, P.CANCELLED): "cancel",
    (P.LABEL_SENT, P.LAPSED): "lapse",
    (P.IN_TRANSIT, P.RECEIVED): "receive",
    (P.RECEIVED, P.PARTS_MISSING): "miss_parts",
    (P.RECEIVED, P.ASSESSED): "assess",
    (P.PARTS_MISSING, P.RECEIVED): "receive",
    (P.PARTS_MISSING, P.RETURNING): "send_back",
    (P.ASSESSED, P.AWAITING_FEE): "ask_fee",
    (P.ASSESSED, P.PREPARING): "prepare",
    (P.ASSESSED, P.RETURNING): "send_back",
    (P.AWAITING_FEE, P.PREPARING): "prepare",
    (P.AWAITING_FEE, P.RETURNING): "send_back",
    (P.PREPARING, P.SHIPPED): "ship",
    (P.SHIPPED, P.COMPLETED): "complete",
    (P.RETURNING, P.RETURNED): "hand_back",
}

# Ends without a replacement: the use goes back into the allowance (K4).
GIVES_BACK = {P.DECLINED, P.CANCELLED, P.LAPSED, P.RETURNED}

# What staff may take back: steps that have not left the house (no label, no drone sent).
UNDOABLE = {
    P.IN_TRANSIT,
    P.RECEIVED,
    P.PARTS_MISSING,
    P.ASSESSED,
    P.AWAITING_FEE,
    P.PREPARING,
    P.COMPLETED,
    P.RETURNING,
}


def verbs_open(claim: Claim) -> set[str]:
    """The verbs that the table allows from where the claim stands."""
    return {verb for (before, _after), verb in MOVES.items() if before == claim.progress}


@dataclass(frozen=True)
class Step:
    """One step about to be taken: the claim with its rows locked, by whom, when."""

    claim: Claim
    actor: Actor
    now: datetime

    def move(
        self,
        after: Progress,
        *,
        public_note: str = "",
        note: str = "",
        letter: dict[str, Any] | None = None,
        **columns: Any,
    ) -> None:
        """The only writer of `Claim.progress`. Raises Conflict for a move that is not open."""
        claim, before = self.claim, self.claim.progress
        if (before, after) not in MOVES:
            raise Conflict(
                _("This step is not open: the claim stands at “%(progress)s”.")
                % {"progress": claim.get_progress_display()}
            )
        self._write(before, after, **columns)
        if after in CLOSED:
            self._close(after)
        self.tell(ClaimEvent.Kind.MOVED, before, after, public_note=public_note, note=note)
        visit = visits(claim, after)
        letters.moved(claim, after, visit=visit, note=public_note, now=self.now, **(letter or {}))

    def take_back(self, before: str, *, reason: str, **columns: Any) -> None:
        """The reverse of the last move. No letter: the page tells of the correction."""
        undone = self.claim.progress
        self._write(undone, before, **columns)
        if undone in CLOSED:
            cover.hold(self.claim.policy, reference=self.claim.number, now=self.now)
        self.tell(ClaimEvent.Kind.UNDONE, undone, before, note=reason)

    def _write(self, before: str, after: str, **columns: Any) -> None:
        # The row is locked already; the guard also holds where locks are not what they seem.
        columns |= {"progress": after, "progress_at": self.now}
        if Claim.objects.filter(pk=self.claim.pk, progress=before).update(**columns) != 1:
            raise Conflict(_("Somebody else has moved this claim meanwhile."))
        for name, value in columns.items():
            setattr(self.claim, name, value)

    def _close(self, after: str) -> None:
        if after in GIVES_BACK:
            cover.give_back(reference=self.claim.number, actor=self.actor, now=self.now)
        shipping.void_unused(self.claim, now=self.now)
        cover.release(reference=self.claim.number)

    def tell(
        self,
        kind: ClaimEvent.Kind,
        before: str = "",
        after: str = "",
        *,
        public_note: str = "",
        note: str = "",
    ) -> None:
        ClaimEvent.objects.create(
            claim=self.claim,
            kind=kind,
            at=self.now,
            before=before,
            after=after,
            public_note=public_note,
            note=note,
            **self.actor.signature(),
        )

    def decided(
        self, kind: Decision.Kind, outcome: str, reasons: list[dict[str, Any]], note: str = ""
    ) -> None:
        Decision.objects.create(
            claim=self.claim,
            kind=kind,
            at=self.now,
            outcome=outcome,
            reasons=reasons,
            note=note,
            **self.actor.signature(),
        )

    def settle(self, outcome: str) -> dict[str, Any]:
        """Brings the ledger in line with the outcome; returns the columns that follow from it.

        Care takes a use and fixes ordinal and fee; anything else gives the use back (K4).
        """
        claim = self.claim
        if outcome != Outcome.CARE:
            cover.give_back(reference=claim.number, actor=self.actor, now=self.now)
            return {"outcome": outcome, "ordinal": None, "fee_amount": None, "fee_currency": ""}
        ordinal = cover.consume(
            claim.policy, reference=claim.number, actor=self.actor, now=self.now
        )
        if ordinal == claim.ordinal:
            return {"outcome": outcome}  # fixed when the claim was accepted, and kept (K4)
        amount, currency = fees.amount_due(claim, ordinal, at=claim.accepted_at or self.now)
        return {
            "outcome": outcome,
            "ordinal": ordinal,
            "fee_amount": amount,
            "fee_currency": currency,
        }


def _step(claim: Claim, actor: Actor, now: datetime) -> Step:
    """Locks the policy, then the claim, and reads both anew."""
    policy = cover.lock(claim.policy)
    locked = Claim.objects.select_for_update(of=("self",)).get(pk=claim.pk)
    locked.policy = policy
    return Step(locked, actor, now)


def visits(claim: Claim, state: str) -> int:
    """How often the claim came to `state`, not counting what was taken back (K10)."""
    moved = claim.events.filter(kind=ClaimEvent.Kind.MOVED, after=state).count()
    undone = claim.events.filter(kind=ClaimEvent.Kind.UNDONE, before=state).count()
    return moved - undone


# --- the verbs -----------------------------------------------------------------------------


def submit(claim: Claim, decision: Any, *, actor: Actor, now: datetime) -> None:
    """Opens a new claim at the beginning of the table; call it inside the transaction."""
    claim.progress, claim.progress_at, claim.outcome = P.SUBMITTED, now, decision.outcome
    claim.save(force_insert=True)
    cover.hold(claim.policy, reference=claim.number, now=now)
    step = Step(claim, actor, now)
    step.decided(Decision.Kind.INTAKE, decision.outcome, decision_facts.as_json(decision))
    step.tell(ClaimEvent.Kind.MOVED, "", P.SUBMITTED)
    letters.moved(claim, P.SUBMITTED, visit=1, now=now)


def accept(claim: Claim, *, actor: Actor, now: datetime) -> None:
    """Takes the use, fixes ordinal and fee, orders the label (K4, K5).

    The claim moves on when the label is there. Raises Conflict when the decision is not in
    the customer's favour, a fee row is missing (P5), or nothing is left.
    """
    with transaction.atomic():
        step = _step(claim, actor, now)
        current = step.claim
        if current.progress != P.SUBMITTED or current.accepted_at is not None:
            raise Conflict(_("This claim is no longer waiting for a decision."))
        if current.outcome not in {Outcome.CARE, Outcome.WARRANTY}:
            raise Conflict(
                _("The decision is “%(outcome)s”. To accept all the same, overrule it first.")
                % {"outcome": current.get_outcome_display()}
            )
        columns = step.settle(current.outcome) | {"accepted_at": now}
        Claim.objects.filter(pk=current.pk).update(**columns)
        step.tell(ClaimEvent.Kind.ACCEPTED)
        shipping.order_label(current, now=now)


def overrule(claim: Claim, *, outcome: str, reason: str, actor: Actor, now: datetime) -> None:
    """Puts a person's decision beside the computed one; both are kept (K2). Raises Conflict."""
    with transaction.atomic():
        step = _step(claim, actor, now)
        current = step.claim
        undecided = current.progress == P.SUBMITTED and current.accepted_at is None
        if not undecided and current.progress != P.ASSESSED:
            raise Conflict(_("A decision is overruled before it is acted on, not after."))
        columns = {"outcome": outcome} if undecided else step.settle(outcome)
        Claim.objects.filter(pk=current.pk).update(**columns)
        step.decided(Decision.Kind.OVERRULED, outcome, [], note=reason)


def decline(claim: Claim, *, reason: str, actor: Actor, now: datetime) -> None:
    """Says no to a request, with the reason that the customer reads. Raises Conflict."""
    with transaction.atomic():
        _step(claim, actor, now).move(P.DECLINED, public_note=reason)


def cancel(claim: Claim, *, actor: Actor, now: datetime, reason: str = "") -> None:
    """By the customer, or by staff for the customer, until the carrier has the parcel (K13)."""
    with transaction.atomic():
        _step(claim, actor, now).move(P.CANCELLED, public_note=reason)


def label_bought(shipment: Shipment, facts: dict[str, Any], *, actor: Actor, now: datetime) -> bool:
    """The label is there, with these columns: it goes to the customer.

    False when the claim has ended meanwhile, or another worker was faster.
    """
    with transaction.atomic():
        step = _step(shipment.claim, actor, now)
        if not shipping.label_bought(shipment, facts):
            return False
        step.move(P.LABEL_SENT)
        return True


def pick_up(claim: Claim, *, actor: Actor, now: datetime) -> None:
    """The carrier has the parcel. Raises Conflict."""
    with transaction.atomic():
        _step(claim, actor, now).move(P.IN_TRANSIT)


def receive(claim: Claim, *, actor: Actor, now: datetime, note: str = "") -> None:
    """The parcel, or the part that was missing, arrived. Raises Conflict."""
    with transaction.atomic():
        _step(claim, actor, now).move(P.RECEIVED, note=note)


def miss_parts(claim: Claim, *, missing: str, actor: Actor, now: datetime) -> None:
    """Something needed was not in the parcel; `missing` tells the customer what to send."""
    with transaction.atomic():
        _step(claim, actor, now).move(P.PARTS_MISSING, public_note=missing)


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
        step = _step(claim, actor, now)
        current = step.claim
        decision = decision_facts.on_what_was_found(current, cause_found, parts_damaged)
        outcome = decision.outcome
        as_reported = cause_found == current.cause and set(parts_damaged) == set(current.parts)
        if as_reported and current.decisions.filter(kind=Decision.Kind.OVERRULED).exists():
            outcome = current.outcome
        changed = outcome != current.outcome
        columns = step.settle(outcome) | {
            "cause_found": cause_found,
            "parts_received": parts_received,
            "parts_damaged": parts_damaged,
        }
        step.decided(Decision.Kind.ASSESSED, decision.outcome, decision_facts.as_json(decision))
        reasons = decision_facts.as_json(decision) if changed else []
        step.move(P.ASSESSED, note=note, letter={"reasons": reasons}, **columns)


def ask_fee(claim: Claim, *, actor: Actor, now: datetime) -> None:
    """Asks the customer for the replacement fee. Raises Conflict when there is none to pay."""
    with transaction.atomic():
        step = _step(claim, actor, now)
        if fees.is_settled(step.claim):
            raise Conflict(_("There is no fee to ask for."))
        _refuse_uncovered(step.claim)
        step.move(P.AWAITING_FEE)


def prepare(claim: Claim, *, actor: Actor, now: datetime) -> None:
    """Begins the replacement or the warranty repair. Raises Conflict for an unpaid fee (K8)."""
    with transaction.atomic():
        step = _step(claim, actor, now)
        _refuse_uncovered(step.claim)
        fees.refuse_unsettled(step.claim)
        step.move(P.PREPARING)


def pay(
    claim: Claim,
    *,
    amount: Any,
    currency: str,
    method: str,
    reference: str,
    actor: Actor,
    now: datetime,
) -> None:
    """Records the fee (K8); a claim that waited for it moves on. Raises Conflict."""
    with transaction.atomic():
        step = _step(claim, actor, now)
        fees.record_payment(
            step.claim,
            amount=amount,
            currency=currency,
            method=method,
            reference=reference,
            now=now,
        )
        step.tell(ClaimEvent.Kind.PAID, note=reference)
        step.move(P.PREPARING)


def refund(claim: Claim, *, reference: str, actor: Actor, now: datetime) -> None:
    """Records that the fee was paid back (K8). Raises Conflict when no refund is due."""
    with transaction.atomic():
        step = _step(claim, actor, now)
        fees.record_refund(step.claim, reference=reference, now=now)
        step.tell(ClaimEvent.Kind.REFUNDED, note=reference)


def send_back(
    claim: Claim, *, reason: str, actor: Actor, now: datetime, tracking_number: str = ""
) -> None:
    """Returns the customer's own drone unfixed. Raises Conflict."""
    with transaction.atomic():
        step = _step(claim, actor, now)
        if tracking_number:
            shipping.sent_out(step.claim, tracking_number=tracking_number, now=now)
        step.move(P.RETURNING, public_note=reason)


def hand_back(claim: Claim, *, actor: Actor, now: datetime) -> None:
    """The drone is back with its owner; the use goes back into the allowance. Raises Conflict."""
    with transaction.atomic():
        _step(claim, actor, now).move(P.RETURNED)


def ship(
    claim: Claim,
    *,
    new_serial: str,
    condition: str,
    tracking_number: str,
    actor: Actor,
    now: datetime,
) -> None:
    """Sends the replacement and moves the policy to it, in one transaction (K9, T1).

    A warranty repair may send the same serial back: then the policy stays where it is.
    Raises BadSerial, or Conflict (unpaid fee, a serial that is not free).
    """
    with transaction.atomic():
        step = _step(claim, actor, now)
        current = step.claim
        fees.refuse_unsettled(current)
        same = shipping.is_same_drone(current, new_serial)
        if same and current.outcome == Outcome.WARRANTY:
            replacement = current.drone
        else:
            replacement = cover.move_to_replacement(
                current.policy,
                new_serial=new_serial,
                condition=condition,
                reference=current.number,
                actor=actor,
                now=now,
            )
        shipping.sent_out(current, tracking_number=tracking_number, now=now)
        note = f"{replacement.serial} ({condition})"
        step.move(P.SHIPPED, note=note, replacement=replacement)


def complete(claim: Claim, *, actor: Actor, now: datetime) -> None:
    """The customer has the replacement. Raises Conflict."""
    with transaction.atomic():
        _step(claim, actor, now).move(P.COMPLETED)


def lapse(claim: Claim, *, since: datetime, actor: Actor, now: datetime) -> bool:
    """Ends a claim whose label was not used (K6). False when it has moved since `since`."""
    with transaction.atomic():
        step = _step(claim, actor, now)
        if step.claim.progress != P.LABEL_SENT or step.claim.progress_at > since:
            return False
        step.move(P.LAPSED)
        return True


def give_up_on_fee(claim: Claim, *, since: datetime, actor: Actor, now: datetime) -> bool:
    """Returns the drone of a claim whose fee was not paid (K6). False when it has moved."""
    with transaction.atomic():
        step = _step(claim, actor, now)
        if step.claim.progress != P.AWAITING_FEE or step.claim.progress_at > since:
            return False
        if fees.is_settled(step.claim):
            return False  # paid, and the step then taken back: it waits for the desk
        reason = str(_("The replacement fee was not paid in time."))
        step.move(P.RETURNING, public_note=reason)
        return True


def undo(claim: Claim, *, reason: str, actor: Actor, now: datetime) -> None:
    """Takes the last step back (K10). Raises Conflict for a step that has left the house."""
    with transaction.atomic():
        step = _step(claim, actor, now)
        current = step.claim
        last = last_move(current)
        if last is None or current.progress not in UNDOABLE:
            raise Conflict(_("This step cannot be taken back."))
        _refuse_if_out_of_hand(current)
        columns: dict[str, Any] = {}
        if current.progress == P.ASSESSED:
            columns = step.settle(_outcome_before_assessment(current)) | {
                "cause_found": "",
                "parts_received": [],
                "parts_damaged": [],
            }
        step.take_back(last.before, reason=reason, **columns)


def last_move(claim: Claim) -> ClaimEvent | None:
    """The newest step that was not taken back, or None for a claim that only was submitted."""
    taken: list[ClaimEvent] = []
    kinds = [ClaimEvent.Kind.MOVED, ClaimEvent.Kind.UNDONE]
    for event in claim.events.filter(kind__in=kinds).order_by("id"):
        if event.kind == ClaimEvent.Kind.MOVED:
            taken.append(event)
        else:
            taken.pop()
    return taken[-1] if len(taken) > 1 else None


def _refuse_if_out_of_hand(claim: Claim) -> None:
    """The states of UNDOABLE can be taken back, unless the world has gone on since."""
    if claim.progress == P.RETURNING:
        if claim.shipments.filter(direction=Shipment.Direction.OUTBOUND).exists():
            raise Conflict(_("This step cannot be taken back: the carrier has the drone."))
        if FeePayment.objects.filter(claim=claim, refunded_at__isnull=False).exists():
            raise Conflict(_("This step cannot be taken back: the fee has been paid back."))
    if claim.progress in CLOSED and Claim.objects.open().filter(drone=claim.drone_id).exists():
        raise Conflict(_("There is another open claim for this drone."))


def _outcome_before_assessment(claim: Claim) -> str:
    """The outcome that the claim was accepted with."""
    before = claim.decisions.filter(at__lte=claim.accepted_at).order_by("-id").first()
    assert before is not None  # every claim begins with one
    return before.outcome


def _refuse_uncovered(claim: Claim) -> None:
    if claim.outcome not in {Outcome.CARE, Outcome.WARRANTY}:
        raise Conflict(
            _("The decision is “%(outcome)s”: return the drone, or overrule the decision.")
            % {"outcome": claim.get_outcome_display()}
        )
