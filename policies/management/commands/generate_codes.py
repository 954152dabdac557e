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
            batch = _left_by_an_earlier_run(part) if part.exists() else None
            if batch is not None:
                done = f"Batch {batch.pk} was issued by an earlier run; its file is now {out}."
            else:
                batch = self._issue(part, catalogue, options["count"])
                done = f"Batch {batch.pk}: {batch.size} codes in stock, written to {out}."
            part.rename(out)
            _sync_folder(out)
        except OSError as error:
            raise CommandError(f"{out} cannot be written: {error.strerror}.") from error
        self.stdout.write(done)

    def _issue(self, part: Path, catalogue: dict[str, Any], count: int) -> CodeBatch:
        with open(part, "x", newline="", encoding="ascii", opener=_for_its_owner) as file:
            _lock(file, part)
            try:
                with transaction.atomic():
                    batch = self._generate(file, catalogue, count)
                    file.flush()
                    os.fsync(file.fileno())
                    _sync_folder(part)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
        return batch

    def _generate(self, file: TextIO, catalogue: dict[str, Any], count: int) -> CodeBatch:
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


def _lock(file: TextIO, part: Path) -> None:
    """Held by a run as long as it lives: what is not locked was left by one that was killed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CommandError(f"{part} is being written by another process.") from None


def _left_by_an_earlier_run(part: Path) -> CodeBatch | None:
    """The batch whose file this is, if it was issued; else the file goes, its codes are worthless.

    Its first code tells: all of a batch are in the books, or none.
    """
    with part.open(newline="", encoding="ascii", errors="replace") as file:
        _lock(file, part)
        rows = csv.reader(file)
        next(rows, None)
        try:
            code = codes.find(next(rows, [""])[0])
        except code_format.Mistyped:
            code = None
        if code is None:
            part.unlink()
    return code.batch if code else None


def _sync_folder(path: Path) -> None:
    """A name is on disk when its folder is."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
