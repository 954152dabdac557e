"""What a name in a file means: slugs and codes, and the names that our own pages show."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeVar

from django.utils.translation import gettext_lazy as _
from django_countries import countries

from policies.imports.cells import BadRow
from policies.models import DroneModel, Plan, Region

T = TypeVar("T", DroneModel, Plan, Region)

BETWEEN_WORDS = re.compile(r"[\W_]+")
# What people and shops call countries that ISO names otherwise.
ALIASES = {
    "america": "US",
    "bolivia": "BO",
    "brunei": "BN",
    "burma": "MM",
    "cape verde": "CV",
    "czech republic": "CZ",
    "deutschland": "DE",
    "el": "GR",
    "england": "GB",
    "espana": "ES",
    "great britain": "GB",
    "holland": "NL",
    "hong kong sar": "HK",
    "hong kong sar china": "HK",
    "iran": "IR",
    "italia": "IT",
    "ivory coast": "CI",
    "korea": "KR",
    "macau": "MO",
    "macao sar": "MO",
    "mainland china": "CN",
    "moldova": "MD",
    "northern ireland": "GB",
    "osterreich": "AT",
    "people s republic of china": "CN",
    "pr china": "CN",
    "republic of ireland": "IE",
    "republic of korea": "KR",
    "russia": "RU",
    "russian federation": "RU",
    "schweiz": "CH",
    "scotland": "GB",
    "slovak republic": "SK",
    "south korea": "KR",
    "suisse": "CH",
    "syria": "SY",
    "taiwan": "TW",
    "tanzania": "TZ",
    "the netherlands": "NL",
    "turkey": "TR",
    "turkiye": "TR",
    "u k": "GB",
    "u s": "US",
    "u s a": "US",
    "uae": "AE",
    "uk": "GB",
    "united kingdom": "GB",
    "united states": "US",
    "united states of america": "US",
    "usa": "US",
    "vatican": "VA",
    "venezuela": "VE",
    "vietnam": "VN",
    "viet nam": "VN",
    "wales": "GB",
}


def folded(text: str) -> str:
    """A name without what people write differently: case, accents, dashes, spaces."""
    decomposed = unicodedata.normalize("NFKD", text[:255]).casefold()
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    # "Refresh +" is a name, and its plus all that tells it from another "Refresh".
    return " ".join(BETWEEN_WORDS.sub(" ", plain.replace("+", " plus ")).split())


def by_any_name(rows: Iterable[T], key: str) -> dict[str, T]:
    """Rows of the catalogue by their folded key (slug, code), and by names that only one has."""
    rows = list(rows)
    shared = Counter(folded(row.name) for row in rows)
    by_name = {folded(row.name): row for row in rows if shared[folded(row.name)] == 1}
    return by_name | {folded(getattr(row, key)): row for row in rows}


def models() -> dict[str, DroneModel]:
    """Withdrawn ones, too: a file may name them for what is on file (P10)."""
    return by_any_name(DroneModel.objects.select_related("series"), "slug")


def model(text: str, known: dict[str, DroneModel]) -> DroneModel:
    """Raises BadRow."""
    if (found := known.get(folded(text))) is None:
        message = _("There is no model “%(name)s”. Give its name or slug, such as mavic-2-pro.")
        raise BadRow(message % {"name": text[:40]})
    return found


@lru_cache(maxsize=1_000)  # a file says the same few, row by row
def country_code(text: str) -> str:
    """The country (ISO alpha-2) that a code, a name or a usual abbreviation means; else empty."""
    code = text.strip().upper()
    if code in countries.countries:
        return code
    name = folded(text)
    if len(code) == 3 and (found := countries.alpha2(code)):
        return str(found)
    return ALIASES.get(name) or _codes_by_name().get(name, "")


def country(text: str) -> str:
    """Raises BadRow where nobody could say which country is meant."""
    code = country_code(text)
    if not code:
        raise BadRow(_("Please give the two-letter code of the country, such as DE."))
    return code


def _codes_by_name() -> dict[str, str]:
    return {folded(str(one.name)): one.code for one in countries}
