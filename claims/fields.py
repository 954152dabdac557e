"""The fields of a repair request: a day, a story, a cause, parts, photos (K1)."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from claims import photos
from policies.models import Cause, Part
from policies.rules.text import Text
from policies.shared.fields import PlainCharField
from policies.shared.lettering import validate_printable


class StoryField(PlainCharField):
    """Several lines of text. A browser counts a line break once, and sends it as two."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(multiline=True, widget=forms.Textarea(attrs={"rows": 6}), **kwargs)

    def to_python(self, value: Any) -> Any:
        return super().to_python(str(value or "").replace("\r\n", "\n"))

    def bound_data(self, data: Any, initial: Any) -> Any:
        assert self.max_length is not None
        return data[: 2 * self.max_length] if isinstance(data, str) else data


class CauseField(forms.ChoiceField):
    default_error_messages = {
        "required": _("Please choose what happened."),
        "invalid_choice": _("Please choose what happened from the list."),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=Cause.choices, widget=forms.RadioSelect, **kwargs)

    def bound_data(self, data: Any, initial: Any) -> Any:
        return data if data in Cause.values else ""


class PartsField(forms.Field):
    """Parts of a drone, ticked one by one, or in one value with commas."""

    widget = forms.CheckboxSelectMultiple(choices=Part.choices)
    default_error_messages = {"required": _("Please choose at least one part.")}
    longest = 200

    def to_python(self, value: Any) -> list[str]:
        named = self._named(value)
        if not named <= set(Part.values):
            raise ValidationError(_("Please choose parts from the list."), code="part")
        return [part for part in Part.values if part in named]

    def bound_data(self, data: Any, initial: Any) -> Any:
        return sorted(self._named(data) & set(Part.values))

    def _named(self, value: Any) -> set[str]:
        text = ",".join(value)[: self.longest] if isinstance(value, list) else ""
        return {part.strip().lower() for part in text.split(",") if part.strip()}


class FilesInput(forms.FileInput):
    allow_multiple_selected = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list["UploadedFile[Any]"]:
        return list(files.getlist(name)) if hasattr(files, "getlist") else []


class PhotosField(forms.Field):
    """Up to six photos; its value is the files, counted and unopened.

    Opening one costs time and memory: `pictures` does, once it is known who sends them.
    """

    widget = FilesInput(attrs={"accept": "image/jpeg,image/png,image/webp,image/heic,image/heif"})

    def to_python(self, value: list["UploadedFile[Any]"] | None) -> list["UploadedFile[Any]"]:
        uploads = value or []
        if len(uploads) > photos.MOST:
            raise ValidationError(
                _("Please send at most %(most)d photos."),
                code="too_many",
                params={"most": photos.MOST},
            )
        return uploads

    @classmethod
    def pictures(cls, uploads: Iterable["UploadedFile[Any]"]) -> list[photos.Picture]:
        """The pictures as they will be kept. Raises ValidationError for the first bad photo."""
        return [cls._read(number, upload) for number, upload in enumerate(uploads, 1)]

    @staticmethod
    def _read(number: int, upload: "UploadedFile[Any]") -> photos.Picture:
        try:
            return photos.read(upload)
        except photos.BadPhoto as error:
            raise ValidationError(
                _("Photo %(number)d: %(reason)s"),
                code="photo",
                params={"number": number, "reason": error.message},
            ) from None


def address_line(label: Text, most: int, autocomplete: str, **kwargs: Any) -> PlainCharField:
    widget = forms.TextInput(attrs={"autocomplete": autocomplete})
    return PlainCharField(
        label=label, max_length=most, widget=widget, validators=[validate_printable], **kwargs
    )
