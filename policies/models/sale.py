"""Sales of activation codes: who bought what, when, and what was taken back (C7)."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from policies.models.catalogue import Region
from policies.models.customer import Customer
from policies.models.event import Event


class Sale(models.Model):
    """The codes that one buyer bought at once, under one order reference.

    A code is sold because it has a sale; who bought it and when stands here alone.
    """

    buyer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="sales")
    region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="+")
    order_reference = models.CharField(_("order reference"), max_length=64, blank=True)
    sold_at = models.DateTimeField(_("sold"))
    sold_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    actor = models.CharField(_("sold by"), max_length=150)

    class Meta:
        verbose_name = _("sale of codes")
        verbose_name_plural = _("sales of codes")
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [("take_back_codes", "Can take back codes that were sold")]
        indexes = [
            models.Index(fields=["sold_at"], name="sale_sold_at_idx"),
            models.Index(
                fields=["order_reference"],
                condition=~Q(order_reference=""),
                name="sale_order_idx",
            ),
        ]

    def __str__(self) -> str:
        return self.order_reference or f"#{self.pk}"


class SaleEvent(Event):
    """What became of a sale afterwards. The sale itself says who made it and when."""

    class Kind(models.TextChoices):
        TAKEN_BACK = "taken_back", _("Codes taken back")
        VOIDED = "voided", _("Codes made void")

    sale = models.ForeignKey(Sale, on_delete=models.PROTECT, related_name="events")

    @property
    def change(self) -> str:
        """The codes, by their last four characters."""
        codes: list[Any] = self.data.get("codes", [])
        return ", ".join(f"…{last_four}" for last_four in codes)
