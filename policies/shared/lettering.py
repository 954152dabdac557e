"""FACE: letters on labels and papers: the fonts that we ship, and which of them has a letter.

A text may mix scripts: each of its letters comes from the first font that has it. What no font
has is refused where it comes in, by hand or by file; in an old row a mark stands in its place.
"""

import threading
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

FOLDER = Path(__file__).parent / "fonts"
PLAIN, BOLD = "NotoSans-Regular", "NotoSans-Bold"
# For what these lack: Korean, then Chinese and Japanese. In one weight, for their size.
FURTHER = ("NotoSansKR-Hangul", "DroidSansFallback")
UNKNOWN = "\ufffd"
# Joiners, direction marks, and which of two shapes of one letter is meant: not letters.
UNSEEN = {"Cc", "Cf", "Zl", "Zp"}
VARIANTS = [range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0)]

_loading = threading.Lock()


@cache
def _glyphs(font: str) -> dict[int, int]:
    """The code points that a font has. It is read when it is first asked for: 30 MB in all."""
    with _loading:
        loaded = TTFont(font, FOLDER / f"{font}.ttf")
        # Never a second object of one name: a paper in the making may hold the first.
        if font not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(loaded)
        glyphs: dict[int, int] = loaded.face.charToGlyph
        return glyphs


# Styles of paragraphs are made of these two by name.
for name in (PLAIN, BOLD):
    _glyphs(name)


# --- what can be printed -----------------------------------------------------------------


def printable(text: str) -> str:
    """The text in one line of letters that our fonts have, with a mark for each that none has."""
    return " ".join("".join(_letter(letter) for letter in _composed(text)).split())


def missing(text: str) -> str:
    """The letters that no font of ours has, each once."""
    return "".join(
        dict.fromkeys(
            letter for letter in _composed(text) if letter != UNKNOWN and _letter(letter) == UNKNOWN
        )
    )


def validate_printable(text: str) -> None:
    """For what will stand on labels and papers. Raises ValidationError."""
    if letters := missing(text):
        raise ValidationError(
            _("We cannot print %(letters)s on labels and papers. Please write it another way."),
            code="unprintable",
            params={"letters": " ".join(letters[:10])},
        )


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


@cache
def _letter(letter: str) -> str:
    """How a letter is printed: as it is, or the plain letters it is a form of (ﾊ as ハ)."""
    if letter.isspace():
        return " "
    if unicodedata.category(letter) in UNSEEN or any(ord(letter) in each for each in VARIANTS):
        return ""
    if _font(letter, PLAIN):
        return letter
    plain = unicodedata.normalize("NFKC", letter)
    bare = "".join(part for part in unicodedata.normalize("NFKD", letter) if _font(part, PLAIN))
    if plain != letter and all(_font(part, PLAIN) for part in plain):
        return plain
    return bare or UNKNOWN


# --- in which font -----------------------------------------------------------------------


def _font(letter: str, first: str) -> str:
    """The font that has the letter, or nothing."""
    return next((font for font in (first, *FURTHER) if ord(letter) in _glyphs(font)), "")


def runs(text: str, first: str = PLAIN) -> Iterator[tuple[str, str]]:
    """The stretches of a printable text, each with the font that has its letters."""
    for font, letters in groupby(text, key=lambda letter: _font(letter, first) or first):
        yield font, "".join(letters)


def width(text: str, font: str, size: float) -> float:
    """In points."""
    return sum(pdfmetrics.stringWidth(run, name, size) for name, run in runs(text, font))


def draw(canvas: Canvas, x: float, y: float, text: str, *, font: str, size: float) -> None:
    """Writes a printable text from x on to the right."""
    for name, run in runs(text, font):
        canvas.setFont(name, size)
        canvas.drawString(x, y, run)
        x += pdfmetrics.stringWidth(run, name, size)
