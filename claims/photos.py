"""Photos of the damage: checked by content, re-encoded, stripped of their metadata (K1)."""

import io
import struct
import threading
import uuid
from dataclasses import dataclass
from typing import Any

import pillow_heif
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _
from PIL import ExifTags, Image, UnidentifiedImageError

from policies.rules.errors import BadInput
from policies.rules.text import Text

pillow_heif.register_heif_opener()

MOST = 6
LARGEST_BYTES = 10 * 1024 * 1024
FORMATS = ["JPEG", "PNG", "WEBP", "HEIF"]
# Enough to see a crack, small enough to keep for years.
LONGEST_SIDE = 2_560

# A small file may unpack to gigabytes. One photo is opened at a time in a process, and may take
# this much memory: enough for a panorama as HEIC (16,382 x 3,900). Measured as the growth of a
# process that reads one photo, with Pillow 13.0 and pillow-heif 1.8:
#
#   JPEG 16,320 x 12,240 (200 megapixels)  145 MB    HEIC 16,382 x 3,900          446 MB
#   JPEG 65,500 x 3,053                     31 MB    HEIC 8,192 x 6,144, 10 bits  376 MB
#   JPEG CMYK 39,000 x 5,100                39 MB    WebP 5,600 x 5,600           482 MB
#   JPEG progressive 8,192 x 6,144         194 MB    PNG 10,000 x 10,000          483 MB
MOST_HELD = 512_000_000
# Bytes of memory for each pixel. WebP: the decoder holds two frames and hands over a third.
BYTES_PER_PIXEL = {"HEIF": 8, "WEBP": 16, "PNG": 5}
# A JPEG shrinks while it is decoded and takes next to nothing, but a second for 200 megapixels,
# which is what the largest sensors of phones have.
MOST_PIXELS = 210_000_000
# The longest that a JPEG can be; a PNG of one endless row would be held several times.
MOST_PIXELS_A_SIDE = 65_535
# Each goes over the whole picture, however few bytes it has. Usual are 10.
MOST_SCANS = 100
Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit lies below what phones take
# What the decoders raise for files that were cut off, or made to hurt: found by trying.
UNREADABLE = (
    *(EOFError, IndexError, OSError, RuntimeError, SyntaxError, TypeError, ValueError),
    struct.error,
)
ONE_AT_A_TIME = threading.Lock()
PATIENCE = 60  # seconds
ROWS = 256  # of a photo that are converted at a time
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
END = b"\xff\xd9"  # of a JPEG


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
        raise BadPhoto(
            _("A photo may have at most 10 MB. Please make it smaller, or send it as JPEG.")
        )
    if not ONE_AT_A_TIME.acquire(timeout=PATIENCE):
        raise BadPhoto(_("We are busy with other photos. Please send it again in a minute."))
    try:
        upload.seek(0)
        kept = _kept(upload.read())
    except BadPhoto:
        raise
    except UnidentifiedImageError as error:
        raise BadPhoto(_("Please send photos as JPEG, PNG, WebP or HEIC.")) from error
    except UNREADABLE as error:
        raise BadPhoto(
            _("This photo is damaged and cannot be opened. Please send another, or save it anew.")
        ) from error
    finally:
        ONE_AT_A_TIME.release()
    # A fresh file: nothing of the original's metadata travels along.
    out = io.BytesIO()
    kept.save(out, "JPEG", quality=85)
    return Picture(out.getvalue(), kept.width, kept.height)


def _kept(content: bytes) -> Image.Image:
    """The photo upright, in RGB, as large as it is kept."""
    image = _opened(content)
    try:
        image.load()
    except OSError:
        content = _with_its_end(image, content)
        image = _opened(content)
        image.load()
    orientation = _orientation(image)
    small = _shrunk(image)
    small.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return small.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else small


def _opened(content: bytes) -> Image.Image:
    """The photo before it is decoded, if there is memory for it."""
    image = Image.open(io.BytesIO(content), formats=FORMATS)
    _refuse_bomb(image, content)
    if _is_jpeg(image):
        # Shrinks while it is decoded. Pillow goes by the shorter side of what is asked for, so
        # this asks for the photo's own shape, or a long thin one would stay as large as it is.
        longest = max(image.size)
        image.draft("RGB", tuple(max(1, side * LONGEST_SIDE // longest) for side in image.size))  # type: ignore[arg-type]
    return image


def _is_jpeg(image: Image.Image) -> bool:
    return image.format in {"JPEG", "MPO"}


def _orientation(image: Image.Image) -> int:
    """How the phone was held. A viewer that cannot read it shows the photo all the same."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except UNREADABLE:
        return 1


# --- what is too much --------------------------------------------------------------------


def _refuse_bomb(image: Image.Image, content: bytes) -> None:
    """By what the header states, before anything is decoded."""
    if max(image.size) > MOST_PIXELS_A_SIDE:
        raise BadPhoto(
            _("This photo is longer than %(most)s pixels. Please cut it, or make it smaller.")
            % {"most": f"{MOST_PIXELS_A_SIDE:,}"}
        )
    most, way_out = _most_pixels(image, content)
    if image.width * image.height > most:
        raise BadPhoto(
            _("This photo has too many pixels: we can open up to %(most)d megapixels. %(way_out)s")
            % {"most": most // 1_000_000, "way_out": way_out}
        )


def _most_pixels(image: Image.Image, content: bytes) -> tuple[int, Text]:
    if not _is_jpeg(image):
        most = MOST_HELD // BYTES_PER_PIXEL[str(image.format)]
        return most, _("Please send it as JPEG, or make it smaller.")
    if _is_held_whole(content):
        if content.count(b"\xff\xda") > MOST_SCANS:
            raise ValueError("more scans than any camera makes")
        # Two bytes for each of its colours, until the last scan has come.
        most = MOST_HELD // (2 * len(image.getbands()))
        return most, _("Please save it as JPEG without “progressive”, or make it smaller.")
    return MOST_PIXELS, _("Please make it smaller.")


def _is_held_whole(jpeg: bytes) -> bool:
    """Whether its pixels are complete at its end only: progressive, or one colour after another."""
    place, colours = 2, 0
    while jpeg[place : place + 1] == b"\xff" and place + 10 < len(jpeg):
        marker, length = jpeg[place + 1], int.from_bytes(jpeg[place + 2 : place + 4])
        if marker in {0xC2, 0xC6, 0xCA, 0xCE}:
            return True
        if marker in {0xC0, 0xC1}:
            colours = jpeg[place + 9]
        if marker == 0xDA:
            return jpeg[place + 4] < colours
        place += 1 if marker == 0xFF else 2 + length
    return True  # as nobody writes it: the dearer case


# --- what is kept ------------------------------------------------------------------------


def _shrunk(image: Image.Image) -> Image.Image:
    """The photo in RGB, by whole pixels to less than twice the size it is kept in.

    Row by row: nothing of its full size is made a second time.
    """
    factor = max(1, max(image.size) // LONGEST_SIDE)
    small = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    rows = factor * max(1, ROWS // factor)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        strip.info = image.info  # where a palette says which of its colours is transparent
        small.paste(_in_rgb(strip).reduce(factor), (0, top // factor))
    return small


def _in_rgb(image: Image.Image) -> Image.Image:
    """On white paper, where it is transparent."""
    if image.mode.startswith("I"):  # 16 bits of grey, of which Pillow would cut the upper ones
        return image.convert("I").point(lambda grey: grey * (1 / 256)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    drawn = image.convert("RGBA")
    paper = Image.new("RGB", image.size, "white")
    paper.paste(drawn, mask=drawn)
    return paper


def _with_its_end(image: Image.Image, content: bytes) -> bytes:
    """A JPEG that lacks the mark of its end and nothing else. Raises ValueError for any other.

    What follows it must make no difference: whatever is taken as pixels of it was missing.
    """
    if not _is_jpeg(image):
        raise ValueError("cut off")
    noise = bytes(range(1, 255)) * 4
    tries = []
    for end in (END, noise + END):
        tried = _opened(content + end)
        tried.load()
        tries.append(tried.tobytes())
    if tries[0] != tries[1]:
        raise ValueError("cut off")
    return content + END


def store(picture: Picture) -> Stored:
    """Writes the photo to the storage under a name that nobody can guess."""
    name = f"claims/photos/{uuid.uuid4().hex}.jpg"
    stored = default_storage.save(name, ContentFile(picture.jpeg))
    return Stored(stored, picture.width, picture.height)


def forget(stored: list[Stored]) -> None:
    """Deletes files whose claim was not opened after all."""
    for one in stored:
        default_storage.delete(one.name)
