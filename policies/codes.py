"""Activation codes: issued into stock, found, revealed, redeemed, sealed anew (C1, C4, C5)."""

import secrets
from collections.abc import Callable, Iterator
from datetime import datetime

from django.db import transaction

from policies import sealing, withdrawal
from policies.models import ActivationCode, CodeBatch, CodeEvent, DroneModel, Plan, Region
from policies.rules import code_format
from policies.rules.reference_numbers import ALPHABET
from policies.shared.actor import Actor
from policies.shared.database import insert_many
from policies.shared.errors import CodeRefused

BLOCK = 10_000


def new_codes(count: int) -> Iterator[str]:
    """`count` fresh random codes of 15 random characters (74 bits) and a check character."""
    # 248 is the largest multiple of 31 in a byte: bytes above it would favour some letters.
    table = {byte: ALPHABET[byte % 31] for byte in range(248)}
    pool = ""
    for _number in range(count):
        while len(pool) < code_format.LENGTH - 1:
            pool += "".join(table[byte] for byte in secrets.token_bytes(4096) if byte < 248)
        body, pool = pool[: code_format.LENGTH - 1], pool[code_format.LENGTH - 1 :]
        yield body + code_format.check_character(body)


def generate(
    *,
    plan: Plan,
    drone_model: DroneModel,
    region: Region,
    count: int,
    actor: Actor,
    now: datetime,
    keep: Callable[[str], object] = lambda code: None,
) -> CodeBatch:
    """Makes a batch of `count` codes (C1). All or nothing, in flat memory.

    `keep` gets each whole code once, while the transaction is still open: what it writes
    counts only when this returns. Raises Conflict for what is withdrawn (P10).
    """

    def fresh_codes() -> Iterator[str]:
        for code in new_codes(count):
            keep(code)
            yield code

    with transaction.atomic():
        batch = _new_batch(
            plan, drone_model, region, CodeBatch.Origin.GENERATED, count, actor=actor, now=now
        )
        add_to_stock(batch, fresh_codes())
    return batch


def _new_batch(
    plan: Plan,
    drone_model: DroneModel,
    region: Region,
    origin: CodeBatch.Origin,
    size: int,
    *,
    actor: Actor,
    now: datetime,
    source: str = "",
) -> CodeBatch:
    withdrawal.refuse_to_issue(plan, drone_model, region)
    return CodeBatch.objects.create(
        plan=plan,
        drone_model=drone_model,
        region=region,
        origin=origin,
        size=size,
        source=source,
        created_at=now,
        created_by=actor.user,
        actor=actor.name,
    )


def new_imported_batch(
    plan: Plan,
    drone_model: DroneModel,
    region: Region,
    size: int,
    *,
    source: str,
    actor: Actor,
    now: datetime,
) -> CodeBatch:
    origin = CodeBatch.Origin.IMPORTED
    return _new_batch(plan, drone_model, region, origin, size, actor=actor, now=now, source=source)


STOCK_COLUMNS = "batch_id digest sealed key_id last_four state void_reason".split()


def add_to_stock(batch: CodeBatch, codes: Iterator[str]) -> int:
    """Seals and inserts normalised codes; a code that is there already raises IntegrityError."""
    state = ActivationCode.State.IN_STOCK.value
    return insert_many(
        ActivationCode,
        STOCK_COLUMNS,
        ((batch.pk, *sealing.seal(code), code[-4:], state, "") for code in codes),
        block=BLOCK,
    )


def reveal(code: ActivationCode, *, reason: str, actor: Actor, now: datetime) -> str:
    """The whole code in groups of four; leaves an audit row (C4). Raises SealBroken."""
    with transaction.atomic():
        whole = sealing.unseal(code.digest, code.sealed, code.key_id)
        record(code, CodeEvent.Kind.REVEALED, actor=actor, now=now, note=reason)
    return code_format.grouped(whole)


def find_redeemable(text: str) -> ActivationCode:
    """The code that somebody typed, locked for redeeming; call it inside the transaction.

    Raises Mistyped (from the form of the text alone) or CodeRefused, which is the same for
    a code that is unknown, unsold, used or void (C5).
    """
    code = (
        ActivationCode.objects.filter(digest__in=sealing.digests(code_format.parse(text)))
        .select_for_update(of=("self",))
        .select_related("batch__plan", "batch__region", "batch__drone_model")
        .first()
    )
    if code is None or code.state != ActivationCode.State.SOLD or is_redeemed(code):
        raise CodeRefused
    return code


def find(text: str) -> ActivationCode | None:
    """The code that staff typed in full, or None. Raises Mistyped."""
    return ActivationCode.objects.filter(
        digest__in=sealing.digests(code_format.parse(text))
    ).first()


def is_redeemed(code: ActivationCode) -> bool:
    return ActivationCode.objects.filter(pk=code.pk, period__isnull=False).exists()


def redemption(code: ActivationCode) -> CodeEvent | None:
    """When and by whom the code was redeemed, or None."""
    return code.events.filter(kind=CodeEvent.Kind.REDEEMED).order_by("at", "id").last()


def record(
    code: ActivationCode, kind: CodeEvent.Kind, *, actor: Actor, now: datetime, note: str = ""
) -> None:
    CodeEvent.objects.create(code=code, kind=kind, at=now, note=note, **actor.signature())


def rotate(*, block: int = 1_000) -> Iterator[int]:
    """Seals again every code sealed with an older key; see `sealing.reseal` (C4)."""
    return sealing.reseal(ActivationCode.objects.all(), kind="code", block=block)
