"""The base of every history table: append-only."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Event(models.Model):
    """One line of history: who did what, when, from where.

    Append-only: a trigger on both databases refuses UPDATE and DELETE (see `database.py`),
    so a row means what it meant on the day it was written.
    """

    kind = models.CharField(_("what"), max_length=30)
    at = models.DateTimeField(_("when"))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    actor = models.CharField(_("who"), max_length=150)
    address = models.GenericIPAddressField(_("from where"), null=True, blank=True)
    note = models.TextField(_("note"), blank=True)
    data = models.JSONField(_("details"), default=dict, blank=True)

    Kind: type[models.TextChoices]

    class Meta:
        abstract = True
        ordering = ["at", "id"]
        # The history of everything is read from its newest end, table by table.
        indexes = [models.Index(fields=["at", "id"], name="%(class)s_at_idx")]

    def __str__(self) -> str:
        return f"{self.kind} by {self.actor} at {self.at:%Y-%m-%d %H:%M} UTC"

    @property
    def what(self) -> str:
        """The kind in words."""
        return str(self.Kind(self.kind).label)

    @property
    def change(self) -> str:
        """What was and what is, where the event says so."""
        if "from" in self.data and "to" in self.data:
            return f"{self.data['from']} → {self.data['to']}"
        return ""
