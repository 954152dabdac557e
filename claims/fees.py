"""Replacement fees: what is due, what came in, what goes back (P5, K8)."""

from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from claims.models import WITHOUT_REPLACEMENT, Claim, FeePayment, Outcome, Progress
from policies import cover
from policies.rules import money
from policies.shared.errors import Conflict


def amount_due(claim: Claim, ordinal: int, *, at: datetime) -> tuple[Decimal, str]:
    """The fee of the claim's replacement, and its currency, on the region's day of `at`.

    Raises Conflict that names the missing row: nothing is guessed (P5).
    """
    region, model = claim.policy.region, claim.drone.drone_model
    row = cover.fee(model, region, ordinal=ordinal, at=at)
    if row is None:
        raise Conflict(
            _(
                "There is no replacement fee for %(model)s in %(region)s, replacement "
                "%(ordinal)d. A manager must enter it before this claim can go on."
            )
            % {"model": model, "region": region, "ordinal": ordinal}
        )
    return row.amount, region.currency


def is_settled(claim: Claim) -> bool:
    """Nothing to pay, or paid and not paid back."""
    return not claim.fee_amount or FeePayment.objects.paying().filter(claim=claim).exists()


def is_owed(claim: Claim) -> bool:
    """Whether the fee is still to be paid, for a page: `payments` come by prefetch.

    A fee that is not known yet counts as owed.
    """
    return is_expected(claim) and payment_of(claim) is None


def is_expected(claim: Claim) -> bool:
    """Whether a fee will be due, as far as is known now."""
    return claim.outcome != Outcome.WARRANTY and claim.fee_amount != 0


def payment_of(claim: Claim) -> FeePayment | None:
    """The payment that pays the fee, for a page: `payments` come by prefetch."""
    return next((payment for payment in claim.payments.all() if payment.pays), None)


def refuse_unsettled(claim: Claim) -> None:
    if not is_settled(claim):
        raise Conflict(
            _("The replacement fee of %(fee)s has not been paid.") % {"fee": _shown(claim)}
        )


def _shown(claim: Claim) -> str:
    assert claim.fee_amount is not None
    return money.shown(claim.fee_amount, claim.fee_currency)


def match(claim: Claim) -> None:
    """Says anew which payment pays the fee, and that any other is to be paid back (K8).

    Whatever changes the fee, the payments or where the claim stands calls this; the claim's row
    is locked, or new.
    """
    live = list(FeePayment.objects.live().filter(claim=claim).order_by("id"))
    pays = None
    if claim.fee_amount and claim.progress not in WITHOUT_REPLACEMENT:
        fee = (claim.fee_amount, claim.fee_currency)
        fitting = [payment for payment in live if (payment.amount, payment.currency) == fee]
        # The one that pays already goes on doing so.
        pays = min(fitting, key=lambda payment: (payment.is_spare, payment.pk), default=None)
    # The spare ones first: no two may pay at once, as the database sees it.
    for payment in sorted(live, key=lambda payment: payment is pays):
        if payment.is_spare != (payment is not pays):
            FeePayment.objects.filter(pk=payment.pk).update(is_spare=payment is not pays)


def is_wanted(claim: Claim) -> bool:
    """Whether a payment that comes now would pay the fee."""
    return claim.progress not in WITHOUT_REPLACEMENT and not is_settled(claim)


def record_payment(
    claim: Claim,
    *,
    amount: Decimal,
    currency: str,
    method: str,
    reference: str,
    now: datetime,
) -> FeePayment:
    """Records money as it came in; what pays no fee is to be paid back (K8).

    Raises Conflict for anything but exactly what is owed, and for a claim that was not accepted.
    """
    if claim.accepted_at is None:
        raise Conflict(_("This claim has not been accepted; nothing is paid for it."))
    _refuse_amount(claim, amount, currency)
    try:
        with transaction.atomic():
            payment = FeePayment.objects.create(
                claim=claim,
                amount=amount,
                currency=currency,
                method=method,
                reference=reference,
                received_at=now,
                is_spare=True,
            )
    except IntegrityError as error:
        raise Conflict(_("A payment with this reference is on file already.")) from error
    match(claim)
    return payment


def _refuse_amount(claim: Claim, amount: Decimal, currency: str) -> None:
    is_fee = amount == claim.fee_amount and currency == claim.fee_currency
    # A fee that was fixed with a fraction before its currency forbade one can still be paid.
    if not is_fee and not money.fits(amount, currency):
        raise Conflict(money.misfit(currency))
    if is_wanted(claim):
        if not is_fee:
            raise Conflict(_("The fee is %(fee)s, neither more nor less.") % {"fee": _shown(claim)})
        return
    home = claim.policy.region.currency
    if amount <= 0 or currency != home:
        raise Conflict(_("Write what came in, an amount in %(currency)s.") % {"currency": home})


def record_refund(claim: Claim, *, reference: str, now: datetime) -> FeePayment:
    """Records that a payment went back, the oldest that is due. Raises Conflict when none is."""
    due = FeePayment.objects.due().filter(claim=claim).order_by("id").first()
    if due is None:
        raise Conflict(_("No refund is due for this claim."))
    FeePayment.objects.filter(pk=due.pk).update(refunded_at=now, refund_reference=reference)
    return due


def reverse(claim: Claim, *, reference: str, reason: str, now: datetime) -> None:
    """Takes back a payment that belongs to another claim; its row stays, with the reason (K8).

    Its reference can be recorded where it belongs. Call it inside the transaction. Raises
    Conflict.
    """
    payment = FeePayment.objects.live().filter(claim=claim, reference=reference).first()
    if payment is None:
        raise Conflict(_("This claim has no such payment, or it was paid back already."))
    FeePayment.objects.filter(pk=payment.pk).update(reversed_at=now, reversal_reason=reason)
    match(claim)
    # Asked afterwards: another payment of the fee, spare until now, may pay it from here on.
    if claim.progress in {Progress.SHIPPED, Progress.COMPLETED} and not is_settled(claim):
        raise Conflict(
            _("The replacement went out on this payment. Record the one that belongs here first.")
        )
