"""Photos: what is taken, what is kept of it, and what is refused (K1). Real files, made here."""

import io
import random
import struct
import subprocess
import sys
import warnings
import zlib

import pillow_heif
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, ImageDraw

from claims import photos
from tests import ROOT

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


def noise(size: tuple[int, int]) -> Image.Image:
    """Grey noise, the same in each run: whether a cut is seen depends on the last bytes."""
    width, height = size
    return Image.frombytes("L", size, random.Random(20260310).randbytes(width * height))


def png(width: int, height: int, *, depth: int, kind: int, pixels: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


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


def answer(content: bytes) -> str:
    try:
        photos.read(upload(content))
    except photos.BadPhoto as no:
        return str(no.message)
    return "taken"


NOT_A_PHOTO = "Please send photos as JPEG, PNG, WebP or HEIC."
DAMAGED = "This photo is damaged and cannot be opened. Please send another, or save it anew."
TOO_MANY_PIXELS = "This photo has too many pixels: we can open up to "
TOO_LONG = "This photo is longer than 65,535 pixels. Please cut it, or make it smaller."


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


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_lies_on_white_paper(mode):
    image = picture().convert("RGBA")
    image.paste((0, 0, 0, 0), (40, 30, 80, 60))
    options = {}
    if mode == "P":
        image, options = image.convert("P"), {"transparency": 0}
        image.paste(0, (40, 30, 80, 60))
    kept = opened(photos.read(upload(file_of(image.convert(mode), "PNG", **options))))
    assert is_like(kept.getpixel((70, 50)), (255, 255, 255))
    assert not is_like(kept.getpixel((10, 10)), (255, 255, 255))


def png_of_16_bits(colours: int) -> bytes:
    """Middle grey, 8 x 8, as PNG of two bytes for each colour."""
    kind = {1: 0, 3: 2, 4: 6}[colours]
    rows = (b"\0" + b"\x80\x00" * 8 * colours) * 8
    return png(8, 8, depth=16, kind=kind, pixels=zlib.compress(rows))


@pytest.mark.parametrize("colours", [1, 3])
def test_a_png_of_16_bits_is_as_bright_as_it_was(colours):
    kept = opened(photos.read(upload(png_of_16_bits(colours))))
    assert is_like(kept.getpixel((4, 4)), (128, 128, 128))


def test_a_heic_of_10_bits_is_as_bright_as_it_was():
    grey = struct.pack("<H", 0x8000) * 64 * 64 * 3
    sent = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", (64, 64), grey).save(sent)
    kept = opened(photos.read(upload(sent.getvalue())))
    assert is_like(kept.getpixel((30, 30)), (128, 128, 128))


def test_of_a_heic_with_several_pictures_the_main_one_is_taken():
    several = pillow_heif.from_pillow(Image.new("RGB", (64, 64), BLUE))
    several.add_from_pillow(picture(128, 96))
    sent = io.BytesIO()
    several.save(sent, primary_index=1)
    kept = opened(photos.read(upload(sent.getvalue())))
    assert kept.size == (128, 96)
    assert is_like(kept.getpixel((10, 10)), RED)


def test_of_a_jpeg_with_several_pictures_the_first_is_taken():
    sent = file_of(picture(), "MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))])
    assert Image.open(io.BytesIO(sent)).format == "MPO"
    assert is_like(opened(photos.read(upload(sent))).getpixel((10, 10)), RED)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("options", [{"progressive": True}, {"subsampling": 0}, {"quality": 100}])
def test_every_kind_of_jpeg_shows_the_same_picture(mode, options):
    sent = picture(600, 450).convert(mode)
    kept = opened(photos.read(upload(file_of(sent, "JPEG", **options))))
    for place in [(20, 20), (500, 400)]:
        assert is_like(kept.getpixel(place), sent.convert("RGB").getpixel(place))


def test_a_photo_whose_notes_cannot_be_read_is_shown_as_it_lies():
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\xff" * 40
    sent = file_of(picture(), "JPEG", exif=exif)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow grumbles, and goes on
        assert photos.read(upload(sent)).width == 80


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
    image = noise((200, 150)).convert("RGB")
    whole = file_of(image, kind)
    assert refusal(whole[: int(len(whole) * share)]) in {NOT_A_PHOTO, DAMAGED}


def test_a_jpeg_cut_in_the_middle_is_called_damaged():
    whole = file_of(noise((200, 150)), "JPEG")
    assert refusal(whole[: len(whole) // 2]) == DAMAGED


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_its_end_mark_is_taken_as_every_viewer_does(mode, progressive):
    image = noise((200, 150)).convert(mode)
    whole = file_of(image, "JPEG", progressive=progressive)
    assert whole.endswith(b"\xff\xd9")
    assert photos.read(upload(whole[:-2])).jpeg == photos.read(upload(whole)).jpeg
    assert photos.read(upload(whole[:-1])).jpeg == photos.read(upload(whole)).jpeg


def test_a_png_without_its_end_mark_is_taken_too():
    whole = file_of(picture(), "PNG")
    assert photos.read(upload(whole[:-12])).jpeg == photos.read(upload(whole)).jpeg


@pytest.mark.parametrize("missing", [20, 200])
def test_a_jpeg_that_lacks_a_few_rows_is_called_damaged(missing):
    whole = file_of(noise((200, 150)), "JPEG")
    assert refusal(whole[:-missing]) == DAMAGED


@pytest.mark.parametrize("kind", FORMATS)
def test_whatever_is_broken_in_a_file_ends_in_a_photo_or_a_sentence(kind):
    image = noise((32, 24)).convert("RGB")
    whole = file_of(image, kind, exif=told_where(6))
    chance = random.Random(20260310)
    answers = {"taken": 0, NOT_A_PHOTO: 0, DAMAGED: 0, TOO_MANY_PIXELS: 0, TOO_LONG: 0}
    for _ in range(400):
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            broken[chance.randrange(min(len(broken), 500))] = chance.randrange(256)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow grumbles about bad EXIF, and goes on
            said = answer(bytes(broken))
        [known] = [known for known in answers if said.startswith(known)]
        answers[known] += 1
    assert answers["taken"] < 350


# --- what is too much ---------------------------------------------------------------------


def png_that_says(width: int, height: int) -> bytes:
    """The header of a PNG, and nothing that could be decoded."""
    return png(width, height, depth=8, kind=2, pixels=zlib.compress(b"\0" * 100))


def jpeg_that_says(width: int, height: int, *, progressive: bool = False) -> bytes:
    """A small JPEG whose header states another size."""
    content = bytearray(file_of(picture(16, 16), "JPEG", progressive=progressive))
    frame = content.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(content)


AS_JPEG = "Please send it as JPEG, or make it smaller."


def test_a_bomb_is_refused_before_it_is_decoded():
    # Decoded, these would be called damaged: there is next to nothing behind their headers.
    assert refusal(png_that_says(30_000, 30_000)) == f"{TOO_MANY_PIXELS}102 megapixels. {AS_JPEG}"
    assert refusal(png_that_says(2_000_000_000, 2_000_000_000)) == TOO_LONG
    assert refusal(png_that_says(65_536, 1)) == TOO_LONG
    assert refusal(jpeg_that_says(65_000, 65_000)) == (
        f"{TOO_MANY_PIXELS}210 megapixels. Please make it smaller."
    )


def test_what_is_held_whole_is_limited_by_the_memory_that_it_takes():
    """512 MB: five bytes a pixel of a PNG, two for each colour of a progressive JPEG."""
    assert refusal(png_that_says(20_480, 5_000)) == DAMAGED
    assert refusal(png_that_says(20_481, 5_000)).startswith(TOO_MANY_PIXELS)
    large = jpeg_that_says(10_000, 8_534, progressive=True)
    assert refusal(large) == (
        f"{TOO_MANY_PIXELS}85 megapixels. "
        "Please save it as JPEG without “progressive”, or make it smaller."
    )
    webp = bytearray(file_of(picture(), "WEBP", lossless=True))
    webp[21:25] = struct.pack("<I", (16_000 - 1) | (16_000 - 1) << 14)
    assert refusal(bytes(webp)) == f"{TOO_MANY_PIXELS}32 megapixels. {AS_JPEG}"


def heic_that_says(width: int, height: int) -> bytes:
    """A small HEIC whose header states another size."""
    content = file_of(picture(64, 64), "HEIF")
    size = content.index(b"ispe") + 8
    return content[:size] + struct.pack(">II", width, height) + content[size + 8 :]


@pytest.mark.parametrize("size", [(8_192, 6_144), (16_382, 3_900), (8_064, 6_048)])
def test_a_sensor_of_50_megapixels_and_a_panorama_are_not_too_much(size):
    # Taken or damaged is the decoder's to say of these headers.
    for sent in [heic_that_says(*size), jpeg_that_says(*size, progressive=True)]:
        assert answer(sent) in {"taken", DAMAGED}


def test_a_heic_may_have_64_megapixels():
    assert refusal(heic_that_says(16_000, 4_001)) == f"{TOO_MANY_PIXELS}64 megapixels. {AS_JPEG}"


def test_the_photo_of_a_phone_with_200_megapixels_is_taken():
    """16320 x 12240, of one colour: the pixels are many, and decoding keeps few of them."""
    phone = Image.new("L", (16_320, 12_240), 90)
    taken = photos.read(upload(file_of(phone, "JPEG", quality=10)))
    assert (taken.width, taken.height) == (2560, 1920)
    assert refusal(jpeg_that_says(20_000, 10_501)).startswith(TOO_MANY_PIXELS)


def one_colour_after_another(width: int, height: int) -> bytes:
    """A JPEG that is not progressive, and yet complete at its end only; its header alone."""
    content = bytearray(jpeg_that_says(width, height))
    scan = content.index(b"\xff\xda")
    assert content[scan + 4] == 3
    content[scan + 4] = 1
    return bytes(content)


def test_a_jpeg_that_sends_its_colours_one_by_one_counts_like_a_progressive_one():
    assert refusal(one_colour_after_another(10_000, 8_534)).startswith(f"{TOO_MANY_PIXELS}85 ")


def test_a_jpeg_that_goes_over_its_pixels_without_end_is_refused():
    whole = file_of(picture(), "JPEG", progressive=True)
    assert refusal(whole + b"\xff\xda" * 100) == DAMAGED


GROWTH = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from django.core.files.uploadedfile import SimpleUploadedFile
from claims import photos
sent = sys.stdin.buffer.read()
unit = 1_000_000 if sys.platform == "darwin" else 1_000
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
taken = photos.read(SimpleUploadedFile("x", sent))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(taken.width, taken.height, (after - before) // unit)
"""


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_long_thin_photo_takes_little_memory(mode):
    """Its 45 million pixels are 45 or 180 MB as they are, and were held in RGB beside that."""
    sent = file_of(Image.new(mode, (25_000, 1_800), 90), "JPEG")
    ended = subprocess.run(
        [sys.executable, "-c", GROWTH, str(ROOT)], input=sent, capture_output=True, check=True
    )
    width, height, megabytes = map(int, ended.stdout.split())
    assert (width, height) == (2560, 184)
    assert megabytes < 100


def test_one_photo_is_opened_at_a_time(monkeypatch):
    monkeypatch.setattr(photos, "PATIENCE", 0)
    with photos.ONE_AT_A_TIME:
        busy = refusal(file_of(picture(), "PNG"))
    assert busy == "We are busy with other photos. Please send it again in a minute."
    assert refusal(b"rubbish") == NOT_A_PHOTO
    assert photos.read(upload(file_of(picture(), "PNG"))).width == 80


def test_a_file_of_more_than_10_megabytes_is_not_even_opened():
    whole = file_of(picture(), "JPEG")
    ten = whole + b"\0" * (10 * 1024 * 1024 - len(whole))
    assert photos.read(upload(ten)).width == 80
    assert refusal(ten + b"\0") == (
        "A photo may have at most 10 MB. Please make it smaller, or send it as JPEG."
    )


def test_the_form_takes_six():
    assert photos.MOST == 6


def test_a_heic_file_is_a_heif_file():
    assert pillow_heif.is_supported(io.BytesIO(file_of(picture(), "HEIF")))
