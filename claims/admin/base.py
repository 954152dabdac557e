"""What the operations of the claims desk share: each calls one verb."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from claims import moves
from claims.models import Progress
from policies.backoffice.operations import Done, Operation
from policies.rules.serials import BadSerial
from policies.rules.text import Text


class ClaimOperation(Operation):
    """A button that calls one verb, and the message when it went through."""

    verb: ClassVar[Callable[..., Any]]
    message: ClassVar[Text]
    permission = "claims.handle_claim"

    def facts(self) -> list[tuple[Text, Text]]:
        claim = self.obj
        return [
            (_("Drone"), f"{claim.drone.drone_model}, {claim.drone}"),
            (_("Customer"), claim.name),
            (_("Progress"), claim.get_progress_display()),
        ]

    def run(self, form: Any) -> Done:
        try:
            type(self).verb(self.obj, actor=self.actor, now=self.now, **form.cleaned_data)
        except BadSerial as error:
            raise forms.ValidationError(error.message) from error
        return Done(self.message)


class MoveOperation(ClaimOperation):
    """A button for one move: there while the table leads to its state."""

    leads_to: ClassVar[Progress]
    asks_again = False

    def open(self) -> bool:
        return moves.allows(self.obj, self.leads_to)
