"""Holds: what keeps a drone from a new life, and its policy from ending or moving (B6, T3)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from policies.models.drone import Drone
from policies.models.policy import Policy


class Hold(models.Model):
    """Something open about a drone: until it ends the drone is not sold again as refurbished.

    Its policy, if it has one that must wait, is neither cancelled nor transferred.
    """

    drone = models.ForeignKey(Drone, on_delete=models.PROTECT, related_name="holds")
    policy = models.ForeignKey(
        Policy, on_delete=models.PROTECT, null=True, blank=True, related_name="holds"
    )
    reference = models.CharField(_("reference"), max_length=32)
    since = models.DateTimeField(_("since"))

    class Meta:
        ordering = ["since"]
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["reference"], name="hold_once")]

    def __str__(self) -> str:
        return self.reference
