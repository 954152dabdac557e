"""How facts look on pages and in letters."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format, number_format

from policies.models import Part

register = template.Library()

# Currencies whose prices are written without decimals.
WHOLE_UNITS = {"CLP", "ISK", "JPY", "KRW", "TWD", "VND"}


@register.simple_tag
def dealer_name() -> str:
    return settings.DEALER_NAME


@register.filter
def money(amount: Decimal | str, currency: str) -> str:
    """`1299` and `USD` give "USD 1,299.00", with a space that does not break."""
    return f"{currency}\N{NO-BREAK SPACE}{figure(amount, currency)}"


@register.filter
def figure(amount: Decimal | str, currency: str) -> str:
    """The same without the currency, for a table that names it once."""
    whole = currency in WHOLE_UNITS and Decimal(amount) % 1 == 0
    return number_format(Decimal(amount), 0 if whole else 2, force_grouping=True)


@register.filter
def instant(at: datetime, time_zone: str = "") -> str:
    """An instant on the clock of `time_zone` (without one: the letter's), with the zone's name."""
    local = at.astimezone(ZoneInfo(time_zone)) if time_zone else timezone.localtime(at)
    return date_format(local, "j F Y, H:i T")


@register.filter
def machine_time(at: datetime) -> str:
    """For `<time datetime>`: HTML knows no more than thousandths of a second."""
    return at.isoformat(timespec="seconds")


@register.filter
def part_label(part: str) -> str:
    return str(Part(part).label)


@register.filter
def masked_email(address: str) -> str:
    """`jo@example.com` gives "j•••@example.com"."""
    local, _at, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}"
