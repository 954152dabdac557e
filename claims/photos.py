"""Photos of the damage: checked by content, re-encoded, stripped of their metadata (K1)."""

import io
import struct
import uuid
from dataclasses import dataclass
from typing import Any

import pillow_heif
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps, UnidentifiedImageError

from policies.rules.errors import BadInput

pillow_heif.register_heif_opener()

MOST = 6
LARGEST_BYTES = 10 * 1024 * 1024
FORMATS = ["JPEG", "PNG", "WEBP", "HEIF"]
# A small file may unpack to gigabytes. Phones take up to 200 megapixels as JPEG, which shrinks
# while it is decoded; what must be held in memory whole gets 150 MB.
MOST_PIXELS = 200_000_000
MOST_PIXELS_HELD = 50_000_000
Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit lies below what phones take
# What the decoders raise for files that were cut off, or made to hurt: found by trying.
UNREADABLE = (
    *(EOFError, IndexError, OSError, RuntimeError, SyntaxError, TypeError, ValueError),
    struct.error,
)
# Enough to see a crack, small enough to keep for years.
LONGEST_SIDE = 2_560


class BadPhoto(BadInput):
    """The file is not a photo that we take."""


@dataclass(frozen=True)
class Picture:
    """A photo as it will be kept: a JPEG without metadata."""

    jpeg: bytes
    width: int
    height: int


@dataclass(frozen=True)
class Stored:
    name: str
    width: int
    height: int


def read(upload: "UploadedFile[Any]") -> Picture:
    """Decodes and re-encodes an upload, whatever its name says it is. Raises BadPhoto."""
    if (upload.size or 0) > LARGEST_BYTES:
        raise BadPhoto(_("A photo may have at most 10 MB."))
    try:
        image = Image.open(upload, formats=FORMATS)
        _refuse_bomb(image)
        # Shrinks while decoding, where the format can: a large photo never fills the memory.
        image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
        ImageOps.exif_transpose(image, in_place=True)
        # By way of RGBA, or a transparent colour of the palette shows as whatever it is.
        opened = image.convert("RGBA") if "transparency" in image.info else image
        upright = opened if opened.mode == "RGB" else opened.convert("RGB")
    except BadPhoto:
        raise
    except UnidentifiedImageError as error:
        raise BadPhoto(_("Please send photos as JPEG, PNG, WebP or HEIC.")) from error
    except UNREADABLE as error:
        raise BadPhoto(_("This photo is damaged and cannot be opened.")) from error
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    # A fresh image: nothing of the original's metadata travels along.
    clean = Image.new("RGB", upright.size)
    clean.paste(upright)
    out = io.BytesIO()
    clean.save(out, "JPEG", quality=85)
    return Picture(out.getvalue(), clean.width, clean.height)


def _refuse_bomb(image: Image.Image) -> None:
    """By the size that the header states, before anything is decoded."""
    shrinks = image.format in {"JPEG", "MPO"} and not image.info.get("progressive")
    if image.width * image.height > (MOST_PIXELS if shrinks else MOST_PIXELS_HELD):
        raise BadPhoto(_("This photo has too many pixels."))


def store(picture: Picture) -> Stored:
    """Writes the photo to the storage under a name that nobody can guess."""
    name = f"claims/photos/{uuid.uuid4().hex}.jpg"
    stored = default_storage.save(name, ContentFile(picture.jpeg))
    return Stored(stored, picture.width, picture.height)


def forget(stored: list[Stored]) -> None:
    """Deletes files whose claim was not opened after all."""
    for one in stored:
        default_storage.delete(one.name)
