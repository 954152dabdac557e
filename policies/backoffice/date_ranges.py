"""FACE: the stretches of days that reports offer. Pure: the present day is an argument."""

from datetime import date, timedelta
from typing import NamedTuple

from dateutil.relativedelta import relativedelta
from django.utils.translation import gettext_lazy as _

from policies.rules.text import Text


class Span(NamedTuple):
    """Whole days, both ends included."""

    slug: str
    label: Text
    first: date
    last: date


def past(today: date) -> list[Span]:
    """Calendar months and quarters, then so many days up to and including `today`."""
    month = today.replace(day=1)
    quarter = month - relativedelta(months=(today.month - 1) % 3)
    return [
        _months("this-month", _("This month"), month, 1),
        _months("last-month", _("Last month"), month - relativedelta(months=1), 1),
        _months("this-quarter", _("This quarter"), quarter, 3),
        _months("last-quarter", _("Last quarter"), quarter - relativedelta(months=3), 3),
        Span("last-30-days", _("Last 30 days"), today - timedelta(days=29), today),
        Span("last-90-days", _("Last 90 days"), today - timedelta(days=89), today),
        Span("last-365-days", _("Last 365 days"), today - timedelta(days=364), today),
    ]


def coming(today: date) -> list[Span]:
    """So many days from `today` on, this day included."""
    return [
        Span("next-30-days", _("Next 30 days"), today, today + timedelta(days=29)),
        Span("next-90-days", _("Next 90 days"), today, today + timedelta(days=89)),
        Span("next-365-days", _("Next 365 days"), today, today + timedelta(days=364)),
    ]


def coming_and_past(today: date) -> list[Span]:
    return [*coming(today), *past(today)]


def _months(slug: str, label: Text, first: date, count: int) -> Span:
    return Span(slug, label, first, first + relativedelta(months=count) - timedelta(days=1))
