"""FACE: forms whose serial number is looked at before it is believed (B12).

Such a form is shown again with what looks wrong, and repeats the number in a hidden field: sent
once more, that number is meant. Another number is looked at anew.
"""

from typing import Any, ClassVar

from django import forms
from django.http import QueryDict

from policies.rules import serials
from policies.shared.errors import SerialDoubted


class ConfirmedSerialField(forms.Field):
    """Repeats a serial number that is meant. What cannot be one counts for none."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> str:
        return serials.recognise(str(value or ""))


class SerialConfirmation(forms.Form):
    serial_confirmed = ConfirmedSerialField(required=False)

    # The field with the serial number.
    serial_field: ClassVar[str] = "serial"

    def doubt(self, doubted: SerialDoubted) -> None:
        """Says what looks wrong, and takes the same number for meant the next time."""
        self.add_error(self.serial_field, str(doubted.message))
        self.repeat(doubted.serial)

    def repeat(self, serial: str) -> None:
        data = QueryDict(mutable=True)
        data.update(self.data)
        data[self.add_prefix("serial_confirmed")] = serial
        self.data = data
