"""FACE: a report is a page of figures and rows, filtered by its address, and the same as a file.

Like an operation it is declared: title, filters, columns, figures. A ModelAdmin lists it in
`reports`, and button, address, permission, presets, pages and downloads come with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.db.models.options import Options
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django_filters import FilterSet

from policies.backoffice import date_ranges, exports, query_strings, times
from policies.backoffice.cells import page_of
from policies.backoffice.history_pages import log_export
from policies.backoffice.operations import instant_of
from policies.backoffice.paginator import EstimatingPaginator
from policies.rules.text import Text

ROWS_PER_PAGE = 50
CHUNK = 2_000


class Money(NamedTuple):
    """An amount that never meets one of another currency."""

    amount: Decimal
    currency: str


@dataclass(frozen=True)
class Column:
    """A heading, and what a row says under it: a plain value, for the file and for the page.

    `about` names the object whose page the cell leads to; `shown` is what the page says
    where that differs from the file. What would make a page too wide is for the file alone.
    """

    heading: Text
    value: Callable[[Any], Any]
    about: Callable[[Any], Model | None] | None = None
    shown: Callable[[Any], Any] | None = None
    numeric: bool = False
    for_the_file: bool = False
    instant: bool = False

    @property
    def heading_in_file(self) -> str:
        # A page shows the viewer's clock and says which; a spreadsheet cannot.
        return f"{self.heading} (UTC)" if self.instant else str(self.heading)


class Figure(NamedTuple):
    label: Text
    value: Any


@dataclass(frozen=True)
class Summary:
    """A small table of totals. `numeric` counts the columns, from the right, that hold numbers."""

    title: Text
    headings: Sequence[Text]
    lines: list[list[Any]] = field(default_factory=list)
    numeric: int = 1


@dataclass(frozen=True)
class Totals:
    """The totals over all rows; `count` is exact."""

    count: int
    figures: list[Figure] = field(default_factory=list)
    summaries: list[Summary] = field(default_factory=list)


class Cell(NamedTuple):
    heading: Text
    value: Any
    url: str
    numeric: bool


class Report:
    """One report, as one person asks for it."""

    slug: ClassVar[str]
    label: ClassVar[Text]
    explanation: ClassVar[Text] = ""
    permission: ClassVar[str]
    filterset_class: ClassVar[type[FilterSet]]
    columns: ClassVar[tuple[Column, ...]]
    spans_offered: ClassVar[Callable[[date], list[date_ranges.Span]]] = date_ranges.past
    # What is shown before anybody has chosen: the slug of a span, and other filters.
    first_span: ClassVar[str] = ""
    first_filters: ClassVar[dict[str, str]] = {}
    dangerous: ClassVar[bool] = False

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    def rows(self) -> QuerySet[Any]:
        """Everything that the filters choose from, in its order, bare."""
        raise NotImplementedError

    def with_details(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows with all that the columns ask for; only those that are shown or written."""
        return rows

    def totals(self, rows: QuerySet[Any]) -> Totals:
        return Totals(rows.count())

    @classmethod
    def page(cls, model_admin: "ModelAdmin[Any]") -> Callable[[HttpRequest], HttpResponseBase]:
        """The view of this report, among the pages of `model_admin`."""
        shared = ReportPage(model_admin, cls)
        return lambda request: shared(request)

    @classmethod
    def permitted(cls, request: HttpRequest) -> bool:
        return request.user.has_perm(cls.permission)

    @classmethod
    def address(cls, opts: "Options[Any]") -> str:
        """The address of the report about the model of `opts`."""
        return reverse(f"admin:{opts.app_label}_{opts.model_name}_report_{cls.slug}")

    @property
    def now(self) -> datetime:
        return instant_of(self.request)

    @cached_property
    def span_links(self) -> list[date_ranges.Span]:
        return type(self).spans_offered(timezone.localtime(self.now).date())

    @cached_property
    def filters(self) -> FilterSet:
        names = self.filterset_class.base_filters
        query: QueryDict = self.request.GET
        if not names.keys() & query.keys():
            query = query_strings.opening(self.span_links, self.first_span, self.first_filters)
        return self.filterset_class(query, self.rows(), request=self.request)

    @property
    def shown_columns(self) -> list[Column]:
        return [column for column in self.columns if not column.for_the_file]

    def cells(self, row: Any) -> list[Cell]:
        return [self._cell(column, row) for column in self.shown_columns]

    def _cell(self, column: Column, row: Any) -> Cell:
        value = (column.shown or column.value)(row)
        if isinstance(value, datetime):
            value = times.when(value)
        about = column.about(row) if column.about else None
        return Cell(column.heading, value, page_of(about) if about else "", column.numeric)

    def download(self, form: str) -> HttpResponseBase:
        rows = self.with_details(self.filters.qs).iterator(chunk_size=CHUNK)
        lines = ([column.value(row) for column in self.columns] for row in rows)
        name = f"{self.slug}-{self.now:%Y-%m-%d}"
        return exports.FORMATS[form](
            name, [column.heading_in_file for column in self.columns], lines
        )


class ReportPage:
    """The view that all reports share."""

    def __init__(self, model_admin: "ModelAdmin[Any]", report: type[Report]) -> None:
        self.model_admin = model_admin
        self.report_class = report

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not self.report_class.permitted(request):
            raise PermissionDenied
        report = self.report_class(request)
        form = request.GET.get("export", "")
        if form in exports.FORMATS and report.filters.is_valid():
            log_export(request, self.model_admin.model, report.label, form)
            return report.download(form)
        return TemplateResponse(request, "admin/report.html", self._context(report))

    def _context(self, report: Report) -> dict[str, Any]:
        query = report.filters.data
        return {
            **self.model_admin.admin_site.each_context(report.request),
            "title": report.label,
            "report": report,
            "opts": self.model_admin.opts,
            "form": report.filters.form,
            "spans": list(query_strings.to_spans(report.span_links, query)),
            "downloads": [
                (one.upper(), query_strings.changed(query, export=one)) for one in exports.FORMATS
            ],
            **(self._rows_and_totals(report, query) if report.filters.is_valid() else {}),
        }

    def _rows_and_totals(self, report: Report, query: QueryDict) -> dict[str, Any]:
        rows = report.filters.qs
        totals = report.totals(rows)
        paginator = EstimatingPaginator(rows, ROWS_PER_PAGE)
        paginator.count = totals.count
        page = paginator.get_page(report.request.GET.get("page"))
        shown: Any = page.object_list
        return {
            "totals": totals,
            "page": page,
            "lines": [report.cells(row) for row in report.with_details(shown)],
            "previous": query_strings.changed(query, page=page.number - 1)
            if page.has_previous()
            else "",
            "next": query_strings.changed(query, page=page.number + 1) if page.has_next() else "",
        }
