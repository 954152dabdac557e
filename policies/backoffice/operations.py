"""FACE: what staff do, as declarations.

An operation (sell, void, bind …) is a page that asks, one Django form, one call to a verb,
a message and a LogEntry. `operation_pages` has the views.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property

from policies.rules.text import Text
from policies.shared.actor import Actor
from policies.shared.visitors import client_address


def acting(request: HttpRequest) -> Actor:
    """The member of staff behind a request, with their address."""
    assert not request.user.is_anonymous
    return Actor.staff(request.user, client_address(request) or None)


def instant_of(request: HttpRequest) -> datetime:
    """The instant (UTC) at which a request of staff is answered: one for all of its page.

    The frame reads the clock here and nowhere else, and only with a request.
    """
    facts = vars(request)
    if "instant" not in facts:
        facts["instant"] = timezone.now()
    instant: datetime = facts["instant"]
    return instant


@dataclass(frozen=True)
class Done:
    """What an operation did.

    `message` is for the person and `log` for the history (the message, where it is empty).
    `shown` is put on a page that is never stored: no cookie, no session, no cache.
    """

    message: Text
    log: str = ""
    shown: list[str] = field(default_factory=list)
    go_to: models.Model | None = None


@dataclass(frozen=True)
class Button:
    """A link to what can be done; `kind` is dangerous, report or nothing."""

    label: Text
    url: str
    kind: str = ""


class Operation:
    """One thing that staff do, to one object (`obj`) or from a list (`obj` is None)."""

    slug: ClassVar[str]
    label: ClassVar[Text]
    explanation: ClassVar[Text] = ""
    permission: ClassVar[str]
    form_class: ClassVar[type[forms.Form]] = forms.Form
    dangerous: ClassVar[bool] = False
    # Whether the same once more, minutes later, is asked about, if the rules would let it be done.
    asks_again: ClassVar[bool] = True
    template: ClassVar[str] = "admin/operation.html"
    # What the page needs beyond the house's content security policy.
    content_policy: ClassVar[dict[str, list[str]]] = {}

    def __init__(self, request: HttpRequest, obj: Any = None) -> None:
        self.request = request
        self.obj = obj

    def permitted(self) -> bool:
        return self.request.user.has_perm(self.permission)

    def open(self) -> bool:
        """Whether the object's state offers this step; the verb has the last word."""
        return True

    def facts(self) -> list[tuple[Text, Text]]:
        """What the page shows of the object, for a last look: names and values."""
        return []

    def initial(self) -> dict[str, Any]:
        return {}

    def form(self, data: Any = None) -> forms.Form:
        files = None if data is None else self.request.FILES
        return self.form_class(data, files, initial=self.initial())

    def run(self, form: Any) -> Done:
        """Calls the verb. It may raise Refused, Conflict or a ValidationError."""
        raise NotImplementedError

    def refused(self, form: Any, error: Exception) -> None:
        """Keeps what is to be kept of a deed that was refused: `run` has been rolled back."""

    def answer(self, form: Any) -> dict[str, Any] | None:
        """For a question: what the page shows. None for a deed, which `run` does on POST."""
        return None

    @cached_property
    def actor(self) -> Actor:
        return acting(self.request)

    @property
    def now(self) -> datetime:
        return instant_of(self.request)


class BulkOperation:
    """One step for many rows that staff ticked: asked once, done row by row, each logged.

    Rows that the step does not fit are left as they are and named.
    """

    slug: ClassVar[str]
    label: ClassVar[Text]
    explanation: ClassVar[Text] = ""
    permission: ClassVar[str]
    form_class: ClassVar[type[forms.Form]] = forms.Form
    dangerous: ClassVar[bool] = False

    def run(self, obj: Any, *, actor: Actor, now: datetime, **typed: Any) -> None:
        """Calls the verb for one row, with what the form asked. It may raise Conflict."""
        raise NotImplementedError
