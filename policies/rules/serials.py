"""Serial numbers as people and spreadsheets write them."""

import re
import unicodedata

from django.utils.translation import gettext_lazy as _

from policies.rules.errors import BadInput

LONGEST = 32
SEPARATORS = re.compile(r"[\s\-‐‑‒–—−_.·]+")
WELL_FORMED = re.compile(rf"[A-Z0-9]{{5,{LONGEST}}}\Z")
SPREADSHEET_NUMBER = re.compile(r"\d+([.,]\d+)?E\+?\d+\Z")


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
