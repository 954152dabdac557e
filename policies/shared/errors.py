"""What a verb raises when the business says no. Every message is a sentence for a person."""

from policies.rules.errors import Explained
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
