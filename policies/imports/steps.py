"""The two steps of an import: a request takes them for a small file, the worker for a large one.

A worker claims the row with a lease and may be killed at any moment: what it had not finished
falls due again, and what it had written is rolled back by the database, because a file is
imported in one transaction together with the state that says so.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from policies.imports import base, encodings, spreadsheet, storage
from policies.imports.base import ImportKind, RecordsChanged
from policies.imports.codes import CodeImport
from policies.imports.drones import DroneImport
from policies.imports.fees import FeeImport
from policies.imports.lines import NEW, Checked
from policies.imports.orders import OrderImport
from policies.imports.spreadsheet import UnreadableFile
from policies.models import Import, ImportEvent
from policies.shared import leases
from policies.shared.actor import Actor
from policies.shared.leases import Lease

# The lease is renewed after every block of a check; while a worker writes, it locks the row
# itself. A step is tried again only when its worker was killed: a file that cannot be read
# stays so, and no pause makes it better.
LEASE = Lease(lasts=timedelta(minutes=10), tries=5)
WORKER = Actor.command("run_imports")
State = Import.State
Kind = ImportEvent.Kind

KINDS: dict[str, type[ImportKind]] = {
    Import.Kind.CODES: CodeImport,
    Import.Kind.ORDERS: OrderImport,
    Import.Kind.DRONES: DroneImport,
    Import.Kind.FEES: FeeImport,
}


# What it takes to upload a file of a kind, and to confirm one that changes rows.
PERMISSION = {kind: f"policies.import_{kind}" for kind in KINDS}
PERMISSION_TO_CHANGE = {Import.Kind.DRONES: "policies.change_drone"}


def kind_of(
    imported: Import, *, now: datetime, locking: bool = False, encoding: str = ""
) -> ImportKind:
    """The kind of an import, for one pass over its file; in `encoding`, or the one on file."""
    encoding = encoding or imported.encoding
    options: dict[str, Any] = {"now": now, "locking": locking, "encoding": encoding}
    if imported.kind == Import.Kind.CODES:
        options |= {
            "plan": imported.plan,
            "drone_model": imported.drone_model,
            "region": imported.region,
            "source": imported.file_name,
        }
    return KINDS[imported.kind](**options)


def work_on(imported: Import, *, actor: Actor, clock: Callable[[], datetime]) -> bool:
    """Checks or imports, as the row's state says. Returns whether it went well."""
    now = clock()
    try:
        if imported.state == State.IMPORTING:
            return _import(imported, actor=actor, now=now)

        def tell(rows: int) -> None:
            leases.write(imported, rows_done=rows, next_try_at=clock() + LEASE.lasts)

        return check(imported, actor=WORKER, now=now, tell=tell)
    except UnreadableFile as error:
        fail(imported, str(error.message), now=clock())
    except FileNotFoundError:
        fail(imported, str(_("The file is no longer there. Upload it again.")), now=clock())
    except OSError as error:
        fail(imported, f"{type(error).__name__}: {error.strerror}", now=clock())
    return False


def check(
    imported: Import,
    *,
    actor: Actor,
    now: datetime,
    trouble: str = "",
    tell: Callable[[int], object] | None = None,
) -> bool:
    """Looks through the file and records what it would do. Raises UnreadableFile, OSError.

    False when another worker or a person has moved the import on meanwhile.
    """
    reading = _reading_of(imported, now=now)
    kind = kind_of(imported, now=now, encoding=reading["encoding"])
    with storage.ErrorList(kind) as errors:
        checked = base.check(kind, storage.path(imported), report=errors.add, tell=tell)
        errors_stored_as = errors.save()
    if not checked.rows:
        raise UnreadableFile(_("The file has no rows below its headings."))
    result = {
        **_as_fields(checked),
        **reading,
        "read_from": kind.read_from[:255],
        "unused_headings": kind.unused_headings,
        "errors_stored_as": errors_stored_as,
        "trouble": trouble,
    }
    with transaction.atomic():
        if not leases.write(imported, state=State.CHECKED, **result):
            return False
        step = Kind.BOOKS_CHANGED if trouble else Kind.CHECKED
        record(imported, step, actor=actor, now=now, note=counted(imported))
    return True


def _reading_of(imported: Import, *, now: datetime) -> dict[str, Any]:
    """The encoding in which the file is read: its own, the one chosen, or a guess to be shown."""
    path = storage.path(imported)
    if spreadsheet.proven_encoding(path):
        return {"encoding": "", "encoding_guessed": False, "readings": []}
    samples, countries = base.sample(kind_of(imported, now=now, encoding=encodings.RAW), path)
    chosen = "" if imported.encoding_guessed else imported.encoding
    return {
        "encoding": chosen or encodings.guess(samples, countries),
        "encoding_guessed": not chosen,
        "readings": [
            {"encoding": encoding, "text": encodings.reading(samples, encoding)}
            for encoding in encodings.CHOICES
        ],
    }


def _as_fields(checked: Checked) -> dict[str, Any]:
    return {
        "rows": checked.rows,
        "rows_done": checked.rows,
        "bad": checked.bad,
        "new": checked.new,
        "changed": checked.changed,
        "same": checked.same,
        "fingerprint": checked.fingerprint,
        "differences": checked.differences,
        "differing": [
            {"line": line.number, "texts": [str(text) for text in line.differences]}
            for line in checked.differing
        ],
        "problems": [{"line": line.number, "text": str(line.problem)} for line in checked.problems],
        "changes": [
            {
                "line": line.number,
                "about": line.about,
                "who": line.who,
                "before": line.before,
                "after": line.after,
                "is_new": line.outcome == NEW,
            }
            for line in checked.changes
        ],
        "next_try_at": None,
        "attempts": 0,
        "skip_bad": False,
        "confirmed_at": None,
        "confirmed_by": None,
    }


def counted(imported: Import) -> str:
    """The counts of an import, for its history."""
    return (
        f"{imported.new} new, {imported.changed} changed, {imported.same} the same, "
        f"{imported.bad} bad"
    )


def _import(imported: Import, *, actor: Actor, now: datetime) -> bool:
    kind = kind_of(imported, now=now, locking=True)
    try:
        with transaction.atomic():
            # Locks the row until the end: another worker skips it as long as this one lives.
            if not leases.write(imported, rows_done=0):
                return False
            base.import_rows(
                kind,
                storage.path(imported),
                size=imported.new,
                fingerprint=imported.fingerprint,
                actor=actor,
                tell=lambda rows: storage.write_progress(imported, rows),
            )
            batch = kind.batch if isinstance(kind, CodeImport) else None
            finish(imported, State.DONE, now=now, rows_done=imported.rows, batch=batch)
            record(imported, Kind.DONE, actor=actor, now=now, note=counted(imported))
    except RecordsChanged:
        trouble = _("Records have changed since the check. This is what the file would do now.")
        check(imported, actor=actor, now=now, trouble=str(trouble))
        return False
    return True


def fail(imported: Import, trouble: str, *, now: datetime) -> None:
    with transaction.atomic():
        if finish(imported, State.FAILED, now=now, trouble=trouble[:2_000]):
            record(imported, Kind.FAILED, actor=WORKER, now=now, note=trouble[:2_000])


# --- writing to the row ----------------------------------------------------------------------


def lock(imported: Import) -> Import:
    return Import.objects.select_for_update(of=("self",)).get(pk=imported.pk)


def finish(imported: Import, state: str, *, now: datetime, **values: Any) -> bool:
    """Closes the import. Its file is deleted when the transaction has been committed."""
    stored_as = imported.stored_as
    closed = leases.write(
        imported, state=state, finished_at=now, next_try_at=None, stored_as="", **values
    )
    if closed:
        transaction.on_commit(lambda: storage.delete(stored_as))
    return closed


def record(
    imported: Import, kind: ImportEvent.Kind, *, actor: Actor, now: datetime, note: str = ""
) -> None:
    ImportEvent.objects.create(of=imported, kind=kind, at=now, note=note, **actor.signature())
