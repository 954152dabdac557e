"""Policies: their page, and what staff may do there (R1, T2, T3)."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from policies import agreement, cancellation, correction, renewal, status, transfer, views
from policies.admin.filters import STAGE_LABELS, StageFilter, stage_now
from policies.admin.forms import (
    OwnerForm,
    ReasonForm,
    RenewalForm,
    RevokeLinkForm,
    SerialCorrectionForm,
)
from policies.admin.reports import REPORTS
from policies.backoffice.cells import link, pill
from policies.backoffice.customer_pages import CustomerPageAdmin
from policies.backoffice.operations import Done, Operation
from policies.backoffice.records import EventInline, RecordInline
from policies.models import AllowanceUse, Letter, Period, Policy, PolicyEvent
from policies.reporting import search
from policies.rules.terms import Stage
from policies.shared.papers import Paper


class Renew(Operation):
    slug = "renew"
    label = _("Sell a renewal")
    explanation = _("Takes a renewal from stock and adds its months to the end of the policy.")
    permission = "policies.renew_policy"
    form_class = RenewalForm

    def open(self) -> bool:
        return renewal.offer(self.obj, at=self.now) is not None

    def run(self, form: Any) -> Done:
        renewal.sell_and_renew(self.obj, **form.cleaned_data, actor=self.actor, now=self.now)
        return Done(_("Renewed; the letter is on its way."))


class ChangeOwner(Operation):
    slug = "change-owner"
    label = _("Change the owner")
    explanation = _("Both people get a letter, and every old link stops working.")
    permission = "policies.transfer_policy"
    form_class = OwnerForm

    def initial(self) -> dict[str, Any]:
        return {"seen_holder": self.obj.holder_id}

    def open(self) -> bool:
        return stage_now(self.obj) is Stage.IN_FORCE and not self.obj.holds.exists()

    def run(self, form: Any) -> Done:
        transfer.change_owner(self.obj, **form.cleaned_data, actor=self.actor, now=self.now)
        return Done(_("The policy has a new owner."))


class CorrectSerial(Operation):
    slug = "correct-serial"
    label = _("Correct the serial number")
    explanation = _(
        "For a serial number that was mistyped: the policy moves to the right one, and the wrong "
        "one counts as never covered. The holder gets the agreement with the right number."
    )
    permission = "policies.correct_serial"
    form_class = SerialCorrectionForm

    def open(self) -> bool:
        over = stage_now(self.obj) in {Stage.CANCELLED, Stage.ENDED}
        return not over and not self.obj.holds.exists()

    def run(self, form: Any) -> Done:
        correction.correct_serial(self.obj, **form.cleaned_data, actor=self.actor, now=self.now)
        return Done(_("The serial number is corrected; the letter is on its way."))


class Cancel(Operation):
    slug = "cancel"
    label = _("Cancel the policy")
    explanation = _("The policy ends now. The holder gets a letter, and reads the reason in it.")
    permission = "policies.cancel_policy"
    form_class = ReasonForm
    dangerous = True

    def open(self) -> bool:
        goes_on = stage_now(self.obj) in {Stage.NOT_STARTED, Stage.IN_FORCE}
        return goes_on and not self.obj.holds.exists()

    def run(self, form: Any) -> Done:
        reason = form.cleaned_data["reason"]
        cancellation.cancel(self.obj, reason=reason, actor=self.actor, now=self.now)
        return Done(_("The policy is cancelled; the letter is on its way."))


class RevokeLink(Operation):
    slug = "revoke-link"
    label = _("Revoke the customer's link")
    explanation = _(
        "The links to this plan and to its repairs stop working. The next letter brings a new one."
    )
    permission = "policies.revoke_link"
    dangerous = True

    def form(self, data: Any = None) -> forms.Form:
        return RevokeLinkForm(data, mailbox=self.obj.holder.email)

    def run(self, form: Any) -> Done:
        status.replace_link(self.obj, **form.cleaned_data, actor=self.actor, now=self.now)
        if form.cleaned_data["mail"]:
            return Done(_("The link is revoked; a new one is on its way."))
        return Done(_("The link is revoked."))


PILLS = {
    Stage.CANCELLED: "bad",
    Stage.NOT_STARTED: "busy",
    Stage.IN_FORCE: "good",
    Stage.USED_UP: "quiet",
    Stage.ENDED: "quiet",
}


def state_now(policy: Any) -> SafeString:
    """The stage of a policy that comes from `with_allowance`, as a pill."""
    stage = stage_now(policy)
    return pill(PILLS[stage], STAGE_LABELS[stage])


class AgreementPaper(Paper):
    """What the holder was promised (B8), as it stands today."""

    slug = "agreement"
    label = _("Agreement (PDF)")
    permission = "policies.view_policy"
    template = "papers/agreement.xml"

    def facts(self, record: Policy, *, now: datetime) -> dict[str, Any]:
        return agreement.paper_facts(record, at=now)


class PeriodRows(RecordInline):
    model = Period
    readonly_fields = ("number", "plan", "code_link", "starts_at", "ends_at", "replacements")
    fields = readonly_fields
    verbose_name_plural = _("periods")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Period]:
        return super().get_queryset(request).select_related("plan", "code")

    @admin.display(description=_("code"))
    def code_link(self, period: Period) -> str:
        return link(period.code)


class UseRows(RecordInline):
    model = AllowanceUse
    readonly_fields = ("ordinal", "reference", "taken_at", "given_back_at")
    fields = readonly_fields


class LetterRows(RecordInline):
    model = Letter
    readonly_fields = ("letter", "recipient", "state", "created_at", "sent_at")
    fields = readonly_fields
    verbose_name_plural = _("letters")

    @admin.display(description=_("letter"))
    def letter(self, letter: Letter) -> str:
        return link(letter, letter.title)


class PolicyHistory(EventInline):
    model = PolicyEvent


@admin.register(Policy)
class PolicyAdmin(CustomerPageAdmin):
    list_display = [
        "number",
        "in_force",
        "drone_link",
        "drone_model",
        "holder_link",
        "plan",
        "ends_at",
        "left",
    ]
    list_filter = [StageFilter, "plan", "region"]
    list_select_related = ["drone__drone_model", "holder", "plan", "region"]
    sortable_by = ()
    find = staticmethod(search.policies)
    search_fields = ["number"]
    search_help_text = _("A policy number, a serial number or an e-mail.")
    code_leads_to = "policy"
    fields = [
        "number",
        "in_force",
        "plan",
        "region",
        "drone_link",
        "drone_model",
        "holder_link",
        "starts_at",
        "ends_at",
        "left",
        "activation",
        "cancelled_at",
        "cancel_reason",
        "customer_page",
    ]
    readonly_fields = [
        "in_force",
        "drone_link",
        "drone_model",
        "holder_link",
        "left",
        "activation",
        "customer_page",
    ]
    operations = (Renew, ChangeOwner, CorrectSerial, RevokeLink, Cancel)
    customer_template = "policies/policy.html"
    papers = (AgreementPaper,)
    reports = REPORTS[Policy]
    inlines = [PeriodRows, UseRows, LetterRows, PolicyHistory]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Policy]:
        return Policy.objects.with_allowance().select_related(*self.list_select_related)

    @admin.display(description=_("state"))
    def in_force(self, policy: Policy) -> SafeString:
        return state_now(policy)

    @admin.display(description=_("drone"))
    def drone_link(self, policy: Policy) -> str:
        return link(policy.drone)

    @admin.display(description=_("model"))
    def drone_model(self, policy: Policy) -> str:
        return policy.drone.drone_model.name

    @admin.display(description=_("holder"))
    def holder_link(self, policy: Policy) -> str:
        return link(policy.holder, policy.holder.name)

    @admin.display(description=_("replacements left"))
    def left(self, policy: Policy) -> str:
        granted, used = policy.granted, policy.used  # type: ignore[attr-defined]
        return _("%(left)d of %(granted)d") % {"left": granted - used, "granted": granted}

    @admin.display(description=_("activation known from"))
    def activation(self, policy: Policy) -> str:
        return policy.drone.get_activation_source_display()

    @admin.display(description=_("customer's page"))
    def customer_page(self, policy: Policy) -> SafeString:
        return self.customer_link(policy)

    def customer_facts(self, record: Policy, *, now: datetime) -> dict[str, Any]:
        policy = views.policies_with_facts().get(pk=record.pk)
        return views.policy_facts(policy, with_links=False, now=now)
