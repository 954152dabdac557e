from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from claims.models.claim import Claim
from policies.rules import money


class FeePayment(models.Model):
    """The replacement fee as it came in, and as it went back (K8)."""

    class Method(models.TextChoices):
        BANK_TRANSFER = "bank_transfer", _("Bank transfer")
        CARD = "card", _("Card")
        CASH = "cash", _("Cash")
        ONLINE = "online", _("Online payment")

    claim = models.OneToOneField(Claim, on_delete=models.PROTECT, related_name="payment")
    amount = models.DecimalField(
        _("amount"), max_digits=12, decimal_places=money.PLACES, validators=[MinValueValidator(0)]
    )
    currency = models.CharField(_("currency"), max_length=3)
    method = models.CharField(_("method"), max_length=15, choices=Method)
    reference = models.CharField(_("reference"), max_length=64)
    received_at = models.DateTimeField(_("recorded"))
    refunded_at = models.DateTimeField(_("refunded"), null=True, blank=True)
    refund_reference = models.CharField(_("refund reference"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("fee payment")
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["reference"],
                name="payment_reference_once",
                violation_error_message=_("A payment with this reference is on file already."),
            ),
            models.CheckConstraint(
                condition=Q(refunded_at__isnull=True, refund_reference="")
                | Q(refunded_at__isnull=False, refunded_at__gte=F("received_at"))
                & ~Q(refund_reference=""),
                name="payment_refund_has_reference",
            ),
        ]
        indexes = [models.Index(fields=["received_at", "id"], name="payment_received_idx")]

    def __str__(self) -> str:
        return money.shown(self.amount, self.currency)
