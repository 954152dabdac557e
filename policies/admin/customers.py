"""Customers and drones: their pages, and what staff may do there (B6, B10, B11)."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_countries import countries

from policies import drones, status, verification
from policies.admin.forms import (
    ActivationForm,
    CustomerForm,
    DroneForm,
    DroneStatusForm,
    PermitForm,
    ReasonForm,
)
from policies.admin.imports import UploadDrones
from policies.admin.policies import state_now
from policies.backoffice.cells import link
from policies.backoffice.operations import Done, Operation
from policies.backoffice.records import BackOfficeAdmin, RecordAdmin, RecordInline
from policies.models import ActivationCode, Customer, Drone, Policy
from policies.reporting import search


class PolicyRows(RecordInline):
    model = Policy
    readonly_fields = ("policy", "state", "plan", "drone", "starts_at", "ends_at")
    fields = readonly_fields
    verbose_name_plural = _("policies")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Policy]:
        return Policy.objects.with_allowance().select_related("plan", "drone", "holder")

    @admin.display(description=_("state"))
    def state(self, policy: Policy) -> SafeString:
        return state_now(policy)

    @admin.display(description=_("policy"))
    def policy(self, policy: Policy) -> str:
        return link(policy)


class CodeRows(RecordInline):
    model = ActivationCode
    readonly_fields = ("code", "state", "sold_at", "order_reference")
    fields = readonly_fields
    verbose_name_plural = _("codes bought")

    @admin.display(description=_("code"))
    def code(self, code: ActivationCode) -> str:
        return link(code)


@admin.register(Customer)
class CustomerAdmin(BackOfficeAdmin):
    form = CustomerForm
    list_display = ["name", "email", "country_name", "phone", "created_at"]
    list_filter = ["country"]
    sortable_by = ()
    find = staticmethod(search.customers)
    search_fields = ["email"]
    search_help_text = _("An e-mail address, or the whole name.")
    inlines = [PolicyRows, CodeRows]

    @admin.display(description=_("country"))
    def country_name(self, customer: Customer) -> str:
        # The field itself would go through all 250 choices for each cell.
        return str(countries.name(customer.country))

    def save_model(
        self, request: HttpRequest, obj: Customer, form: "forms.ModelForm[Any]", change: bool
    ) -> None:
        if not change:
            obj.created_at = timezone.now()
        super().save_model(request, obj, form, change)

    def has_delete_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        return False


class Register(Operation):
    slug = "register"
    label = _("Put a drone on file")
    permission = "policies.add_drone"
    form_class = DroneForm

    def run(self, form: Any) -> Done:
        drone = drones.register(**form.cleaned_data)
        return Done(_("%(serial)s is on file.") % {"serial": drone.serial}, go_to=drone)


class SetActivation(Operation):
    slug = "activation"
    label = _("Set the activation time")
    explanation = _("What the dealer knows counts more than what the customer states.")
    permission = "policies.change_drone"
    form_class = ActivationForm

    def run(self, form: Any) -> Done:
        before = self.obj.activated_at
        drones.set_activation(self.obj, activated_at=form.cleaned_data["activated_at"])
        after = form.cleaned_data["activated_at"]
        message = _("The activation time is recorded.")
        return Done(message, f"Activation: {before or 'none'} → {after or 'none'}")


class Check(Operation):
    """A question, not a deed: it is answered on the page and leaves no log."""

    slug = "check"
    label = _("How does it stand?")
    explanation = _("May this serial number be bound, renewed, claimed on? With every reason.")
    permission = "policies.view_drone"
    form_class = DroneStatusForm
    template = "admin/drone_status.html"

    def answer(self, form: Any) -> dict[str, Any]:
        serial, region = form.cleaned_data["serial"], form.cleaned_data["region"]
        return {"serial": serial, "status": status.of(serial, region, at=self.now)}


class StartNewLife(Operation):
    slug = "refurbish"
    label = _("Sell again as refurbished")
    explanation = _("Its earlier policies no longer count, and it may be bound like a new one.")
    permission = "policies.change_drone"
    form_class = ReasonForm
    dangerous = True

    def run(self, form: Any) -> Done:
        drones.start_new_life(self.obj, now=self.now)
        log = f"New life as refurbished: {form.cleaned_data['reason']}"
        return Done(_("The drone starts a new life."), log)


class GrantPermit(Operation):
    slug = "permit"
    label = _("Grant a binding permit")
    explanation = _("After an official repair: the drone may be bound though its window is past.")
    permission = "policies.grant_permit"
    form_class = PermitForm

    def run(self, form: Any) -> Done:
        permit = verification.grant_after_repair(
            self.obj, **form.cleaned_data, actor=self.actor, now=self.now
        )
        message = _("The drone may be bound until %(deadline)s UTC.")
        return Done(message % {"deadline": f"{permit.deadline_at:%Y-%m-%d %H:%M}"})


@admin.register(Drone)
class DroneAdmin(RecordAdmin):
    list_display = ["serial", "drone_model", "activated_at", "activation_source", "retired_at"]
    list_filter = ["drone_model"]
    list_select_related = ["drone_model"]
    sortable_by = ()
    find = staticmethod(search.drones)
    search_fields = ["serial"]
    search_help_text = _("A serial number, in any spelling.")
    fields = ["serial", "drone_model", "activated_at", "activation_source", "life", "retired_at"]
    operations = (SetActivation, GrantPermit, StartNewLife)
    list_operations = (Register, Check, UploadDrones)
    inlines = [PolicyRows]
