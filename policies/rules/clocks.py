"""Whose clock: what a customer says is read on the customer's, generously (P9).

A region has one clock for its terms, and may be many hours wide: from Guam to Hawaii lie
twenty. Pure: no database, and the time is an argument; the zones come from the time-zone data.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from policies.rules.text import Text


@cache
def _zones_by_country() -> dict[str, tuple[ZoneInfo, ...]]:
    zones: dict[str, list[ZoneInfo]] = {}
    table = (files("tzdata.zoneinfo") / "zone.tab").read_text(encoding="utf-8")
    for line in table.splitlines():
        if line and not line.startswith("#"):
            country, _position, name, *_comment = line.split("\t")
            zones.setdefault(country, []).append(ZoneInfo(name))
    return {country: tuple(found) for country, found in zones.items()}


def zones_of(countries: Iterable[str], region_zone: ZoneInfo) -> tuple[ZoneInfo, ...]:
    """The clocks of these countries (ISO 3166 alpha-2), the region's own first, each once.

    A country that the time-zone data do not name adds none.
    """
    zones = [region_zone]
    for country in countries:
        zones += _zones_by_country().get(country, ())
    return tuple(dict.fromkeys(zones))


def days_at(instant: datetime, zones: Collection[ZoneInfo]) -> tuple[date, date]:
    """The earliest and the latest day that these clocks show at an instant."""
    days = [instant.astimezone(zone).date() for zone in zones]
    return min(days), max(days)


def has_begun(day: date, zones: Collection[ZoneInfo], *, at: datetime) -> bool:
    """Whether the day has begun on any of these clocks at `at`: else it lies in the future."""
    return day <= days_at(at, zones)[1]


def place(zone: ZoneInfo) -> str:
    """The city that names the zone: "Los Angeles"."""
    return zone.key.rsplit("/", 1)[-1].replace("_", " ")


def in_words(zone: ZoneInfo, *, at: datetime) -> Text:
    """The zone as a person reads it: "Los Angeles time; it is 05:29 there now"."""
    now = date_format(at.astimezone(zone), "H:i")
    return _("%(place)s time; it is %(now)s there now") % {"place": place(zone), "now": now}


def instant_and_now(instant: datetime, zone: ZoneInfo, *, at: datetime) -> Text:
    """ "1 March 2026, 14:00, Los Angeles time; it is 05:29 there now"."""
    shown = date_format(instant.astimezone(zone), "j F Y, H:i")
    return _("%(shown)s, %(clock)s") % {"shown": shown, "clock": in_words(zone, at=at)}


def instant_in_words(instant: datetime, zone: ZoneInfo) -> Text:
    """The instant as a clock there shows it: "1 March 2026, 14:00 (Los Angeles time)"."""
    shown = date_format(instant.astimezone(zone), "j F Y, H:i")
    return _("%(shown)s (%(place)s time)") % {"shown": shown, "place": place(zone)}
