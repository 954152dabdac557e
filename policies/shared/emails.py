"""E-mail addresses: how they are stored, and how their domains go out (IDNA 2008).

An address is stored in lower case, with its domain in the letters of its language, no longer than
its column. Mail servers know `straße.de` as `xn--strae-oqa.de`. The codec of Python and Django
makes it `strasse.de`, somebody else's: what they get has been encoded here.
"""

import idna
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from policies.rules.errors import BadInput

LONGEST = 254


class BadEmail(BadInput):
    """The text cannot be an e-mail address."""


class BadDomain(BadEmail):
    """IDNA 2008 has no such domain."""

    def __init__(self, domain: str) -> None:
        message = _("E-mail cannot go to “{domain}”. Please check the part after the @.")
        super().__init__(format_lazy(message, domain=domain))


def normalise(text: str) -> str:
    """The address in the one spelling in which it is stored. Raises BadEmail, BadDomain.

    It is measured in lower case: `İ` becomes two characters, and PostgreSQL counts those.
    """
    address = text.strip().lower()
    _refuse_too_long(address)
    local, at, domain = address.rpartition("@")
    try:
        # Without an @ there is no domain that could be bad.
        address = local + at + _in_own_letters(domain) if at else address
        sent = as_sent(address) if at else address
        validate_email(sent)
        sent.encode("ascii")  # the validator takes a long s for an s
    except (ValidationError, UnicodeEncodeError) as error:
        message = _("Please enter an e-mail address, like name@example.com.")
        raise BadEmail(message) from error
    _refuse_too_long(sent)
    return address


def as_sent(address: str) -> str:
    """The address as mail servers know it, its domain in ASCII. Raises BadDomain."""
    local, at, domain = address.rpartition("@")
    if _is_plain(domain):
        return address
    try:
        return local + at + idna.encode(domain, uts46=True).decode()
    except UnicodeError as error:
        raise BadDomain(domain) from error


def _in_own_letters(domain: str) -> str:
    """One spelling of one domain, however it was typed: `xn--…`, full-width, with a 。."""
    if _is_plain(domain):
        return domain
    try:
        return idna.decode(domain, uts46=True)
    except UnicodeError as error:
        raise BadDomain(domain) from error


def _is_plain(domain: str) -> bool:
    return domain.isascii() and "xn--" not in domain.lower()


def _refuse_too_long(address: str) -> None:
    if len(address) > LONGEST:
        message = _("An e-mail address has at most %(limit)d characters.")
        raise BadEmail(message % {"limit": LONGEST})
