"""The files of imports in the storage; none of them is ever handed out as it is.

An uploaded file holds whole codes, or other people's addresses. It is kept as long as it is
needed and no longer; what a request or a worker left behind when it died is deleted, too.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from django.core.files import File
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile

from policies.imports.base import ImportKind
from policies.imports.lines import BAD, Line
from policies.models import Import

FOLDER = "imports"
# A file that no row names was left by a request that died; a younger one may get its row yet.
ORPHAN_AFTER = timedelta(hours=1)


def save(file: "UploadedFile[Any]") -> str:
    """Stores an upload under a name that nobody can guess, and returns the name."""
    return default_storage.save(f"{FOLDER}/{uuid4().hex}", file)


def path(imported: Import) -> Path:
    return Path(default_storage.path(imported.stored_as))


def delete(stored_as: str) -> None:
    for name in (stored_as, _progress_file(stored_as)):
        default_storage.delete(name)


# --- progress --------------------------------------------------------------------------------
# What an open transaction writes, rows and counts alike, nobody else can see in the database:
# the count goes into a small file beside the imported one.


def _progress_file(stored_as: str) -> str:
    return f"{stored_as}.rows"


def write_progress(imported: Import, rows: int) -> None:
    Path(default_storage.path(_progress_file(imported.stored_as))).write_text(str(rows))


def rows_written(imported: Import) -> int:
    """How many rows the worker has written so far."""
    with suppress(OSError, ValueError):  # not begun, or in the middle of writing the count
        return int(Path(default_storage.path(_progress_file(imported.stored_as))).read_text())
    return 0


# --- what is wrong with a file ---------------------------------------------------------------


class ErrorList:
    """Collects the bad rows of a file while it is checked, and those that differ from the books.

    Use it with `with`.
    """

    def __init__(self, kind: ImportKind) -> None:
        self._kind = kind
        self._file = TemporaryFile()  # noqa: SIM115 — closed in __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, line: Line) -> None:
        reasons = [line.problem] if line.outcome == BAD else line.differences
        row = [line.number, " ".join(map(str, reasons)), *self._kind.shown_cells(line)]
        self._file.write(json.dumps(row).encode() + b"\n")

    def save(self) -> str:
        """Stores the list and returns its name; empty when nothing is wrong."""
        if not self._file.tell():
            return ""
        self._file.seek(0)
        return default_storage.save(f"{FOLDER}/{uuid4().hex}.errors", File(self._file))


def errors_of(imported: Import) -> Iterator[list[Any]]:
    """Each such row: its line, what is wrong, and the row's own text."""
    with default_storage.open(imported.errors_stored_as) as file:
        for line in file:
            yield json.loads(line)


# --- cleaning up -----------------------------------------------------------------------------


def delete_orphans(*, now: datetime) -> None:
    """Deletes old files that no import names."""
    if not default_storage.exists(FOLDER):
        return
    _folders, files = default_storage.listdir(FOLDER)
    old = [name for name in (f"{FOLDER}/{file}" for file in files) if _is_old(name, now)]
    named = Import.objects.filter(stored_as__in=[name.removesuffix(".rows") for name in old])
    needed = set(named.values_list("stored_as", flat=True))
    needed |= {_progress_file(name) for name in needed}
    errors = Import.objects.filter(errors_stored_as__in=old)
    needed |= set(errors.values_list("errors_stored_as", flat=True))
    for name in old:
        if name not in needed:
            default_storage.delete(name)


def _is_old(name: str, now: datetime) -> bool:
    try:
        return default_storage.get_modified_time(name) <= now - ORPHAN_AFTER
    except FileNotFoundError:  # deleted meanwhile
        return False
