"""Errors that carry a sentence for a person: the bases that rules and verbs share."""

from policies.rules.text import Text


class Explained(Exception):
    """`message` says to a person what is wrong."""

    def __init__(self, message: Text) -> None:
        # Kept lazy, so that the sentence is translated for its reader and not for the writer.
        self.message = message
        super().__init__(message)


class BadInput(Explained, ValueError):
    """What somebody typed or sent cannot be used as it is; `message` says why."""
