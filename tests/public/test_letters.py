"""How the letters read. They are queued by the real verbs and rendered as the worker does."""

import re

import pytest

from policies import outbox, status
from policies.models import Letter, Policy
from policies.shared.actor import Actor
from tests.pages import token


def rendered(name: str) -> outbox.Rendered:
    return outbox.render(Letter.objects.get(name=name), whole=True)


def test_the_code_letter_carries_the_code_and_says_what_to_do(code):
    letter = rendered("code_sold")
    grouped = f"{code[:4]}-{code[4:8]}-{code[8:12]}-{code[12:]}"
    assert letter.subject == "Your activation code from Skyline Drones"
    for body in (letter.text, letter.html):
        assert grouped in body
        assert "http://testserver/activate/" in body
        assert "within 48 hours of its activation" in body
        assert "SO-1" in body


def test_the_binding_letter_carries_the_whole_agreement(bound):
    letter = rendered("policy_bound")
    assert letter.subject == "Your Mavic 2 Pro is covered"
    for body in (letter.text, letter.html):
        for fact in (
            bound.number,
            "08QCE3D0",
            "United States",
            "Propellers",
            "A remote controller is never covered.",
            "Deliberate damage",
            "USD\N{NO-BREAK SPACE}119.00",
            "USD\N{NO-BREAK SPACE}139.00",
            f"http://testserver/policy/{token(bound)}/",
        ):
            assert fact in body
        assert re.search(r"Ends:(</strong>)? \d+ \w+ \d{4}, \d\d:\d\d E[SD]T", body)


def test_the_link_letter_carries_the_link(bound):
    actor = Actor.customer()
    status.send_link(serial="08QCE3D0", email="ada@example.com", actor=actor, now=bound.starts_at)
    letter = rendered("link_requested")
    assert letter.subject == "The link to your care plan"
    for body in (letter.text, letter.html):
        assert f"http://testserver/policy/{token(bound)}/" in body


@pytest.fixture
def every_letter(bound: Policy) -> list[outbox.Rendered]:
    Letter.objects.filter(name="policy_bound").update(
        context=Letter.objects.get(name="policy_bound").context
        | {"holder": "Zoë <b>O'Neil</b> & Co"}
    )
    return [outbox.render(letter, whole=True) for letter in Letter.objects.all()]


def test_no_subject_holds_a_code_or_a_serial(every_letter, code):
    for letter in every_letter:
        assert "08QCE3D0" not in letter.subject
        assert code[:4] not in letter.subject
        assert "\n" not in letter.subject
        assert len(letter.subject) <= 60


def test_text_is_plain_and_html_is_escaped(every_letter):
    letter = next(letter for letter in every_letter if "covered" in letter.subject)
    assert "Hello Zoë <b>O'Neil</b> & Co," in letter.text
    assert "Hello Zoë &lt;b&gt;O&#x27;Neil&lt;/b&gt; &amp; Co," in letter.html


def test_html_suits_dark_mailboxes_and_loads_nothing(every_letter):
    for letter in every_letter:
        assert '<meta name="color-scheme" content="light dark">' in letter.html
        assert "<img" not in letter.html
        assert "<table" not in letter.html
        assert "<script" not in letter.html


def test_no_letter_forgot_a_variable(every_letter):
    for letter in every_letter:
        assert "None" not in letter.text
        assert ": \n" not in letter.text
