"""How often a visitor has tried a public form (C5)."""

from django.db import models


class Throttle(models.Model):
    """How often somebody tried something in the present window of time."""

    key = models.CharField(max_length=120)
    window_start = models.DateTimeField()
    count = models.PositiveIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["key"], name="throttle_key_once")]

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"
