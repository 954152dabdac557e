"""Drones, what customers stated of their activation, and who corrected it (B6, B11, T1)."""

from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from policies.models.catalogue import DroneModel
from policies.models.code import ActivationCode
from policies.models.event import Event


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
    life_began_at = models.DateTimeField(
        _("life began"),
        null=True,
        blank=True,
        help_text=_("When it was last sold again; what was stated before no longer counts (B11)."),
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


class DroneEvent(Event):
    """What staff recorded of a drone's activation or serial number, and why (B11, B12)."""

    class Kind(models.TextChoices):
        ACTIVATION_SET = "activation_set", _("Activation time set")
        MISTYPED = "mistyped", _("Was mistyped: the plan was meant for another serial number")
        CORRECTED = "corrected", _("Plan corrected to this serial number")

    drone = models.ForeignKey(Drone, on_delete=models.PROTECT, related_name="events")


class ActivationStatement(Event):
    """An activation time that somebody stated whose code could have been redeemed (B11).

    It is kept although the binding was refused, and a drone of this serial number need not be
    on file. It counts until staff correct it; whoever holds no good code states nothing.
    """

    class Kind(models.TextChoices):
        STATED = "stated", _("Activation time stated")

    code = models.ForeignKey(ActivationCode, on_delete=models.PROTECT, related_name="statements")
    serial = models.CharField(_("serial number"), max_length=32)
    activated_at = models.DateTimeField(_("activated"))
    # As the form named it: the instant is shown again on the customer's own clock.
    time_zone = models.CharField(_("on the clock of"), max_length=64)
    email = models.EmailField(_("e-mail"), max_length=254)

    class Meta(Event.Meta):
        verbose_name = _("stated activation")
        verbose_name_plural = _("stated activations")
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=Q(activated_at__lte=F("at")), name="statement_of_the_past"
            ),
        ]
        indexes = [
            *Event.Meta.indexes,
            models.Index(fields=["serial"], name="statement_serial_idx"),
            models.Index(fields=["email"], name="statement_email_idx"),
        ]

    def __str__(self) -> str:
        return self.serial

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)
