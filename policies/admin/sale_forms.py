"""The forms by which codes are sold and taken back: they read what was typed."""

from datetime import datetime
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from policies import customers, usefulness
from policies.admin.forms import CatalogueForm, ReasonForm
from policies.models import ActivationCode, Customer
from policies.rules.verdict import Reason
from policies.shared.fields import CountryField, EmailField, PhoneField, PlainCharField
from policies.shared.lettering import validate_printable


class BuyerForm(forms.Form):
    """Who buys. A customer who is on file is found again by e-mail, name and country."""

    name = PlainCharField(label=_("Name"), max_length=120, validators=[validate_printable])
    email = EmailField()
    phone = PhoneField(required=False)
    country = CountryField()
    order_reference = PlainCharField(label=_("Order reference"), max_length=64, required=False)
    # Seen only when there is something to confirm.
    confirmed = forms.MultipleChoiceField(
        label=_("Sell all the same"),
        required=False,
        choices=[(usefulness.REGION, ""), (usefulness.RENEWAL, "")],
        widget=forms.MultipleHiddenInput,
    )

    def ask(self, warnings: list[Reason]) -> None:
        """Shows a box to tick for each warning."""
        field: Any = self.fields["confirmed"]
        field.widget = forms.CheckboxSelectMultiple()
        field.choices = [(warning.code, str(warning)) for warning in warnings]

    def buyer(self, *, now: datetime) -> Customer:
        facts = self.cleaned_data
        return customers.known(
            name=facts["name"],
            email=facts["email"],
            country=facts["country"],
            phone=facts["phone"],
            now=now,
        )


class SellForm(BuyerForm):
    """One code, already chosen."""


class SellFromStockForm(BuyerForm, CatalogueForm):
    quantity = forms.IntegerField(label=_("How many"), initial=1, min_value=1, max_value=500)

    field_order = ["plan", "drone_model", "region", "quantity"]


class SellFromBatchForm(BuyerForm):
    quantity = forms.IntegerField(label=_("How many"), initial=1, min_value=1, max_value=500)

    field_order = ["quantity"]


class CodesField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, code: Any) -> str:
        return f"{code}, {code.batch.plan}, {code.batch.drone_model}"


class TakeBackForm(ReasonForm):
    """Some codes of a sale, or all that can be taken back."""

    everything = forms.BooleanField(label=_("All that were not redeemed"), required=False)
    codes = CodesField(
        queryset=ActivationCode.objects.none(),
        label=_("Or these"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": _("One of these can no longer be taken back.")},
    )

    field_order = ["everything", "codes", "reason"]

    def __init__(self, *args: Any, codes: QuerySet[ActivationCode], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["codes"].queryset = codes  # type: ignore[attr-defined]

    def chosen(self) -> list[ActivationCode]:
        data = self.cleaned_data
        field: Any = self.fields["codes"]
        return list(field.queryset if data["everything"] else data["codes"])
