import csv
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from policies import codes
from policies.management.catalogue_command import CatalogueCommand
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
        if not 1 <= options["count"] <= 5_000_000:
            raise CommandError("--count must lie between 1 and 5,000,000.")
        out: Path = options["out"]
        catalogue = self.catalogue(options)
        # Written under the final name from the start and only once; if anything goes wrong
        # the file goes too, because its codes are in no database.
        try:
            descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise CommandError(f"{out} exists already; codes are never written over.") from None
        except OSError as error:
            raise CommandError(f"{out} cannot be written: {error.strerror}.") from error
        try:
            with os.fdopen(descriptor, "w", newline="", encoding="ascii") as file:
                batch = self._generate(file, catalogue, options["count"])
        except BaseException:
            out.unlink(missing_ok=True)
            raise
        self.stdout.write(f"Batch {batch.pk}: {batch.size} codes in stock, written to {out}.")

    def _generate(self, file: Any, catalogue: dict[str, Any], count: int) -> Any:
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
