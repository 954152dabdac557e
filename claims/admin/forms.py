"""The forms of the claims desk: they read what was typed, and decide nothing."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from claims.fields import address_line
from claims.holders import ReturnAddress
from claims.models import Claim, FeePayment, Outcome
from policies.models import Cause, Part
from policies.rules import money
from policies.shared.fields import CountryField, PlainCharField, SerialField
from policies.shared.lettering import validate_printable
from policies.shared.serial_confirmation import SerialConfirmation

CONDITIONS = [("new", _("New")), ("refurbished", _("Refurbished"))]


class ReasonForm(forms.Form):
    reason = PlainCharField(
        label=_("Reason"), max_length=500, help_text=_("The customer reads this.")
    )


class OptionalReasonForm(forms.Form):
    reason = PlainCharField(
        label=_("Reason"), max_length=500, required=False, help_text=_("The customer reads this.")
    )


class InternalReasonForm(forms.Form):
    reason = PlainCharField(
        label=_("Reason"), max_length=500, help_text=_("Kept in the history, for staff only.")
    )


class RevokeLinkForm(InternalReasonForm):
    mail = forms.BooleanField(label=_("Mail a new link"), required=False, initial=True)

    def __init__(self, *args: Any, mailbox: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["mail"].help_text = _("To %(mailbox)s") % {"mailbox": mailbox}


class OverruleForm(InternalReasonForm):
    outcome = forms.ChoiceField(
        label=_("Decision"),
        choices=[
            (Outcome.CARE, Outcome.CARE.label),
            (Outcome.WARRANTY, Outcome.WARRANTY.label),
            (Outcome.NOT_COVERED, Outcome.NOT_COVERED.label),
        ],
    )

    field_order = ["outcome", "reason"]


class MissingPartsForm(forms.Form):
    missing = PlainCharField(
        label=_("What is missing"),
        max_length=500,
        help_text=_("The customer reads this, and sends it."),
    )


class NoteForm(forms.Form):
    note = PlainCharField(
        label=_("Note"),
        max_length=2000,
        required=False,
        multiline=True,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("For staff only."),
    )


class AssessForm(NoteForm):
    cause_found = forms.ChoiceField(label=_("Cause found"), choices=Cause.choices)
    parts_received = forms.MultipleChoiceField(
        label=_("Parts received"), choices=Part.choices, widget=forms.CheckboxSelectMultiple
    )
    parts_damaged = forms.MultipleChoiceField(
        label=_("Parts damaged"),
        choices=Part.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("The decision is made again on the cause found and on these parts."),
    )

    field_order = ["cause_found", "parts_received", "parts_damaged", "note"]


class PaymentForm(forms.Form):
    amount = forms.DecimalField(
        label=_("Amount"), max_digits=12, decimal_places=money.PLACES, min_value=0
    )
    currency = PlainCharField(label=_("Currency"), max_length=3)
    method = forms.ChoiceField(label=_("Method"), choices=FeePayment.Method.choices)
    reference = PlainCharField(
        label=_("Reference"), max_length=64, help_text=_("From the bank or the payment provider.")
    )

    def clean_currency(self) -> str:
        currency: str = self.cleaned_data["currency"].upper()
        return currency


class RefundForm(forms.Form):
    reference = PlainCharField(label=_("Refund reference"), max_length=64)


class ReversePaymentForm(InternalReasonForm):
    reference = forms.ChoiceField(label=_("Payment"))

    field_order = ["reference", "reason"]

    def __init__(self, *args: Any, payments: Iterable[FeePayment], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["reference"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(one.reference, f"{one}, {one.reference}") for one in payments]


class SendBackForm(ReasonForm):
    tracking_number = PlainCharField(
        label=_("Tracking number"), max_length=64, required=False, validators=[validate_printable]
    )


class ShipForm(SerialConfirmation):
    serial_field = "new_serial"

    new_serial = SerialField(label=_("Serial number of the drone that goes out"))
    condition = forms.ChoiceField(label=_("Condition"), choices=CONDITIONS)
    tracking_number = PlainCharField(
        label=_("Tracking number"), max_length=64, validators=[validate_printable]
    )


def fields_of_request(claim: Claim) -> dict[str, Any]:
    """What the customer reported, as the assessor's starting point."""
    return {
        "cause_found": claim.cause,
        "parts_received": claim.parts,
        "parts_damaged": claim.parts,
    }


class SerialCorrectionForm(SerialConfirmation, InternalReasonForm):
    serial = SerialField(label=_("Right serial number of the drone that went out"))

    field_order = ["serial", "reason"]


class AddressForm(InternalReasonForm):
    line1 = address_line(_("Street and number"), 120, "off")
    line2 = address_line(_("Apartment, company, building"), 120, "off", required=False)
    city = address_line(_("City"), 80, "off")
    state = address_line(_("State or province"), 80, "off", required=False)
    postal_code = address_line(_("Postal code"), 20, "off", required=False)
    country = CountryField()

    field_order = ["line1", "line2", "postal_code", "city", "state", "country", "reason"]

    def address(self) -> ReturnAddress:
        facts = {name: value for name, value in self.cleaned_data.items() if name != "reason"}
        return ReturnAddress(**facts)
