"""FACE: what staff do: each operation is a page made from one base.

An operation (sell, void, bind …) is a page that asks, one Django form, one call to a verb,
a message and a LogEntry. It runs on POST only, and it fetches its object through the
admin, so that nobody reaches by URL what the lists do not show them.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import ngettext

from policies.backoffice import history, log_entries
from policies.backoffice.cells import page_of, page_of_list
from policies.rules.text import Text
from policies.shared.actor import Actor
from policies.shared.errors import Conflict, Refused
from policies.shared.papers import Paper
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


class OperationPage:
    """The view that all operations share."""

    def __init__(self, model_admin: "ModelAdmin[Any]", operation: type[Operation]) -> None:
        self.model_admin = model_admin
        self.operation_class = operation

    def __call__(self, request: HttpRequest, object_id: str | None = None) -> HttpResponse:
        operation = self.operation_class(request, self._object(request, object_id))
        if not operation.permitted():
            raise PermissionDenied
        if request.method != "POST":
            return self._page(operation, operation.form())
        form = operation.form(request.POST)
        if not form.is_valid():
            return self._page(operation, form)
        answer = operation.answer(form)
        if answer is not None:
            return self._page(operation, form, answer=answer)
        done = self._run(operation, form)
        if done is None:
            return self._page(operation, form)
        if done.shown:
            return self._page(operation, None, done)
        messages.success(request, str(done.message))
        return HttpResponseRedirect(self._next_url(done, operation))

    def _object(self, request: HttpRequest, object_id: str | None) -> Any:
        if not self.model_admin.has_view_permission(request):
            raise PermissionDenied
        if object_id is None:
            return None
        obj = self.model_admin.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        return obj

    def _run(self, operation: Operation, form: forms.Form) -> Done | None:
        """One transaction for the verb and its LogEntry; None when the verb refused."""
        try:
            with transaction.atomic():
                done = operation.run(form)
                self._log(operation, done)
        except (Refused, Conflict, ValidationError) as error:
            form.add_error(None, _in_the_way(error))
            operation.refused(form, error)
        else:
            return done
        return None

    def _log(self, operation: Operation, done: Done) -> None:
        about = operation.obj or done.go_to
        if about is not None:
            _log(self.model_admin, operation.request, about, done.log or str(done.message))

    def _next_url(self, done: Done, operation: Operation) -> str:
        target = done.go_to or operation.obj
        if target is None:
            return page_of_list(self.model_admin.model)
        return page_of(target)

    def _page(
        self,
        operation: Operation,
        form: forms.Form | None,
        done: Done | None = None,
        answer: dict[str, Any] | None = None,
    ) -> HttpResponse:
        opts = self.model_admin.model._meta
        context = {
            **self.model_admin.admin_site.each_context(operation.request),
            "title": operation.label,
            "operation": operation,
            "form": form,
            "done": done,
            "opts": opts,
            "original": operation.obj,
            "back_url": self._next_url(Done(""), operation),
            **(answer or {}),
        }
        response = TemplateResponse(operation.request, operation.template, context)
        if operation.content_policy:
            policy = {**settings.SECURE_CSP, **operation.content_policy}
            response._csp_config = policy  # type: ignore[attr-defined]
        return response


def _in_the_way(error: Refused | Conflict | ValidationError) -> Any:
    """What stands against a deed, as a form takes it: at its fields, where the error names any."""
    match error:
        case Refused():
            return [str(reason) for reason in error.verdict.objections]
        case Conflict():
            return str(error.message)
        case ValidationError():
            return error


class PaperPage:
    """The view that all papers share: the PDF, which the browser shows."""

    def __init__(self, model_admin: "ModelAdmin[Any]", paper: Paper) -> None:
        self.model_admin = model_admin
        self.paper = paper

    def __call__(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not request.user.has_perm(self.paper.permission):
            raise PermissionDenied
        record = self.model_admin.get_object(request, unquote(object_id))
        if record is None:
            raise Http404
        pdf = self.paper.draw(record, now=instant_of(request))
        response = HttpResponse(pdf, content_type="application/pdf")
        response["Content-Disposition"] = f'inline; filename="{record}-{self.paper.slug}.pdf"'
        return response


class BulkOperation:
    """One step for many rows that staff ticked: asked once, done row by row, each logged.

    Rows that the step does not fit are left as they are and named.
    """

    slug: ClassVar[str]
    label: ClassVar[Text]
    permission: ClassVar[str]

    def run(self, obj: Any, *, actor: Actor, now: datetime) -> None:
        """Calls the verb for one row. It may raise Conflict."""
        raise NotImplementedError

    def __call__(
        self, model_admin: "ModelAdmin[Any]", request: HttpRequest, chosen: models.QuerySet[Any]
    ) -> HttpResponse | None:
        if not request.user.has_perm(self.permission):
            raise PermissionDenied
        if "confirmed" not in request.POST:
            context = {
                **model_admin.admin_site.each_context(request),
                "title": self.label,
                "operation": self,
                "opts": model_admin.opts,
                "chosen": chosen,
                "action_checkbox_name": ACTION_CHECKBOX_NAME,
            }
            return TemplateResponse(request, "admin/bulk_operation.html", context)
        done = sum(self._one(model_admin, request, obj) for obj in chosen)
        count = ngettext("%(count)d done.", "%(count)d done.", done) % {"count": done}
        messages.success(request, f"{self.label}: {count}")
        return None

    def _one(self, model_admin: "ModelAdmin[Any]", request: HttpRequest, obj: Any) -> bool:
        try:
            with transaction.atomic():
                self.run(obj, actor=acting(request), now=instant_of(request))
                _log(model_admin, request, obj, str(self.label))
        except Conflict as conflict:
            messages.warning(request, f"{obj}: {conflict.message}")
            return False
        return True


def _log(model_admin: "ModelAdmin[Any]", request: HttpRequest, about: Any, message: str) -> None:
    """One line of Django's log. Where the verb has left an event, the history shows that one."""
    has_event = history.event_exists(about, at=instant_of(request), by=request.user.pk)
    model_admin.log_change(request, about, log_entries.operation(message, has_event=has_event))
