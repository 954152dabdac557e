"""The sweeps: in which order they run, when each ran, and the figures that they count (E2)."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

# In the order in which they run: what begins before what ends; the reminders of a term before
# its end is marked; then what has outlived its purpose goes; the figures last, of what the
# others have left.
SWEEPS = [
    "activate_policies",
    "remind_renewals",
    "expire_policies",
    "lapse_permits",
    "chase_claims",
    "tidy",
    "take_figures",
]


class ReminderDay(models.Model):
    """How many days before the end of a term its holder is reminded (E2)."""

    days = models.PositiveSmallIntegerField(_("days before the end"), unique=True)

    class Meta:
        verbose_name = _("day of a reminder")
        verbose_name_plural = _("days of reminders")
        ordering = ["-days"]
        constraints = [
            models.CheckConstraint(condition=Q(days__gte=1), name="reminder_day_positive"),
        ]

    def __str__(self) -> str:
        return str(self.days)


class SweepRun(models.Model):
    """When a sweep ran, as of which instant, and what it did."""

    name = models.CharField(_("sweep"), max_length=40)
    at = models.DateTimeField(_("as of"))
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    summary = models.CharField(_("what it did"), max_length=255, blank=True)

    class Meta:
        verbose_name = _("run of a sweep")
        verbose_name_plural = _("runs of sweeps")
        ordering = ["-id"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["name", "-id"], name="sweep_run_idx")]

    def __str__(self) -> str:
        return f"{self.name}, {self.at:%Y-%m-%d %H:%M} UTC"


class Snapshot(models.Model):
    """Figures that are too dear to count at each look: counted by a sweep, kept until the next."""

    name = models.CharField(_("figures"), max_length=40)
    taken_at = models.DateTimeField(_("as of"))
    figures = models.JSONField(_("values"), default=dict)

    class Meta:
        verbose_name = _("figures")
        verbose_name_plural = _("figures")
        ordering = ["name"]
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["name"], name="snapshot_once")]

    def __str__(self) -> str:
        return f"{self.name}, {self.taken_at:%Y-%m-%d %H:%M} UTC"
