"""The life of an import: uploaded, checked, confirmed, imported, or discarded; all on record.

A small file is handled in the request that brings it, a large one by the worker.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import islice
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.db.models import Case, F, Value, When
from django.utils.translation import gettext_lazy as _

from policies.imports import encodings, spreadsheet, steps, storage
from policies.imports.spreadsheet import UnreadableFile
from policies.imports.steps import LEASE, WORKER, Kind, State
from policies.models import Import
from policies.shared import leases
from policies.shared.actor import Actor
from policies.shared.errors import Conflict

SMALL_ROWS = 2_000
SMALL_BYTES = 2_000_000
# How long an unconfirmed file waits, and how long texts of its rows are kept: the list of its
# errors, and what the page shows of people.
DISCARD_UNCONFIRMED_AFTER = timedelta(days=7)
DELETE_ERRORS_AFTER = timedelta(days=30)


@dataclass(frozen=True)
class Upload:
    """A file to import. `catalogue` is the plan, drone_model and region of a list of codes."""

    kind: str
    file: "UploadedFile[Any]"
    catalogue: dict[str, Any]


def upload(data: Upload, *, actor: Actor, now: datetime) -> tuple[Import, bool]:
    """Stores a file, and checks it at once if it is small. Raises UnreadableFile or Conflict.

    The same file is not uploaded twice while it waits: the second time gives the import that
    is there, and False.
    """
    digest = sha256()
    for chunk in data.file.chunks():
        digest.update(chunk)
    same = Import.objects.open().filter(kind=data.kind, digest=digest.hexdigest())
    if waiting := same.first():
        return waiting, False
    stored_as = storage.save(data.file)
    try:
        with transaction.atomic():
            imported = _enter(data, stored_as, digest.hexdigest(), actor=actor, now=now)
    except IntegrityError as error:
        # The later of two that were sent at once.
        storage.delete(stored_as)
        raise Conflict(_("This file has been uploaded already.")) from error
    except BaseException:
        storage.delete(stored_as)
        raise
    return imported, True


def _enter(data: Upload, stored_as: str, digest: str, *, actor: Actor, now: datetime) -> Import:
    imported = Import.objects.create(
        kind=data.kind,
        stored_as=stored_as,
        file_name=_plain_name(data.file),
        file_size=data.file.size or 0,
        digest=digest,
        uploaded_at=now,
        uploaded_by=actor.user,
        next_try_at=now,
        **data.catalogue,
    )
    steps.record(imported, Kind.UPLOADED, actor=actor, now=now)
    if _is_small(imported, now=now):
        steps.check(imported, actor=actor, now=now)
    return imported


def _plain_name(file: "UploadedFile[Any]") -> str:
    return "".join(c for c in file.name or "" if c.isprintable())[-255:] or "-"


def _is_small(imported: Import, *, now: datetime) -> bool:
    """Whether a request has time to check and import it. Raises UnreadableFile."""
    if not _is_quick(imported):
        return False  # even its headings may lie too far down to look for them here
    path = storage.path(imported)
    encoding = spreadsheet.proven_encoding(path) or encodings.RAW
    lines = steps.kind_of(imported, now=now, encoding=encoding).lines(path)
    rows = sum(1 for _line in islice(lines, SMALL_ROWS + 1))
    if not rows:
        raise UnreadableFile(_("The file has no rows below its headings."))
    return rows <= SMALL_ROWS


def _is_quick(imported: Import) -> bool:
    with suppress(FileNotFoundError):
        return spreadsheet.unpacked_size(storage.path(imported)) <= SMALL_BYTES
    return True  # the step itself reports that the file is gone


def confirm(imported: Import, *, fingerprint: str, actor: Actor, now: datetime) -> None:
    """Imports the good rows: at once if they are few, else by the worker. Raises Conflict.

    `fingerprint` is that of the preview which the person saw, bad rows and all: those are left
    out. When records have changed since, nothing is imported, and the import is a checked one
    again, with a new preview.
    """
    with transaction.atomic():
        locked = steps.lock(imported)
        if locked.state != State.CHECKED:
            raise Conflict(_("Somebody else has confirmed or discarded this import meanwhile."))
        if locked.encoding_guessed:
            raise Conflict(_("Choose the encoding of the file first; it is only a guess so far."))
        if locked.fingerprint != fingerprint:
            raise Conflict(_("The file has been checked again meanwhile. Look at the new result."))
        if not locked.new + locked.changed:
            raise Conflict(_("This file would change nothing."))
        few = locked.rows <= SMALL_ROWS and _is_quick(locked)
        leases.write(
            locked,
            state=State.IMPORTING if few else State.CONFIRMED,
            skip_bad=bool(locked.bad),
            confirmed_at=now,
            confirmed_by=actor.user,
            next_try_at=now,
            trouble="",
        )
        steps.record(locked, Kind.CONFIRMED, actor=actor, now=now, note=steps.counted(locked))
        if few:
            steps.work_on(locked, actor=actor, clock=lambda: now)
    imported.refresh_from_db()


def choose_encoding(imported: Import, *, encoding: str, actor: Actor, now: datetime) -> None:
    """Reads a file again that does not prove its encoding, in the one that a person has chosen.

    Nothing is imported before. Raises Conflict.
    """
    with transaction.atomic():
        locked = steps.lock(imported)
        if locked.state != State.CHECKED or not locked.encoding:
            raise Conflict(_("The encoding of this import can no longer be chosen."))
        if encoding not in encodings.CHOICES:
            raise Conflict(_("Choose an encoding from the list."))
        leases.write(
            locked,
            state=State.UPLOADED,
            encoding=encoding,
            encoding_guessed=False,
            next_try_at=now,
            trouble="",
        )
        label = str(encodings.CHOICES[encoding])
        steps.record(locked, Kind.ENCODING, actor=actor, now=now, note=label)
        if locked.rows <= SMALL_ROWS and _is_quick(locked):
            steps.work_on(locked, actor=actor, clock=lambda: now)
    imported.refresh_from_db()


def discard(imported: Import, *, actor: Actor, now: datetime) -> None:
    """Ends an import and deletes its file. Raises Conflict once it is being imported."""
    if imported.state == State.IMPORTING:  # its row is locked until all is written
        raise Conflict(_("This import can no longer be discarded."))
    with transaction.atomic():
        locked = steps.lock(imported)
        if locked.state not in Import.OPEN or locked.state == State.IMPORTING:
            raise Conflict(_("This import can no longer be discarded."))
        steps.finish(locked, State.DISCARDED, now=now)
        steps.record(locked, Kind.DISCARDED, actor=actor, now=now)


def rows_done(imported: Import) -> int:
    """How many rows the running step has done."""
    if imported.state == State.IMPORTING:
        return storage.rows_written(imported)
    return 0 if imported.state == State.CONFIRMED else imported.rows_done


# --- the worker ------------------------------------------------------------------------------


def work(
    *, clock: Callable[[], datetime], stop: Callable[[], bool] = lambda: False
) -> tuple[int, int]:
    """Takes the steps that are due, one file at a time; how many went well, how many wrong."""
    well = wrong = 0
    tidy(now=clock())
    while not stop() and (claimed := _claim(clock())):
        [imported] = claimed
        if LEASE.is_used_up(imported):
            steps.fail(imported, str(leases.STOPPED), now=clock())
            wrong += 1
            continue
        by = imported.confirmed_by
        actor = Actor.staff(by) if by else WORKER
        if steps.work_on(imported, actor=actor, clock=clock):
            well += 1
        else:
            wrong += 1
    return well, wrong


def _claim(now: datetime) -> list[Import]:
    """The file that has waited longest, its step begun; or nothing."""
    return leases.claim(
        Import.objects.filter(next_try_at__lte=now),
        LEASE,
        now=now,
        related=["plan", "drone_model", "region", "confirmed_by"],
        state=Case(
            When(state=State.UPLOADED, then=Value(State.CHECKING)),
            When(state=State.CONFIRMED, then=Value(State.IMPORTING)),
            default=F("state"),
        ),
        rows_done=0,
    )


def tidy(*, now: datetime) -> None:
    """Discards what was never confirmed, and deletes files that are no longer needed."""
    unconfirmed = Import.objects.filter(
        state=State.CHECKED, uploaded_at__lte=now - DISCARD_UNCONFIRMED_AFTER
    )
    for imported in unconfirmed:
        with suppress(Conflict):
            discard(imported, actor=WORKER, now=now)
    finished = Import.objects.filter(finished_at__lte=now - DELETE_ERRORS_AFTER)
    finished.exclude(errors_stored_as="", differing=[], changes=[], readings=[]).update(
        errors_stored_as="", differing=[], changes=[], readings=[]
    )
    storage.delete_orphans(now=now)
