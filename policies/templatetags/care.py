"""How facts look on pages and in letters."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format

from policies.models import Part
from policies.rules import addresses, money
from policies.shared import once

register = template.Library()

register.filter("money", money.shown)
register.filter("figure", money.figure)


@register.simple_tag
def dealer_name() -> str:
    return str(settings.DEALER_NAME)


@register.simple_tag(takes_context=True)
def once_key(context: dict[str, Any]) -> str:
    """The one-time key of a form that changes something."""
    return once.key(now=timezone.now(), confirms=bool(context.get("done_lately")))


@register.filter
def instant(at: datetime, time_zone: str = "") -> str:
    """An instant on the clock of `time_zone` (without one: the letter's), with the zone's name."""
    local = at.astimezone(ZoneInfo(time_zone)) if time_zone else timezone.localtime(at)
    return date_format(local, "j F Y, H:i T")


@register.filter
def day(at: datetime, time_zone: str = "") -> str:
    """The day of an instant, on the same clock as `instant`."""
    local = at.astimezone(ZoneInfo(time_zone)) if time_zone else timezone.localtime(at)
    return date_format(local, "j F Y")


@register.filter
def machine_time(at: datetime) -> str:
    """For `<time datetime>`: HTML knows no more than thousandths of a second."""
    return at.isoformat(timespec="seconds")


@register.filter
def part_label(part: str) -> str:
    return str(Part(part).label)


@register.filter
def part_labels(parts: Iterable[str]) -> str:
    """The names of several parts, one after the other."""
    return ", ".join(part_label(part) for part in parts)


@register.filter
def postal_lines(place: addresses.Place) -> list[str]:
    """The lines of an address in the order of its country, with the name of that."""
    return addresses.lines(place, country=str(place.country.name))


@register.filter
def masked_email(address: str) -> str:
    """`jo@example.com` gives "j•••@example.com"."""
    local, _at, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}"
