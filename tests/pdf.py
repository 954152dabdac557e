"""What is on a PDF: as dots of a printer, and as words."""

import pypdfium2
from PIL import Image


def printed(pdf: bytes, *, dots_per_inch: int = 203) -> Image.Image:
    """The first page in black or white dots, as a label printer puts them."""
    page = pypdfium2.PdfDocument(pdf)[0]
    image = page.render(
        scale=dots_per_inch / 72,
        grayscale=True,
        no_smoothtext=True,
        no_smoothimage=True,
        no_smoothpath=True,
    ).to_pil()
    return image.point(lambda grey: 255 if grey > 127 else 0)


def words(pdf: bytes) -> str:
    return "\n".join(
        page.get_textpage().get_text_bounded().replace("\r\n", "\n")
        for page in pypdfium2.PdfDocument(pdf)
    )


def sizes(pdf: bytes) -> list[tuple[float, float]]:
    """Width and height of each page in points."""
    return [page.get_size() for page in pypdfium2.PdfDocument(pdf)]
