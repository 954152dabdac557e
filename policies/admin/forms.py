"""The forms of the back office's operations: they read what was typed, and decide nothing."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy as _

from policies.binding import Application
from policies.models import Customer, DroneModel, Plan, Region, VerificationStep
from policies.shared.fields import (
    CountryField,
    DroneModelField,
    EmailField,
    LocalInstantField,
    PhoneField,
    PlainCharField,
    SerialField,
    on_the_clock_of,
)
from policies.shared.lettering import validate_printable
from policies.shared.serial_confirmation import SerialConfirmation
from policies.shared.stated_instants import ACTIVATED, activation_problem

UTC = ZoneInfo("UTC")


class CatalogueForm(forms.Form):
    """What new codes are for: nothing withdrawn (P10)."""

    plan = forms.ModelChoiceField(Plan.objects.on_offer(), label=_("Plan"))
    drone_model = forms.ModelChoiceField(DroneModel.objects.on_offer(), label=_("Model"))
    region = forms.ModelChoiceField(Region.objects.on_offer(), label=_("Region"))


class GenerateForm(CatalogueForm):
    count = forms.IntegerField(
        label=_("How many"),
        min_value=1,
        max_value=20_000,
        help_text=_("Up to 20,000 here; the command generate_codes makes more."),
    )


class ReasonForm(forms.Form):
    reason = PlainCharField(label=_("Reason"), max_length=255)


class SerialCorrectionForm(SerialConfirmation):
    serial = SerialField(label=_("Right serial number"))
    reason = PlainCharField(
        label=_("Reason"), max_length=500, help_text=_("Kept in the history, for staff only.")
    )


class RevokeLinkForm(ReasonForm):
    mail = forms.BooleanField(label=_("Mail a new link"), required=False, initial=True)

    def __init__(self, *args: Any, mailbox: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = _("Kept in the history, for staff only.")
        self.fields["mail"].help_text = _("To %(mailbox)s") % {"mailbox": mailbox}


class RevealForm(forms.Form):
    reason = PlainCharField(
        label=_("Reason"), max_length=255, help_text=_("Kept in the history with your name.")
    )


class DeskBindingForm(SerialConfirmation):
    serial = SerialField()
    drone_model = DroneModelField(
        required=False, help_text=_("Needed only for a serial number that is not on file.")
    )
    activated = forms.ChoiceField(
        label=_("Has the drone been activated?"),
        required=False,
        choices=[("", _("Ask the customer")), *ACTIVATED],
        error_messages={"invalid_choice": _("Please choose an answer from the list.")},
    )
    activated_at = LocalInstantField(
        label=_("Activated at"),
        required=False,
        help_text=_(
            "If so: as the customer states it, on the clock of the code's region. "
            "What the dealer knows, and what was stated before, goes before it."
        ),
    )
    name = PlainCharField(label=_("Holder's name"), max_length=120, validators=[validate_printable])
    email = EmailField(label=_("Holder's e-mail"))
    phone = PhoneField(required=False)
    country = CountryField()

    def __init__(
        self, *args: Any, zone: ZoneInfo, sold_for: str, renews: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.zone, self.renews = zone, renews
        self.fields["drone_model"].offer(also=sold_for)  # type: ignore[attr-defined]

    def clean_activated_at(self) -> datetime | None:
        naive = self.cleaned_data["activated_at"]
        return naive and on_the_clock_of(self.zone, naive)

    def clean(self) -> dict[str, Any]:
        facts = self.cleaned_data
        if "activated" in facts and "activated_at" in facts:
            problem = activation_problem(
                facts["activated"], facts["activated_at"], asked="activated" in self.data
            )
            # A code that renews starts nothing: there the answer changes nothing.
            if problem and not self.renews:
                self.add_error(*problem)
        return facts

    def application(self) -> Application:
        facts = {name: value for name, value in self.cleaned_data.items() if name != "activated"}
        return Application(**facts, zone=self.zone)


class HolderForm(forms.Form):
    """Somebody who takes over a policy."""

    name = PlainCharField(label=_("Name"), max_length=120, validators=[validate_printable])
    email = EmailField()
    phone = PhoneField(required=False)
    country = CountryField()


class SeenField(forms.IntegerField):
    """What a page showed when it was opened; shown again, it shows what is so by then."""

    widget = forms.HiddenInput

    def bound_data(self, data: Any, initial: Any) -> Any:
        return initial


class OwnerForm(HolderForm):
    """The new owner, and from whom the policy goes to them."""

    seen_holder = SeenField(required=False)


class OrderForm(SerialConfirmation, HolderForm):
    reference = PlainCharField(label=_("Order reference"), max_length=64)
    serial = SerialField()
    drone_model = forms.ModelChoiceField(DroneModel.objects.on_offer(), label=_("Model"))
    plan = forms.ModelChoiceField(Plan.objects.on_offer().filter(renews=None), label=_("Plan"))

    placed_at = LocalInstantField(
        label=_("Ordered at (UTC)"), required=False, help_text=_("Empty: just now.")
    )

    field_order = ["reference", "placed_at", "serial", "drone_model", "plan"]

    def clean_placed_at(self) -> datetime | None:
        naive = self.cleaned_data["placed_at"]
        return naive and on_the_clock_of(UTC, naive)


class ShipmentForm(forms.Form):
    shipped_at = LocalInstantField(
        label=_("Shipped at"), help_text=_("On the clock of the customer's region.")
    )

    def __init__(self, *args: Any, zone: ZoneInfo, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = zone

    def clean_shipped_at(self) -> datetime:
        return on_the_clock_of(self.zone, self.cleaned_data["shipped_at"])


class RenewalForm(forms.Form):
    plan = forms.ModelChoiceField(Plan.objects.on_offer().exclude(renews=None), label=_("Renewal"))
    order_reference = PlainCharField(label=_("Order reference"), max_length=64, required=False)


class PermitForm(forms.Form):
    region = forms.ModelChoiceField(
        Region.objects.all(), label=_("Region"), help_text=_("How long it lasts is its data.")
    )
    note = PlainCharField(
        label=_("Repair"), max_length=255, help_text=_("Which official repair, and its number.")
    )


class DroneStatusForm(forms.Form):
    serial = SerialField()
    region = forms.ModelChoiceField(
        Region.objects.all(), label=_("Region"), help_text=_("Where a plan would be bought.")
    )


class DroneForm(SerialConfirmation):
    serial = SerialField()
    drone_model = forms.ModelChoiceField(DroneModel.objects.on_offer(), label=_("Model"))
    activated_at = LocalInstantField(
        label=_("Activated at (UTC)"),
        required=False,
        help_text=_("Empty: not activated yet, as far as the dealer knows."),
    )

    def clean_activated_at(self) -> datetime | None:
        naive = self.cleaned_data["activated_at"]
        return naive and on_the_clock_of(UTC, naive)


class ActivationForm(forms.Form):
    activated_at = LocalInstantField(
        label=_("Activated at (UTC)"), required=False, help_text=_("Empty: not activated yet.")
    )
    reason = PlainCharField(
        label=_("Reason"),
        max_length=255,
        help_text=_("How you know. What customers stated until now no longer counts."),
    )

    def clean_activated_at(self) -> datetime | None:
        naive = self.cleaned_data["activated_at"]
        return naive and on_the_clock_of(UTC, naive)


class CustomerForm(forms.ModelForm):  # type: ignore[type-arg]
    name = PlainCharField(label=_("Name"), max_length=120, validators=[validate_printable])
    email = EmailField()
    phone = PhoneField(required=False)

    class Meta:
        model = Customer
        fields = ["name", "email", "phone", "country"]


class ApprovalForm(forms.Form):
    """What the film shows, ticked while watching it (V2)."""

    seen = forms.MultipleChoiceField(
        label=_("The film shows"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "invalid_choice": _("Please tick steps of the list."),
            "invalid_list": _("Please tick steps of the list."),
        },
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        steps = VerificationStep.objects.values_list("slug", "title")
        self.fields["seen"].choices = list(steps)  # type: ignore[attr-defined]


class RejectionForm(ApprovalForm):
    reason = PlainCharField(
        label=_("Reason"),
        max_length=500,
        multiline=True,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Only for a rejection. The customer reads this."),
    )
