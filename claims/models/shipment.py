from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from claims.models.claim import Claim


class ShipmentQuerySet(models.QuerySet["Shipment"]):
    def due(self, *, at: datetime) -> "ShipmentQuerySet":
        return self.filter(state__in=["wanted", "voiding"], next_try_at__lte=at)


class Shipment(models.Model):
    """A parcel of a claim: the damaged drone to us (with our label), or a drone to the customer.

    The row is an order to the label worker. While a worker has it, `next_try_at` lies a
    lease ahead. `reference` is what the carrier knows the order by: asked twice under one
    reference, it sells one label.
    """

    class Direction(models.TextChoices):
        INBOUND = "inbound", _("To the service centre")
        OUTBOUND = "outbound", _("To the customer")

    class State(models.TextChoices):
        WANTED = "wanted", _("Label ordered")
        BOUGHT = "bought", _("Label bought")
        FAILED = "failed", _("Label failed")
        VOIDING = "voiding", _("Label to be voided")
        VOID = "void", _("Label voided")
        SENT = "sent", _("Handed to the carrier")

    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="shipments")
    direction = models.CharField(_("direction"), max_length=10, choices=Direction)
    state = models.CharField(_("state"), max_length=10, choices=State)
    reference = models.CharField(_("reference"), max_length=40)
    carrier = models.CharField(_("carrier"), max_length=40, blank=True)
    # What the carrier calls the parcel, for voiding and for its tracking messages.
    carrier_id = models.CharField(_("carrier's id"), max_length=64, blank=True)
    tracking_number = models.CharField(_("tracking number"), max_length=64, blank=True)
    tracking_url = models.URLField(_("tracking link"), blank=True)
    label = models.FileField(_("label"), upload_to="claims/labels/", blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    created_at = models.DateTimeField(_("ordered"))
    next_try_at = models.DateTimeField(_("next try"), null=True, blank=True)
    bought_at = models.DateTimeField(_("bought"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered, says the carrier"), null=True, blank=True)
    last_error = models.TextField(_("last error"), blank=True)

    objects = ShipmentQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        default_permissions = ("view",)
        permissions = [("retry_label", "Can order a failed label again")]
        constraints = [
            models.UniqueConstraint(fields=["reference"], name="shipment_reference_once"),
            models.CheckConstraint(
                condition=~Q(state__in=["bought", "sent"]) | ~Q(tracking_number=""),
                name="shipment_bought_has_tracking",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["wanted", "voiding"], next_try_at__isnull=False)
                | ~Q(state__in=["wanted", "voiding"]),
                name="shipment_due_has_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at", "id"],
                condition=Q(state__in=["wanted", "voiding"]),
                name="shipment_due_idx",
            ),
            models.Index(
                fields=["tracking_number"],
                condition=~Q(tracking_number=""),
                name="shipment_tracking_idx",
            ),
        ]

    def __str__(self) -> str:
        return self.tracking_number or self.reference


class CarrierMessage(models.Model):
    """A tracking message that was acted on: the same one again changes nothing."""

    message_id = models.CharField(max_length=80)
    received_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["message_id"], name="carrier_message_once")]

    def __str__(self) -> str:
        return self.message_id
