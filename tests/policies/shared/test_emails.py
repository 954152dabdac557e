"""E-mail addresses: one spelling, which fits into its column on any database."""

import pytest

from policies.shared import emails
from policies.shared.emails import BadEmail

# 249 characters, of which each İ becomes two in lower case.
GROWS = "a@" + ".".join(["İ" * 60] * 4) + ".com"


def refusal(text: str) -> str:
    with pytest.raises(BadEmail) as error:
        emails.normalise(text)
    return str(error.value.message)


def test_an_address_is_stored_in_lower_case():
    assert emails.normalise(" Ann.Lee@Example.COM ") == "ann.lee@example.com"
    assert emails.normalise("ann@MÜLLER.example") == "ann@müller.example"


def test_an_address_that_grows_in_lower_case_is_measured_afterwards():
    assert len(GROWS) == 249
    assert refusal(GROWS) == "An e-mail address has at most 254 characters."


@pytest.mark.parametrize("text", ["", "nobody", "a@b", "a b@example.com", "a@example.com\0"])
def test_what_is_no_address_is_refused(text):
    assert refusal(text) == "Please enter an e-mail address, like name@example.com."
