"""One answer object for the customer's page, the staff page and the tests (B10).

Pure: no database, no clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from policies.rules.text import Text


@dataclass(frozen=True)
class Reason:
    """What one rule says about the case.

    `code` is the stable name for programs and tests, `text` the (lazily translated)
    sentence for people, `rule` the number in docs/rules.md. Where `text` speaks to staff,
    `to_customer` says the same to the customer.
    """

    rule: str
    code: str
    text: Text
    objects: bool = True
    to_customer: Text = ""

    def __str__(self) -> str:
        return str(self.text)

    @property
    def said(self) -> Text:
        """The sentence that a customer reads."""
        return self.to_customer or self.text


@dataclass(frozen=True)
class Verdict:
    """Yes or no, and every reason for it. It is a no as soon as one reason objects."""

    reasons: tuple[Reason, ...]

    @classmethod
    def of(cls, reasons: Iterable[Reason | None]) -> "Verdict":
        return cls(tuple(reason for reason in reasons if reason is not None))

    @property
    def allowed(self) -> bool:
        return not self.objections

    @property
    def objections(self) -> tuple[Reason, ...]:
        return tuple(reason for reason in self.reasons if reason.objects)

    def names(self, code: str) -> bool:
        return any(reason.code == code for reason in self.reasons)
