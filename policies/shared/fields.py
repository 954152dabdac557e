"""FACE: form fields for what strangers type.

Whatever arrives is answered with a sentence, never an exception, and is checked before the
database sees it: SQLite stops neither over-long text nor NUL bytes, PostgreSQL stops both
with an error.
"""

import re
import unicodedata
from datetime import date, datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_countries import countries

from policies.models import DroneModel
from policies.rules import serials
from policies.rules.text import Text
from policies.shared import emails

# Pasted along from web pages and word processors, seen and meant by nobody: zero-width
# space, word joiner, byte order mark, soft hyphen.
UNSEEN = re.compile("[\u200b\u2060\ufeff\u00ad]")
# Word processors wrap marks of direction around what is copied out of a text that runs the
# other way. At the edges they mean nothing; inside they could disguise a text.
DIRECTION_MARKS = "\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069"
SPACES = "".join(filter(str.isspace, map(chr, range(0x3001))))
EDGES = SPACES + DIRECTION_MARKS
# The two joiners belong to Persian and Indic names, and to emoji.
JOINERS = {"\u200c", "\u200d"}
LINE_BREAK = re.compile(r"\r\n?|\n")
# A form that is shown again keeps what was typed, but not a novel in place of a name.
LONGEST_ECHO = 2_000


def is_hidden(character: str) -> bool:
    """Control characters, bidirectional overrides and whatever else can disguise a text."""
    category = unicodedata.category(character)
    if category == "Cn":
        # Unassigned: perhaps an emoji newer than this Python; the last two of each plane never.
        return ord(character) & 0xFFFE == 0xFFFE or "\ufdd0" <= character <= "\ufdef"
    return category in {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"} and character not in JOINERS


def has_something_to_see(text: str) -> bool:
    return any(unicodedata.category(character)[0] not in "CMZ" for character in text)


class PlainCharField(forms.CharField):
    """Text, stripped, without characters that cannot be seen; one line unless `multiline`."""

    default_error_messages = {
        "required": _("Please fill this in."),
        "too_long": _("Please use at most %(limit)d characters."),
        "hidden": _("This contains characters that cannot be seen. Please type it by hand."),
    }

    def __init__(self, *, max_length: int, multiline: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_length = max_length
        self.multiline = multiline
        # Not given to CharField: it would check only after the work below.
        self.widget.attrs["maxlength"] = str(max_length)

    def to_python(self, value: Any) -> Any:
        text = UNSEEN.sub("", str(value or "")).strip(EDGES)
        # The length first: composing a million stacked accents would take minutes.
        self._refuse_too_long(text)
        text = unicodedata.normalize("NFC", text)
        self._refuse_too_long(text)
        text = LINE_BREAK.sub("\n", text) if self.multiline else text.replace("\t", " ")
        if any(is_hidden(character) for character in text if not self._is_layout(character)):
            raise ValidationError(self.error_messages["hidden"], code="hidden")
        return text if has_something_to_see(text) else self.empty_value

    def _refuse_too_long(self, text: str) -> None:
        assert self.max_length is not None
        if len(text) > self.max_length:
            raise ValidationError(
                self.error_messages["too_long"], code="too_long", params={"limit": self.max_length}
            )

    def _is_layout(self, character: str) -> bool:
        return self.multiline and character in "\n\t"

    def bound_data(self, data: Any, initial: Any) -> Any:
        return data[:LONGEST_ECHO] if isinstance(data, str) else data


class EmailField(PlainCharField):
    """An e-mail address in lower case."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", _("E-mail"))
        attrs = {
            "inputmode": "email",
            "autocomplete": "email",
            "autocapitalize": "none",
            "spellcheck": "false",
        }
        # A text field: with `type=email` Chromium sends straße.de as strasse.de, somebody else's.
        kwargs.setdefault("widget", forms.TextInput(attrs=attrs))
        super().__init__(max_length=emails.LONGEST, **kwargs)

    def to_python(self, value: Any) -> Any:
        address = super().to_python(value)
        try:
            return emails.normalise(address) if address else address
        except emails.BadEmail as error:
            raise ValidationError(error.message, code="email") from None


class PhoneField(PlainCharField):
    """A telephone number, kept as written; full-width digits and signs become plain ones."""

    written = re.compile(r"\+?[\d\s()./-]+\Z", re.ASCII)
    fewest_digits = 5

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", _("Phone"))
        kwargs.setdefault("widget", forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}))
        super().__init__(max_length=40, **kwargs)

    def to_python(self, value: Any) -> Any:
        number = unicodedata.normalize("NFKC", super().to_python(value))
        self._refuse_too_long(number)
        digits = sum(character.isdigit() for character in number)
        if number and not (self.written.match(number) and digits >= self.fewest_digits):
            raise ValidationError(
                _("Please enter a phone number with digits only, like +1 555 0100."), code="phone"
            )
        return number


class SerialField(PlainCharField):
    """A drone's serial number as people write it; its value is normalised."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", _("Serial number"))
        kwargs.setdefault(
            "widget",
            forms.TextInput(
                attrs={
                    "autocomplete": "off",
                    "autocapitalize": "characters",
                    "spellcheck": "false",
                    "class": "code",
                }
            ),
        )
        # Twice the length of a serial number, for spaces and dashes.
        super().__init__(max_length=2 * serials.LONGEST, **kwargs)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        try:
            return serials.normalise(text) if text else text
        except serials.BadSerial as error:
            raise ValidationError(error.message, code="serial") from None


class PickedField(PlainCharField):
    """A day or a time as the browser's own picker writes it."""

    input_type: ClassVar[str]
    longest: ClassVar[int]
    written: ClassVar[re.Pattern[str]]
    wrong: ClassVar[Text]
    code: ClassVar[str]
    years = range(2000, 2101)

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.TextInput(attrs={"type": self.input_type}))
        super().__init__(max_length=self.longest, empty_value=None, **kwargs)
        del self.widget.attrs["maxlength"]  # HTML has none for these types

    def parse(self, text: str) -> Any:
        """The value of a text that is `written` rightly. Raises ValueError for 30 February."""
        raise NotImplementedError

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if text is None:
            return None
        try:
            if not self.written.match(text):
                raise ValueError(text)
            picked = self.parse(text)
        except ValueError:
            raise ValidationError(self.wrong, code=self.code) from None
        if picked.year not in self.years:
            raise ValidationError(_("Please check the year."), code="year")
        return picked


class DayField(PickedField):
    """A day, `YYYY-MM-DD`."""

    input_type, longest, code = "date", 10, "day"
    written = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
    wrong = _("Please enter a day, like 2026-01-31.")

    def parse(self, text: str) -> date:
        return date.fromisoformat(text)


class LocalInstantField(PickedField):
    """A date and time on some clock, `YYYY-MM-DDTHH:MM`.

    Its value is naive: the form knows the clock only when zone and country are read, and turns
    it into an instant with `on_the_clock_of`.
    """

    input_type, longest, code = "datetime-local", 26, "instant"
    written = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?\Z", re.ASCII)
    wrong = _("Please enter a date and time, like 2026-01-31T10:00.")

    def parse(self, text: str) -> datetime:
        return datetime.fromisoformat(text)


def on_the_clock_of(zone: ZoneInfo, naive: datetime) -> datetime:
    """The instant at which a clock in `zone` shows `naive`.

    A time that a daylight-saving change skips moves forward by the change; one that happens
    twice means the first.
    """
    return naive.replace(tzinfo=zone, fold=0).astimezone(ZoneInfo("UTC"))


class LongSelect(forms.Select):
    """Django renders a template for each option; one for all takes a page from 36 to 22 ms."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return render_to_string("policies/_select.html", self.get_context(name, value, attrs))


class CountryField(forms.ChoiceField):
    """A country; its value is the ISO 3166 alpha-2 code."""

    default_error_messages = {
        "required": _("Please choose your country."),
        # Without the value: it may be a million characters long.
        "invalid_choice": _("Please choose a country from the list."),
    }

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", _("Country"))
        kwargs.setdefault("widget", LongSelect(attrs={"autocomplete": "country"}))
        super().__init__(choices=self._offer, **kwargs)

    @staticmethod
    def _offer() -> list[tuple[str, Text]]:
        return [("", _("Choose a country")), *countries]

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).strip().upper()


class DroneModelField(forms.Field):
    """A drone model by its slug; its value is the DroneModel."""

    slug = re.compile(r"[a-z0-9_-]{1,60}\Z")
    default_error_messages = {"required": _("Please choose the model.")}

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", _("Model"))
        kwargs.setdefault("widget", LongSelect)
        super().__init__(**kwargs)

    def offer(self, *, also: str = "") -> None:
        """Reads the models to choose from. Not done unasked: most forms never show them.

        Withdrawn ones are left out (P10), but for `also`: the slug that was named already, or
        of the model that a code was sold for.
        """
        by_series: dict[str, list[tuple[str, str]]] = {}
        models = DroneModel.objects.on_offer()
        if self.slug.match(also):
            models |= DroneModel.objects.filter(slug=also)
        for model in models.select_related("series").order_by("series__name", "name"):
            by_series.setdefault(model.series.name, []).append((model.slug, model.name))
        assert isinstance(self.widget, forms.Select)
        self.widget.choices = [("", _("Choose the model")), *by_series.items()]

    def to_python(self, value: Any) -> DroneModel | None:
        if value in self.empty_values:
            return None
        slug = str(value).strip().lower() if len(str(value)) <= 100 else ""
        model = self.slug.match(slug) and DroneModel.objects.filter(slug=slug).first()
        if not model:
            raise ValidationError(_("Please choose a model from the list."), code="model")
        return model
