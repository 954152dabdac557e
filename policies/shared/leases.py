"""Rows that workers work off, safe beside other workers and safe to be killed.

A row has `state`, `attempts` and `next_try_at`. A worker claims rows that are due, works on
them outside any transaction, and writes what came of it. While it works, `next_try_at` lies
a lease ahead: the row of a worker that was killed simply falls due again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from django.db import transaction
from django.db.models import F, Model, QuerySet
from django.utils.translation import gettext_lazy as _

# After the first try that failed, after the second …
PAUSES = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=24),
)
STOPPED = _("The worker stopped in the middle of every try.")

Row = TypeVar("Row", bound=Model)


class Leased(Protocol):
    """A row of a model with these columns, as it was when it was claimed."""

    pk: Any
    state: Any
    attempts: Any
    next_try_at: Any
    objects: Any


@dataclass(frozen=True)
class Lease:
    """How long one try may take before another worker tries, and how many tries there are."""

    lasts: timedelta
    tries: int

    def is_used_up(self, row: Leased) -> bool:
        """Whether this claim is one too many: every try took its worker down with it."""
        return bool(row.attempts > self.tries)

    def next_try_at(self, row: Leased, *, now: datetime) -> datetime | None:
        """When to try again after this try failed; None after the last."""
        return now + PAUSES[row.attempts - 1] if row.attempts < self.tries else None


def claim(
    due: QuerySet[Row],
    lease: Lease,
    *,
    now: datetime,
    batch: int = 1,
    related: Sequence[str] = (),
    **values: Any,
) -> list[Row]:
    """Up to `batch` of the rows that are due, those that have waited longest, as one more try.

    Two workers never get the same row: PostgreSQL lets each skip what another has locked,
    SQLite lets only one write at a time. `values` are set along with the claim, `related` is
    selected with the rows.
    """
    rows = due.model._default_manager
    with transaction.atomic():
        waiting = due.order_by("next_try_at", "id").select_for_update(skip_locked=True)
        pks = list(waiting.values_list("pk", flat=True)[:batch])
        rows.filter(pk__in=pks).update(
            attempts=F("attempts") + 1, next_try_at=now + lease.lasts, **values
        )
        # Read before anybody else may change them: the worker goes by the state that it claimed.
        return list(rows.filter(pk__in=pks).select_related(*related).order_by("id"))


def write(row: Leased, **values: Any) -> bool:
    """Writes to a row what came of this try, and sets it on `row`; False if it may not.

    Only the try that made the claim may: a worker that overran its lease must not undo what
    the next one did, nor what a person did meanwhile.
    """
    claimed = type(row).objects.filter(
        pk=row.pk, state=row.state, attempts=row.attempts, next_try_at=row.next_try_at
    )
    if not claimed.update(**values):
        return False
    for name, value in values.items():
        setattr(row, name, value)
    return True
