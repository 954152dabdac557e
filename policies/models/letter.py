"""The outbox: one row for each letter."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from policies.models.policy import Policy
from policies.models.sale import Sale


class LetterQuerySet(models.QuerySet["Letter"]):
    def due(self, *, at: datetime) -> "LetterQuerySet":
        return self.filter(state=Letter.State.QUEUED, next_try_at__lte=at)

    def failed(self) -> "LetterQuerySet":
        return self.filter(state=Letter.State.FAILED)


class Letter(models.Model):
    """An e-mail to be sent: which letter, to whom, with which facts.

    The row is the outbox. While a worker has it, `next_try_at` lies a lease ahead, so a
    killed worker's letter simply falls due again. `reference` names what it is about in
    other apps' words (a claim's number).
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")
        # Overtaken before it could be sent, as a reminder of 30 days when only 7 are left.
        MOOT = "moot", _("Overtaken")

    name = models.CharField(_("letter"), max_length=40)
    recipient = models.EmailField(_("to"), max_length=254)
    language = models.CharField(_("language"), max_length=10, default="en")
    policy = models.ForeignKey(
        Policy, on_delete=models.PROTECT, null=True, blank=True, related_name="letters"
    )
    sale = models.ForeignKey(
        Sale, on_delete=models.PROTECT, null=True, blank=True, related_name="letters"
    )
    reference = models.CharField(_("reference"), max_length=64, blank=True)
    context = models.JSONField(_("facts"), default=dict)
    # One fact, one letter: the same key is never queued twice.
    dedupe_key = models.CharField(max_length=120)
    # Fixed when queued, so that a letter sent twice shows once in the reader's mailbox.
    message_id = models.CharField(max_length=120)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    created_at = models.DateTimeField(_("written"))
    next_try_at = models.DateTimeField(_("next try"))
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    last_error = models.TextField(_("last error"), blank=True)

    objects = LetterQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [("resend_letter", "Can send a letter again")]
        constraints = [
            models.UniqueConstraint(fields=["dedupe_key"], name="letter_once"),
            models.UniqueConstraint(fields=["message_id"], name="letter_message_id_once"),
            models.CheckConstraint(
                condition=Q(state="sent", sent_at__isnull=False)
                | Q(state__in=["queued", "failed", "moot"], sent_at__isnull=True),
                name="letter_sent_has_date",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at", "id"], condition=Q(state="queued"), name="letter_due_idx"
            ),
            models.Index(fields=["state", "-id"], name="letter_state_idx"),
            models.Index(fields=["created_at", "id"], name="letter_created_idx"),
            models.Index(fields=["recipient", "-id"], name="letter_recipient_idx"),
            models.Index(fields=["name", "-id"], name="letter_name_idx"),
            models.Index(fields=["reference"], condition=~Q(reference=""), name="letter_ref_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.title} to {self.recipient}"

    @property
    def title(self) -> str:
        """The name in plain words: "claim_lapsed" is "Claim lapsed"."""
        return self.name.replace("_", " ").capitalize()
