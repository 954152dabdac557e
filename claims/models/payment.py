from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from claims.models.claim import Claim
from policies.rules import money


class FeePaymentQuerySet(models.QuerySet["FeePayment"]):
    def live(self) -> "FeePaymentQuerySet":
        """Neither paid back nor reversed."""
        return self.filter(refunded_at__isnull=True, reversed_at__isnull=True)

    def paying(self) -> "FeePaymentQuerySet":
        """What pays the fee of its claim."""
        return self.live().filter(is_spare=False)

    def due(self) -> "FeePaymentQuerySet":
        """What is to be paid back."""
        return self.live().filter(is_spare=True)


class FeePayment(models.Model):
    """Money for a claim as it came in, and as it went back (K8).

    One payment at most pays the fee. Any other is spare, from the moment when it is: it came
    twice, came late, or the claim ended without a replacement.
    """

    class Method(models.TextChoices):
        BANK_TRANSFER = "bank_transfer", _("Bank transfer")
        CARD = "card", _("Card")
        CASH = "cash", _("Cash")
        ONLINE = "online", _("Online payment")

    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="payments")
    amount = models.DecimalField(
        _("amount"), max_digits=12, decimal_places=money.PLACES, validators=[MinValueValidator(0)]
    )
    currency = models.CharField(_("currency"), max_length=3)
    method = models.CharField(_("method"), max_length=15, choices=Method)
    reference = models.CharField(_("reference"), max_length=64)
    received_at = models.DateTimeField(_("recorded"))
    refunded_at = models.DateTimeField(_("refunded"), null=True, blank=True)
    refund_reference = models.CharField(_("refund reference"), max_length=64, blank=True)
    is_spare = models.BooleanField(_("not needed for the fee"), default=False)
    # Recorded on the wrong claim: it never was a payment for this one.
    reversed_at = models.DateTimeField(_("reversed"), null=True, blank=True)
    reversal_reason = models.CharField(_("reason"), max_length=500, blank=True)

    objects = FeePaymentQuerySet.as_manager()

    class Meta:
        verbose_name = _("fee payment")
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["reference"],
                condition=Q(reversed_at__isnull=True),
                name="payment_reference_once",
                violation_error_message=_("A payment with this reference is on file already."),
            ),
            models.CheckConstraint(
                condition=Q(refunded_at__isnull=True, refund_reference="")
                | Q(refunded_at__isnull=False, refunded_at__gte=F("received_at"))
                & ~Q(refund_reference=""),
                name="payment_refund_has_reference",
            ),
            models.UniqueConstraint(
                fields=["claim"],
                condition=Q(refunded_at__isnull=True, reversed_at__isnull=True, is_spare=False),
                name="payment_one_pays_the_fee",
            ),
            models.CheckConstraint(
                condition=Q(reversed_at__isnull=True, reversal_reason="")
                | Q(reversed_at__isnull=False, reversed_at__gte=F("received_at"))
                & Q(refunded_at__isnull=True)
                & ~Q(reversal_reason=""),
                name="payment_reversed_has_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["received_at", "id"], name="payment_received_idx"),
            models.Index(
                fields=["claim"],
                condition=Q(refunded_at__isnull=True, reversed_at__isnull=True, is_spare=True),
                name="payment_due_idx",
            ),
        ]

    def __str__(self) -> str:
        return money.shown(self.amount, self.currency)

    @property
    def is_live(self) -> bool:
        return self.refunded_at is None and self.reversed_at is None

    @property
    def pays(self) -> bool:
        return self.is_live and not self.is_spare

    @property
    def is_due(self) -> bool:
        return self.is_live and self.is_spare


def refund_due(claim: Claim) -> dict[str, Decimal]:
    """What is to be paid back, by currency."""
    due: dict[str, Decimal] = {}
    for payment in claim.payments.all():
        if payment.is_due:
            due[payment.currency] = due.get(payment.currency, Decimal(0)) + payment.amount
    return due
