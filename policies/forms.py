"""The forms of the public pages. Field names are a contract: other programs send them."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from policies import withdrawal
from policies.binding import Application
from policies.models import Drone, DroneModel, Region
from policies.rules import code_format, serials
from policies.rules.text import Text
from policies.rules.verdict import Reason, Verdict
from policies.shared.fields import (
    CountryField,
    DroneModelField,
    EmailField,
    PhoneField,
    PlainCharField,
    SerialField,
)
from policies.shared.lettering import validate_printable
from policies.shared.serial_confirmation import SerialConfirmation
from policies.shared.stated_instants import ActivationQuestion
from policies.verification import BadVideoLink, Film, video_id

# The field that a reason is about; others are about the case as a whole.
FIELD_OF_REASON = {
    "plan_renews": "code",
    "wrong_model": "code",
    "wrong_region": "country",
    "retired": "serial",
    "has_policy": "serial",
    "had_policy": "serial",
    "activated_in_future": "activated_at",
    "window_passed": "activated_at",
    # Of a code that renews:
    "wrong_plan": "code",
    "cancelled": "serial",
    "not_begun": "serial",
    "not_in_term": "serial",
    "none_left": "serial",
    "renewed_before": "serial",
}


class CodeField(PlainCharField):
    """An activation code as people type it, checked by its form alone (C3)."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {
            "autocomplete": "off",
            "autocapitalize": "characters",
            "spellcheck": "false",
            "class": "code",
        }
        # Four times the length of a code, for spaces and dashes.
        super().__init__(
            max_length=4 * code_format.LENGTH, widget=forms.TextInput(attrs=attrs), **kwargs
        )

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        try:
            return code_format.parse(text) if text else text
        except code_format.Mistyped as error:
            raise ValidationError(error.message, code="mistyped") from None


class ActivateForm(SerialConfirmation, ActivationQuestion):
    code = CodeField(
        label=_("Activation code"),
        help_text=_("16 letters and digits, from our letter. Dashes and spaces don't matter."),
    )
    serial = SerialField(
        help_text=_("On the aircraft, in the battery compartment or under an arm, and on the box."),
    )
    model = DroneModelField(label=_("Which model is it?"), required=False)
    name = PlainCharField(
        label=_("Full name"),
        max_length=120,
        validators=[validate_printable],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = EmailField(help_text=_("We send the agreement to this address."))
    phone = PhoneField(required=False)
    country = CountryField(help_text=_("Where you live, and where the drone is serviced."))
    accept_terms = forms.BooleanField(
        label=_("I have read what the plan covers, what it does not cover, and the fees"),
        error_messages={"required": _("Please tick this to go on.")},
    )

    field_order = ("code", "serial", "model", "activated", "activated_at", "time_zone")

    # The page asks for the model once the serial is found to be unknown, and says so with this.
    MODEL_ASKED = "model_asked"

    verdict: Verdict | None = None
    # A question that nobody has asked before is no error.
    has_new_question = False
    # What looks wrong about the serial number, which is asked about once (B12).
    doubts: Sequence[Text] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.was_asked_model = self.MODEL_ASKED in self.data
        self.asks_model = bool(
            self.was_asked_model or self.data.get("model") or self.initial.get("model")
        )
        if self.asks_model:
            named = self.data.get("model") or self.initial.get("model") or ""
            self._model_field.offer(also=named)

    @property
    def _model_field(self) -> DroneModelField:
        field = self.fields["model"]
        assert isinstance(field, DroneModelField)
        return field

    def clean(self) -> dict[str, Any]:
        facts = super().clean()
        serial, model = facts.get("serial"), facts.get("model")
        # By what was typed alone: whether the drone is on file is told to nobody without a good
        # code (C5).
        if serial and model and facts["serial_confirmed"] != serial:
            self.doubts = serials.doubts(serial, model.serial_pattern)
            if self.doubts:
                self.repeat(serial)
        return facts

    def clean_country(self) -> str:
        country: str = self.cleaned_data["country"]
        self.region = Region.objects.for_country(country).first()
        return country

    @property
    def is_served(self) -> bool:
        """Whether a service region has the country; without one there is no clock either."""
        return self.region is not None

    @property
    def is_on_offer(self) -> bool:
        """Whether a code may be bought for the country today (P10)."""
        return self.region is not None and self.region.is_on_offer

    def application(self) -> Application:
        data = self.cleaned_data
        return Application(
            serial=data["serial"],
            name=data["name"],
            email=data["email"],
            country=data["country"],
            phone=data["phone"],
            serial_confirmed=data["serial_confirmed"],
            drone_model=data["model"],
            activated_at=self.stated_at,
            zone=self.zone,
            answers_activation=self.answers_activation,
        )

    def ask_for_model(self, *, sold_for: str) -> None:
        """`sold_for` is the slug of the code's own model, which may be withdrawn since (P10)."""
        self.asks_model = True
        self._model_field.offer(also=sold_for)
        if self.was_asked_model:
            self.add_error("model", self._model_field.error_messages["required"])
        else:
            self.has_new_question = True

    def refuse(self, verdict: Verdict) -> None:
        """Shows the verdict: each objection at the field it is about, all of them at the top."""
        self.verdict = verdict
        for reason in verdict.objections:
            self.add_error(self._field_of(reason), reason.said)

    def _field_of(self, reason: Reason) -> str | None:
        chosen = self.cleaned_data.get("model") and not self.renews
        if reason.code == "wrong_model" and chosen:
            return "model"
        return FIELD_OF_REASON.get(reason.code)

    @property
    def renews(self) -> bool:
        """Whether the code that was refused renews a plan, so that nothing was to start."""
        return self.verdict is not None and any(one.rule == "R1" for one in self.verdict.reasons)

    @property
    def film_would_help(self) -> bool:
        """Whether nothing but the passed window is about the drone itself (B3, B4)."""
        rules = {one.rule for one in self.verdict.objections} if self.verdict else set()
        return "B2" in rules and "B4" not in rules

    @property
    def to_carry_along(self) -> dict[str, str]:
        """What the page for videos asks, too. The model of a drone that we know was not typed."""
        names = ("serial", "model", "name", "email", "country")
        typed = {name: str(self[name].value() or "") for name in names}
        known = Drone.objects.filter(serial=self.cleaned_data["serial"])
        slug = known.values_list("drone_model__slug", flat=True).first()
        return typed | ({"model": slug} if slug else {})

    def objections(self) -> list[tuple[Reason, forms.BoundField | None]]:
        """The verdict's objections, each with the field to look at."""
        if self.verdict is None:
            return []
        names = [(reason, self._field_of(reason)) for reason in self.verdict.objections]
        return [(reason, self[name] if name else None) for reason, name in names]

    def say_country_is_not_served(self) -> None:
        """Unless something better is said of the country already."""
        if not self.has_error("country"):
            self.add_error("country", _("We have no service region for this country yet."))


class CoverForm(forms.Form):
    serial = SerialField(
        help_text=_("On the aircraft, in the battery compartment or under an arm, and on the box."),
    )
    email = EmailField(help_text=_("The address that the care plan was activated with."))


class VideoLinkField(PlainCharField):
    """A link to a film on YouTube; its value is YouTube's id of the film."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", _("Link to your video"))
        # A text field: for `type=url` the browser would refuse first, in its own words.
        attrs = {"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}
        kwargs.setdefault("widget", forms.TextInput(attrs=attrs))
        super().__init__(max_length=300, **kwargs)

    def to_python(self, value: Any) -> Any:
        link = super().to_python(value)
        try:
            return video_id(link) if link else link
        except BadVideoLink as error:
            raise ValidationError(error.message, code="video") from None


class VerificationForm(forms.Form):
    serial = SerialField(
        help_text=_("On the aircraft, in the battery compartment or under an arm, and on the box."),
    )
    model = DroneModelField()
    name = PlainCharField(
        label=_("Full name"),
        max_length=120,
        validators=[validate_printable],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = EmailField(help_text=_("We send our answer to this address."))
    country = CountryField(help_text=_("Where you live, and where the drone is serviced."))
    video_url = VideoLinkField(
        help_text=_("On YouTube, like https://youtu.be/dQw4w9WgXcQ. It may be unlisted or private.")
    )
    read_instructions = forms.BooleanField(
        label=_("I have read the instructions, and the video shows all of it"),
        error_messages={"required": _("Please read the instructions, then tick this.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = self.data.get("model") or self.initial.get("model") or ""
        self.fields["model"].offer(also=named)  # type: ignore[attr-defined]

    def clean_model(self) -> DroneModel:
        model: DroneModel = self.cleaned_data["model"]
        if not withdrawal.may_be_bound(model):
            raise ValidationError(_("Care plans for this model are not sold any more."))
        return model

    def clean_country(self) -> str:
        country: str = self.cleaned_data["country"]
        region = Region.objects.for_country(country).first()
        if region is None or not withdrawal.may_be_bound(region):
            raise ValidationError(_("We have no service region for this country yet."))
        return country

    def film(self) -> Film:
        data = self.cleaned_data
        return Film(
            serial=data["serial"],
            drone_model=data["model"],
            name=data["name"],
            email=data["email"],
            country=data["country"],
            video_id=data["video_url"],
        )
