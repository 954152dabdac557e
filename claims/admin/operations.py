"""What the claims desk does to a claim: each operation calls one verb of `progress`."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from claims import assessment, fees, moves, progress
from claims.admin.base import ClaimOperation, MoveOperation
from claims.admin.corrections import CorrectAddress, CorrectSerial, RevokeLink
from claims.admin.forms import (
    AssessForm,
    InternalReasonForm,
    MissingPartsForm,
    NoteForm,
    OptionalReasonForm,
    OverruleForm,
    ReasonForm,
    SendBackForm,
    ShipForm,
    fields_of_request,
)
from claims.admin.payments import Pay, PayLate, Refund, ReversePayment
from claims.models import COVERED, Claim, Progress
from claims.parcels import shipping
from policies.backoffice.operations import Done, Operation
from policies.rules import addresses
from policies.rules.text import Text


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

    def facts(self) -> list[tuple[Text, Text]]:
        facts = super().facts()
        if not self.obj.is_open:
            facts.append((_("What follows"), _("The claim is taken up again, as at first.")))
        return facts


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


class Ship(MoveOperation):
    slug = "ship"
    label = _("Ship the replacement")
    explanation = _("Moves the policy to the new serial number and retires the damaged drone.")
    form_class = ShipForm
    leads_to = Progress.SHIPPED
    verb = progress.ship
    message = _("Shipped.")

    def facts(self) -> list[tuple[Text, Text]]:
        claim = self.obj
        lines = addresses.lines(claim, name=claim.name, country=str(claim.country.name))
        return [
            *super().facts(),
            (_("Decision"), claim.get_outcome_display()),
            (_("Ship to"), ", ".join(lines)),
        ]


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

    def facts(self) -> list[tuple[Text, Text]]:
        last = moves.last_move(self.obj)
        if last is None:
            return super().facts()
        return [*super().facts(), (_("Step to take back"), last.change)]


class RetryLabel(Operation):
    slug = "retry-label"
    label = _("Try the label again")
    explanation = _(
        "Orders the label again; for a claim that has ended, asks the carrier again to take it "
        "back."
    )
    permission = "claims.retry_label"

    def open(self) -> bool:
        return shipping.failed_label(self.obj) is not None

    def run(self, form: Any) -> Done:
        shipping.try_again(self.obj, now=self.now)
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
    PayLate,
    RetryLabel,
    MissParts,
    Overrule,
    SendBack,
    Decline,
    Cancel,
    ReversePayment,
    CorrectAddress,
    CorrectSerial,
    RevokeLink,
    Undo,
)
