"""The views behind what staff do: one page for every operation, one for every bulk operation.

A page acts on POST only, once for each form (`shared/once`), and it fetches its object through
the admin, so that nobody reaches by URL what the lists do not show them.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

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
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from policies.backoffice import history, log_entries
from policies.backoffice.cells import page_of, page_of_list
from policies.backoffice.operations import BulkOperation, Done, Operation, acting, instant_of
from policies.shared import once
from policies.shared.errors import Conflict, Refused, SerialDoubted
from policies.shared.papers import Paper
from policies.shared.serial_confirmation import SerialConfirmation

# What a confirmation can list, and a request can name.
MOST_AT_ONCE = 500


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
        try:
            sent = once.sending(request, now=operation.now)
            with transaction.atomic():
                return self._answer(operation, form, sent)
        except once.Expired:
            form.add_error(None, once.EXPIRED)
        except (Refused, Conflict, ValidationError) as error:
            if isinstance(error, SerialDoubted) and isinstance(form, SerialConfirmation):
                form.doubt(error)
            else:
                form.add_error(None, _in_the_way(error))
            operation.refused(form, error)
        return self._page(operation, form)

    def _object(self, request: HttpRequest, object_id: str | None) -> Any:
        if not self.model_admin.has_view_permission(request):
            raise PermissionDenied
        if object_id is None:
            return None
        obj = self.model_admin.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        return obj

    def _answer(
        self, operation: Operation, form: forms.Form, sent: once.Sending | None
    ) -> HttpResponse:
        """One transaction for the verb, its LogEntry, and the memory that the form was sent."""
        earlier = sent.earlier(now=operation.now) if sent else None
        if earlier and not earlier.opened_later:
            return _sent_before(operation.request, earlier)
        if not form.is_valid():
            return self._page(operation, form)
        if earlier and operation.asks_again:
            _rehearse(operation, form)
            return self._page(operation, form, done_lately=earlier)
        answer = operation.answer(form)
        if answer is not None:
            return self._page(operation, form, answer=answer)
        done = operation.run(form)
        self._log(operation, done)
        url = self._next_url(done, operation)
        if sent:
            # What is shown once is not kept: the log says that it was shown.
            told = done.log if done.shown else done.message
            sent.answered({"message": str(told), "url": url}, now=operation.now)
        if done.shown:
            return self._page(operation, None, done)
        messages.success(operation.request, str(done.message))
        return HttpResponseRedirect(url)

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
        done_lately: once.Answer | None = None,
    ) -> HttpResponse:
        opts = self.model_admin.model._meta
        context = {
            **self.model_admin.admin_site.each_context(operation.request),
            "title": operation.label,
            "operation": operation,
            "form": form,
            "done": done,
            "done_lately": done_lately,
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


class BulkPage:
    """The view that all bulk operations share, as one of a list's actions."""

    def __init__(self, operation: BulkOperation) -> None:
        self.operation = operation

    def __call__(
        self, model_admin: "ModelAdmin[Any]", request: HttpRequest, chosen: models.QuerySet[Any]
    ) -> HttpResponse | None:
        if not request.user.has_perm(self.operation.permission):
            raise PermissionDenied
        if "confirmed" not in request.POST:
            return self._page(model_admin, request, chosen, self.operation.form_class())
        form = self.operation.form_class(request.POST)
        chosen = self._named(model_admin, request)
        try:
            sent = once.sending(request, now=instant_of(request))
        except once.Expired:
            form.add_error(None, once.EXPIRED)
            return self._page(model_admin, request, chosen, form)
        with transaction.atomic():
            earlier = sent.earlier(now=instant_of(request)) if sent else None
            if earlier and not earlier.opened_later:
                return _sent_before(request, earlier)
            if earlier or not form.is_valid():
                return self._page(model_admin, request, chosen, form, done_lately=earlier)
            message = self._run(model_admin, request, chosen, form.cleaned_data)
            if sent:
                answer = {"message": message, "url": request.get_full_path()}
                sent.answered(answer, now=instant_of(request))
        messages.success(request, message)
        return None

    def _named(self, model_admin: "ModelAdmin[Any]", request: HttpRequest) -> models.QuerySet[Any]:
        """The rows that the confirmation listed, also those that have left the queue meanwhile."""
        pks = [pk for pk in request.POST.getlist(ACTION_CHECKBOX_NAME) if pk.isdecimal()]
        return model_admin.get_queryset(request).filter(pk__in=pks)

    def _page(
        self,
        model_admin: "ModelAdmin[Any]",
        request: HttpRequest,
        chosen: models.QuerySet[Any],
        form: forms.Form,
        done_lately: once.Answer | None = None,
    ) -> HttpResponse | None:
        rows = list(chosen.order_by("pk")[: MOST_AT_ONCE + 1])
        if len(rows) > MOST_AT_ONCE:
            text = _("Choose at most %(most)d at a time.") % {"most": MOST_AT_ONCE}
            messages.error(request, text)
            return None
        context = {
            **model_admin.admin_site.each_context(request),
            "title": self.operation.label,
            "operation": self.operation,
            "form": form,
            "done_lately": done_lately,
            "opts": model_admin.opts,
            "chosen": rows,
            "back_url": request.get_full_path(),
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/bulk_operation.html", context)

    def _run(
        self,
        model_admin: "ModelAdmin[Any]",
        request: HttpRequest,
        chosen: models.QuerySet[Any],
        typed: dict[str, Any],
    ) -> str:
        """Row by row, always in the same order, so that two of them wait and do not deadlock."""
        done = 0
        for obj in chosen.order_by("pk"):
            try:
                with transaction.atomic():
                    self.operation.run(obj, actor=acting(request), now=instant_of(request), **typed)
                    _log(model_admin, request, obj, str(self.operation.label))
                done += 1
            except Conflict as conflict:
                messages.warning(request, f"{obj}: {conflict.message}")
        count = ngettext("%(count)d done.", "%(count)d done.", done) % {"count": done}
        return f"{self.operation.label}: {count}"


class _TakenBack(Exception):
    """Ends a rehearsal: nothing of it stays."""


def _rehearse(operation: Operation, form: forms.Form) -> None:
    """Raises what stands against doing the same once more: then there is nothing to ask."""
    with suppress(_TakenBack), transaction.atomic():
        operation.run(form)
        raise _TakenBack
    if operation.obj is not None:
        operation.obj.refresh_from_db()


def save_once(request: HttpRequest, save: Callable[[], HttpResponse]) -> HttpResponse:
    """Django's own page that adds or changes a record, its form acted on once.

    A form that is too old is saved all the same: its rows have constraints of their own.
    """
    try:
        sent = once.sending(request, now=instant_of(request))
    except once.Expired:
        sent = None
    if sent is None:
        return save()
    with transaction.atomic():
        earlier = sent.earlier(now=instant_of(request))
        if earlier and not earlier.opened_later:
            return _sent_before(request, earlier)
        response = save()
        if isinstance(response, HttpResponseRedirect):
            answer = {"message": _("It is saved."), "url": response.url}
            sent.answered(answer, now=instant_of(request))
    return response


def _sent_before(request: HttpRequest, earlier: once.Answer) -> HttpResponse:
    """The page to which the form led the first time, and what was said there."""
    told = _("This form had been sent already, and was acted on once: %(message)s")
    messages.info(request, told % {"message": earlier.data["message"]})
    if not earlier.same_content:
        messages.warning(
            request,
            _("What you changed before you sent it again was not done. Open the form anew for it."),
        )
    return HttpResponseRedirect(earlier.data["url"])


def _log(model_admin: "ModelAdmin[Any]", request: HttpRequest, about: Any, message: str) -> None:
    """One line of Django's log. Where the verb has left an event, the history shows that one."""
    has_event = history.event_exists(about, at=instant_of(request), by=request.user.pk)
    model_admin.log_change(request, about, log_entries.operation(message, has_event=has_event))
