"""Forms that have been sent, so that each is acted on once."""

from django.db import models


class SentForm(models.Model):
    """What came of a form: found by its one-time key, or by who sent what to which page.

    Only keyed digests of both are kept, and for a day. `answer` is null while the form is being
    acted on, and where it was refused.
    """

    digest = models.CharField(max_length=64)
    at = models.DateTimeField()
    answer = models.JSONField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["digest"], name="sent_form_digest_once")]
        indexes = [models.Index(fields=["at"], name="sent_form_at")]

    def __str__(self) -> str:
        return f"{self.digest[:8]}, {self.at:%Y-%m-%d %H:%M}"
