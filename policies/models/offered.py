"""What the dealer offers, or has withdrawn (P10)."""

from typing import Self, TypeVar

from django.db import models
from django.utils.translation import gettext_lazy as _

T = TypeVar("T", bound=models.Model)


class OfferedQuerySet(models.QuerySet[T]):
    def on_offer(self) -> Self:
        return self.filter(is_withdrawn=False)


class Offered(models.Model):
    """A row of the catalogue that can be withdrawn, and taken back.

    Withdrawn it is left out of every choice of something new; what exists keeps it.
    """

    is_withdrawn = models.BooleanField(
        _("withdrawn"),
        default=False,
        help_text=_("Left out of everything new (P10). What was sold or is on file goes on."),
    )

    class Meta:
        abstract = True

    @property
    def is_on_offer(self) -> bool:
        return not self.is_withdrawn
