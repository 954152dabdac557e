"""The dealer's own collection: labels are made here, and the parcel comes by the dealer's van.

Nothing is remembered. Number and label follow from the request alone, so that the same
request gives the same label to the byte, however often it is made.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from django.conf import settings
from django_countries import countries
from reportlab.graphics import renderPDF
from reportlab.graphics.barcode.code128 import Code128
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.lib.colors import black, white
from reportlab.lib.units import inch
from reportlab.pdfgen.canvas import Canvas

from claims.carriers.base import Address, CarrierError, Label, LabelRequest
from policies.rules import addresses
from policies.shared import lettering
from policies.shared.lettering import BOLD, PLAIN

WIDTH, HEIGHT = 4 * inch, 6 * inch
MARGIN = 12
LEFT, RIGHT = MARGIN, WIDTH - MARGIN
# Label printers have 203 dots to the inch. Bars and squares that are whole dots wide, and
# begin on a dot, are printed without a blur.
DOT = inch / 203
BAR = 4 * DOT
SQUARE = 7 * DOT


class InHouse:
    name = "in-house"

    def buy(self, request: LabelRequest) -> Label:
        number = tracking_number(request.reference)
        _refuse_unreadable(request.receiver)
        return Label(
            carrier_id=request.reference,
            tracking_number=number,
            tracking_url="",
            pdf=_draw(request, number),
        )

    def void(self, carrier_id: str, *, reference: str) -> None:
        """Nobody has paid anything."""


def tracking_number(reference: str) -> str:
    """18 digits, the last a check digit. A million references share one with odds of 1:200,000."""
    digest = hashlib.sha256(f"in-house label {reference}".encode()).digest()
    digits = f"{int.from_bytes(digest) % 10**17:017}"
    return digits + check_digit(digits)


def check_digit(digits: str) -> str:
    """By the rule of GS1 (as on every grocery): weights 3, 1, 3 … from the right, up to a ten."""
    weighted = sum(
        int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits))
    )
    return str(-weighted % 10)


# --- text ------------------------------------------------------------------------------------


def _refuse_unreadable(receiver: Address) -> None:
    """Raises CarrierError: with missing letters the label would lead nowhere; staff correct it."""
    if letters := lettering.missing("".join(_lines(receiver))):
        raise CarrierError(
            f"The address of the service centre cannot be printed: no font has {letters}",
            permanent=True,
        )


def _address(address: Address) -> list[str]:
    return [line for line in map(lettering.printable, _lines(address)) if line]


def _lines(address: Address) -> list[str]:
    """With the country in English, as parcels between countries have it."""
    country = str(countries.name(address.country)).upper()
    return addresses.lines(address, name=address.name, country=country)


@dataclass(frozen=True)
class Box:
    """A place for text, by its left upper corner, in points."""

    x: float
    top: float
    width: float
    height: float

    def write(self, canvas: Canvas, lines: list[str], *, font: str, sizes: range) -> None:
        """Writes in the largest size that fits; in the smallest, long lines end with an …"""
        for size in sizes:
            wrapped = [_wrap(line, font, size, self.width) for line in lines]
            room = int(self.height / (size * 1.2))
            if sum(map(len, wrapped)) <= room:
                break
        else:
            wrapped = _shortened(wrapped, room)
        for row, text in enumerate(text for rows in wrapped for text in rows):
            y = self.top - size * (0.95 + 1.2 * row)
            lettering.draw(canvas, self.x, y, text, font=font, size=size)


def _shortened(lines: list[list[str]], room: int) -> list[list[str]]:
    """Lines of rows, the longest cut until all rows have room, so that short ones stay whole."""
    rows = [1] * len(lines)
    while sum(rows) < room:
        rows[max(range(len(lines)), key=lambda n: len(lines[n]) - rows[n])] += 1
    return [
        line if len(line) <= most else [*line[: most - 1], f"{line[most - 1][:-1]}…"]
        for line, most in zip(lines, rows, strict=True)
    ]


def _wrap(line: str, font: str, size: int, width: float) -> list[str]:
    def fits(text: str) -> bool:
        return lettering.width(text, font, size) <= width

    rows = [""]
    for word in line.split():
        together = f"{rows[-1]} {word}".strip()
        if fits(together):
            rows[-1] = together
        else:
            rows += _break(word, fits)
    return [row for row in rows if row]


def _break(word: str, fits: Callable[[str], bool]) -> list[str]:
    """A word in pieces that fit."""
    pieces = [""]
    for letter in word:
        if fits(pieces[-1] + letter):
            pieces[-1] += letter
        else:
            pieces.append(letter)
    return pieces


# --- the label -------------------------------------------------------------------------------
# From the top: who pays, from whom, to whom, which claim, the parcel's number, what to do.


def _draw(request: LabelRequest, number: str) -> bytes:
    file = BytesIO()
    # invariant: no date and no random id in the file.
    canvas = Canvas(file, pagesize=(WIDTH, HEIGHT), invariant=1)
    canvas.setTitle(f"Return label {request.claim_number}")
    canvas.setAuthor(settings.DEALER_NAME)
    canvas.setStrokeColor(black)
    _head(canvas)
    _sender(canvas, request.sender)
    _receiver(canvas, request.receiver)
    _claim(canvas, request.claim_number)
    _number(canvas, number)
    _instructions(canvas)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def _rule(canvas: Canvas, y: float, thickness: float = 1.5) -> None:
    canvas.setLineWidth(thickness)
    canvas.line(LEFT, y, RIGHT, y)


def _small(canvas: Canvas, x: float, y: float, text: str) -> None:
    canvas.setFont(BOLD, 6)
    canvas.drawString(x, y, text)


def _head(canvas: Canvas) -> None:
    canvas.rect(LEFT, 382, 38, 38, stroke=0, fill=1)
    canvas.setFillColor(white)
    canvas.setFont(BOLD, 30)
    canvas.drawCentredString(LEFT + 19, 390, "R")
    canvas.setFillColor(black)
    dealer = lettering.printable(settings.DEALER_NAME)
    Box(LEFT + 46, 420, 142, 22).write(canvas, [dealer], font=BOLD, sizes=range(14, 5, -1))
    canvas.setFont(PLAIN, 8)
    canvas.drawString(LEFT + 46, 386, "PREPAID RETURN PARCEL")
    canvas.setLineWidth(1)
    canvas.rect(RIGHT - 70, 382, 70, 38)
    canvas.setFont(BOLD, 7.5)
    canvas.drawCentredString(RIGHT - 35, 402.5, "POSTAGE PAID")
    canvas.setFont(PLAIN, 6)
    canvas.drawCentredString(RIGHT - 35, 391.5, "No stamp required")
    _rule(canvas, 376)


def _sender(canvas: Canvas, sender: Address) -> None:
    _small(canvas, LEFT, 366, "FROM")
    lines = _address(sender)
    Box(LEFT + 46, 372.5, RIGHT - LEFT - 46, 46).write(
        canvas, lines, font=PLAIN, sizes=range(8, 4, -1)
    )
    _rule(canvas, 322)


def _receiver(canvas: Canvas, receiver: Address) -> None:
    _small(canvas, LEFT, 311, "SHIP TO")
    lines = _address(receiver)
    Box(LEFT + 46, 318, RIGHT - LEFT - 46, 86).write(
        canvas, lines, font=BOLD, sizes=range(12, 5, -1)
    )
    _rule(canvas, 228, 3)


def _claim(canvas: Canvas, claim_number: str) -> None:
    _small(canvas, LEFT, 215, "CLAIM")
    canvas.setFont(BOLD, 22)
    canvas.drawString(LEFT, 185, claim_number)
    canvas.setFont(PLAIN, 6.5)
    canvas.drawString(LEFT, 170, "Quote this number whenever you write to us.")
    code: Any = QrCodeWidget(claim_number, barLevel="Q", barBorder=0)
    code.qr.make()
    side = code.qr.getModuleCount() * SQUARE
    code.barWidth = code.barHeight = side
    drawing = Drawing(side, side)
    drawing.add(code)
    # Its quiet zone, four squares of white on every side, takes in the margin of the page.
    renderPDF.draw(drawing, canvas, _on_dot(RIGHT - side), _on_dot(161.5))
    _rule(canvas, 148, 3)


def _number(canvas: Canvas, number: str) -> None:
    bars = Code128(number, barWidth=BAR, barHeight=54, quiet=0, humanReadable=0)
    # Centred, so that the quiet zone on either side is more than the ten bars it must be.
    bars.drawOn(canvas, _on_dot((WIDTH - bars.width) / 2), _on_dot(79))
    _small(canvas, LEFT, 138, "PARCEL NUMBER")
    canvas.setFont(BOLD, 11)
    groups = " ".join(number[start : start + 3] for start in range(0, len(number), 3))
    canvas.drawCentredString(WIDTH / 2, 67, groups)


def _instructions(canvas: Canvas) -> None:
    canvas.setDash(3, 2)
    _rule(canvas, 59, 0.75)
    canvas.setDash()
    canvas.setFont(PLAIN, 5)
    canvas.drawRightString(RIGHT, 61.5, "fold or cut here")
    dealer = lettering.printable(settings.DEALER_NAME)
    Box(LEFT, 54, RIGHT - LEFT, 44).write(
        canvas,
        [
            f"1. Drop this parcel at any counter of {dealer}.",
            "2. Fix the label flat on the largest side, without tape over the codes.",
            "3. Cover or remove every other label on the box.",
            "4. Good for one parcel only. Keep a note of its number.",
        ],
        font=PLAIN,
        sizes=range(7, 3, -1),
    )


def _on_dot(position: float) -> float:
    return round(position / DOT) * DOT
