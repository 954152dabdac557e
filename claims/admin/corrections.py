"""What the claims desk puts right: an address, a serial number, a link (K16, K9, K12)."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from claims import holders, moves, progress
from claims.admin.base import ClaimOperation
from claims.admin.forms import AddressForm, RevokeLinkForm, SerialCorrectionForm
from claims.progress_page import access
from policies.backoffice.operations import Done, Operation
from policies.rules.text import Text


class CorrectSerial(ClaimOperation):
    slug = "correct-serial"
    label = _("Correct the new serial number")
    explanation = _(
        "For a serial number that was mistyped when the replacement was shipped: the policy moves "
        "to the right one. The customer gets the agreement with the right number."
    )
    permission = "policies.correct_serial"
    form_class = SerialCorrectionForm
    verb = progress.correct_serial
    message = _("The serial number is corrected; the letter is on its way.")

    def open(self) -> bool:
        return moves.has_replacement_out(self.obj)

    def facts(self) -> list[tuple[Text, Text]]:
        return [*super().facts(), (_("On file as shipped"), str(self.obj.replacement))]


class CorrectAddress(Operation):
    slug = "correct-address"
    label = _("Correct the address")
    explanation = _(
        "The address to which the drone goes. A label that was not used yet is bought anew. "
        "The customer reads the new address in a letter."
    )
    permission = "claims.handle_claim"
    form_class = AddressForm

    def open(self) -> bool:
        return holders.may_correct_address(self.obj)

    def facts(self) -> list[tuple[Text, Text]]:
        return [(_("Customer"), self.obj.name), (_("Until now"), holders.in_words(self.obj))]

    def initial(self) -> dict[str, Any]:
        names = holders.ReturnAddress.__dataclass_fields__
        return {name: getattr(self.obj, name) for name in names}

    def run(self, form: Any) -> Done:
        holders.correct_address(
            self.obj,
            address=form.address(),
            reason=form.cleaned_data["reason"],
            actor=self.actor,
            now=self.now,
        )
        return Done(_("The address is corrected; the letter is on its way."))


class RevokeLink(Operation):
    slug = "revoke-link"
    label = _("Revoke the customer's link")
    explanation = _("The link to this claim stops working. The next letter brings a new one.")
    permission = "policies.revoke_link"
    dangerous = True

    def open(self) -> bool:
        return access.link_works(self.obj, at=self.now)

    def form(self, data: Any = None) -> forms.Form:
        return RevokeLinkForm(data, mailbox=self.obj.email)

    def run(self, form: Any) -> Done:
        access.replace_link(self.obj, **form.cleaned_data, actor=self.actor, now=self.now)
        if form.cleaned_data["mail"]:
            return Done(_("The link is revoked; a new one is on its way."))
        return Done(_("The link is revoked."))
