"""What staff change on plain admin pages: old and new value of each field, and from where.

Django's LogEntry has one text for all that. It stays a list of Django's own messages, in JSON,
to which this module adds `values` (field, before, after), `said` (what an operation did), `event`
(an event records the same) and `from` (the address). Passwords and other secrets are
named, their values never written.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django import forms
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.admin.utils import construct_change_message
from django.db.models import Model
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import override

from policies.shared.visitors import client_address

SECRET = re.compile("password|secret|token|digest|sealed|otp", re.IGNORECASE)
LONGEST_VALUE = 300
NOTHING = "–"

Value = tuple[str, str, str]


# --- writing -----------------------------------------------------------------


def message(form: Any, formsets: Any, *, add: bool) -> list[dict[str, Any]]:
    """Django's message about a saved form and its inlines, with old and new values."""
    parts: list[dict[str, Any]] = construct_change_message(form, formsets, add)
    for part, about in zip(parts, _forms_behind(form, formsets, parts), strict=True):
        for verb in ("added", "changed"):
            if verb in part and about is not None:
                part[verb]["values"] = values(about, new=verb == "added")
    return parts


def values(form: Any, *, new: bool = False) -> list[Value]:
    """Label, before and after of each field that was edited; `new` rows had nothing before."""
    # Django calls a new password "password", whatever the form's fields are called.
    fields = {name: form.fields[name] for name in form.changed_data if name in form.fields}
    with override(None):
        return [
            (
                str(field.label or name),
                NOTHING if new else _words(field, form.get_initial_for_field(field, name)),
                _words(field, form.cleaned_data.get(name)),
            )
            for name, field in fields.items()
            if not is_secret(name, field)
        ]


def is_secret(name: str, field: forms.Field) -> bool:
    return bool(SECRET.search(name)) or isinstance(field.widget, forms.PasswordInput)


def _forms_behind(form: Any, formsets: Any, parts: list[Any]) -> Iterator[Any]:
    """The form of each part of Django's message, in its order; None for what was deleted."""
    inlines = [each for formset in formsets or [] for each in _inline_forms(formset)]
    if len(parts) > len(inlines):
        yield form
    yield from inlines


def _inline_forms(formset: Any) -> Iterator[Any]:
    by_row = {id(one.instance): one for one in formset.forms}
    yield from (by_row[id(row)] for row in formset.new_objects)
    yield from (by_row[id(row)] for row, _fields in formset.changed_objects)
    yield from (None for _row in formset.deleted_objects)


def _words(field: forms.Field, value: Any) -> str:
    """A value as its form shows it."""
    if value is None or value == "":
        return NOTHING
    if isinstance(field, forms.ModelMultipleChoiceField):
        return ", ".join(sorted(_row(field, each) for each in value)) or NOTHING
    if isinstance(field, forms.ModelChoiceField):
        return _row(field, value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="minutes")
    if isinstance(field, forms.ChoiceField):
        value = dict(_flat(field.choices)).get(str(value), value)
    return Truncator(str(value)).chars(LONGEST_VALUE)


def _row(field: Any, value: Any) -> str:
    if isinstance(value, Model):
        return str(value)
    row = field.queryset.filter(**{field.to_field_name or "pk": value}).first()
    return str(row or value)


def _flat(choices: Any) -> Iterator[tuple[str, Any]]:
    for value, label in choices:
        if isinstance(label, list | tuple):
            yield from _flat(label)
        else:
            yield str(value), label


def operation(message: str, *, has_event: bool = False) -> list[dict[str, Any]]:
    """What an operation did, in its own words, and whether its verb has left an event as well."""
    return [{"said": message, "event": True} if has_event else {"said": message}]


def signed(message: Any, request: HttpRequest) -> list[dict[str, Any]]:
    """A message, from a form or an operation's own words, with the address it came from."""
    parts = message if isinstance(message, list) else operation(str(message))
    return [*parts, {"from": client_address(request)}]


# --- reading -----------------------------------------------------------------


@dataclass(frozen=True)
class Message:
    """What a LogEntry says, and whether an event records the same."""

    what: str
    changes: list[str] = field(default_factory=list)
    address: str = ""
    has_event: bool = False


def read(entry: LogEntry) -> Message:
    """Understands its own messages, Django's, and plain text."""
    what = {ADDITION: _("Added"), CHANGE: _("Changed"), DELETION: _("Deleted")}[entry.action_flag]
    parts = _parts(entry.change_message)
    if parts is None:
        return Message(entry.change_message or what)
    words = [part["said"] for part in parts if "said" in part]
    changes = [line for part in parts for line in _changes(part)]
    address = next((part["from"] for part in parts if "from" in part), "")
    has_event = any(part.get("event") for part in parts)
    return Message(" ".join(words) or what, changes, address, has_event)


def _parts(message: str) -> list[dict[str, Any]] | None:
    if not message.startswith("["):
        return None
    try:
        parts = json.loads(message)
    except json.JSONDecodeError:
        return None
    return parts if all(isinstance(part, dict) for part in parts) else None


def _changes(part: dict[str, Any]) -> Iterator[str]:
    """One line for each value, or for each row of an inline that is gone."""
    for verb in ("added", "changed"):
        about = part.get(verb) or {}
        row = f"{about['name']} “{about['object']}”: " if "name" in about else ""
        for label, before, after in about.get("values", []):
            yield f"{row}{label}: {before} → {after}"
        if row and not about.get("values"):
            yield f"{row}{_('Added') if verb == 'added' else _('Changed')}"
    gone = part.get("deleted") or {}
    if "name" in gone:
        yield f"{gone['name']} “{gone['object']}”: {_('Deleted')}"


def mark_of(address: str) -> str:
    """How an address stands in a message, for a search."""
    return json.dumps({"from": address})
