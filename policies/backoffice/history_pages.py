"""The history as staff meet it: what a ModelAdmin writes into it, and the page of one object."""

import json
from typing import Any

from django.contrib import admin
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.admin.utils import unquote
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from policies.backoffice import history, log_entries, query_strings
from policies.backoffice.history import Position, Query
from policies.backoffice.operations import instant_of
from policies.rules.text import Text

LINES_PER_PAGE = 50


def page_of_lines(address: QueryDict, query: Query) -> dict[str, Any]:
    """What the templates need: the lines from the position on that the page's address names."""
    before = Position.parse(address.get("before", ""))
    lines = history.newest(query, limit=LINES_PER_PAGE + 1, before=before)
    shown, more = lines[:LINES_PER_PAGE], lines[LINES_PER_PAGE:]
    return {
        "lines": shown,
        "newest": query_strings.changed(address) if before else "",
        "older": query_strings.changed(address, before=shown[-1].position) if more else "",
    }


def log_export(request: HttpRequest, model: type[Model], title: Text, form: str) -> None:
    """Records who exported which list: it may hold customers' names."""
    query = query_strings.changed(request.GET).removeprefix("?")
    message = _("Exported as %(form)s: %(query)s") % {"form": form.upper(), "query": query or "–"}
    _write(
        request,
        content_type=ContentType.objects.get_for_model(model),
        object_repr=str(title)[:200],
        action_flag=CHANGE,
        message=message,
    )


class LoggedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """For a ModelAdmin: what it saves is logged with old and new values and the address.

    The history of an object shows that, and the object's events.
    """

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> list[dict[str, Any]]:
        return log_entries.message(form, formsets, add=add)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        return _log(request, obj, ADDITION, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        return _log(request, obj, CHANGE, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> list[LogEntry]:
        return [_log(request, obj, DELETION, [{"deleted": {}}]) for obj in queryset]

    def history_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        if not self.has_view_or_change_permission(request, obj):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": _("History of %(object)s") % {"object": obj},
            "object": obj,
            "opts": self.opts,
            **page_of_lines(request.GET, Query(among={type(obj): [obj.pk]})),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/object_history.html", context)


def _log(request: HttpRequest, obj: Model, flag: int, message: Any) -> LogEntry:
    return _write(
        request,
        content_type=ContentType.objects.get_for_model(obj, for_concrete_model=False),
        object_id=obj.pk,
        object_repr=str(obj)[:200],
        action_flag=flag,
        message=message,
    )


def _write(request: HttpRequest, *, message: Any, **facts: Any) -> LogEntry:
    """At the instant of the request, which is that of the events that it causes, too."""
    assert request.user.pk is not None
    return LogEntry.objects.create(
        user_id=request.user.pk,
        action_time=instant_of(request),
        change_message=json.dumps(log_entries.signed(message, request)),
        **facts,
    )
