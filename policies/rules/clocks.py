"""Whose clock: what a customer says is read on the customer's, generously (P9).

A region has one clock for its terms, and may be many hours wide: from Guam to Hawaii lie
twenty. Pure: no database, and the time is an argument; the zones come from the time-zone data.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from policies.rules.text import Text

# Languages of which one country is the home. A browser often names no more than "ja".
# German, English, French, Spanish or Chinese alone say nothing.
AT_HOME_IN = dict(
    pair.split(":")
    for pair in (
        "bg:BG cs:CZ da:DK et:EE fi:FI hr:HR hu:HU is:IS ja:JP ko:KR lt:LT lv:LV mt:MT "
        "nb:NO nn:NO no:NO pl:PL sk:SK sl:SI"
    ).split()
)


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


def likely_country(languages: Sequence[str]) -> str:
    """The country (ISO 3166 alpha-2) of who prefers these languages, "" where nothing says it.

    They are tags, the dearest first: `el-GR`, `zh-Hant-TW`, `de`. Only the dearest language
    counts: browsers add "en-US" to the end of every list. Nothing may be decided by a guess.
    """
    if not languages:
        return ""
    dearest = languages[0].lower().split("-")[0]
    for tag in languages:
        language, *rest = tag.lower().split("-")
        if language == dearest and (country := _country_in(rest)):
            return country
    return AT_HOME_IN.get(dearest, "")


def _country_in(subtags: Iterable[str]) -> str:
    """Two letters are a country; one letter begins what is nobody's business but the sender's."""
    for subtag in subtags:
        if len(subtag) == 1:
            break
        if len(subtag) == 2 and subtag.isascii() and subtag.isalpha():
            return subtag.upper()
    return ""


def likely_zone(country: str, region_zone: ZoneInfo) -> ZoneInfo:
    """The clock that somebody in the country most likely reads: their region's, if it is there.

    Else the first one that the time-zone data name for the country.
    """
    zones = _zones_by_country().get(country, ())
    return region_zone if region_zone in zones or not zones else zones[0]


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
