"""A postal address in the lines, and in the order, of its country.

The orders are those of Google's address data (https://chromium-i18n.appspot.com/ssl-address),
without capitals and commas, and no field that is filled in is ever left out.
"""

import re
from typing import Any, Protocol


class Place(Protocol):
    """Where something is sent, whoever lives there; a claim and a region are such places."""

    @property
    def line1(self) -> str: ...
    @property
    def line2(self) -> str: ...
    @property
    def city(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def postal_code(self) -> str: ...
    @property
    def country(self) -> Any: ...


FIELDS = ("line1", "line2", "city", "state", "postal_code")
TOWN_STATE_CODE = "{name}|{line1}|{line2}|{city} {state} {postal_code}"
CODE_TOWN = "{name}|{line1}|{line2}|{postal_code} {city} {state}"
CODE_LAST = "{name}|{line1}|{line2}|{city}|{state}|{postal_code}"
TOWN_FIRST = "{name}|{city} {state}|{line1}|{line2}|{postal_code}"
FORMATS = {
    **dict.fromkeys(["GB", "GG", "JE", "IM", "IE", "HK", "MO"], CODE_LAST),
    **dict.fromkeys(
        "AT BE BG CH CY CZ DE DK EE ES FI FR GR HR IT LI LT LU NL NO PL PT RO SE SI SK".split(),
        CODE_TOWN,
    ),
    "HU": TOWN_FIRST,
}
# Written in their own letters these go from the large to the small.
OWN_FORMATS = {
    **dict.fromkeys(["CN", "TW", "JP"], "{postal_code}|{state}{city}|{line1}|{line2}|{name}"),
    **dict.fromkeys(["HK", "MO"], "{state}{city}|{line1}|{line2}|{name}|{postal_code}"),
    "KR": "{state} {city}|{line1}|{line2}|{name}|{postal_code}",
}
# Chinese, Japanese and Korean.
OWN_LETTERS = re.compile("[\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff]")


def lines(place: Place, *, name: str = "", country: str = "") -> list[str]:
    """The lines of an envelope. `country` is the last one where the parcel goes abroad."""
    fields = {each: getattr(place, each) for each in FIELDS}
    rows = [
        " ".join(row.format(name=name, **fields).split())
        for row in _format(str(place.country), fields).split("|")
    ]
    return [row for row in [*rows, country] if row]


def _format(country: str, fields: dict[str, str]) -> str:
    own = OWN_FORMATS.get(country)
    if own and OWN_LETTERS.search(fields["line1"] + fields["city"]):
        return own
    return FORMATS.get(country, TOWN_STATE_CODE)
