"""Drones, and who says when one was activated (B6, B11, T1)."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from policies.models.catalogue import DroneModel


class ActivationSource(models.TextChoices):
    """Who says when the drone was activated (B11)."""

    UNKNOWN = "", _("Not activated, as far as is known")
    DEALER = "dealer", _("Known to the dealer")
    CUSTOMER = "customer", _("Stated by the customer")


class Drone(models.Model):
    """One aircraft. `serial` is upper case, without spaces and dashes, leading zeros kept."""

    serial = models.CharField(_("serial number"), max_length=32)
    drone_model = models.ForeignKey(DroneModel, on_delete=models.PROTECT, related_name="drones")
    activated_at = models.DateTimeField(_("activated"), null=True, blank=True)
    activation_source = models.CharField(
        _("activation known from"),
        max_length=10,
        choices=ActivationSource,
        default=ActivationSource.UNKNOWN,
        blank=True,
    )
    life = models.PositiveSmallIntegerField(
        _("life"),
        default=1,
        help_text=_("Counts up when the drone is sold again as refurbished (B6)."),
    )
    retired_at = models.DateTimeField(
        _("retired"),
        null=True,
        blank=True,
        help_text=_("Set when a replacement took its place (T1)."),
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            # Not `unique=True`: that would build a second index for LIKE on PostgreSQL.
            models.UniqueConstraint(fields=["serial"], name="drone_serial_once"),
            models.CheckConstraint(
                condition=Q(serial=Upper("serial"))
                & ~Q(serial="")
                & ~Q(serial__contains=" ")
                & ~Q(serial__contains="-"),
                name="drone_serial_normalised",
            ),
            models.CheckConstraint(
                condition=Q(activated_at__isnull=True, activation_source="")
                | Q(activated_at__isnull=False, activation_source__in=["dealer", "customer"]),
                name="drone_activation_has_source",
                violation_error_message=_("An activation time needs its source, and the reverse."),
            ),
            models.CheckConstraint(condition=Q(life__gte=1), name="drone_life_positive"),
        ]

    def __str__(self) -> str:
        return self.serial
