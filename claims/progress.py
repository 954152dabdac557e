"""What is done to a claim: one verb per move, each in one transaction (K4, K8-K10, K13)."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from claims import assessment, decision_facts, fees, moves
from claims.decisions import Ruling
from claims.models import (
    CLOSED,
    COVERED,
    Claim,
    ClaimEvent,
    FeePayment,
    Outcome,
    Progress,
    Shipment,
)
from claims.parcels import shipping
from policies import replacement
from policies.shared.actor import Actor
from policies.shared.errors import Conflict

P = Progress


def submit(claim: Claim, ruling: Ruling, *, actor: Actor, now: datetime) -> None:
    """Opens a new claim at the beginning of the table; call it inside the transaction."""
    claim.outcome = ruling.outcome
    moves.Step(claim, actor, now).begin(decision_facts.as_json(ruling))


def accept(claim: Claim, *, actor: Actor, now: datetime) -> None:
    """Takes the use, fixes ordinal and fee, orders the label (K4, K5).

    The claim moves on when the label is there. Raises Conflict when the decision is not in
    the customer's favour, a fee row is missing (P5), or nothing is left.
    """
    with transaction.atomic():
        step = moves.lock(claim, actor, now)
        current = step.claim
        if current.progress != P.SUBMITTED or current.accepted_at is not None:
            raise Conflict(_("This claim is no longer waiting for a decision."))
        if current.outcome not in COVERED:
            raise Conflict(
                _("The decision is “%(outcome)s”. To accept all the same, overrule it first.")
                % {"outcome": current.get_outcome_display()}
            )
        columns = assessment.apply_outcome(step, current.outcome) | {"accepted_at": now}
        step.set(**columns)
        step.record(ClaimEvent.Kind.ACCEPTED)
        shipping.order_label(current, now=now)


def decline(claim: Claim, *, reason: str, actor: Actor, now: datetime) -> None:
    """Says no to a request, with the reason that the customer reads. Raises Conflict."""
    with transaction.atomic():
        moves.lock(claim, actor, now).move(P.DECLINED, public_note=reason)


def cancel(claim: Claim, *, actor: Actor, now: datetime, reason: str = "") -> None:
    """By the customer, or by staff for the customer, until the carrier has the parcel (K13)."""
    with transaction.atomic():
        moves.lock(claim, actor, now).move(P.CANCELLED, public_note=reason)


def label_bought(shipment: Shipment, facts: dict[str, Any], *, actor: Actor, now: datetime) -> bool:
    """The label is there, with these columns: it goes to the customer.

    False when the claim has ended meanwhile, or another worker was faster.
    """
    with transaction.atomic():
        step = moves.lock(shipment.claim, actor, now)
        if not shipping.record_label(shipment, facts):
            return False
        step.move(P.LABEL_SENT)
        return True


def pick_up(claim: Claim, *, actor: Actor, now: datetime) -> None:
    """The carrier has the parcel. Raises Conflict."""
    with transaction.atomic():
        moves.lock(claim, actor, now).move(P.IN_TRANSIT)


def receive(claim: Claim, *, actor: Actor, now: datetime, note: str = "") -> None:
    """The parcel, or the part that was missing, arrived. Raises Conflict.

    A claim that had lapsed or been cancelled is taken up again (K15).
    """
    with transaction.atomic():
        step = moves.lock(claim, actor, now)
        if not moves.allows(step.claim, P.RECEIVED) or step.claim.progress not in CLOSED:
            step.move(P.RECEIVED, note=note)
            return
        _refuse_second_claim(step.claim)
        columns, reasons = assessment.take_up_again(step)
        facts = {"taken_up": True, "reasons": reasons}
        step.move(P.RECEIVED, note=note, letter=facts, **columns)


def miss_parts(claim: Claim, *, missing: str, actor: Actor, now: datetime) -> None:
    """Something needed was not in the parcel; `missing` tells the customer what to send."""
    with transaction.atomic():
        moves.lock(claim, actor, now).move(P.PARTS_MISSING, public_note=missing)


def ask_fee(claim: Claim, *, actor: Actor, now: datetime) -> None:
    """Asks the customer for the replacement fee. Raises Conflict when there is none to pay."""
    with transaction.atomic():
        step = moves.lock(claim, actor, now)
        if fees.is_settled(step.claim):
            raise Conflict(_("There is no fee to ask for."))
        _refuse_uncovered(step.claim)
        step.move(P.AWAITING_FEE)


def prepare(claim: Claim, *, actor: Actor, now: datetime) -> None:
    """Begins the replacement or the warranty repair. Raises Conflict for an unpaid fee (K8)."""
    with transaction.atomic():
        step = moves.lock(claim, actor, now)
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
    """Records a payment (K8); a claim that waited for its fee moves on. Raises Conflict.

    What pays no fee (it came late, or twice) is to be paid back.
    """
    with transaction.atomic():
        step = moves.lock(claim, actor, now)
        is_wanted = fees.is_wanted(step.claim)
        fees.record_payment(
            step.claim,
            amount=amount,
            currency=currency,
            method=method,
            reference=reference,
            now=now,
        )
        step.record(ClaimEvent.Kind.PAID, note=reference)
        if is_wanted and moves.allows(step.claim, P.PREPARING):
            step.move(P.PREPARING)


def refund(claim: Claim, *, reference: str, actor: Actor, now: datetime) -> None:
    """Records that the fee was paid back (K8). Raises Conflict when no refund is due."""
    with transaction.atomic():
        step = moves.lock(claim, actor, now)
        fees.record_refund(step.claim, reference=reference, now=now)
        step.record(ClaimEvent.Kind.REFUNDED, note=reference)


def reverse_payment(
    claim: Claim, *, reference: str, reason: str, actor: Actor, now: datetime
) -> None:
    """Takes back a payment that was recorded on the wrong claim (K8). Raises Conflict."""
    with transaction.atomic():
        step = moves.lock(claim, actor, now)
        fees.reverse(step.claim, reference=reference, reason=reason, now=now)
        step.record(ClaimEvent.Kind.REVERSED, note=f"{reference}: {reason}")


def send_back(
    claim: Claim, *, reason: str, actor: Actor, now: datetime, tracking_number: str = ""
) -> None:
    """Returns the customer's own drone unfixed. Raises Conflict."""
    with transaction.atomic():
        step = moves.lock(claim, actor, now)
        if step.claim.progress in CLOSED and moves.allows(step.claim, P.RETURNING):
            _refuse_second_claim(step.claim)
        if tracking_number:
            shipping.sent_out(step.claim, tracking_number=tracking_number, now=now)
        step.move(P.RETURNING, public_note=reason)


def hand_back(claim: Claim, *, actor: Actor, now: datetime) -> None:
    """The drone is back with its owner; the use goes back into the allowance. Raises Conflict."""
    with transaction.atomic():
        moves.lock(claim, actor, now).move(P.RETURNED)


def ship(
    claim: Claim,
    *,
    new_serial: str,
    condition: str,
    tracking_number: str,
    actor: Actor,
    now: datetime,
    serial_confirmed: str = "",
) -> None:
    """Sends the replacement and moves the policy to it, in one transaction (K9, T1).

    A warranty repair may send the same serial back: then the policy stays where it is.
    Raises BadSerial, SerialDoubted (B12), or Conflict (unpaid fee, a serial that is not free).
    """
    with transaction.atomic():
        step = moves.lock(claim, actor, now)
        current = step.claim
        fees.refuse_unsettled(current)
        same = shipping.is_same_drone(current, new_serial)
        if same and current.outcome == Outcome.WARRANTY:
            drone = current.drone
        else:
            drone = replacement.move(
                current.policy,
                new_serial=new_serial,
                condition=condition,
                reference=current.number,
                actor=actor,
                now=now,
                serial_confirmed=serial_confirmed,
            )
        shipping.sent_out(current, tracking_number=tracking_number, now=now)
        step.move(P.SHIPPED, note=f"{drone.serial} ({condition})", replacement=drone)


def correct_serial(
    claim: Claim,
    *,
    serial: str,
    reason: str,
    actor: Actor,
    now: datetime,
    serial_confirmed: str = "",
) -> None:
    """Puts the serial number of a shipped replacement right (K9); the policy goes with it.

    A warranty repair may turn out to have sent the customer's own drone back. Raises BadSerial,
    SerialDoubted (B12), or Conflict: nothing was shipped, the policy has gone on, or the drone is
    not free.
    """
    with transaction.atomic():
        step = moves.lock(claim, actor, now)
        current = step.claim
        if not moves.has_replacement_out(current):
            raise Conflict(_("No replacement of this claim stands in its policy now."))
        shipping.refuse_own_drone(current, serial)
        wrong = current.policy.drone
        drone = replacement.correct(
            current.policy,
            new_serial=serial,
            reason=reason,
            own=current.drone,
            actor=actor,
            now=now,
            serial_confirmed=serial_confirmed,
        )
        step.set(replacement=drone)
        change = f"serial number {wrong.serial} → {drone.serial}"
        step.record(ClaimEvent.Kind.CORRECTED, note=f"{change}: {reason}")


def complete(claim: Claim, *, actor: Actor, now: datetime) -> None:
    """The customer has the replacement. Raises Conflict."""
    with transaction.atomic():
        moves.lock(claim, actor, now).move(P.COMPLETED)


def undo(claim: Claim, *, reason: str, actor: Actor, now: datetime) -> None:
    """Takes the last step back (K10). Raises Conflict for a step that has left the house."""
    with transaction.atomic():
        step = moves.lock(claim, actor, now)
        current = step.claim
        last = moves.last_move(current)
        if last is None or current.progress not in moves.UNDOABLE:
            raise Conflict(_("This step cannot be taken back."))
        _refuse_if_out_of_hand(current)
        columns: dict[str, Any] = {}
        if last.before in CLOSED and current.progress == P.RECEIVED:
            columns = assessment.before_taken_up(current)
        if current.progress == P.ASSESSED:
            columns = assessment.apply_outcome(step, assessment.outcome_at_acceptance(current)) | {
                "cause_found": "",
                "parts_received": [],
                "parts_damaged": [],
            }
        step.take_back(last.before, reason=reason, **columns)


def _refuse_if_out_of_hand(claim: Claim) -> None:
    """The states of UNDOABLE can be taken back, unless the world has gone on since."""
    if claim.progress == P.RETURNING:
        if claim.shipments.filter(direction=Shipment.Direction.OUTBOUND).exists():
            raise Conflict(_("This step cannot be taken back: the carrier has the drone."))
        if _fee_went_back(claim):
            raise Conflict(_("This step cannot be taken back: the fee has been paid back."))
    if claim.progress not in CLOSED:
        return
    # From here on the claim would hold its policy again (T3): nobody else's, and no dead one.
    _refuse_second_claim(claim)
    if claim.policy.cancelled_at is not None:
        raise Conflict(_("This step cannot be taken back: the policy has been cancelled."))
    if moves.is_anothers(claim):
        raise Conflict(_("This step cannot be taken back: the policy has a new owner."))


def _fee_went_back(claim: Claim) -> bool:
    """Since the step that is to be taken back: the customer has read of it, and has the money."""
    if claim.fee_amount is None:
        return False
    refunded = FeePayment.objects.filter(claim=claim, refunded_at__gte=claim.progress_at)
    return refunded.filter(amount=claim.fee_amount, currency=claim.fee_currency).exists()


def _refuse_second_claim(claim: Claim) -> None:
    """For a claim that has ended, and would be open again (K3)."""
    if Claim.objects.open().filter(drone=claim.drone_id).exists():
        raise Conflict(_("There is another open claim for this drone."))


def _refuse_uncovered(claim: Claim) -> None:
    if claim.outcome not in COVERED:
        raise Conflict(
            _("The decision is “%(outcome)s”: return the drone, or overrule the decision.")
            % {"outcome": claim.get_outcome_display()}
        )
