"""Batches of activation codes: generated here, or imported from the supplier (C1)."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from policies import codes, voiding
from policies.admin.forms import GenerateForm, ReasonForm
from policies.admin.imports import UploadCodes
from policies.admin.reports import REPORTS
from policies.admin.sales import SellFromBatch, codes_of
from policies.backoffice.operations import Done, Operation
from policies.backoffice.records import RecordAdmin
from policies.models import ActivationCode, CodeBatch
from policies.reporting import counts


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


class VoidBatch(Operation):
    slug = "void"
    label = _("Void the whole batch")
    explanation = _(
        "Its codes can never be sold or redeemed any more. Those that were redeemed stay as they "
        "are. Who bought one is told by a letter, one for each sale, without the reason."
    )
    permission = "policies.void_batch"
    form_class = ReasonForm
    dangerous = True

    obj: CodeBatch

    def facts(self) -> list[Any]:
        totals = counts.codes_by_state(ActivationCode.objects.filter(batch=self.obj))
        return [
            (_("In stock"), totals["in_stock"]),
            (_("Sold, not redeemed"), totals["sold"] - totals["redeemed"]),
            (_("Redeemed, stay as they are"), totals["redeemed"]),
            (_("Void already"), totals["void"]),
        ]

    def run(self, form: Any) -> Done:
        reason = form.cleaned_data["reason"]
        count = voiding.void_batch(self.obj, reason=reason, actor=self.actor, now=self.now)
        message = ngettext("%(count)d code is void now.", "%(count)d codes are void now.", count)
        text = message % {"count": count}
        return Done(text, f"{text} {reason}")


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
        "its_codes",
        "created_at",
        "actor",
    ]
    readonly_fields = ["in_stock", "its_codes"]
    operations = (SellFromBatch, VoidBatch)
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

    @admin.display(description=_("its codes"))
    def its_codes(self, batch: CodeBatch) -> SafeString:
        return format_html('<a href="{}">{}</a>', codes_of(batch), _("The list"))
