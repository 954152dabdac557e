"""Activation codes: sold, bound, shown, voided; never whole on a list (C4)."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from policies import binding, codes, voiding
from policies.admin import code_cells
from policies.admin.filters import Belonging
from policies.admin.forms import (
    DeskBindingForm,
    ReasonForm,
    RevealForm,
)
from policies.admin.imports import UploadCodes
from policies.admin.sales import Sell, SellFromStock
from policies.backoffice.cells import link
from policies.backoffice.operations import BulkOperation, Done, Operation
from policies.backoffice.records import EventInline, RecordAdmin
from policies.backoffice.times import when
from policies.models import ActivationCode, CodeBatch, CodeEvent, Customer, Sale
from policies.models.code import ActivationCodeQuerySet
from policies.reporting import search
from policies.sealing import SealBroken
from policies.shared.actor import Actor
from policies.shared.errors import Conflict


class Reveal(Operation):
    slug = "reveal"
    label = _("Show the whole code")
    explanation = _("Whoever has the code can use it. That you looked goes into the history.")
    permission = "policies.reveal_code"
    form_class = RevealForm

    def run(self, form: Any) -> Done:
        try:
            whole = codes.reveal(
                self.obj, reason=form.cleaned_data["reason"], actor=self.actor, now=self.now
            )
        except SealBroken as error:
            raise forms.ValidationError(_("This code does not open: %s") % error) from error
        # The log says that it was shown, never what.
        return Done(_("This is the code. It is not shown again."), "Whole code shown", [whole])


class Void(Operation):
    slug = "void"
    label = _("Void this code")
    explanation = _("A void code can never be sold or redeemed.")
    permission = "policies.void_code"
    form_class = ReasonForm
    dangerous = True

    def open(self) -> bool:
        return self.obj.state != ActivationCode.State.VOID and not self.obj.redeemed

    def run(self, form: Any) -> Done:
        voiding.void(self.obj, reason=form.cleaned_data["reason"], actor=self.actor, now=self.now)
        return Done(_("The code is void."))


class VoidMany(BulkOperation):
    slug = "void"
    label = _("Void these codes")
    explanation = _("A void code can never be sold or redeemed. Buyers are told.")
    permission = "policies.void_code"
    form_class = ReasonForm
    dangerous = True

    def run(self, obj: Any, *, actor: Actor, now: datetime, **typed: Any) -> None:
        voiding.void(obj, reason=typed["reason"], actor=actor, now=now)


class Bind(Operation):
    slug = "bind"
    label = _("Bind to a drone")
    explanation = _("Starts the policy at once and mails the agreement to the holder.")
    permission = "policies.bind_policy"
    form_class = DeskBindingForm

    def open(self) -> bool:
        return bool(self.obj.state == ActivationCode.State.SOLD and not self.obj.redeemed)

    def initial(self) -> dict[str, Any]:
        if self.obj.sale is None:
            return {}
        buyer = self.obj.sale.buyer
        return {
            "name": buyer.name,
            "email": buyer.email,
            "phone": buyer.phone,
            "country": buyer.country,
        }

    def form(self, data: Any = None) -> forms.Form:
        batch = self.obj.batch
        return DeskBindingForm(
            data,
            initial=self.initial(),
            zone=batch.region.zone,
            sold_for=batch.drone_model.slug,
            renews=batch.plan.is_renewal,
        )

    def run(self, form: Any) -> Done:
        try:
            policy = binding.bind_at_desk(
                self.obj,
                form.application(),
                actor=self.actor,
                now=self.now,
            )
        except binding.ModelNeeded as missing:
            raise forms.ValidationError({"drone_model": missing.message}) from missing
        return Done(_("%(number)s is bound.") % {"number": policy.number}, go_to=policy)

    def refused(self, form: Any, error: Exception) -> None:
        if not isinstance(error, Conflict):  # the code could have been redeemed (B11)
            binding.keep_statement(self.obj, form.application(), actor=self.actor, now=self.now)


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        states = ActivationCode.State
        return [
            (states.IN_STOCK, states.IN_STOCK.label),
            ("open", _("Sold, not redeemed")),
            ("redeemed", _("Redeemed")),
            (states.VOID, states.VOID.label),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[ActivationCode]:
        rows: ActivationCodeQuerySet = queryset
        match self.value():
            case "redeemed":
                return rows.filter(period__isnull=False)
            case "open":
                return rows.redeemable()
            case ActivationCode.State.IN_STOCK | ActivationCode.State.VOID as state:
                return rows.filter(state=state)
        return rows


class OfSale(Belonging):
    title, parameter_name, model = _("sale"), "sale", Sale


class OfBatch(Belonging):
    title, parameter_name, model = _("batch"), "batch", CodeBatch


class OfBuyer(Belonging):
    title, parameter_name, model = _("sold to"), "buyer", Customer
    column = "sale__buyer"


class CodeHistory(EventInline):
    model = CodeEvent


@admin.register(ActivationCode)
class ActivationCodeAdmin(RecordAdmin):
    list_display = [
        "tail",
        "state_pill",
        "plan",
        "drone_model",
        "region",
        "buyer",
        "sold_at",
        "sale_link",
        "policy",
    ]
    list_filter = [
        OfSale,
        OfBatch,
        OfBuyer,
        StateFilter,
        "batch__plan",
        "batch__region",
        "batch__drone_model",
    ]
    list_select_related = [
        "batch__plan",
        "batch__drone_model",
        "batch__region",
        "sale__buyer",
        "period__policy",
    ]
    sortable_by = ()
    find = staticmethod(search.codes_on_file)
    search_fields = ["last_four"]
    search_help_text = _("The last four characters, an order reference or an e-mail.")
    code_leads_to = "code"
    fields = [
        "tail",
        "state_pill",
        "batch",
        "plan",
        "drone_model",
        "region",
        "buyer",
        "sold_at",
        "sale_link",
        "sold_terms",
        "policy",
        "void_reason",
    ]
    readonly_fields = [
        "tail",
        "state_pill",
        "plan",
        "drone_model",
        "region",
        "buyer",
        "sold_at",
        "sale_link",
        "sold_terms",
        "policy",
    ]
    operations = (Bind, Sell, Reveal, Void)
    list_operations = (SellFromStock, UploadCodes)
    bulk_operations = (VoidMany,)
    inlines = [CodeHistory]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ActivationCode]:
        return ActivationCode.objects.with_redeemed().select_related(*self.list_select_related)

    @admin.display(description=_("code"))
    def tail(self, code: ActivationCode) -> str:
        return f"… {code.last_four}"

    @admin.display(description=_("state"))
    def state_pill(self, code: ActivationCode) -> SafeString:
        return code_cells.state_pill(code)

    @admin.display(description=_("plan"))
    def plan(self, code: ActivationCode) -> str:
        return code.batch.plan.name

    @admin.display(description=_("model"))
    def drone_model(self, code: ActivationCode) -> str:
        return code.batch.drone_model.name

    @admin.display(description=_("region"))
    def region(self, code: ActivationCode) -> str:
        return code.batch.region.name

    @admin.display(description=_("sold to"))
    def buyer(self, code: ActivationCode) -> str:
        return link(code.sale.buyer, code.sale.buyer.name) if code.sale else "–"

    @admin.display(description=_("sold"))
    def sold_at(self, code: ActivationCode) -> str:
        return when(code.sale.sold_at if code.sale else None)

    @admin.display(description=_("sale"))
    def sale_link(self, code: ActivationCode) -> str:
        return link(code.sale)

    @admin.display(description=_("policy"))
    def policy(self, code: ActivationCode) -> str:
        return link(code.period.policy) if code.redeemed else "–"  # type: ignore[attr-defined]

    @admin.display(description=_("terms it was sold under"))
    def sold_terms(self, code: ActivationCode) -> str:
        if code.sale is None:
            return "–"
        return (
            _(
                "%(months)d months, %(replacements)d replacements, "
                "to be bound within %(binding_window_hours)d hours of activation"
            )
            % code.sold_terms()._asdict()
        )
