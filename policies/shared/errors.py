"""What a verb raises when the business says no. Every message is a sentence for a person."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from policies.rules.errors import Explained
from policies.rules.text import Text
from policies.rules.verdict import Verdict


class Refused(Exception):
    """The rules say no. `verdict` carries every reason with its rule number (B10)."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        super().__init__(" ".join(str(reason) for reason in verdict.objections))


class CodeRefused(Exception):
    """The code cannot be used; why not is nobody's business outside the house (C5)."""


class Conflict(Explained):
    """The thing changed meanwhile, or the step is not open in its present state."""


class SerialDoubted(Conflict):
    """A serial number looks wrong; who means it repeats it as `serial_confirmed` (B12)."""

    def __init__(self, serial: str, doubts: Sequence[Text]) -> None:
        self.serial = serial
        message = _(
            "Please check this serial number. %(doubts)s "
            "If it is right, press the button once more."
        )
        super().__init__(message % {"doubts": " ".join(str(doubt) for doubt in doubts)})
