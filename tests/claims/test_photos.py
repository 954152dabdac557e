"""Photos: what is taken, what is kept of it, and what is refused (K1). Real files, made here."""

import io
import random
import struct
import warnings
import zlib

import pillow_heif
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, ImageDraw

from claims import photos

FORMATS = ["JPEG", "PNG", "WEBP", "HEIF"]
ORIENTATION, MAKE, GPS = 0x0112, 0x010F, 0x8825
RED, BLUE = (200, 30, 30), (30, 30, 200)


def upload(content: bytes, name: str = "IMG_0001.JPG") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="image/jpeg")


def picture(width: int = 80, height: int = 60) -> Image.Image:
    """Blue, with a red upper left quarter."""
    image = Image.new("RGB", (width, height), BLUE)
    ImageDraw.Draw(image).rectangle((0, 0, width // 2 - 1, height // 2 - 1), fill=RED)
    return image


def file_of(image: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def told_where(orientation: int = 1) -> Image.Exif:
    """What a phone writes into a photo: how it was held, its maker, and where it was."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[MAKE] = "Phonemaker"
    exif.get_ifd(GPS).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    return exif


def opened(taken: photos.Picture) -> Image.Image:
    image = Image.open(io.BytesIO(taken.jpeg))
    image.load()
    return image


def refusal(content: bytes, name: str = "IMG_0001.JPG") -> str:
    with pytest.raises(photos.BadPhoto) as no:
        photos.read(upload(content, name))
    return str(no.value.message)


NOT_A_PHOTO = "Please send photos as JPEG, PNG, WebP or HEIC."
DAMAGED = "This photo is damaged and cannot be opened."
TOO_MANY_PIXELS = "This photo has too many pixels."


def is_like(colour: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(abs(one - two) < 40 for one, two in zip(colour, other, strict=True))


# --- what is taken -----------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_becomes_a_jpeg_of_the_same_picture(kind):
    taken = photos.read(upload(file_of(picture(), kind)))
    image = opened(taken)
    assert (image.format, image.size, image.mode) == ("JPEG", (80, 60), "RGB")
    assert (taken.width, taken.height) == (80, 60)
    assert is_like(image.getpixel((10, 10)), RED)
    assert is_like(image.getpixel((70, 50)), BLUE)


@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_that_the_phone_wrote_into_the_file_is_kept(kind):
    sent = file_of(picture(), kind, exif=told_where())
    assert Image.open(io.BytesIO(sent)).getexif()[MAKE] == "Phonemaker"
    assert dict(Image.open(io.BytesIO(sent)).getexif().get_ifd(GPS))
    kept = photos.read(upload(sent)).jpeg
    assert dict(Image.open(io.BytesIO(kept)).getexif()) == {}
    assert set(Image.open(io.BytesIO(kept)).info) <= {
        "jfif", "jfif_version", "jfif_unit", "jfif_density"}  # fmt: skip
    assert b"Phonemaker" not in kept
    assert b"Exif" not in kept


def test_comments_and_what_hangs_after_the_end_are_not_kept():
    sent = file_of(picture(), "JPEG", comment=b"<script>alert(1)</script>") + b"PK\x03\x04 a zip"
    kept = photos.read(upload(sent)).jpeg
    assert b"script" not in kept
    assert kept.endswith(b"\xff\xd9")


# Where the red quarter is once the photo stands upright, by the EXIF orientation.
TURNED = {1: (10, 10), 2: (70, 10), 3: (70, 50), 4: (10, 50)}
TURNED_SIDEWAYS = {5: (10, 10), 6: (50, 10), 7: (50, 70), 8: (10, 70)}


@pytest.mark.parametrize("orientation", TURNED)
def test_a_photo_taken_upside_down_is_turned(orientation):
    image = opened(photos.read(upload(file_of(picture(), "JPEG", exif=told_where(orientation)))))
    assert image.size == (80, 60)
    for place in TURNED.values():
        colour = RED if place == TURNED[orientation] else BLUE
        assert is_like(image.getpixel(place), colour), place


@pytest.mark.parametrize("orientation", TURNED_SIDEWAYS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_taken_sideways_is_turned(kind, orientation):
    taken = photos.read(upload(file_of(picture(), kind, exif=told_where(orientation))))
    image = opened(taken)
    assert image.size == (taken.width, taken.height) == (60, 80)
    for place in TURNED_SIDEWAYS.values():
        colour = RED if place == TURNED_SIDEWAYS[orientation] else BLUE
        assert is_like(image.getpixel(place), colour), place


def test_the_name_and_the_stated_type_of_the_file_say_nothing():
    sent = SimpleUploadedFile("../../x.php", file_of(picture(), "PNG"), content_type="text/html")
    assert opened(photos.read(sent)).format == "JPEG"


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1", "CMYK", "I;16"])
def test_unusual_colours_are_taken_too(mode):
    image = Image.new("I;16", (80, 60)) if mode == "I;16" else picture().convert(mode)
    kind = "JPEG" if mode == "CMYK" else "PNG"
    assert opened(photos.read(upload(file_of(image, kind)))).mode == "RGB"


def test_a_palette_with_transparency_is_taken():
    image = picture().convert("P")
    sent = file_of(image, "PNG", transparency=bytes(range(256)))
    assert opened(photos.read(upload(sent))).mode == "RGB"


def test_an_animation_is_its_first_picture():
    frames = [Image.new("RGB", (40, 30), BLUE)]
    sent = file_of(picture(40, 30), "WEBP", save_all=True, append_images=frames)
    assert is_like(opened(photos.read(upload(sent))).getpixel((4, 4)), RED)


def test_large_photos_are_made_smaller_and_keep_their_shape():
    taken = photos.read(upload(file_of(picture(4000, 1000), "JPEG")))
    assert (taken.width, taken.height) == (2560, 640)
    taken = photos.read(upload(file_of(picture(30, 5120), "PNG")))
    assert (taken.width, taken.height) == (15, 2560)


def test_small_photos_stay_as_small_as_they_are():
    assert photos.read(upload(file_of(picture(2, 2), "PNG"))).width == 2


# --- what is not a photo ---------------------------------------------------------------

DISGUISED = {
    "php": b"<?php system($_GET['c']); ?>",
    "php that begins like a JPEG": b"\xff\xd8\xff\xe0<?php system($_GET['c']); ?>",
    "php that begins like a GIF": b"GIF89a<?php system($_GET['c']); ?>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "html": b"<html><script>alert(1)</script></html>",
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "zip": b"PK\x03\x04\x14\x00\x00\x00\x08\x00",
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
    "nothing": b"",
    "zeros": b"\0" * 4096,
    "text": "ein Bild, wirklich".encode("utf-16"),
}


@pytest.mark.parametrize("what", DISGUISED)
def test_what_is_no_picture_is_refused_with_a_sentence(what):
    assert refusal(DISGUISED[what]) in {NOT_A_PHOTO, DAMAGED}


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "ICO", "PPM", "TGA", "JPEG2000", "PCX"])
def test_pictures_of_other_kinds_are_refused_whatever_they_are_called(kind):
    assert refusal(file_of(picture(64, 64), kind)) == NOT_A_PHOTO


def test_php_inside_a_real_picture_does_not_come_out_again():
    sent = file_of(picture(), "JPEG", comment=b"<?php system($_GET['c']); ?>")
    assert b"<?php" in sent
    assert b"<?php" not in photos.read(upload(sent)).jpeg


# --- what is damaged ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_that_was_cut_off_is_refused_with_a_sentence(kind, share):
    image = Image.effect_noise((200, 150), 60).convert("RGB")
    whole = file_of(image, kind)
    assert refusal(whole[: int(len(whole) * share)]) in {NOT_A_PHOTO, DAMAGED}


def test_a_jpeg_cut_in_the_middle_is_called_damaged():
    whole = file_of(Image.effect_noise((200, 150), 60), "JPEG")
    assert refusal(whole[: len(whole) // 2]) == DAMAGED


@pytest.mark.parametrize("kind", FORMATS)
def test_whatever_is_broken_in_a_file_ends_in_a_photo_or_a_sentence(kind):
    image = Image.effect_noise((32, 24), 60).convert("RGB")
    whole = file_of(image, kind, exif=told_where(6))
    chance = random.Random(20260310)
    answers = {"taken": 0, NOT_A_PHOTO: 0, DAMAGED: 0, TOO_MANY_PIXELS: 0}
    for _ in range(400):
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            broken[chance.randrange(min(len(broken), 500))] = chance.randrange(256)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow grumbles about bad EXIF, and goes on
            try:
                photos.read(upload(bytes(broken)))
                answers["taken"] += 1
            except photos.BadPhoto as no:
                answers[str(no.message)] += 1
    assert len(answers) == 4
    assert answers["taken"] < 350


# --- what is too much ---------------------------------------------------------------------


def png_that_says(width: int, height: int) -> bytes:
    """The header of a PNG, and nothing that could be decoded."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def jpeg_that_says(width: int, height: int, *, progressive: bool = False) -> bytes:
    """A small JPEG whose header states another size."""
    content = bytearray(file_of(picture(16, 16), "JPEG", progressive=progressive))
    frame = content.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def test_a_bomb_is_refused_before_it_is_decoded():
    # Decoded, these would be called damaged: there is next to nothing behind their headers.
    assert refusal(png_that_says(30_000, 30_000)) == TOO_MANY_PIXELS
    assert refusal(png_that_says(2_000_000_000, 2_000_000_000)) == TOO_MANY_PIXELS
    assert refusal(jpeg_that_says(65_000, 65_000)) == TOO_MANY_PIXELS


def test_what_cannot_shrink_while_it_is_decoded_may_have_50_million_pixels():
    assert refusal(png_that_says(10_000, 5_001)) == TOO_MANY_PIXELS
    assert refusal(png_that_says(10_000, 5_000)) == DAMAGED
    assert refusal(jpeg_that_says(10_000, 5_001, progressive=True)) == TOO_MANY_PIXELS


def test_the_photo_of_a_phone_with_200_megapixels_is_taken():
    """16320 x 12240, of one colour: the pixels are many, and decoding keeps few of them."""
    phone = Image.new("L", (16_320, 12_240), 90)
    taken = photos.read(upload(file_of(phone, "JPEG", quality=10)))
    assert (taken.width, taken.height) == (2560, 1920)
    assert refusal(jpeg_that_says(20_000, 10_001)) == TOO_MANY_PIXELS


def test_a_file_of_more_than_10_megabytes_is_not_even_opened():
    whole = file_of(picture(), "JPEG")
    ten = whole + b"\0" * (10 * 1024 * 1024 - len(whole))
    assert photos.read(upload(ten)).width == 80
    assert refusal(ten + b"\0") == "A photo may have at most 10 MB."


def test_the_form_takes_six():
    assert photos.MOST == 6


def test_a_heic_file_is_a_heif_file():
    assert pillow_heif.is_supported(io.BytesIO(file_of(picture(), "HEIF")))
