"""Selling codes from stock: each sale is one record, with its codes and one letter (C2, C7)."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from policies import freezing, letters, withdrawal
from policies.models import (
    ActivationCode,
    CodeBatch,
    CodeEvent,
    Customer,
    DroneModel,
    Plan,
    Region,
    Sale,
)
from policies.models.code import SoldTerms
from policies.shared.actor import Actor
from policies.shared.errors import Conflict


def sell(
    code: ActivationCode, *, to: Customer, order_reference: str, actor: Actor, now: datetime
) -> Sale:
    """Sells one particular code and mails it to the buyer. Raises Conflict."""
    with transaction.atomic():
        chosen = list(
            _with_goods(ActivationCode.objects.filter(pk=code.pk)).select_for_update(of=("self",))
        )
        if [one.state for one in chosen] != [ActivationCode.State.IN_STOCK]:
            raise Conflict(_("This code is no longer in stock."))
        return _sell(chosen, to=to, order_reference=order_reference, actor=actor, now=now)


def sell_from_stock(
    *,
    plan: Plan,
    drone_model: DroneModel,
    region: Region,
    quantity: int,
    to: Customer,
    order_reference: str,
    actor: Actor,
    now: datetime,
    tell: bool = True,
) -> Sale:
    """Sells `quantity` codes, the oldest in stock first, and mails them in one letter.

    `tell=False` leaves the letter out, for a code that is redeemed on the spot.

    Raises Conflict when there are too few. Two desks selling at once get different codes.
    """
    goods = {"batch__plan": plan, "batch__drone_model": drone_model, "batch__region": region}
    with transaction.atomic():
        chosen = _take(ActivationCode.objects.filter(**goods), quantity)
        return _sell(
            chosen, to=to, order_reference=order_reference, actor=actor, now=now, tell=tell
        )


def sell_from_batch(
    batch: CodeBatch,
    *,
    quantity: int,
    to: Customer,
    order_reference: str,
    actor: Actor,
    now: datetime,
) -> Sale:
    """The same with the codes of one batch (C6)."""
    with transaction.atomic():
        chosen = _take(ActivationCode.objects.filter(batch=batch), quantity)
        return _sell(chosen, to=to, order_reference=order_reference, actor=actor, now=now)


def _with_goods(codes: QuerySet[ActivationCode]) -> QuerySet[ActivationCode]:
    return codes.select_related(
        "batch__plan__renews", "batch__region", "batch__drone_model__series"
    )


def _take(among: QuerySet[ActivationCode], quantity: int) -> list[ActivationCode]:
    """The oldest in stock, locked. Raises Conflict, which says how many there are."""
    in_stock = among.filter(state=ActivationCode.State.IN_STOCK)
    chosen = list(
        _with_goods(in_stock)
        .select_for_update(skip_locked=True, of=("self",))
        .order_by("batch_id", "id")[:quantity]
    )
    if not chosen:
        raise Conflict(_("No such code is in stock."))
    if len(chosen) < quantity:
        raise Conflict(
            ngettext(
                "Only %(count)s such code is in stock.",
                "Only %(count)s such codes are in stock.",
                len(chosen),
            )
            % {"count": len(chosen)}
        )
    return chosen


def _sell(
    codes: list[ActivationCode],
    *,
    to: Customer,
    order_reference: str,
    actor: Actor,
    now: datetime,
    tell: bool = True,
) -> Sale:
    """Writes the sale of codes of one region, which are locked and in stock.

    Raises Conflict for what is withdrawn (P10).
    """
    sale = Sale.objects.create(
        buyer=to,
        region=codes[0].batch.region,
        order_reference=order_reference,
        sold_at=now,
        sold_by=actor.user,
        actor=actor.name,
    )
    frozen: dict[tuple[int, int, int], SoldTerms] = {}
    for code in codes:
        batch = code.batch
        key = (batch.plan_id, batch.region_id, batch.drone_model_id)
        if key not in frozen:
            withdrawal.refuse_to_sell(batch.plan, batch.drone_model, batch.region)
            frozen[key] = freezing.terms_of_today(batch.plan, batch.region, batch.drone_model)
        code.state, code.sale = ActivationCode.State.SOLD, sale
        for name, value in frozen[key]._asdict().items():
            setattr(code, name, value)
    changed = ["state", "sale", *SoldTerms._fields]
    ActivationCode.objects.bulk_update(codes, changed, batch_size=500)
    CodeEvent.objects.bulk_create(
        CodeEvent(
            code=code,
            kind=CodeEvent.Kind.SOLD,
            at=now,
            note=order_reference,
            data={"to": to.pk},
            **actor.signature(),
        )
        for code in codes
    )
    if tell:
        letters.code_sold(sale, codes, now=now)
    return sale
