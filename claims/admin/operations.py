"""What the claims desk does to a claim: each operation calls one verb of `progress`."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from claims import assessment, fees, moves, progress, shipping
from claims.admin.forms import (
    AssessForm,
    InternalReasonForm,
    MissingPartsForm,
    NoteForm,
    OptionalReasonForm,
    OverruleForm,
    PaymentForm,
    ReasonForm,
    RefundForm,
    SendBackForm,
    ShipForm,
    fields_of_request,
)
from claims.models import COVERED, Claim, Progress, Shipment
from policies.backoffice.operations import Done, Operation
from policies.rules.serials import BadSerial
from policies.rules.text import Text


class ClaimOperation(Operation):
    """A button that calls one verb, and the message when it went through."""

    verb: ClassVar[Callable[..., Any]]
    message: ClassVar[Text]
    permission = "claims.handle_claim"

    def run(self, form: Any) -> Done:
        try:
            type(self).verb(self.obj, actor=self.actor, now=self.now, **form.cleaned_data)
        except BadSerial as error:
            raise forms.ValidationError(error.message) from error
        return Done(self.message)


class MoveOperation(ClaimOperation):
    """A button for one move: there while the table leads to its state."""

    leads_to: ClassVar[Progress]

    def open(self) -> bool:
        return moves.allows(self.obj, self.leads_to)


def undecided(claim: Claim) -> bool:
    return claim.progress == Progress.SUBMITTED and claim.accepted_at is None


class Accept(ClaimOperation):
    slug = "accept"
    label = _("Accept")
    explanation = _(
        "Takes a replacement from the allowance (care), fixes the fee, and orders the label."
    )
    permission = "claims.decide_claim"
    verb = progress.accept
    message = _("Accepted. The label is being made.")

    def open(self) -> bool:
        return undecided(self.obj) and self.obj.outcome in COVERED


class Overrule(ClaimOperation):
    slug = "overrule"
    label = _("Overrule the decision")
    explanation = _("Your decision stands beside the computed one; both are kept.")
    permission = "claims.decide_claim"
    form_class = OverruleForm
    verb = assessment.overrule
    message = _("Overruled.")

    def open(self) -> bool:
        return undecided(self.obj) or self.obj.progress == Progress.ASSESSED


class Decline(MoveOperation):
    slug = "decline"
    label = _("Decline")
    permission = "claims.decide_claim"
    form_class = ReasonForm
    dangerous = True
    leads_to = Progress.DECLINED
    verb = progress.decline
    message = _("Declined. The customer is told why.")


class Cancel(MoveOperation):
    slug = "cancel"
    label = _("Cancel for the customer")
    form_class = OptionalReasonForm
    dangerous = True
    leads_to = Progress.CANCELLED
    verb = progress.cancel
    message = _("Cancelled.")


class PickUp(MoveOperation):
    slug = "pick-up"
    label = _("The carrier has it")
    leads_to = Progress.IN_TRANSIT
    verb = progress.pick_up
    message = _("On its way to us.")


class Receive(MoveOperation):
    slug = "receive"
    label = _("It arrived")
    form_class = NoteForm
    leads_to = Progress.RECEIVED
    verb = progress.receive
    message = _("Arrived at the service centre.")


class MissParts(MoveOperation):
    slug = "miss-parts"
    label = _("Parts are missing")
    form_class = MissingPartsForm
    leads_to = Progress.PARTS_MISSING
    verb = progress.miss_parts
    message = _("The customer is asked for what is missing.")


class Assess(MoveOperation):
    slug = "assess"
    label = _("Record the assessment")
    form_class = AssessForm
    leads_to = Progress.ASSESSED
    verb = assessment.assess
    message = _("Assessed. See the decision below.")

    def initial(self) -> dict[str, Any]:
        return fields_of_request(self.obj)


class AskFee(MoveOperation):
    slug = "ask-fee"
    label = _("Ask for the fee")
    leads_to = Progress.AWAITING_FEE
    verb = progress.ask_fee
    message = _("The customer is asked for the fee.")

    def open(self) -> bool:
        return super().open() and self.obj.outcome in COVERED and not fees.is_settled(self.obj)


class Prepare(MoveOperation):
    slug = "prepare"
    label = _("Prepare the replacement")
    leads_to = Progress.PREPARING
    verb = progress.prepare
    message = _("In preparation.")

    def open(self) -> bool:
        return super().open() and self.obj.outcome in COVERED and fees.is_settled(self.obj)


class Pay(MoveOperation):
    slug = "pay"
    label = _("Record the fee")
    permission = "claims.record_payment"
    form_class = PaymentForm
    leads_to = Progress.PREPARING
    verb = progress.pay
    message = _("The fee is recorded, and the replacement can be prepared.")

    def open(self) -> bool:
        return super().open() and not fees.is_settled(self.obj)

    def initial(self) -> dict[str, Any]:
        return {"amount": self.obj.fee_amount, "currency": self.obj.fee_currency}


class Ship(MoveOperation):
    slug = "ship"
    label = _("Ship the replacement")
    explanation = _("Moves the policy to the new serial number and retires the damaged drone.")
    form_class = ShipForm
    leads_to = Progress.SHIPPED
    verb = progress.ship
    message = _("Shipped.")


class Complete(MoveOperation):
    slug = "complete"
    label = _("The customer has it")
    leads_to = Progress.COMPLETED
    verb = progress.complete
    message = _("Completed.")


class SendBack(MoveOperation):
    slug = "send-back"
    label = _("Return the drone unfixed")
    form_class = SendBackForm
    dangerous = True
    leads_to = Progress.RETURNING
    verb = progress.send_back
    message = _("The drone goes back to the customer.")


class HandBack(MoveOperation):
    slug = "hand-back"
    label = _("The customer has it back")
    leads_to = Progress.RETURNED
    verb = progress.hand_back
    message = _("Returned. The use is back in the allowance.")


class Refund(ClaimOperation):
    slug = "refund"
    label = _("Record the refund")
    permission = "claims.record_payment"
    form_class = RefundForm
    verb = progress.refund
    message = _("The refund is recorded.")

    def open(self) -> bool:
        return Claim.objects.refund_due().filter(pk=self.obj.pk).exists()


class Undo(ClaimOperation):
    slug = "undo"
    label = _("Take back the last step")
    permission = "claims.undo_claim"
    form_class = InternalReasonForm
    dangerous = True
    verb = progress.undo
    message = _("Taken back. The customer's page shows the correction.")

    def open(self) -> bool:
        return self.obj.progress in moves.UNDOABLE


class RetryLabel(Operation):
    slug = "retry-label"
    label = _("Try the label again")
    explanation = _(
        "Orders the label again; for a claim that has ended, asks the carrier again to take it "
        "back."
    )
    permission = "claims.retry_label"

    def open(self) -> bool:
        return self._failed() is not None

    def _failed(self) -> Shipment | None:
        return Shipment.objects.filter(claim=self.obj, state=Shipment.State.FAILED).first()

    def run(self, form: Any) -> Done:
        failed = self._failed()
        if failed is None:
            raise forms.ValidationError(_("No label has failed."))
        shipping.try_again(failed, now=self.now)
        return Done(_("The label worker tries it again."))


# The main path first, the exceptions last: the order of the buttons.
OPERATIONS: tuple[type[Operation], ...] = (
    Accept,
    PickUp,
    Receive,
    Assess,
    AskFee,
    Pay,
    Prepare,
    Ship,
    Complete,
    HandBack,
    Refund,
    RetryLabel,
    MissParts,
    Overrule,
    SendBack,
    Decline,
    Cancel,
    Undo,
)
