"""A page as its reader has it: its words, and the form that a browser would send."""

import re
from html import unescape
from html.parser import HTMLParser


def plain(html: str) -> str:
    """What a reader sees of a page or a letter, on one line.

    What is not to be said is looked for in these words: the keys and the links in the source
    are random and may hold any two or three letters.
    """
    html = re.sub(r"<(style|title|svg|script)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, str]] = []
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append({})
        elif not self.forms:
            return
        elif tag == "select":
            self._select = facts.get("name", "")
        elif tag == "option" and self._select and "selected" in facts:
            self.forms[-1][self._select] = facts.get("value", "")
        elif tag in {"input", "textarea"} and facts.get("type") not in {"submit", "file"}:
            ticked = facts.get("type") not in {"checkbox", "radio"} or "checked" in facts
            if facts.get("name") and ticked:
                self.forms[-1][facts["name"]] = facts.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""


def form_with(field: str, html: str) -> dict[str, str]:
    """What the form that has the field would send as it stands. Texts of text areas are left out."""
    reader = _Forms()
    reader.feed(html)
    [form] = [form for form in reader.forms if field in form]
    return form
