"""FACE: papers to print and to keep, as PDF.

A paper is a template in a small markup of its own: `<paper title="…">`, with a `stamp="…"`
that lies across each page if it is not empty, around `<h1>`, `<h2>`, `<p>`, `<li>`,
`<fact name="…">` and `<code128>`. Words and formats so stay in templates; how they lie on the
page is here.
"""

from datetime import datetime
from io import BytesIO
from itertools import groupby
from typing import Any, ClassVar
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from django.conf import settings
from django.template.loader import render_to_string
from reportlab.graphics.barcode.code128 import Code128
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from policies.rules.text import Text
from policies.shared import lettering
from policies.shared.lettering import BOLD, PLAIN

MARGIN = 20 * mm
# A frame keeps this much air inside the margin.
AIR = 6
WIDTH = A4[0] - 2 * MARGIN - 2 * AIR
NAMES = 48 * mm
QUIET, LINE, STAMP = HexColor("#55636a"), HexColor("#c3ced2"), HexColor("#e3b9b4")
STAMP_WIDTH = 240 * mm

TEXT = ParagraphStyle(
    "text", fontName=PLAIN, bulletFontName=PLAIN, fontSize=9.5, leading=14, spaceAfter=5
)
STYLES = {
    "p": TEXT,
    "h1": ParagraphStyle("h1", TEXT, fontName=BOLD, fontSize=17, leading=22, spaceAfter=4),
    "h2": ParagraphStyle("h2", TEXT, fontName=BOLD, fontSize=11, spaceBefore=12, spaceAfter=5),
    "li": ParagraphStyle("li", TEXT, leftIndent=12, bulletIndent=2, spaceAfter=3),
    "name": ParagraphStyle("name", TEXT, textColor=QUIET, spaceAfter=0),
    "value": ParagraphStyle("value", TEXT, spaceAfter=0),
}


class Paper:
    """One kind of paper about a record, which staff open from its page."""

    slug: ClassVar[str]
    label: ClassVar[Text]
    permission: ClassVar[str]
    template: ClassVar[str]

    def facts(self, record: Any, *, now: datetime) -> dict[str, Any]:
        """What the template needs."""
        raise NotImplementedError

    def draw(self, record: Any, *, now: datetime) -> bytes:
        return pdf(self.template, self.facts(record, now=now))


def pdf(template: str, facts: dict[str, Any]) -> bytes:
    """The paper as a PDF, A4; the same facts give the same bytes."""
    paper = ElementTree.fromstring(render_to_string(template, facts))  # noqa: S314 — our own
    out = BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=paper.get("title", ""),
        author=settings.DEALER_NAME,
        invariant=1,
    )

    def around(canvas: Canvas, document: Any) -> None:
        _foot(canvas, document)
        _stamp(canvas, paper.get("stamp", ""))

    document.build(_flow(paper), onFirstPage=around, onLaterPages=around)
    return out.getvalue()


def _flow(paper: ElementTree.Element) -> list[Flowable]:
    flow: list[Flowable] = []
    for tag, group in groupby(paper, key=lambda block: block.tag):
        blocks = list(group)
        if tag == "fact":
            flow.append(_facts(blocks))
        elif tag == "code128":
            flow += [
                Code128(_text(block), barHeight=12 * mm, barWidth=0.4 * mm) for block in blocks
            ]
            flow.append(Spacer(0, 4 * mm))
        else:
            bullet = "•" if tag == "li" else None
            flow += [_paragraph(_text(block), tag, bullet) for block in blocks]
    return flow


def _facts(blocks: list[ElementTree.Element]) -> Table:
    rows = [
        [
            _paragraph(lettering.printable(block.get("name", "")), "name"),
            _paragraph(_text(block), "value"),
        ]
        for block in blocks
    ]
    style = TableStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LINEBELOW", (0, 0), (-1, -1), 0.5, LINE),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("TOPPADDING", (0, 0), (-1, -1), 3),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
        ]
    )
    return Table(rows, colWidths=[NAMES, WIDTH - NAMES], style=style, hAlign="LEFT", spaceAfter=6)


def _text(block: ElementTree.Element) -> str:
    return lettering.printable("".join(block.itertext()))


def _paragraph(text: str, style: str, bullet: str | None = None) -> Paragraph:
    first = STYLES[style].fontName
    marked = "".join(_run(font, run, first) for font, run in lettering.runs(text, first))
    return Paragraph(marked, STYLES[style], bulletText=bullet)


def _run(font: str, text: str, first: str) -> str:
    """A stretch in the markup of paragraphs."""
    if font == first:
        return escape(text)
    run = ElementTree.Element("font", name=font)
    run.text = text
    return ElementTree.tostring(run, encoding="unicode")


def _foot(canvas: Canvas, document: Any) -> None:
    canvas.setFillColor(QUIET)
    foot = lettering.printable(f"{settings.DEALER_NAME} · {document.title}")
    lettering.draw(canvas, MARGIN + AIR, 12 * mm, foot, font=PLAIN, size=8)
    canvas.setFont(PLAIN, 8)
    canvas.drawRightString(A4[0] - MARGIN - AIR, 12 * mm, str(canvas.getPageNumber()))


def _stamp(canvas: Canvas, text: str) -> None:
    """Large and slanting across the page, under what is printed on it."""
    if not text:
        return
    canvas.saveState()
    canvas.setFillColor(STAMP)
    canvas.translate(A4[0] / 2, A4[1] / 2)
    canvas.rotate(40)
    size = min(54, 54 * STAMP_WIDTH / canvas.stringWidth(text, BOLD, 54))
    canvas.setFont(BOLD, size)
    canvas.drawCentredString(0, -size / 3, text)
    canvas.restoreState()
