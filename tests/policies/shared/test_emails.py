"""E-mail addresses: one spelling, which fits into its column on any database."""

import pytest

from policies.shared import emails
from policies.shared.emails import BadDomain, BadEmail

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


def test_a_domain_is_stored_in_its_own_letters_however_it_is_typed():
    for typed in ("ada@straße.de", "ADA@STRAẞE.DE", "ada@xn--strae-oqa.de", "ada@straße。de"):
        assert emails.normalise(typed) == "ada@straße.de"
    assert emails.normalise("ada@ｅｘａｍｐｌｅ.com") == "ada@example.com"
    assert emails.normalise("ada@ab--cd.example") == "ada@ab--cd.example"


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("ada@example.com", "ada@example.com"),
        ("ada@faß.de", "ada@xn--fa-hia.de"),
        ("ada@straße.de", "ada@xn--strae-oqa.de"),
        ("ada@müller.example", "ada@xn--mller-kva.example"),
        ("ada@例え.テスト", "ada@xn--r8jz45g.xn--zckzah"),
        ("ada@βόλος.gr", "ada@xn--nxasmm1c.gr"),
        ("ada@ｅｘａｍｐｌｅ.com", "ada@example.com"),  # stored before it had one spelling
    ],
)
def test_a_domain_goes_out_as_idna_2008_says(address, sent):
    assert emails.as_sent(address) == sent


@pytest.mark.parametrize(
    "domain", ["☕.example", "xn--ls8h.example", "-ü.example", "ü..example", f"{'ü' * 63}.example"]
)
def test_a_domain_that_idna_2008_refuses_is_named(domain):
    message = f"E-mail cannot go to “{domain}”. Please check the part after the @."
    assert refusal(f"ada@{domain}") == message
    with pytest.raises(BadDomain):
        emails.as_sent(f"ada@{domain}")


def test_an_address_is_measured_as_it_goes_out():
    letters = ".".join(["ü日" * 12] * 4)
    assert len(f"ada@{letters}.example") < 254
    assert emails.normalise(f"ada@{letters}.example") == f"ada@{letters}.example"
    long = f"{'a' * 100}@{letters}.example"
    assert len(long) < 254
    assert refusal(long) == "An e-mail address has at most 254 characters."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nobody",
        "日本 語",
        "ſa@example.com",
        "ü@example.com",
        "a@b",
        "a b@example.com",
        "a@example.com\0",
    ],
)
def test_what_is_no_address_is_refused(text):
    assert refusal(text) == "Please enter an e-mail address, like name@example.com."
