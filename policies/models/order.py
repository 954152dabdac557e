"""Orders of a drone with its plan, under the terms of the day (B9, P4)."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from policies.models.catalogue import Plan, Region
from policies.models.code import SoldTerms
from policies.models.cover_terms import CoverTerms
from policies.models.customer import Customer
from policies.models.drone import Drone
from policies.models.event import Event
from policies.models.policy import Policy


class OrderQuerySet(models.QuerySet["Order"]):
    def to_ship(self) -> "OrderQuerySet":
        return self.filter(policy__isnull=True, cancelled_at__isnull=True)

    def standing(self) -> "OrderQuerySet":
        return self.filter(cancelled_at__isnull=True)


class Order(models.Model):
    """A line of an order: a drone and a plan bought together (B9), which needs no code.

    One order may hold several drones: the reference together with the drone names the line.
    Its policy is made when the drone ships, because only then is its beginning known.
    The terms are those of the day of the order (P4).
    """

    reference = models.CharField(_("order reference"), max_length=64)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="orders")
    drone = models.ForeignKey(Drone, on_delete=models.PROTECT, related_name="orders")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="+")
    months = models.PositiveSmallIntegerField(_("months"))
    replacements = models.PositiveSmallIntegerField(_("replacements"))
    warranty_months = models.PositiveSmallIntegerField(_("extra warranty (months)"))
    binding_window_hours = models.PositiveSmallIntegerField(_("binding window (hours)"))
    cover_terms = models.ForeignKey(
        CoverTerms, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    placed_at = models.DateTimeField(_("ordered"))
    shipped_at = models.DateTimeField(_("shipped"), null=True, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled"), null=True, blank=True)
    policy = models.OneToOneField(
        Policy, on_delete=models.PROTECT, null=True, blank=True, related_name="order"
    )

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [
            ("enter_order", "Can enter, ship and cancel orders"),
            ("import_orders", "Can import orders"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["reference", "drone"],
                condition=Q(cancelled_at__isnull=True),
                name="order_line_once",
                violation_error_message=_("This drone is part of this order already."),
            ),
            # Only until it ships: from then on its policy says whether the drone is free (B4, B6).
            models.UniqueConstraint(
                fields=["drone"],
                condition=Q(cancelled_at__isnull=True, policy__isnull=True),
                name="order_one_open_per_drone",
                violation_error_message=_("This drone is part of another order."),
            ),
            models.CheckConstraint(
                condition=Q(policy__isnull=True) | Q(shipped_at__isnull=False),
                name="order_policy_after_shipment",
            ),
            models.CheckConstraint(
                condition=Q(shipped_at__isnull=True) | Q(shipped_at__gte=F("placed_at")),
                name="order_shipped_after_placed",
                violation_error_message=_("A drone is not shipped before it is ordered."),
            ),
        ]
        indexes = [
            models.Index(fields=["reference"], name="order_reference_idx"),
            models.Index(
                fields=["placed_at", "id"],
                condition=Q(policy__isnull=True, cancelled_at__isnull=True),
                name="order_to_ship_idx",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def line_name(self) -> str:
        """The reference with the serial number: an order may hold several drones."""
        return f"{self.reference}, {self.drone.serial}"

    def sold_terms(self) -> SoldTerms:
        return SoldTerms(
            self.months,
            self.replacements,
            self.warranty_months,
            self.binding_window_hours,
            self.cover_terms_id,
        )


class OrderEvent(Event):
    class Kind(models.TextChoices):
        PLACED = "placed", _("Ordered")
        SHIPPED = "shipped", _("Shipped")
        CORRECTED = "corrected", _("Shipment corrected")
        ORDER_CORRECTED = "order_corrected", _("Order corrected")
        CANCELLED = "cancelled", _("Cancelled")

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="events")
