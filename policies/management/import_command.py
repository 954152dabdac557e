"""What the commands that import a file have in common: its encoding is known, or it is refused."""

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path

from django.core.management.base import CommandError

from policies.imports import base, encodings, spreadsheet
from policies.imports.base import ImportKind


def add_encoding(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--encoding",
        default="",
        help=f"of a CSV that is neither UTF-8 nor UTF-16: {', '.join(encodings.CHOICES)}",
    )


def encoding_of(path: Path, name: str, kind: Callable[[str], ImportKind]) -> str:
    """The encoding to read a file in: the one it proves, as an empty text, or the one named.

    `kind` makes the import for an encoding. Raises CommandError, which says how the file would
    read, UnreadableFile, OSError.
    """
    try:
        chosen = encodings.named(name) if name else ""
    except encodings.UnknownEncoding as error:
        raise CommandError(str(error.message)) from error
    if spreadsheet.proven_encoding(path):
        return ""
    if chosen in encodings.CHOICES:
        return chosen
    raise CommandError(f"{path.name}: {_question(path, kind)}")


def _question(path: Path, kind: Callable[[str], ImportKind]) -> str:
    samples, countries = base.sample(kind(encodings.RAW), path)
    guess = encodings.guess(samples, countries)
    reading = encodings.reading(samples, guess)
    others = ", ".join(one for one in encodings.CHOICES if one != guess)
    return (
        f"The file is not UTF-8. As {encodings.CHOICES[guess]} it would read: {reading}. "
        f"If that is right, use --encoding {guess}; else another of {others}."
    )
