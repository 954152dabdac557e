"""The money of a claim at the claims desk: the fee, what comes late, what goes back (K8)."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from claims import fees, moves, progress
from claims.admin.base import ClaimOperation, MoveOperation
from claims.admin.forms import PaymentForm, RefundForm, ReversePaymentForm
from claims.models import Claim, FeePayment, Progress, refund_due
from policies.rules import money
from policies.rules.text import Text


class Pay(MoveOperation):
    slug = "pay"
    label = _("Record the fee")
    permission = "claims.record_payment"
    form_class = PaymentForm
    leads_to = Progress.PREPARING
    verb = progress.pay
    message = _("The fee is recorded, and the replacement can be prepared.")

    def open(self) -> bool:
        return super().open() and not fees.is_settled(self.obj)

    def initial(self) -> dict[str, Any]:
        return {"amount": self.obj.fee_amount, "currency": self.obj.fee_currency}


class PayLate(ClaimOperation):
    """For money that comes when the claim does not wait for it."""

    slug = "record-payment"
    label = _("Record a payment")
    permission = "claims.record_payment"
    form_class = PaymentForm
    verb = progress.pay
    message = _("The payment is recorded.")

    @property
    def is_wanted(self) -> bool:
        return fees.is_wanted(self.obj)

    def open(self) -> bool:
        claim = self.obj
        waits = moves.allows(claim, Progress.PREPARING) and self.is_wanted
        return claim.accepted_at is not None and not waits

    def facts(self) -> list[tuple[Text, Text]]:
        owed: Text = _("Nothing: what comes is to be paid back.")
        if self.is_wanted:
            owed = money.shown(self.obj.fee_amount, self.obj.fee_currency)
        return [*super().facts(), (_("Owed"), owed)]

    def initial(self) -> dict[str, Any]:
        if self.is_wanted:
            return {"amount": self.obj.fee_amount, "currency": self.obj.fee_currency}
        return {"currency": self.obj.policy.region.currency}


class ReversePayment(ClaimOperation):
    slug = "reverse-payment"
    label = _("Reverse a payment")
    explanation = _(
        "For a payment that belongs to another claim. It stays here with the reason, and its "
        "reference can be recorded where it belongs. What it paid here is owed again."
    )
    permission = "claims.record_payment"
    dangerous = True
    verb = progress.reverse_payment
    message = _("Reversed.")

    def open(self) -> bool:
        return bool(self._payments())

    def _payments(self) -> list[FeePayment]:
        return [payment for payment in self.obj.payments.all() if payment.is_live]

    def form(self, data: Any = None) -> forms.Form:
        return ReversePaymentForm(data, payments=self._payments())


class Refund(ClaimOperation):
    slug = "refund"
    label = _("Record the refund")
    permission = "claims.record_payment"
    form_class = RefundForm
    verb = progress.refund
    message = _("The refund is recorded.")

    def open(self) -> bool:
        return self._due() is not None

    def _due(self) -> FeePayment | None:
        due = [payment for payment in self.obj.payments.all() if payment.is_due]
        return min(due, key=lambda payment: payment.pk, default=None)

    def facts(self) -> list[tuple[Text, Text]]:
        due = self._due()
        if due is None:
            return super().facts()
        came = f"{due.get_method_display()}, {due.reference}"
        return [*super().facts(), (_("To be paid back"), str(due)), (_("It came by"), came)]


def shown_refund(claim: Claim) -> list[str]:
    """What is to be paid back, an amount for each currency."""
    return [money.shown(amount, currency) for currency, amount in refund_due(claim).items()]
