"""A page as its reader has it: its words, and the forms that a browser would send."""

import re
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from typing import Any

import zeal
from django.test import Client

from claims.models import Claim
from policies import links
from policies.models import Policy
from tests.factories import LONG_AGO


@zeal.zeal_ignore()
def token(opened: Policy | Claim) -> str:
    """What stands in the address of the customer's page; only their letters have it."""
    if isinstance(opened, Claim):
        return links.token_of(opened.policy, reference=opened.number, now=LONG_AGO)
    return links.token_of(opened, now=LONG_AGO)


def plain(html: str) -> str:
    """What a reader sees of a page or a letter, on one line.

    What is not to be said is looked for in these words: the keys and the links in the source
    are random and may hold any two or three letters.
    """
    html = re.sub(r"<(style|title|svg|script)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


@dataclass
class Form:
    """One form as it stands: where it goes, what it would send, and its buttons by their words."""

    action: str
    method: str
    fields: dict[str, Any] = field(default_factory=dict)
    buttons: dict[str, "Button"] = field(default_factory=dict)

    def add(self, name: str, value: str) -> None:
        """Several values of one name make a list."""
        if name not in self.fields:
            self.fields[name] = value
        elif isinstance(self.fields[name], list):
            self.fields[name].append(value)
        else:
            self.fields[name] = [self.fields[name], value]


@dataclass
class Button:
    name: str
    value: str
    action: str


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open: Form | None = None
        self._select = ""
        self._text: tuple[str, list[str]] | None = None
        self._button: tuple[Button, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = {name: value or "" for name, value in attrs}
        name = facts.get("name", "")
        if tag == "form":
            self._open = Form(facts.get("action", ""), facts.get("method", "get").lower())
            self.forms.append(self._open)
        elif self._open is None:
            return
        elif tag == "select":
            self._select = name
        elif tag == "option":
            if self._select and "selected" in facts:
                self._open.add(self._select, facts.get("value", ""))
        elif tag == "textarea":
            self._text = (name, [])
        elif tag == "button" or facts.get("type") == "submit":
            self._see_button(tag, facts, self._open)
        elif tag == "input":
            _see_input(facts, self._open)

    def _see_button(self, tag: str, facts: dict[str, str], form: Form) -> None:
        button = Button(facts.get("name", ""), facts.get("value", ""), facts.get("formaction", ""))
        if tag == "button":
            self._button = (button, [])
        else:
            form.buttons[button.value] = button

    def handle_data(self, data: str) -> None:
        for being_read in (self._text, self._button):
            if being_read:
                being_read[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "select":
            self._select = ""
        elif tag == "textarea" and self._text and self._open:
            self._open.add(self._text[0], "".join(self._text[1]).removeprefix("\n"))
            self._text = None
        elif tag == "button" and self._button and self._open:
            button, words = self._button
            self._open.buttons[" ".join("".join(words).split())] = button
            self._button = None


def _see_input(facts: dict[str, str], form: Form) -> None:
    to_tick = facts.get("type") in {"checkbox", "radio"}
    is_sent = not to_tick or "checked" in facts
    if facts.get("name") and is_sent and facts.get("type") != "file" and "disabled" not in facts:
        form.add(facts["name"], facts.get("value", "on" if to_tick else ""))


def forms_on(html: str) -> list[Form]:
    reader = _Forms()
    reader.feed(html)
    return reader.forms


def form_with(field: str, html: str) -> dict[str, Any]:
    """What the form that has the field would send as it stands."""
    [form] = [form for form in forms_on(html) if field in form.fields]
    return form.fields


def press(client: Client, page: Any, button: str, typed: dict[str, Any] | None = None) -> Any:
    """Presses the button with these words on a page that was fetched, and follows nothing.

    The form is the one that the button stands in: with its own address, its hidden fields, and
    what is preset; `typed` is what a person changes in it.
    """
    assert page.status_code == 200, page.status_code
    html = page.content.decode()
    having = [form for form in forms_on(html) if button in form.buttons]
    assert len(having) == 1, f"{len(having)} forms have the button {button!r}"
    [form] = having
    pressed = form.buttons[button]
    sent = form.fields | (typed or {})
    if pressed.name:
        sent |= {pressed.name: pressed.value}
    address = (
        pressed.action
        or form.action
        or page.request["PATH_INFO"]
        + (f"?{page.request['QUERY_STRING']}" if page.request.get("QUERY_STRING") else "")
    )
    send = client.post if form.method == "post" else client.get
    return send(address, sent)
