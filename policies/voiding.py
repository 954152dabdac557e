"""Codes taken out of use: one, those of a sale that are taken back, or a whole batch (C2, C6, C7).

A void code never returns to stock: its buyer has it in a letter. One statement each writes the
history, the letters and the codes, whether it is one code or hundreds of thousands.
"""

from collections.abc import Collection
from datetime import datetime

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from policies import bulk_letters, codes
from policies.models import ActivationCode, CodeBatch, CodeEvent, Sale, SaleEvent
from policies.shared import database
from policies.shared.actor import Actor
from policies.shared.errors import Conflict


def void(code: ActivationCode, *, reason: str, actor: Actor, now: datetime) -> None:
    """Takes a code out of use, with a reason, and tells its buyer.

    Raises Conflict when redeemed or void.
    """
    with transaction.atomic():
        _lock(ActivationCode.objects.filter(pk=code.pk))
        if ActivationCode.objects.filter(pk=code.pk, state=ActivationCode.State.VOID).exists():
            raise Conflict(_("This code is void already."))
        if codes.is_redeemed(code):
            raise Conflict(_("This code has been redeemed; cancel the policy instead."))
        _void([code.pk], CodeEvent.Kind.VOIDED, reason=reason, actor=actor, now=now)


def take_back(
    sale: Sale, chosen: Collection[ActivationCode], *, reason: str, actor: Actor, now: datetime
) -> None:
    """Takes codes of a sale back, with a reason: they become void, and the buyer is told (C7).

    Raises Conflict when there is none, or one of them is redeemed, void or of another sale.
    """
    pks = [code.pk for code in chosen]
    if not pks:
        raise Conflict(_("Please choose the codes to be taken back."))
    with transaction.atomic():
        _lock(ActivationCode.objects.filter(pk__in=pks))
        good = ActivationCode.objects.redeemable().filter(pk__in=pks, sale=sale)
        still = set(good.values_list("pk", flat=True))
        spent = [str(code) for code in chosen if code.pk not in still]
        if spent:
            raise Conflict(
                _("These can no longer be taken back: %(codes)s.") % {"codes": ", ".join(spent)}
            )
        _void(pks, CodeEvent.Kind.TAKEN_BACK, reason=reason, actor=actor, now=now)


def void_batch(batch: CodeBatch, *, reason: str, actor: Actor, now: datetime) -> int:
    """Takes every code of a batch that was not redeemed out of use; returns how many (C6).

    The buyers of those that were sold are told, one letter for each sale. Raises Conflict when
    there is none.
    """
    with transaction.atomic():
        _lock(batch.codes.all())
        # Asked under the lock: meanwhile one may have been redeemed, which leaves its row as it is.
        left = batch.codes.exclude(state=ActivationCode.State.VOID).filter(period__isnull=True)
        pks = list(left.order_by("id").values_list("pk", flat=True))
        if not pks:
            raise Conflict(_("No code of this batch can be made void any more."))
        _void(pks, CodeEvent.Kind.VOIDED, reason=reason, actor=actor, now=now)
    return len(pks)


def _lock(among: QuerySet[ActivationCode]) -> None:
    """In the order of their ids, as everybody who locks several."""
    rows = among.select_for_update(of=("self",)).order_by("id").values_list("pk", flat=True)
    for _pk in rows.iterator(chunk_size=codes.BLOCK):
        pass


# Of these codes. The names of columns are those of an event.
CODE_EVENTS = """
INSERT INTO policies_codeevent (code_id, kind, at, by_id, actor, address, note, data)
SELECT c.id, %(kind)s, %(now)s, %(by)s, %(actor)s, %(address)s, %(reason)s, '{{}}'
FROM policies_activationcode c WHERE c.id {these}
"""
SALE_EVENTS = """
INSERT INTO policies_saleevent (sale_id, kind, at, by_id, actor, address, note, data)
SELECT c.sale_id, %(kind)s, %(now)s, %(by)s, %(actor)s, %(address)s, %(reason)s, {data}
FROM policies_activationcode c WHERE c.id {these} AND c.sale_id IS NOT NULL
GROUP BY c.sale_id
"""
CODES = """
UPDATE policies_activationcode SET state = 'void', void_reason = %(reason)s WHERE id {these}
"""


def _void(
    pks: list[int], kind: CodeEvent.Kind, *, reason: str, actor: Actor, now: datetime
) -> None:
    """In the caller's transaction, which has locked the codes and knows that they are good.

    The letters last, so that they count what is left of a sale.
    """
    these = database.AMONG[connection.vendor]
    last_fours = database.json_object({"codes": database.json_list("c.last_four", by="c.id")})
    given = bulk_letters.params(now) | {
        "ids": database.listed(pks),
        "kind": SaleEvent.Kind(kind.value).value,
        "reason": reason,
        "by": actor.user.pk if actor.user else None,
        "actor": actor.name,
        "address": actor.address,
    }
    with connection.cursor() as cursor:
        cursor.execute(CODES.format(these=these), given)
        cursor.execute(CODE_EVENTS.format(these=these), given)
        cursor.execute(SALE_EVENTS.format(these=these, data=last_fours), given)
        cursor.execute(bulk_letters.letters_to_buyers("code_voided", these), given)
