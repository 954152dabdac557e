"""E-mail addresses as they are stored: in lower case, and no longer than their column."""

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

from policies.rules.errors import BadInput

LONGEST = 254


class BadEmail(BadInput):
    """The text cannot be an e-mail address."""


def normalise(text: str) -> str:
    """The address in lower case. Raises BadEmail.

    It is measured afterwards: `İ` becomes two characters, and PostgreSQL counts those.
    """
    address = text.strip().lower()
    if len(address) > LONGEST:
        message = _("An e-mail address has at most %(limit)d characters.")
        raise BadEmail(message % {"limit": LONGEST})
    try:
        validate_email(address)
    except ValidationError as error:
        message = _("Please enter an e-mail address, like name@example.com.")
        raise BadEmail(message) from error
    return address
