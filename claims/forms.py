"""The forms of the public pages. Field names are a contract: other programs send them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from claims.decisions import PRODUCT_DEFECT
from claims.fields import (
    CauseField,
    PartsField,
    PhotosField,
    StoryField,
    address_line,
)
from claims.intake import Inquiry, Request
from claims.photos import Picture
from policies.models import Cause, DroneModel, Exclusion, Part, Series
from policies.rules.reference_numbers import ALPHABET
from policies.shared.fields import CountryField, DayField, EmailField, PlainCharField, SerialField


@dataclass(frozen=True)
class Option:
    """One thing to tick, with what the plan says about it."""

    value: str
    label: str
    is_chosen: bool
    hint: Any = ""


class RepairForm(forms.Form):
    serial = SerialField(
        help_text=_("On the aircraft, in the battery compartment or under an arm, and on the box."),
    )
    email = EmailField(help_text=_("The address to which we sent the agreement."))
    cause = CauseField(label=_("What caused the damage?"))
    happened_on = DayField(
        label=_("When did it happen?"), help_text=_("The day that it was where you were.")
    )
    description = StoryField(
        label=_("What happened?"),
        max_length=4000,
        help_text=_("In your own words: how it was flying, what it hit, what no longer works."),
    )
    parts = PartsField(
        label=_("Which parts are damaged?"),
        help_text=_("Tick every damaged part. What you tick here is what goes into the parcel."),
    )
    photos = PhotosField(
        label=_("Photos of the damage"),
        required=False,
        help_text=_("Up to 6, as JPEG, PNG, WebP or HEIC, of at most 10 MB each."),
    )
    address_line1 = address_line(_("Street and number"), 120, "address-line1")
    address_line2 = address_line(
        _("Apartment, company, building"), 120, "address-line2", required=False
    )
    city = address_line(_("City"), 80, "address-level2")
    state = address_line(_("State or province"), 80, "address-level1", required=False)
    postal_code = address_line(_("Postal code"), 20, "postal-code", required=False)
    country = CountryField()
    accept_terms = forms.BooleanField(
        label=_("I have read what the plan covers, what it does not cover, and the fees"),
        error_messages={"required": _("Please tick this to go on.")},
    )

    pictures: Sequence[Picture] = ()

    @property
    def lost_photos(self) -> bool:
        """Photos came with a form that is shown again: a browser does not choose files anew."""
        return bool(self.files)

    def inquiry(self) -> Inquiry | None:
        """What can be looked up, also where other fields are wrong; None without the drone."""
        data = self.cleaned_data
        if not {"serial", "email"} <= set(data):
            return None
        return Inquiry(
            serial=data["serial"],
            email=data["email"],
            happened_on=data.get("happened_on"),
            country=data.get("country"),
        )

    def open_photos(self) -> None:
        """Reads the photos; what is wrong with them is said at their field."""
        try:
            self.pictures = PhotosField.pictures(self.cleaned_data.get("photos", []))
        except ValidationError as error:
            self.add_error("photos", error)

    def request(self) -> Request:
        data = self.cleaned_data
        return Request(
            serial=data["serial"],
            email=data["email"],
            cause=data["cause"],
            happened_on=data["happened_on"],
            description=data["description"],
            parts=data["parts"],
            line1=data["address_line1"],
            line2=data["address_line2"],
            city=data["city"],
            state=data["state"],
            postal_code=data["postal_code"],
            country=data["country"],
            pictures=self.pictures,
        )

    # --- what the page says beside the choices --------------------------------------------

    def accidents(self) -> list[Option]:
        return [option for option in self._causes() if option.value not in self._not_accidents()]

    def defects(self) -> list[Option]:
        defects = self._not_accidents() - set(self._exclusions())
        return [option for option in self._causes() if option.value in defects]

    def excluded(self) -> list[Option]:
        return [option for option in self._causes() if option.value in self._exclusions()]

    def _causes(self) -> Iterator[Option]:
        chosen = self["cause"].value()
        for value, text in Cause.choices:
            yield Option(value, str(text), value == chosen, self._exclusions().get(value, ""))

    def _not_accidents(self) -> set[str]:
        return {PRODUCT_DEFECT, *self._exclusions()}

    def _exclusions(self) -> dict[str, str]:
        if not hasattr(self, "_texts"):
            self._texts = dict(Exclusion.objects.values_list("cause", "text"))
        return self._texts

    def part_options(self) -> list[Option]:
        chosen = self["parts"].value() or []
        every_series = list(Series.objects.prefetch_related("parts", "drone_models__parts"))
        return [
            Option(value, str(text), value in chosen, _cover_of(value, every_series))
            for value, text in Part.choices
        ]


def _cover_of(part: str, every_series: list[Series]) -> Any:
    """For which drones a part is covered, in one sentence (P6)."""
    covered: list[str] = []
    open_: list[str] = []
    for series in every_series:
        by_series = part in {row.part for row in series.parts.all()}
        (covered if by_series else open_).append(series.name)
        for model in _with_own_parts(series):
            by_model = part in {row.part for row in model.parts.all()}
            if by_model != by_series:
                (covered if by_model else open_).append(model.name)
    if not covered:
        return _("Never covered.")
    if not open_:
        return _("Covered.")
    return _("Covered for %(covered)s. Not covered for %(open)s.") % {
        "covered": ", ".join(covered),
        "open": ", ".join(open_),
    }


def _with_own_parts(series: Series) -> list[DroneModel]:
    return [model for model in series.drone_models.all() if model.parts.all()]


class LookupForm(forms.Form):
    number = PlainCharField(
        label=_("Claim number"),
        max_length=40,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "characters",
                "spellcheck": "false",
                "class": "code",
            }
        ),
        help_text=_("In the subject of each of our letters. It begins with CLM."),
    )
    email = EmailField(help_text=_("The address that our letters come to."))

    def clean_number(self) -> str:
        """The number as we write it, or nothing where it cannot be one of ours."""
        typed = re.sub(r"[^0-9A-Z]", "", self.cleaned_data["number"].upper())
        name = typed.removeprefix("CLM")
        return f"CLM-{name}" if len(name) == 8 and set(name) <= set(ALPHABET) else ""
