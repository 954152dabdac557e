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

from policies import drones, statements, status, verification
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
from policies.backoffice.cells import link, page_of_list
from policies.backoffice.operations import Done, Operation
from policies.backoffice.records import BackOfficeAdmin, RecordAdmin, RecordInline
from policies.models import ActivationStatement, Customer, Drone, Policy
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


@admin.register(Customer)
class CustomerAdmin(BackOfficeAdmin):
    form = CustomerForm
    list_display = ["name", "email", "country_name", "phone", "created_at"]
    list_filter = ["country"]
    sortable_by = ()
    find = staticmethod(search.customers)
    search_fields = ["email"]
    search_help_text = _("An e-mail address, or the whole name.")
    inlines = [PolicyRows]

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
        try:
            drone = drones.register(**form.cleaned_data, now=self.now)
        except drones.NotYet as wrong:
            raise forms.ValidationError({"activated_at": wrong.message}) from wrong
        return Done(_("%(serial)s is on file.") % {"serial": drone.serial}, go_to=drone)


class SetActivation(Operation):
    slug = "activation"
    label = _("Set the activation time")
    explanation = _("What the dealer knows counts more than what customers state.")
    permission = "policies.change_drone"
    form_class = ActivationForm

    def run(self, form: Any) -> Done:
        before = self.obj.activated_at
        try:
            self.set(**form.cleaned_data, actor=self.actor, now=self.now)
        except drones.NotYet as wrong:
            raise forms.ValidationError({"activated_at": wrong.message}) from wrong
        after = form.cleaned_data["activated_at"]
        message = _("The activation time is recorded.")
        return Done(message, f"Activation: {before or 'none'} → {after or 'none'}")

    def set(self, **facts: Any) -> None:
        drones.set_activation(self.obj, **facts)


class CorrectStatement(SetActivation):
    """The same from the page of what a customer stated; the drone may not be on file yet."""

    slug = "correct"
    label = _("Correct it")
    explanation = _(
        "What customers stated of this drone until now no longer counts; this does. "
        "The drone comes on file if it is not."
    )

    def set(self, **facts: Any) -> None:
        drones.correct_statement(self.obj, **facts)


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
        stated = ActivationStatement.objects.filter(serial=serial)
        return {
            "serial": serial,
            "status": status.of(serial, region, at=self.now),
            "stated": page_of_list(ActivationStatement, serial) if stated.exists() else "",
        }


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
    fields = [
        *("serial", "drone_model", "activated_at", "activation_source"),
        *("life", "life_began_at", "retired_at"),
    ]
    operations = (SetActivation, GrantPermit, StartNewLife)
    list_operations = (Register, Check, UploadDrones)
    inlines = [PolicyRows]


@admin.register(ActivationStatement)
class ActivationStatementAdmin(RecordAdmin):
    """What customers stated of an activation; it counts until it is corrected (B11)."""

    list_display = ["serial", "activated_at", "at", "email", "actor"]
    list_select_related = ["code__batch__drone_model"]
    sortable_by = ()
    find = staticmethod(search.statements)
    search_fields = ["serial"]
    search_help_text = _("A serial number, in any spelling, or an e-mail.")
    fields = [
        *("serial", "drone_link", "activated_at", "time_zone", "at", "email", "code_link"),
        *("actor", "address", "counts"),
    ]
    readonly_fields = ["drone_link", "code_link", "counts"]
    operations = (CorrectStatement,)

    @admin.display(description=_("drone"))
    def drone_link(self, statement: ActivationStatement) -> str:
        drone = Drone.objects.filter(serial=statement.serial).first()
        return link(drone) if drone else str(_("Not on file"))

    @admin.display(description=_("code"))
    def code_link(self, statement: ActivationStatement) -> str:
        return link(statement.code)

    @admin.display(description=_("counts"))
    def counts(self, statement: ActivationStatement) -> str:
        counting = statements.counting(_drone_of(statement)).filter(pk=statement.pk)
        return str(_("Yes") if counting.exists() else _("No longer, or not for this drone"))


def _drone_of(statement: ActivationStatement) -> Drone:
    """The drone that it is about; one that is not on file is taken for the model of the code."""
    on_file = Drone.objects.filter(serial=statement.serial).first()
    return on_file or Drone(serial=statement.serial, drone_model=statement.code.batch.drone_model)
