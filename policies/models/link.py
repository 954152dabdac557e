"""The keys to customers' pages (K12)."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from policies.models.policy import Policy


class Link(models.Model):
    """What opens the page of a policy, or of the claim on it that `reference` names.

    It belongs to whoever holds the policy or made the claim; for another person another one is
    made (T2). Its token is never stored: `digest` finds it, `sealed` keeps it for the letters
    still to be written. Until when it works follows from what it opens, see `policies/links.py`.
    """

    # Found by the constraint's index: the one of a policy that is not revoked.
    policy = models.ForeignKey(
        Policy, on_delete=models.PROTECT, related_name="links", db_index=False
    )
    reference = models.CharField(_("reference"), max_length=32, blank=True)
    digest = models.UUIDField(editable=False)
    sealed = models.BinaryField(editable=False)
    key_id = models.CharField(_("sealed with key"), max_length=16, editable=False)
    made_at = models.DateTimeField(_("made"))
    # By whom and why says an event of what it opened.
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        default_permissions = ()
        permissions = [("revoke_link", "Can revoke a customer's link")]
        constraints = [
            models.UniqueConstraint(fields=["digest"], name="link_digest_once"),
            models.UniqueConstraint(
                fields=["policy", "reference"],
                condition=Q(revoked_at__isnull=True),
                name="link_one_for_each_page",
            ),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True) | Q(revoked_at__gte=F("made_at")),
                name="link_revoked_after_made",
            ),
        ]

    def __str__(self) -> str:
        return f"Link to {self.reference or self.policy}"
