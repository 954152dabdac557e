"""What a verb raises when the business says no. Every message is a sentence for a person."""

from typing import Any

from policies.rules.verdict import Verdict


class Refused(Exception):
    """The rules say no. `verdict` carries every reason with its rule number (B10)."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        super().__init__(" ".join(str(reason) for reason in verdict.objections))


class CodeRefused(Exception):
    """The code cannot be used; why not is nobody's business outside the house (C5)."""


class Conflict(Exception):
    """The thing changed meanwhile, or the step is not open in its present state."""

    def __init__(self, message: Any) -> None:
        # Kept lazy, so that the sentence is translated for its reader and not for the writer.
        self.message = message
        super().__init__(message)
