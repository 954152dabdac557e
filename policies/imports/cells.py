"""Reading the cells of a row: plain text, dates, instants. What cannot be read is a BadRow."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext_lazy as _

from policies.rules import serials
from policies.rules.errors import BadInput
from policies.rules.text import Text
from policies.shared import lettering
from policies.shared.fields import EDGES, on_the_clock_of

YEARS = range(2000, 2101)
LONGEST = 255
UNREADABLE_CHARACTER = "\ufffd"


# What spreadsheets, web pages and address books put around a text, seen and meant by nobody:
# beyond what a form drops there, zero-width characters and overrides of the direction.
AT_THE_EDGES = EDGES + "\u200b\u200c\u200d\u2060\ufeff\u00ad\u061c\u202d\u202e"
# A point or comma in a serial number is a mere separator, but not in a number of a spreadsheet.
DECIMAL = re.compile(r"\d+[.,]\d+\Z", re.ASCII)
# Inside a text a space that doesn't break is a space, and a full-width digit is a digit.
PLAIN = str.maketrans(
    {
        **dict.fromkeys("\xa0\u2007\u202f\u3000", " "),
        **{chr(0xFF10 + digit): str(digit) for digit in range(10)},
    }
)
# Composing the accents of a longer text would take too long, and no cell may be so long.
LONGEST_COMPOSED = 1_024


class BadRow(BadInput):
    """The row cannot be imported."""


def clean(text: str) -> str:
    """The text of a cell as it was meant: without invisible edges, in plain spaces and digits."""
    text = text.strip(AT_THE_EDGES)
    if text.isascii():
        return text
    text = text.translate(PLAIN)
    return unicodedata.normalize("NFC", text) if len(text) <= LONGEST_COMPOSED else text


def refuse_empty(row: Mapping[str, str], names: Iterable[str]) -> None:
    """Raises BadRow for the first of the columns that is empty."""
    for name in names:
        if not row.get(name):
            raise BadRow(_("%(name)s is missing.") % {"name": name})


def refuse_unreadable(
    row: Mapping[str, str], names: Iterable[str], *, longest: Mapping[str, int]
) -> None:
    """Raises BadRow for the first of the columns that is not a short plain text."""
    for name in names:
        text = row.get(name, "")
        if UNREADABLE_CHARACTER in text:
            raise BadRow(_("%(name)s cannot be read. Save the file as UTF-8.") % {"name": name})
        limit = longest.get(name, LONGEST)
        if len(text) > limit:
            raise BadRow(
                _("%(name)s must have at most %(limit)d characters.")
                % {"name": name, "limit": limit}
            )
        if not text.isprintable():
            raise BadRow(_("%(name)s has characters that cannot be printed.") % {"name": name})


def objection_to_printing(name: str, text: str) -> Text | None:
    """Why a text cannot stand on labels and papers: no font of ours has it. None when it can."""
    letters = lettering.missing(text)
    if not letters:
        return None
    message = _("%(name)s has letters that we cannot print on labels and papers: %(letters)s.")
    return message % {"name": name, "letters": " ".join(letters[:10])}


def serial_of(row: Mapping[str, str]) -> str:
    """The serial number in its column, normalised. Raises BadSerial, BadRow."""
    text = row["serial"]
    if DECIMAL.match(text):
        message = _(
            "serial is %(number)s, a number with decimals. "
            "Format the column as text, and type the serial number in full."
        )
        raise BadRow(message % {"number": text})
    return serials.normalise(text)


def read_instant(row: Mapping[str, str], name: str, zone: ZoneInfo) -> datetime | None:
    """The instant in a column, None where it is empty; without an offset on the clock of `zone`.

    Raises BadRow.
    """
    text = row.get(name, "")
    if not text:
        return None
    try:
        instant = parse_datetime(text)
        if instant is None and (day := parse_date(text)):
            instant = datetime(day.year, day.month, day.day)  # noqa: DTZ001 — the clock follows
    except ValueError:
        instant = None
    if instant is None or instant.year not in YEARS:
        raise BadRow(
            _("%(name)s must be a date and time, such as 2026-01-31T10:00.") % {"name": name}
        )
    return instant if instant.tzinfo else on_the_clock_of(zone, instant)


def date_of(row: Mapping[str, str], name: str) -> date:
    """The date in a column; a spreadsheet's midnight is one too. Raises BadRow."""
    text = row[name].removesuffix(" 00:00:00")
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None or day.year not in YEARS:
        raise BadRow(_("%(name)s must be a date, such as 2026-01-31.") % {"name": name})
    return day
