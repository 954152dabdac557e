"""Sales of codes: made from stock, from a batch or of one code; looked at, taken back (C2, C7)."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from policies import sales, usefulness, voiding
from policies.admin import code_cells
from policies.admin.sale_forms import SellForm, SellFromBatchForm, SellFromStockForm, TakeBackForm
from policies.backoffice import exports, log_entries
from policies.backoffice.cells import link, page_of_list
from policies.backoffice.operations import Button, Done, Operation
from policies.backoffice.records import EventInline, RecordAdmin
from policies.backoffice.sections import Section
from policies.models import ActivationCode, CodeBatch, Customer, Sale, SaleEvent
from policies.reporting import counts, search


class Selling(Operation):
    """What the operations share that sell: who buys is asked, and the sale is shown."""

    permission = "policies.sell_code"
    form_class: ClassVar[type[forms.Form]] = SellForm

    def sell(self, form: Any, **facts: Any) -> Sale:
        """Calls the verb."""
        raise NotImplementedError

    def run(self, form: Any) -> Done:
        buyer: Customer = form.buyer(now=self.now)
        sale = self.sell(
            form,
            to=buyer,
            order_reference=form.cleaned_data["order_reference"],
            actor=self.actor,
            now=self.now,
        )
        usefulness.ask_about(sale, confirmed=form.cleaned_data["confirmed"], at=self.now)
        size = sale.codes.count()
        message = ngettext(
            "%(count)d code sold to %(buyer)s; the letter is on its way.",
            "%(count)d codes sold to %(buyer)s; the letter is on its way.",
            size,
        )
        return Done(message % {"count": size, "buyer": buyer.name}, go_to=sale)

    def refused(self, form: Any, error: Exception) -> None:
        if isinstance(error, usefulness.Doubtful):
            form.ask(error.warnings)


class SellFromStock(Selling):
    slug = "sell"
    label = _("Sell codes")
    explanation = _("Takes the oldest codes in stock and mails them to the buyer in one letter.")
    form_class = SellFromStockForm
    template = "admin/sell.html"

    def stock(self) -> Section:
        rows = [list(row) for row in counts.stock()]
        return Section(_("in stock"), [_("Plan"), _("Model"), _("Region"), _("Codes")], rows)

    def sell(self, form: Any, **facts: Any) -> Sale:
        wanted = ("plan", "drone_model", "region", "quantity")
        return sales.sell_from_stock(**{name: form.cleaned_data[name] for name in wanted}, **facts)


class SellFromBatch(Selling):
    slug = "sell"
    label = _("Sell from this batch")
    explanation = _("Takes the oldest of its codes in stock and mails them in one letter.")
    form_class = SellFromBatchForm

    obj: CodeBatch

    def open(self) -> bool:
        return ActivationCode.objects.in_stock().filter(batch=self.obj).exists()

    def facts(self) -> list[Any]:
        left = ActivationCode.objects.in_stock().filter(batch=self.obj).count()
        return [(_("Batch"), self.obj), (_("In stock"), left)]

    def sell(self, form: Any, **facts: Any) -> Sale:
        return sales.sell_from_batch(self.obj, quantity=form.cleaned_data["quantity"], **facts)


class Sell(Selling):
    slug = "sell"
    label = _("Sell this code")

    obj: ActivationCode

    def open(self) -> bool:
        return self.obj.state == ActivationCode.State.IN_STOCK

    def sell(self, form: Any, **facts: Any) -> Sale:
        return sales.sell(self.obj, **facts)


class TakeBack(Operation):
    slug = "take-back"
    label = _("Take back codes")
    explanation = _(
        "They become void and never return to stock, since the buyer has them in a letter. "
        "The buyer is told by another, without the reason."
    )
    permission = "policies.take_back_codes"
    dangerous = True

    obj: Sale

    def _open_codes(self) -> QuerySet[ActivationCode]:
        open_codes = ActivationCode.objects.redeemable().filter(sale=self.obj).order_by("id")
        return open_codes.select_related("batch__plan", "batch__drone_model")

    def open(self) -> bool:
        return self._open_codes().exists()

    def form(self, data: Any = None) -> forms.Form:
        return TakeBackForm(data, codes=self._open_codes())

    def run(self, form: Any) -> Done:
        chosen = form.chosen()
        reason = form.cleaned_data["reason"]
        voiding.take_back(self.obj, chosen, reason=reason, actor=self.actor, now=self.now)
        message = ngettext("%(count)d code taken back.", "%(count)d codes taken back.", len(chosen))
        return Done(message % {"count": len(chosen)})


class SaleHistory(EventInline):
    model = SaleEvent
    readonly_fields = (*EventInline.readonly_fields, "change")  # type: ignore[assignment]
    fields = ("at", "what", "change", "actor", "address", "note")  # type: ignore[assignment]
    verbose_name_plural = _("taken back, made void")

    @admin.display(description=_("codes"))
    def change(self, event: SaleEvent) -> str:
        return event.change


@admin.register(Sale)
class SaleAdmin(RecordAdmin):
    list_display = ["number", "buyer_link", "size", "region", "sold_at", "actor"]
    list_filter = ["region"]
    list_select_related = ["buyer", "region"]
    sortable_by = ()
    find = staticmethod(search.sales)
    search_fields = ["order_reference"]
    search_help_text = _("An order reference, or the e-mail address of the buyer.")
    fields = ["order_reference", "buyer_link", "region", "sold_at", "actor", "codes_by_state"]
    readonly_fields = ["buyer_link", "codes_by_state"]
    operations = (TakeBack,)
    list_operations = (SellFromStock,)
    inlines = [SaleHistory]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Sale]:
        # Counted for the sales of the page.
        codes = ActivationCode.objects.filter(sale=OuterRef("pk")).order_by()
        size = Subquery(codes.values("sale").annotate(n=Count("*")).values("n"))
        sales: QuerySet[Sale] = super().get_queryset(request)
        return sales.annotate(code_count=size)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.file_for_the_shop)
        return [path("<int:pk>/codes.csv", view, name="sale_file"), *super().get_urls()]

    def page_facts(self, request: HttpRequest, obj: Sale) -> dict[str, Any]:
        facts = super().page_facts(request, obj)
        file = reverse("admin:sale_file", args=[obj.pk])
        return facts | {
            "buttons": [*facts["buttons"], Button(_("CSV for the shop"), file, "report")]
        }

    def file_for_the_shop(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """What was sold and how it stands; a whole code is in no file (C4)."""
        sale = self.get_object(request, str(pk))
        if not self.has_view_permission(request, sale):
            raise PermissionDenied
        if sale is None:
            raise Http404
        self.log_change(request, sale, log_entries.operation("Exported as CSV", has_event=False))
        headings = [_("Order reference"), *code_cells.HEADINGS, _("Region")]
        return exports.as_csv(f"sale-{sale.pk}", headings, self._lines(sale))

    def _lines(self, sale: Sale) -> Iterator[list[Any]]:
        codes = code_cells.with_all_that_is_shown(sale.codes.order_by("id"))
        for code in codes.iterator():
            goods = [code.batch.plan.name, code.batch.drone_model.name]
            about = [code.last_four, code_cells.state(code), *goods]
            yield [sale.order_reference, *about, sale.region.name]

    @admin.display(description=_("sale"))
    def number(self, sale: Sale) -> str:
        return str(sale)

    @admin.display(description=_("sold to"))
    def buyer_link(self, sale: Sale) -> str:
        return link(sale.buyer, sale.buyer.name)

    @admin.display(description=_("codes"))
    def size(self, sale: Any) -> int:
        return int(sale.code_count or 0)

    @admin.display(description=_("codes"))
    def codes_by_state(self, sale: Sale) -> str:
        """Such as "25: 20 sold, 3 redeemed, 2 void"."""
        totals = counts.codes_by_state(ActivationCode.objects.filter(sale=sale))
        return str(
            _("%(size)d: %(open)d sold, %(redeemed)d redeemed, %(void)d void")
            % (totals | {"open": totals["sold"] - totals["redeemed"]})
        )


def codes_of(record: Sale | CodeBatch | Customer) -> str:
    """The address of the list of codes of a sale, of a batch, or that a customer bought."""
    names: dict[type[Any], str] = {Sale: "sale", CodeBatch: "batch", Customer: "buyer"}
    return page_of_list(ActivationCode, "", **{names[type(record)]: str(record.pk)})
