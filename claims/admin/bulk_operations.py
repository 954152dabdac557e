"""What the claims desk does to many claims at once."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from claims import progress
from claims.models import Claim
from claims.parcels import shipping
from policies.backoffice.operations import BulkOperation
from policies.shared.actor import Actor


class ReceiveMany(BulkOperation):
    slug = "receive"
    label = _("They arrived")
    permission = "claims.handle_claim"

    def run(self, obj: Claim, *, actor: Actor, now: datetime, **typed: Any) -> None:
        progress.receive(obj, actor=actor, now=now)


class CompleteMany(BulkOperation):
    slug = "complete"
    label = _("The customers have them")
    permission = "claims.handle_claim"

    def run(self, obj: Claim, *, actor: Actor, now: datetime, **typed: Any) -> None:
        progress.complete(obj, actor=actor, now=now)


class RetryLabels(BulkOperation):
    slug = "retry-label"
    label = _("Try the labels again")
    permission = "claims.retry_label"

    def run(self, obj: Claim, *, actor: Actor, now: datetime, **typed: Any) -> None:
        shipping.try_again(obj, now=now)
