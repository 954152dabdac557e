import csv
import fcntl
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from policies import codes
from policies.management.catalogue_command import CatalogueCommand
from policies.models import CodeBatch
from policies.rules import code_format
from policies.shared.actor import Actor


class Command(CatalogueCommand):
    help = (
        "Issues a batch of activation codes and writes them to a CSV file, once and readable "
        "only by you. The database keeps them sealed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--count", type=int, required=True, help="how many codes")
        parser.add_argument("--out", type=Path, required=True, help="the file; it must not exist")

    def handle(self, *args: Any, **options: Any) -> None:
        """The file is whole and on disk before the batch is committed, or there is neither (C6).

        It is written under another name and gets its own when the batch is in the books: a file
        of that name never holds codes that no database knows. Whoever is killed between the two
        starts the command again: it gives the file its name, and issues nothing.
        """
        if not 1 <= options["count"] <= 5_000_000:
            raise CommandError("--count must lie between 1 and 5,000,000.")
        out: Path = options["out"]
        part = out.with_name(f"{out.name}.part")
        catalogue = self.catalogue(options)
        if out.exists():
            raise CommandError(f"{out} exists already; codes are never written over.")
        try:
            with part.open("a+", newline="", encoding="ascii", opener=_for_its_owner) as file:
                done = self._write(file, part, out, catalogue, options["count"])
        except OSError as error:
            raise CommandError(f"{out} cannot be written: {error.strerror}.") from error
        self.stdout.write(done)

    def _write(
        self, file: TextIO, part: Path, out: Path, catalogue: dict[str, Any], count: int
    ) -> str:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(f"{part} is being written by another process.") from None
        if batch := _batch_in(file):
            _rename(part, out)
            return f"Batch {batch.pk} was issued by an earlier run; its file is now {out}."
        try:
            with transaction.atomic():
                batch = self._generate(file, catalogue, count)
                file.flush()
                os.fsync(file.fileno())
                _sync_folder(out)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        _rename(part, out)
        return f"Batch {batch.pk}: {batch.size} codes in stock, written to {out}."

    def _generate(self, file: TextIO, catalogue: dict[str, Any], count: int) -> CodeBatch:
        file.truncate(0)  # what a run left that was stopped before its batch was in the books
        writer = csv.writer(file)
        writer.writerow(["code", "plan", "model", "region"])
        names = [catalogue["plan"].code, catalogue["drone_model"].slug, catalogue["region"].code]
        return codes.generate(
            **catalogue,
            count=count,
            actor=Actor.command("generate_codes"),
            now=timezone.now(),
            keep=lambda code: writer.writerow([code_format.grouped(code), *names]),
        )


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _batch_in(file: TextIO) -> CodeBatch | None:
    """The batch whose codes a file holds, where it was issued: its first code tells."""
    file.seek(0)
    rows = csv.reader(file)
    next(rows, None)
    first = next(rows, [""])
    try:
        code = codes.find(first[0])
    except code_format.Mistyped:
        return None
    return code.batch if code else None


def _rename(part: Path, out: Path) -> None:
    part.rename(out)
    _sync_folder(out)


def _sync_folder(path: Path) -> None:
    """A name is on disk when its folder is."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
