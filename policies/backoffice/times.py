"""FACE: instants as staff read them: on their own clock, with the exact instant on hover."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

Column = Callable[[Any], Any]


def when(at: datetime | None) -> str:
    """A `<time>` in the active time zone, which is the viewer's; UTC where it isn't known."""
    if at is None:
        return "–"
    words = date_format(timezone.localtime(at), "j M Y H:i T")
    return _time(at, words, exact(at))


def age(at: datetime | None, *, now: datetime) -> str:
    """How long ago, in one unit, with the instant on hover."""
    if at is None:
        return "–"
    old = now - at
    words = _("just now") if old < timedelta(minutes=1) else timesince(at, now, depth=1)
    return _time(at, words, exact(at))


def exact(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _time(at: datetime, words: str, hover: str) -> str:
    machine = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return format_html('<time datetime="{}" title="{}">{}</time>', machine, hover, words)


def columns(model: type[models.Model], names: Sequence[Any]) -> list[Any]:
    """The same columns, those that are instants as `<time>`."""
    return [_column(model, name) if _is_instant(model, name) else name for name in names]


def instants(columns: Sequence[Any]) -> list[Any]:
    """Those of the columns that this module has made."""
    return [column for column in columns if callable(column)]


def _is_instant(model: type[models.Model], name: Any) -> bool:
    try:
        return isinstance(name, str) and isinstance(
            model._meta.get_field(name), models.DateTimeField
        )
    except FieldDoesNotExist:
        return False


@cache
def _column(model: type[models.Model], name: str) -> Column:
    # The same function each time: Django compares columns by identity.
    @admin.display(description=model._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
    def column(row: Any) -> str:
        return when(getattr(row, name))

    column.__name__ = name
    return column
