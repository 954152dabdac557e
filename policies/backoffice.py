"""FACE: the base of the staff's pages.

An operation (sell, void, bind …) is a page that asks, one Django form, one call to a verb,
a message and a LogEntry. It runs on POST only, and it fetches its object through the
admin, so that nobody reaches by URL what the lists do not show them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Page, Paginator
from django.db import models, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.timezone import now as current_time
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache

from policies import clocks, sections
from policies.actor import Actor
from policies.database import estimated_count
from policies.errors import Conflict, Refused
from policies.history_pages import LoggedAdmin
from policies.models import Event
from policies.papers import Paper
from policies.throttle import client_address

if TYPE_CHECKING:
    from policies.report_pages import Report


def acting(request: HttpRequest) -> Actor:
    """The member of staff behind a request, with their address."""
    assert not request.user.is_anonymous
    return Actor.staff(request.user, client_address(request) or None)


def pill(kind: str, words: Any) -> SafeString:
    """A state as a coloured word; `kind` is good, busy, bad or quiet."""
    return format_html('<span class="pill pill-{}">{}</span>', kind, words)


def page_of(obj: models.Model) -> str:
    """The admin page of `obj`."""
    view = f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change"
    return reverse(view, args=[obj.pk])


def page_of_list(model: type[models.Model], term: str) -> str:
    """The address of the list of a kind of records, searched for `term`."""
    view = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    return f"{reverse(view)}?{urlencode({'q': term})}"


def link(obj: models.Model | None, words: Any = None) -> SafeString | str:
    """A link to the admin page of `obj`, or a dash."""
    if obj is None:
        return "–"
    return format_html('<a href="{}">{}</a>', page_of(obj), words or obj)


@dataclass(frozen=True)
class Done:
    """What an operation did.

    `message` is for the person and `log` for the history (the message, where it is empty).
    `shown` is put on a page that is never stored: no cookie, no session, no cache.
    """

    message: Any
    log: str = ""
    shown: list[str] = field(default_factory=list)
    go_to: models.Model | None = None


@dataclass(frozen=True)
class Button:
    """A link to what can be done; `kind` is dangerous, report or nothing."""

    label: Any
    url: str
    kind: str = ""


class Operation:
    """One thing that staff do, to one object (`obj`) or from a list (`obj` is None)."""

    slug: ClassVar[str]
    label: ClassVar[Any]
    explanation: ClassVar[Any] = ""
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

    def initial(self) -> dict[str, Any]:
        return {}

    def form(self, data: Any = None) -> forms.Form:
        files = None if data is None else self.request.FILES
        return self.form_class(data, files, initial=self.initial())

    def run(self, form: Any) -> Done:
        """Calls the verb. It may raise Refused, Conflict or a ValidationError."""
        raise NotImplementedError

    def answer(self, form: Any) -> dict[str, Any] | None:
        """For a question: what the page shows. None for a deed, which `run` does on POST."""
        return None

    @cached_property
    def actor(self) -> Actor:
        return acting(self.request)


class OperationPage:
    """The view that all operations share."""

    def __init__(self, model_admin: "BackOfficeAdmin", operation: type[Operation]) -> None:
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
        """One transaction for the verb and its LogEntry; None when the verb said no."""
        try:
            with transaction.atomic():
                done = operation.run(form)
                self._log(operation, done)
        except Refused as refused:
            form.add_error(None, [str(reason) for reason in refused.verdict.objections])
        except Conflict as conflict:
            form.add_error(None, str(conflict.message))
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return done
        return None

    def _log(self, operation: Operation, done: Done) -> None:
        about = operation.obj or done.go_to
        if about is not None:
            self.model_admin.log_change(operation.request, about, done.log or str(done.message))

    def _next_url(self, done: Done, operation: Operation) -> str:
        target = done.go_to or operation.obj
        if target is None:
            return reverse(f"admin:{self.model_admin.url_base}_changelist")
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


class PaperPage:
    """The view that all papers share: the PDF, which the browser shows."""

    def __init__(self, model_admin: "BackOfficeAdmin", paper: Paper) -> None:
        self.model_admin = model_admin
        self.paper = paper

    def __call__(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not request.user.has_perm(self.paper.permission):
            raise PermissionDenied
        record = self.model_admin.get_object(request, unquote(object_id))
        if record is None:
            raise Http404
        response = HttpResponse(self.paper.draw(record, now=now()), content_type="application/pdf")
        response["Content-Disposition"] = f'inline; filename="{record}-{self.paper.slug}.pdf"'
        return response


class BulkOperation:
    """One step for many rows that staff ticked: asked once, done row by row, each logged.

    Rows that the step does not fit are left as they are and named.
    """

    slug: ClassVar[str]
    label: ClassVar[Any]
    permission: ClassVar[str]

    def run(self, obj: Any, actor: Actor) -> None:
        """Calls the verb for one row. It may raise Conflict."""
        raise NotImplementedError

    def __call__(
        self, model_admin: "BackOfficeAdmin", request: HttpRequest, chosen: models.QuerySet
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
        said = ngettext("%(count)d done.", "%(count)d done.", done) % {"count": done}
        messages.success(request, f"{self.label}: {said}")
        return None

    def _one(self, model_admin: "BackOfficeAdmin", request: HttpRequest, obj: Any) -> bool:
        try:
            with transaction.atomic():
                self.run(obj, acting(request))
                model_admin.log_change(request, obj, str(self.label))
        except Conflict as conflict:
            messages.warning(request, f"{obj}: {conflict.message}")
            return False
        return True


class EstimatingPaginator(Paginator):
    """Counts exactly to a thousand, and estimates beyond: nobody reads page 8,000."""

    @cached_property
    def count(self) -> int:
        if isinstance(self.object_list, models.QuerySet):
            return estimated_count(self.object_list)
        return len(self.object_list)

    def page(self, number: int | str) -> Page:
        """The keys of the page first, then its rows: an offset skips bare keys, not joined rows."""
        if not isinstance(self.object_list, models.QuerySet):
            return super().page(number)
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        keys = self.object_list.values_list("pk", flat=True)
        on_page = list(keys[first : first + self.per_page])
        return Page(self.object_list.filter(pk__in=on_page), number, self)


class BackOfficeAdmin(LoggedAdmin):
    """Declaration plus operations. No delete, no bulk action that the house has not written."""

    operations: tuple[type[Operation], ...] = ()
    list_operations: tuple[type[Operation], ...] = ()
    bulk_operations: tuple[type[BulkOperation], ...] = ()
    papers: tuple[type[Paper], ...] = ()
    reports: tuple[type["Report"], ...] = ()
    # Narrows a list down to what a search term names, through indexes.
    find: ClassVar[Any] = None
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
        return clocks.columns(self.model, super().get_list_display(request))

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet, search_term: str
    ) -> tuple[models.QuerySet, bool]:
        term = search_term.strip()
        if self.find is None:
            return super().get_search_results(request, queryset, term)
        return (type(self).find(queryset, term) if term else queryset), False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The bulk operations that this person may do; Django's own "delete selected" never."""
        return {
            one.slug: (one(), one.slug, one.label)
            for one in self.bulk_operations
            if request.user.has_perm(one.permission)
        }

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        obj = self.get_object(request, unquote(object_id))
        context = {}
        if obj is not None:
            title = f"{capfirst(self.opts.verbose_name)} {obj}"
            context = {
                "title": title,
                "subtitle": None,
                "buttons": [
                    *self._buttons(request, self.operations, obj),
                    *self._paper_buttons(request, obj),
                ],
                "sections": sections.of(obj, allowed=request.user.has_perm),
            }
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

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
        self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool
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
        return clocks.columns(self.model, super().get_fields(request, obj))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        readonly = super().get_readonly_fields(request, obj)
        return [*readonly, *clocks.instants(self.get_fields(request, obj))]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RecordInline(admin.TabularInline):
    """Rows of a record, read only."""

    template = "admin/record_rows.html"
    extra = 0
    can_delete = False
    show_change_link = False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return clocks.columns(self.model, super().get_fields(request, obj))

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


def now() -> Any:
    """The present instant: the admin is an edge of the house, and reads the clock here."""
    return current_time()
