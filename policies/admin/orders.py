"""Orders of a drone with its plan: entered, shipped, cancelled (B9)."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from policies import order_correction, orders
from policies.admin.forms import (
    UTC,
    HolderForm,
    OrderForm,
    ReasonForm,
    SeenField,
    ShipmentForm,
)
from policies.admin.imports import UploadOrders
from policies.backoffice.cells import link, pill
from policies.backoffice.operations import Done, Operation
from policies.backoffice.records import EventInline, RecordAdmin
from policies.models import Order, OrderEvent, Plan, Policy
from policies.reporting import search
from policies.rules.text import Text
from policies.shared.fields import LocalInstantField, PlainCharField, on_the_clock_of


class Place(Operation):
    slug = "place"
    label = _("Enter an order")
    explanation = _(
        "A drone with its plan: the plan begins by itself after the shipment. "
        "For an order of several drones, enter each with the same reference."
    )
    permission = "policies.enter_order"
    form_class = OrderForm

    def run(self, form: Any) -> Done:
        purchase = orders.Purchase(**form.cleaned_data)
        try:
            order = orders.place(purchase, actor=self.actor, now=self.now)
        except orders.NotPlaced as error:
            raise ValidationError({error.about: str(error.message)}) from error
        return Done(self._message(order), go_to=order)

    @staticmethod
    def _message(order: Order) -> Text:
        count = Order.objects.filter(reference=order.reference).standing().count()
        if count == 1:
            return _("The order is entered.")
        message = _("The drone is entered. Order %(reference)s holds %(count)d drones now.")
        return message % {"reference": order.reference, "count": count}


class OrderCorrectionForm(HolderForm):
    """Facts that were entered wrongly, as they are on file; one that is left alone stays."""

    placed_at = LocalInstantField(label=_("Ordered at (UTC)"))
    plan = forms.ModelChoiceField(Plan.objects.none(), label=_("Plan"))
    reason = PlainCharField(
        label=_("Reason"), max_length=500, help_text=_("Kept in the history, for staff only.")
    )
    seen = SeenField(required=False)

    field_order = ["placed_at", "plan", "name", "email", "phone", "country", "reason"]

    def __init__(self, *args: Any, order: Order, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order = order
        sold = Plan.objects.on_offer().filter(renews=None) | Plan.objects.filter(pk=order.plan_id)
        self.fields["plan"].queryset = sold  # type: ignore[attr-defined]

    def clean_placed_at(self) -> datetime:
        typed = on_the_clock_of(UTC, self.cleaned_data["placed_at"])
        # The page shows minutes: left alone, the seconds stay.
        ordered = self.order.placed_at
        return ordered if typed == ordered.replace(second=0, microsecond=0) else typed


class Ship(Operation):
    slug = "ship"
    label = _("Record the shipment")
    explanation = _(
        "The plan begins by itself two days after it, or what the region's data say. "
        "Until then a new instant here corrects the shipment."
    )
    permission = "policies.enter_order"

    def open(self) -> bool:
        return not orders.objection_to_shipping(self.obj, self.obj.policy, now=self.now)

    def form(self, data: Any = None) -> forms.Form:
        return ShipmentForm(data, zone=self.obj.region.zone)

    def run(self, form: Any) -> Done:
        shipped_at = form.cleaned_data["shipped_at"]
        policy = orders.ship(self.obj, shipped_at=shipped_at, actor=self.actor, now=self.now)
        message = _("Shipped; %(number)s begins on %(day)s UTC.")
        return Done(message % {"number": policy, "day": f"{policy.starts_at:%Y-%m-%d %H:%M}"})


class Correct(Operation):
    slug = "correct"
    label = _("Correct the order")
    explanation = _(
        "What was entered wrongly, until the plan begins: when it was ordered, the plan, the "
        "buyer. A wrong shipment is corrected where it is recorded; for a wrong drone, cancel "
        "this line and enter it again."
    )
    permission = "policies.enter_order"

    def open(self) -> bool:
        objection = order_correction.objection_to_correcting(
            self.obj, self.obj.policy, now=self.now
        )
        return not objection

    def form(self, data: Any = None) -> forms.Form:
        buyer = self.obj.customer
        initial = {
            "placed_at": f"{self.obj.placed_at:%Y-%m-%dT%H:%M}",
            "plan": self.obj.plan_id,
            "name": buyer.name,
            "email": buyer.email,
            "phone": buyer.phone,
            "country": buyer.country,
            "seen": order_correction.last_event(self.obj),
        }
        return OrderCorrectionForm(data, initial=initial, order=self.obj)

    def run(self, form: Any) -> Done:
        typed = dict(form.cleaned_data)
        reason, seen = typed.pop("reason"), typed.pop("seen")
        try:
            order_correction.correct(
                self.obj,
                order_correction.Facts(**typed),
                reason=reason,
                seen=seen,
                actor=self.actor,
                now=self.now,
            )
        except orders.NotPlaced as error:
            raise ValidationError({error.about: str(error.message)}) from error
        return Done(_("The order is corrected."))


class Cancel(Operation):
    slug = "cancel"
    label = _("Cancel the order")
    explanation = _(
        "Only for the drone on this page; other drones of the same order stay ordered. "
        "A plan that has not begun yet is cancelled, too."
    )
    permission = "policies.enter_order"
    form_class = ReasonForm
    dangerous = True

    def open(self) -> bool:
        return not orders.objection_to_cancelling(self.obj, self.obj.policy, now=self.now)

    def run(self, form: Any) -> Done:
        reason = form.cleaned_data["reason"]
        orders.cancel(self.obj, reason=reason, actor=self.actor, now=self.now)
        return Done(_("The order is cancelled."))


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("to_ship", _("To ship"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.to_ship() if self.value() == "to_ship" else queryset


class OrderHistory(EventInline):
    model = OrderEvent


@admin.register(Order)
class OrderAdmin(RecordAdmin):
    list_display = [
        "reference",
        "state_pill",
        "buyer",
        "drone_link",
        "plan",
        "placed_at",
        "shipped_at",
    ]
    list_filter = [StateFilter, "plan", "region"]
    list_select_related = ["customer", "drone", "plan", "region", "policy"]
    sortable_by = ()
    find = staticmethod(search.orders)
    search_fields = ["reference"]
    search_help_text = _("An order reference, a serial number or an e-mail.")
    fields = [
        "reference",
        "state_pill",
        "buyer",
        "drone_link",
        "plan",
        "region",
        "placed_at",
        "shipped_at",
        "cancelled_at",
        "policy_link",
    ]
    readonly_fields = ["state_pill", "buyer", "drone_link", "policy_link"]
    operations = (Ship, Correct, Cancel)
    list_operations = (Place, UploadOrders)
    inlines = [OrderHistory]

    @admin.display(description=_("state"))
    def state_pill(self, order: Order) -> SafeString:
        if order.cancelled_at:
            return pill("bad", _("Cancelled"))
        if order.policy is None:
            return pill("busy", _("To ship"))
        if order.policy.status == Policy.Status.CANCELLED:
            return pill("bad", _("Plan cancelled"))
        if order.policy.starts_at > timezone.now():
            return pill("good", _("Shipped, plan begins soon"))
        return pill("quiet", _("Plan begun"))

    @admin.display(description=_("customer"))
    def buyer(self, order: Order) -> str:
        return link(order.customer, order.customer.name)

    @admin.display(description=_("drone"))
    def drone_link(self, order: Order) -> str:
        return link(order.drone)

    @admin.display(description=_("policy"))
    def policy_link(self, order: Order) -> str:
        return link(order.policy)
