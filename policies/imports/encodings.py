"""In which encoding a text file is written: certain, or a guess that a person must confirm.

UTF-8 and UTF-16 prove themselves. Every other encoding reads almost any bytes, as other letters:
a wrong guess makes up people's names. So a guess is only ever shown, with readings of the same
texts in each usual encoding, and nothing is imported before somebody has chosen one.
"""

import codecs
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from django.utils.translation import gettext_lazy as _

from policies.rules.errors import BadInput
from policies.rules.text import Text

BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
CHUNK = 1 << 16
# Each byte as one character, so that texts can be sampled before their encoding is known.
RAW = "latin-1"
# What Windows and its spreadsheets write, by Python's names.
CHOICES: dict[str, Text] = {
    "cp1252": _("Western European (Windows 1252)"),
    "cp1250": _("Central European (Windows 1250)"),
    "cp1251": _("Cyrillic (Windows 1251)"),
    "cp1253": _("Greek (Windows 1253)"),
    "cp1254": _("Turkish (Windows 1254)"),
    "cp932": _("Japanese (Shift JIS)"),
    "gb18030": _("Chinese, simplified (GBK, GB18030)"),
    "cp950": _("Chinese, traditional (Big5)"),
    "cp949": _("Korean (EUC-KR)"),
}
# Those that the encodings of the list contain, by the names that Python gives them.
CONTAINED = {
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "cp950",
    "euc_kr": "cp949",
}
CERTAIN = ("utf-8", "utf-8-sig", "utf-16")
# Where a country writes with other letters than the west of Europe.
BY_COUNTRY = {
    **dict.fromkeys("AL BA CZ HR HU ME PL RO SI SK".split(), "cp1250"),
    **dict.fromkeys("BG BY KG KZ MK MN RS RU TJ UA".split(), "cp1251"),
    **dict.fromkeys("CY GR".split(), "cp1253"),
    **dict.fromkeys("AZ TR".split(), "cp1254"),
    **dict.fromkeys("JP".split(), "cp932"),
    **dict.fromkeys("CN SG".split(), "gb18030"),
    **dict.fromkeys("HK MO TW".split(), "cp950"),
    **dict.fromkeys("KR".split(), "cp949"),
}
SAMPLES = 6


class UnknownEncoding(BadInput):
    """No encoding of the list goes by this name."""


def certain(path: Path) -> str:
    """The encoding that the file's own bytes prove, plain ASCII included; else an empty text."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        start = file.read(CHUNK)
        for bom, encoding in BOMS.items():
            if start.startswith(bom):
                return encoding
        try:
            while start:
                decoder.decode(start)
                start = file.read(CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return ""
    return "utf-8"


def named(name: str) -> str:
    """The encoding of our list with a name such as `cp1252` or `windows-1252`.

    Raises UnknownEncoding.
    """
    try:
        known = codecs.lookup(name).name
    except (LookupError, ValueError):
        known = ""
    known = CONTAINED.get(known, known)
    if known not in CHOICES and known not in CERTAIN:
        message = _("There is no encoding “%(name)s”. Known are: %(known)s.")
        names = ", ".join(["utf-8", *CHOICES])
        raise UnknownEncoding(message % {"name": name[:40], "known": names})
    return known


def guess(samples: Sequence[bytes], countries: Iterable[str]) -> str:
    """The likeliest encoding of texts from rows that name these countries (ISO alpha-2)."""
    votes = Counter(BY_COUNTRY.get(country, "cp1252") for country in countries)
    likely = [encoding for encoding, _count in votes.most_common()]
    for encoding in [*likely, *CHOICES]:
        if _reads_as_words(b" ".join(samples), encoding):
            return encoding
    return likely[0] if likely else "cp1252"


def _reads_as_words(sample: bytes, encoding: str) -> bool:
    """Whether the bytes are valid, and mostly letters beyond ASCII."""
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        return False
    beyond = [character for character in text if not character.isascii()]
    return sum(character.isalpha() for character in beyond) >= 0.9 * len(beyond)


def reading(samples: Iterable[bytes], encoding: str) -> str:
    """How the samples read in an encoding; what isn't valid in it shows as �."""
    texts = (sample.decode(encoding, errors="replace") for sample in samples)
    return " · ".join("".join(c if c.isprintable() else "�" for c in text) for text in texts)
