"""What the claims desk does to many claims at once."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from claims import progress
from claims.models import Claim
from policies.backoffice.operations import BulkOperation
from policies.shared.actor import Actor


class ReceiveMany(BulkOperation):
    slug = "receive"
    label = _("They arrived")
    permission = "claims.handle_claim"

    def run(self, obj: Claim, *, actor: Actor, now: datetime) -> None:
        progress.receive(obj, actor=actor, now=now)


class CompleteMany(BulkOperation):
    slug = "complete"
    label = _("The customers have them")
    permission = "claims.handle_claim"

    def run(self, obj: Claim, *, actor: Actor, now: datetime) -> None:
        progress.complete(obj, actor=actor, now=now)
