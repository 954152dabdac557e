"""Holds: what keeps a policy from being cancelled or transferred (T3)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from policies.models.policy import Policy


class Hold(models.Model):
    """Something open that a policy must wait for: while held it is not cancelled or transferred."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="holds")
    reference = models.CharField(_("reference"), max_length=32)
    since = models.DateTimeField(_("since"))

    class Meta:
        ordering = ["since"]
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["reference"], name="hold_once")]

    def __str__(self) -> str:
        return self.reference
