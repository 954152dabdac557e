"""What a plan for a model covered on the day it was sold (P4, P6-P8)."""

import hashlib
import json
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


def fingerprint(parts: list[str], exclusions: list[dict[str, str]], warranty_months: int) -> str:
    """The same for the same terms, whoever writes them down."""
    text = json.dumps([parts, exclusions, warranty_months], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class CoverTerms(models.Model):
    """Parts, exclusions and the model's warranty, as they were sold.

    One row for each combination that was ever sold, never changed: a trigger refuses that. The
    catalogue has a few at a time, so a million policies share a handful.
    """

    parts = models.JSONField(_("parts covered"))
    # Each with its cause, its title and the text that the customer read.
    exclusions = models.JSONField(_("not covered"))
    warranty_months = models.PositiveSmallIntegerField(_("manufacturer's warranty (months)"))
    digest = models.CharField(max_length=64, editable=False)

    class Meta:
        verbose_name = _("terms of cover")
        verbose_name_plural = _("terms of cover")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["digest"], name="cover_terms_once")]

    def __str__(self) -> str:
        return f"{', '.join(self.parts)}; {self.warranty_months} months"

    @property
    def excluded_causes(self) -> frozenset[str]:
        return frozenset(exclusion["cause"] for exclusion in self.exclusions)

    @classmethod
    def of(
        cls, parts: list[str], exclusions: list[dict[str, str]], warranty_months: int
    ) -> dict[str, Any]:
        """The columns of the row for these terms."""
        return {
            "parts": parts,
            "exclusions": exclusions,
            "warranty_months": warranty_months,
            "digest": fingerprint(parts, exclusions, warranty_months),
        }
