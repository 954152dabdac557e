from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from claims.models.claim import Claim, Progress


class Deadline(models.Model):
    """How long customers may take, and when they are reminded (K6)."""

    class Kind(models.TextChoices):
        LABEL = "label", _("Use of the shipping label")
        FEE = "fee", _("Payment of the replacement fee")
        PARTS = "parts", _("Arrival of missing parts")

    kind = models.CharField(_("for"), max_length=10, choices=Kind, unique=True)
    remind_after_days = models.PositiveSmallIntegerField(_("reminder after (days)"))
    ends_after_days = models.PositiveSmallIntegerField(_("ends after (days)"))

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_after_days__gt=F("remind_after_days")),
                name="deadline_after_reminder",
                violation_error_message=_("The reminder must come before the end."),
            ),
        ]

    def __str__(self) -> str:
        return str(self.get_kind_display())

    @property
    def state(self) -> Progress:
        """Where a claim stands that waits for this."""
        return STATES[self.Kind(self.kind)]

    def ends_at(self, claim: Claim) -> datetime:
        """When the customer's time is over, for a claim that stands at `state`."""
        return ends_at(claim, days=self.ends_after_days)

    def over(self, *, at: datetime) -> Q:
        """Whose time is over: what `ends_at` says, as a condition."""
        days = timedelta(days=self.ends_after_days)
        in_time = Q(progress_at__lte=F("waits_since") + days)
        return Q(progress=self.state, waits_since__lte=at - days) & (
            in_time | Q(progress_at__lte=at - GRACE)
        )

    def to_remind(self, *, at: datetime) -> Q:
        """Who has waited long enough to be reminded, and has time left."""
        days = timedelta(days=self.remind_after_days)
        return Q(progress=self.state, waits_since__lte=at - days) & ~self.over(at=at)


STATES = {
    Deadline.Kind.LABEL: Progress.LABEL_SENT,
    Deadline.Kind.FEE: Progress.AWAITING_FEE,
    Deadline.Kind.PARTS: Progress.PARTS_MISSING,
}
# Where the customer has to do something within a time.
WAITING = set(STATES.values())

# For who gets back a step whose time has passed meanwhile.
GRACE = timedelta(days=3)


def ends_at(claim: Claim, *, days: int) -> datetime:
    """When the customer's time is over: `days` after the claim first came to where it stands.

    A step that was taken back and taken again keeps its first end; where that has passed
    meanwhile, some days are left all the same (K6).
    """
    first = claim.waits_since + timedelta(days=days)
    return first if first >= claim.progress_at else claim.progress_at + GRACE
