"""Replacement fees: what is due, what came in, what goes back (P5, K8)."""

from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from claims.models import Claim, FeePayment, Outcome, Progress
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
    if not claim.fee_amount:
        return True
    return FeePayment.objects.filter(claim=claim, refunded_at=None).exists()


def is_owed(claim: Claim) -> bool:
    """Whether the fee is still to be paid, for a page: read without a query from `payment`.

    A fee that is not known yet counts as owed.
    """
    payment = getattr(claim, "payment", None)
    return is_expected(claim) and (payment is None or payment.refunded_at is not None)


def is_expected(claim: Claim) -> bool:
    """Whether a fee will be due, as far as is known now."""
    return claim.outcome != Outcome.WARRANTY and claim.fee_amount != 0


def refuse_unsettled(claim: Claim) -> None:
    if not is_settled(claim):
        raise Conflict(
            _("The replacement fee of %(fee)s has not been paid.") % {"fee": _shown(claim)}
        )


def _shown(claim: Claim) -> str:
    assert claim.fee_amount is not None
    return money.shown(claim.fee_amount, claim.fee_currency)


def record_payment(
    claim: Claim,
    *,
    amount: Decimal,
    currency: str,
    method: str,
    reference: str,
    now: datetime,
) -> FeePayment:
    """Records the fee as it came in. Raises Conflict for anything but exactly what is due (K8)."""
    if claim.progress not in {Progress.ASSESSED, Progress.AWAITING_FEE}:
        raise Conflict(_("No fee is expected for this claim now."))
    if is_settled(claim):
        raise Conflict(_("There is no fee to pay, or it is paid already."))
    # A fee that was fixed with a fraction before its currency forbade one can still be paid.
    if amount != claim.fee_amount and not money.fits(amount, currency):
        raise Conflict(money.misfit(currency))
    if currency != claim.fee_currency or amount != claim.fee_amount:
        raise Conflict(_("The fee is %(fee)s, neither more nor less.") % {"fee": _shown(claim)})
    try:
        with transaction.atomic():
            return FeePayment.objects.create(
                claim=claim,
                amount=amount,
                currency=currency,
                method=method,
                reference=reference,
                received_at=now,
            )
    except IntegrityError as error:
        raise Conflict(_("A payment with this reference is on file already.")) from error


def record_refund(claim: Claim, *, reference: str, now: datetime) -> None:
    """Records that the fee went back. Raises Conflict when no refund is due."""
    if not Claim.objects.refund_due().filter(pk=claim.pk).exists():
        raise Conflict(_("No refund is due for this claim."))
    FeePayment.objects.filter(claim=claim, refunded_at=None).update(
        refunded_at=now, refund_reference=reference
    )
