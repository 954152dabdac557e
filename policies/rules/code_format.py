"""What an activation code looks like, and how people type one (C3). Pure: text in, text out."""

import unicodedata

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from policies.rules.errors import BadInput
from policies.rules.reference_numbers import ALPHABET
from policies.rules.text import Text

LENGTH = 16
# Sixteen characters with every separator that people put between them, and room to spare.
LONGEST_TYPED = 100
VALUE = {character: value for value, character in enumerate(ALPHABET)}
SEPARATORS = {"-", "‐", "‑", "‒", "–", "—", "−", "_", ".", "·"}


class Mistyped(BadInput):
    """The text cannot be a code: told from its form alone, never by a look-up (C3).

    `fact` is what is wrong; `message` adds advice for somebody who has a letter before them.
    """

    def __init__(self, fact: Text, advice: Text = "") -> None:
        super().__init__(format_lazy("{} {}", fact, advice) if advice else fact)
        self.fact = fact


def normalise(text: str) -> str:
    """Upper case, without spaces and dashes; full-width characters become plain ones.

    What is far too long is cut: composing a million stacked accents would take minutes.
    """
    folded = unicodedata.normalize("NFKC", text[:LONGEST_TYPED]).upper()
    return "".join(c for c in folded if not c.isspace() and c not in SEPARATORS)


def check_character(body: str) -> str:
    """The character that makes the weighted sum of all a multiple of 31.

    The weights 1 … 16 are different and 31 is prime, so that one wrong character and any
    two swapped ones always show.
    """
    total = sum(weight * VALUE[c] for weight, c in enumerate(body, start=1))
    weight = len(body) + 1
    return ALPHABET[-total * pow(weight, -1, len(ALPHABET)) % len(ALPHABET)]


def parse(text: str) -> str:
    """The normalised code. Raises Mistyped, with a sentence that says what to look at."""
    code = normalise(text)
    if len(code) != LENGTH:
        raise Mistyped(
            _("A code has 16 characters."), advice=_("Please compare yours with the letter.")
        )
    if any(c not in VALUE for c in code):
        raise Mistyped(_("A code has only letters and digits, and never I, L, O, 0 or 1."))
    if check_character(code[:-1]) != code[-1]:
        raise Mistyped(
            _("There is a typing error in this code."),
            advice=_("Please compare it with the letter."),
        )
    return code


def is_whole_code(text: str) -> bool:
    """Whether a text is a code in some spelling, by its form alone (C3)."""
    try:
        parse(text)
    except Mistyped:
        return False
    return True


def grouped(code: str) -> str:
    """In groups of four, as people read it: ABCD-EFGH-JKLM-NPQR."""
    return "-".join(code[i : i + 4] for i in range(0, len(code), 4))
