"""Serial numbers: as people and spreadsheets write them, and what looks wrong about one (B12)."""

import re
import unicodedata

from django.utils.translation import gettext_lazy as _

from policies.rules.errors import BadInput
from policies.rules.text import Text

LONGEST = 32
SEPARATORS = re.compile(r"[\s\-‐‑‒–—−_.·]+")
WELL_FORMED = re.compile(rf"[A-Z0-9]{{5,{LONGEST}}}\Z")
SPREADSHEET_NUMBER = re.compile(r"\d+([.,]\d+)?E\+?\d+\Z")

# ANSI/CTA-2063-A: four characters of the maker, one for how many follow, then as many. No O, no I.
CTA_2063_A = "cta_2063_a"
LENGTHS = {code: length for length, code in enumerate("123456789ABCDEF", start=1)}
# DJI, as the standard's register of makers has it.
MAKER = "1581"


class BadSerial(BadInput):
    """The text cannot be a serial number."""


def normalise(text: str) -> str:
    """Upper case, no spaces or dashes, leading zeros kept. Raises BadSerial."""
    # Cut first: composing a million stacked accents would take minutes, and what is cut
    # here is too long either way.
    folded = unicodedata.normalize("NFKC", text[: 4 * LONGEST]).strip().upper()
    if SPREADSHEET_NUMBER.match(folded) and ("." in folded or "," in folded or "+" in folded):
        raise BadSerial(
            _("A spreadsheet has turned this serial number into a rounded number; type it in full.")
        )
    serial = SEPARATORS.sub("", folded)
    if not WELL_FORMED.match(serial):
        raise BadSerial(_("A serial number has 5 to 32 letters and digits, and nothing else."))
    return serial


def recognise(text: str) -> str:
    """The serial number that a text may be, or an empty one, which no drone has."""
    try:
        return normalise(text)
    except BadSerial:
        return ""


def doubts(serial: str, pattern: str) -> list[Text]:
    """What looks wrong about a normalised serial number of a model with this pattern (B12).

    A model without a pattern is older than the standard: a whole number of the standard's is
    another model's. A sentence for each thing, none where nothing looks wrong.
    """
    if pattern == CTA_2063_A:
        return _breaches(serial)
    if serial.startswith(MAKER) and not _breaches(serial):
        return [_("It is one of a model of 2021 or later, and this model is older.")]
    return []


def _breaches(serial: str) -> list[Text]:
    """How a serial number breaks the standard."""
    breaches: list[Text] = []
    if {"O", "I"} & set(serial):
        breaches.append(_("It has an O or an I, which it cannot have: perhaps a 0 or a 1."))
    said, follow = LENGTHS.get(serial[4]), len(serial) - 5
    if said is None:
        breaches.append(_("Its fifth character must be 1 to 9 or A to F: how many follow."))
    elif said != follow:
        counts = {"code": serial[4], "said": said, "follow": follow}
        message = _(
            "Its fifth character, %(code)s, stands for a length of %(said)d after it; "
            "it has %(follow)d."
        )
        breaches.append(message % counts)
    return breaches
