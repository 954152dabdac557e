"""FACE: the base of the staff's lists and records."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from policies.backoffice import sections, times
from policies.backoffice.history_pages import LoggedAdmin
from policies.backoffice.operation_pages import BulkPage, OperationPage, PaperPage, save_once
from policies.backoffice.operations import BulkOperation, Button, Operation
from policies.backoffice.paginator import EstimatingPaginator
from policies.backoffice.reports import Report
from policies.models import Event
from policies.shared.papers import Paper


class BackOfficeAdmin(LoggedAdmin):
    """Declaration plus operations. No delete, no bulk action that the house has not written."""

    operations: tuple[type[Operation], ...] = ()
    list_operations: tuple[type[Operation], ...] = ()
    bulk_operations: tuple[type[BulkOperation], ...] = ()
    papers: tuple[type[Paper], ...] = ()
    reports: tuple[type[Report], ...] = ()
    # Narrows a list down to what a search term names, through indexes.
    find: ClassVar[Any] = None
    # What a whole code leads to from this list, where one may be looked up: "code" or "policy".
    code_leads_to: ClassVar[str] = ""
    change_form_template = "admin/record.html"
    change_list_template = "admin/records.html"
    paginator = EstimatingPaginator
    show_full_result_count = False
    list_per_page = 50
    # Facets count every choice of every filter on each visit.
    show_facets = admin.ShowFacets.NEVER

    @property
    def url_base(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"

    def get_urls(self) -> list[URLPattern]:
        def view(operation: type[Operation]) -> Callable[..., HttpResponse]:
            page = OperationPage(self, operation)
            return self.admin_site.admin_view(never_cache(lambda *args, **kw: page(*args, **kw)))

        def paper(kind: type[Paper]) -> Callable[..., HttpResponse]:
            page = PaperPage(self, kind())
            return self.admin_site.admin_view(never_cache(lambda *args, **kw: page(*args, **kw)))

        return [
            *(
                path(
                    f"<path:object_id>/{one.slug}.pdf",
                    paper(one),
                    name=f"{self.url_base}_{one.slug}",
                )
                for one in self.papers
            ),
            *(
                path(
                    f"report/{one.slug}/",
                    self.admin_site.admin_view(never_cache(one.page(self))),
                    name=f"{self.url_base}_report_{one.slug}",
                )
                for one in self.reports
            ),
            *(
                path(f"{one.slug}/", view(one), name=f"{self.url_base}_{one.slug}")
                for one in self.list_operations
            ),
            *(
                path(f"<path:object_id>/{one.slug}/", view(one), name=f"{self.url_base}_{one.slug}")
                for one in self.operations
            ),
            *super().get_urls(),
        ]

    def get_list_display(self, request: HttpRequest) -> Any:
        return times.columns(self.model, super().get_list_display(request))

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        term = search_term.strip()
        if self.find is None:
            return super().get_search_results(request, queryset, term)
        return (type(self).find(queryset, term) if term else queryset), False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The bulk operations that this person may do; Django's own "delete selected" never."""
        return {
            one.slug: (BulkPage(one()), one.slug, one.label)
            for one in self.bulk_operations
            if request.user.has_perm(one.permission)
        }

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        def save() -> Any:
            return super(BackOfficeAdmin, self).changeform_view(request, *args, **kwargs)

        return save_once(request, save) if request.method == "POST" else save()

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        # Here Django has fetched the record and checked who asks.
        if obj is not None:
            context |= self.page_facts(request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def page_facts(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """What the template of a record's page needs beyond Django's own."""
        return {
            "title": f"{capfirst(self.opts.verbose_name)} {obj}",
            "subtitle": None,
            "buttons": [
                *self._buttons(request, self.operations, obj),
                *self._paper_buttons(request, obj),
            ],
            "sections": sections.of(obj, allowed=request.user.has_perm),
        }

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        buttons = [
            *self._buttons(request, self.list_operations),
            *self._report_buttons(request),
        ]
        context = {"title": capfirst(self.opts.verbose_name_plural), "buttons": buttons}
        return super().changelist_view(request, context | (extra_context or {}))

    def _buttons(
        self, request: HttpRequest, operations: tuple[type[Operation], ...], obj: Any = None
    ) -> Iterator[Button]:
        """The operations that this person may do and that the object's state offers now."""
        for operation in (one(request, obj) for one in operations):
            if operation.permitted() and operation.open():
                kind = "dangerous" if operation.dangerous else ""
                yield Button(operation.label, self._address(operation.slug, obj), kind)

    def _report_buttons(self, request: HttpRequest) -> Iterator[Button]:
        for report in self.reports:
            if report.permitted(request):
                yield Button(report.label, report.address(self.opts), "report")

    def _paper_buttons(self, request: HttpRequest, obj: Any) -> Iterator[Button]:
        for paper in self.papers:
            if request.user.has_perm(paper.permission):
                yield Button(paper.label, self._address(paper.slug, obj), "report")

    def _address(self, slug: str, obj: Any = None) -> str:
        return reverse(f"admin:{self.url_base}_{slug}", args=[obj.pk] if obj else [])

    def save_model(
        self, request: HttpRequest, obj: Any, form: "forms.ModelForm[Any]", change: bool
    ) -> None:
        # Only what was edited: a stale form must not write back what a sweep has changed.
        if change:
            concrete = {one.name for one in obj._meta.concrete_fields}
            obj.save(update_fields=[name for name in form.changed_data if name in concrete])
        else:
            obj.save()


class RecordAdmin(BackOfficeAdmin):
    """For what only verbs may change: looked at here, never edited."""

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return times.columns(self.model, super().get_fields(request, obj))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        readonly = super().get_readonly_fields(request, obj)
        return [*readonly, *times.instants(self.get_fields(request, obj))]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RecordInline(admin.TabularInline):  # type: ignore[type-arg]
    """Rows of a record, read only."""

    template = "admin/record_rows.html"
    extra = 0
    can_delete = False
    show_change_link = False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return times.columns(self.model, super().get_fields(request, obj))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Who may see the record may see its rows.
        return True


class EventInline(RecordInline):
    """The history of a record."""

    readonly_fields = ("at", "what", "actor", "address", "note")
    fields = readonly_fields
    verbose_name_plural = _("history")
    ordering = ["-at", "-id"]

    @admin.display(description=_("what"))
    def what(self, event: Event) -> str:
        return event.what
