"""Keeps customers' links and whole codes out of the log and of reports of errors (K12, C6)."""

import logging
import re

from django.views.debug import ExceptionReporter

# What follows these in an address opens a customer's page; not so in the staff's own addresses.
ADDRESS = re.compile(r"((?<!/policies)/(?:policy|repair/progress)/)[\w~%.-]+")
# A token anywhere else, as the value of a variable: 43 letters of its alphabet.
TOKEN = re.compile(r"(?<![\w-])[\w-]{43}(?![\w-])")
MASK = "…"
QUERY = re.compile(r"\?\S*")


def masked(text: str) -> str:
    return ADDRESS.sub(rf"\1{MASK}", text)


class WithoutQueries(logging.Filter):
    """Cuts what was asked for off the addresses in lines about requests (C6).

    Somebody may have typed a whole code into a search; our log is not where it is kept.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == "django.server" and isinstance(record.args, tuple):
            record.args = tuple(
                QUERY.sub("?…", each) if isinstance(each, str) else each for each in record.args
            )
        return True


class MaskingFormatter(logging.Formatter):
    """Masks in the whole line, its traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


class MaskingReporter(ExceptionReporter):
    """What Django mails, or shows with DEBUG, of an error: addresses, headers, variables."""

    def get_traceback_html(self) -> str:  # type: ignore[override]
        return TOKEN.sub(MASK, masked(super().get_traceback_html()))

    def get_traceback_text(self) -> str:  # type: ignore[override]
        return TOKEN.sub(MASK, masked(super().get_traceback_text()))
