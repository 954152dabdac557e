"""Batches of activation codes: generated here, or imported from the supplier (C1)."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from policies import codes
from policies.admin.forms import GenerateForm
from policies.admin.imports import UploadCodes
from policies.admin.reports import REPORTS
from policies.backoffice.operations import Done, Operation
from policies.backoffice.records import RecordAdmin
from policies.models import ActivationCode, CodeBatch


class Generate(Operation):
    slug = "generate"
    label = _("Issue a batch of codes")
    explanation = _(
        "The codes go into stock, sealed. Each reaches its buyer by letter when it is sold. "
        "For a file of whole codes, to print cards from, use the command generate_codes."
    )
    permission = "policies.generate_codes"
    form_class = GenerateForm

    def run(self, form: Any) -> Done:
        batch = codes.generate(**form.cleaned_data, actor=self.actor, now=self.now)
        message = ngettext(
            "%(count)d code is in stock.", "%(count)d codes are in stock.", batch.size
        )
        return Done(message % {"count": batch.size}, go_to=batch)


@admin.register(CodeBatch)
class CodeBatchAdmin(RecordAdmin):
    list_display = [
        "id",
        "plan",
        "drone_model",
        "region",
        "origin",
        "size",
        "in_stock",
        "created_at",
    ]
    list_display_links = ["id", "plan"]
    list_filter = ["origin", "plan", "region", "drone_model"]
    list_select_related = ["plan", "drone_model", "region"]
    sortable_by = ["id"]
    fields = [
        "plan",
        "drone_model",
        "region",
        "origin",
        "source",
        "size",
        "in_stock",
        "created_at",
        "actor",
    ]
    readonly_fields = ["in_stock"]
    list_operations = (Generate, UploadCodes)
    reports = REPORTS[CodeBatch]

    def get_queryset(self, request: HttpRequest) -> QuerySet[CodeBatch]:
        # Counted for the batches of the page, from the index of codes in stock.
        stock = ActivationCode.objects.in_stock().filter(batch=OuterRef("pk")).order_by()
        left = Subquery(stock.values("batch").annotate(n=Count("*")).values("n"))
        batches: QuerySet[CodeBatch] = super().get_queryset(request)
        return batches.annotate(left=Coalesce(left, 0))

    @admin.display(description=_("still in stock"))
    def in_stock(self, batch: CodeBatch) -> int:
        return int(batch.left)  # type: ignore[attr-defined]
