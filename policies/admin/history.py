"""The history of everything, for those who may see Django's log."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from policies.backoffice import date_ranges, exports, history, query_strings
from policies.backoffice.history import Query
from policies.backoffice.history_pages import log_export, page_of_lines
from policies.backoffice.report_filters import DayField, SpanForm, beginning_of
from policies.shared.fields import PlainCharField

COLUMNS = [
    *(_("When (UTC)"), _("Who"), _("From where"), _("Kind"), _("Object")),
    *(_("What"), _("Change"), _("Note")),
]
FIRST_SPAN = "last-30-days"
# How many rows of a kind one reference may mean: all claims of a drone, say.
MOST = 200


def kinds() -> list[tuple[str, Any]]:
    named = [
        (model._meta.label_lower, capfirst(model._meta.verbose_name)) for model in history.kinds()
    ]
    return [("", _("All")), *sorted(named, key=lambda one: str(one[1]))]


class HistoryForm(SpanForm):
    first_day = DayField(label=_("From"), required=False)
    last_day = DayField(label=_("To and including"), required=False)
    who = PlainCharField(label=_("Who"), required=False, max_length=150)
    kind = forms.ChoiceField(label=_("Kind of object"), required=False, choices=kinds)
    address = forms.GenericIPAddressField(label=_("From where (address)"), required=False)
    reference = PlainCharField(label=_("Number or serial"), required=False, max_length=100)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["who"].widget.attrs["list"] = "people"

    def query(self) -> Query:
        data = self.cleaned_data
        first, last = data["first_day"], data["last_day"]
        model = next(
            (one for one in history.kinds() if one._meta.label_lower == data["kind"]), None
        )
        return Query(
            since=beginning_of(first) if first else None,
            until=beginning_of(last + timedelta(days=1)) if last else None,
            who=data["who"],
            address=data["address"],
            model=model,
            among=meant_by(data["reference"]) if data["reference"] else None,
        )


def meant_by(reference: str) -> dict[type[Model], list[Any]]:
    """The rows that the lists of the back office find by a reference."""
    rows_of = {}
    for model in history.kinds():
        find = getattr(admin.site.get_model_admin(model), "find", None)
        if find is not None:
            rows = find(model._default_manager.order_by(), reference)
            rows_of[model] = list(rows.values_list("pk", flat=True)[:MOST])
    return rows_of


@admin.register(LogEntry)
class HistoryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """One page in place of Django's list: its log is only a part of the history."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.history_page)
        return [path("", page, name="admin_logentry_changelist")]

    def history_page(self, request: HttpRequest) -> HttpResponseBase:
        if not self.has_view_permission(request):
            raise PermissionDenied
        offered = date_ranges.past(timezone.localdate())
        data: QueryDict = request.GET
        if not HistoryForm.base_fields.keys() & data.keys():
            data = query_strings.opening(offered, FIRST_SPAN)
        form = HistoryForm(data)
        query = form.query() if form.is_valid() else None
        export = request.GET.get("export", "")
        if query and export in exports.FORMATS:
            log_export(request, LogEntry, _("History"), export)
            name = f"history-{timezone.now():%Y-%m-%d}"
            return exports.FORMATS[export](name, COLUMNS, lines(query))
        context = {
            **self.admin_site.each_context(request),
            "title": _("History"),
            "form": form,
            "people": User.objects.order_by("username").values_list("username", flat=True),
            "spans": list(query_strings.to_spans(offered, data)),
            "downloads": [
                (one.upper(), query_strings.changed(data, export=one)) for one in exports.FORMATS
            ],
            **(page_of_lines(data, query) if query else {}),
        }
        return TemplateResponse(request, "admin/history.html", context)


def lines(query: Query) -> Iterator[list[Any]]:
    """The lines of a file."""
    for line in history.every(query):
        about = [line.kind, line.about, line.what, "; ".join(line.changes), line.note]
        yield [line.at, line.who, line.address, *about]
