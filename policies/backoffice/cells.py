"""FACE: pills, and links between the staff's pages."""

from typing import Any

from django.db import models
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from policies.rules.text import Text


def pill(kind: str, words: Text) -> SafeString:
    """A state as a coloured word; `kind` is good, busy, bad or quiet."""
    return format_html('<span class="pill pill-{}">{}</span>', kind, words)


def page_of(obj: models.Model) -> str:
    """The admin page of `obj`."""
    return page_of_row(type(obj), obj.pk)


def page_of_row(model: type[models.Model], pk: Any) -> str:
    """The same, of a row that need not be fetched."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[pk])


def page_of_list(model: type[models.Model], term: str = "", **filters: str) -> str:
    """The address of the list of a kind of records, searched for `term`, narrowed by filters."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    query = ({"q": term} if term else {}) | filters
    return f"{address}?{urlencode(query)}" if query else address


def link(obj: models.Model | None, words: object = None) -> SafeString | str:
    """A link to the admin page of `obj`, or a dash."""
    if obj is None:
        return "–"
    return format_html('<a href="{}">{}</a>', page_of(obj), words or obj)
