"""Stickers on paper: one design as vector PDF, SVG and PNG. Pure; no Django.

A face is an A6 card. One face alone makes an A6 page; several make A4 sheets of four with
cut marks. Every output is drawn from the same list of marks in millimetres, is black only
(100 K in the PDF, so that nothing has to register), embeds its fonts, and has the same bytes
for the same faces. Names that are too long get smaller, then wrap; they never overflow.

Fonts lie in static/fonts: Noto Sans (OFL), and Droid Sans Fallback (Apache 2.0) for Chinese.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from xml.sax.saxutils import escape

from PIL import Image, ImageDraw, ImageFont
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from merchants import qr
from merchants.outlines import Outlines

FONTS = Path(__file__).resolve().parent.parent / "static" / "fonts"
REGULAR, BOLD, CHINESE = "NotoSans-Regular", "NotoSans-Bold", "DroidSansFallback"
WIDTH, HEIGHT = 105.0, 148.5
MARGIN = 6.0
POINT = 25.4 / 72  # millimetres
PNG_DPI = 300

SCAN_TO_PAY = {
    "AT": "Scannen und bezahlen", "DE": "Scannen und bezahlen", "ES": "Escanea y paga",
    "PT": "Digitalize e pague", "FI": "Skannaa ja maksa", "SE": "Skanna och betala",
    "DK": "Scan og betal", "NO": "Skann og betal", "IS": "Skannaðu og borgaðu",
    "SI": "Skenirajte in plačajte",
}  # fmt: skip
SCAN_TO_PAY_CHINESE = "扫码付款"


@dataclass(frozen=True)
class Face:
    """What one sticker shows: the code, the text of its symbol, the shop, its wallets.

    ``version`` and ``mask`` fix the symbol; version 0 takes the smallest that fits.
    """

    code: str
    payload: str
    shop: str
    city: str
    country: str
    demo: bool = False
    wallets: tuple[str, ...] = ()
    till: str = ""
    version: int = 0
    mask: int = qr.MASK

    @property
    def modules(self) -> qr.Matrix:
        return qr.matrix(self.payload, version=self.version or None, mask=self.mask)


# --- letters


@lru_cache(maxsize=8)
def _font(name: str) -> TTFont:
    font = TTFont(name, str(FONTS / f"{name}.ttf"))
    pdfmetrics.registerFont(font)
    return font


@lru_cache(maxsize=16_384)
def _has(font: str, mark: str) -> bool:
    return ord(mark) in _font(font).face.charToGlyph


def unprintable(text: str) -> str:
    """Return the characters of a text that no font of ours has, each once, in order."""
    return "".join(
        dict.fromkeys(
            mark
            for mark in text
            if not mark.isspace() and not _has(REGULAR, mark) and not _has(CHINESE, mark)
        )
    )


@lru_cache(maxsize=4_096)
def _pieces(text: str, font: str) -> tuple[tuple[str, str], ...]:
    """Cut a text into (font, piece), leaving out what cannot be printed."""
    found: list[tuple[str, str]] = []
    for mark in text:
        used = font if _has(font, mark) else CHINESE if _has(CHINESE, mark) else None
        if used is None:
            continue
        if found and found[-1][0] == used:
            found[-1] = (used, found[-1][1] + mark)
        else:
            found.append((used, mark))
    return tuple(found)


@lru_cache(maxsize=4_096)
def _width_of_a_point(text: str, font: str) -> float:
    return POINT * sum(_font(used).stringWidth(piece, 1) for used, piece in _pieces(text, font))


def _width(text: str, font: str, size: float) -> float:
    """Return the width of a text in millimetres; ``size`` is in points."""
    return size * _width_of_a_point(text, font)


def _wrap(text: str, font: str, size: float, width: float) -> list[str]:
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if _width(longer, font, size) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = ""
        for mark in word:  # a word wider than the sticker is cut
            if line and _width(line + mark, font, size) > width:
                lines.append(line)
                line = ""
            line += mark
    return [*lines, line] if line else lines


def _fit(
    text: str, font: str, width: float, sizes: Sequence[tuple[float, float]]
) -> tuple[list[str], float]:
    """Return lines and size: ``sizes`` has the largest and smallest for 1, 2, 3 … lines."""
    lines: list[str] = []
    size = 0.0
    for most_lines, (largest, smallest) in enumerate(sizes, start=1):
        size = largest
        while size >= smallest:
            lines = _wrap(text, font, size, width)
            if len(lines) <= most_lines:
                return lines, size
            size -= 0.5
    lines = lines[: len(sizes)]
    while lines[-1] and _width(f"{lines[-1]}…", font, size) > width:
        lines[-1] = lines[-1][:-1]
    lines[-1] += "…"
    return lines, size


# --- the design, in millimetres from the top left corner


@dataclass(frozen=True)
class Words:
    """A centred line of text on a baseline."""

    y: float
    text: str
    font: str
    size: float
    white: bool = False

    @property
    def width(self) -> float:
        return _width(self.text, self.font, self.size)

    def pieces(self) -> Iterator[tuple[float, str, str]]:
        """Yield (x, font, text) from left to right."""
        x = (WIDTH - self.width) / 2
        for font, piece in _pieces(self.text, self.font):
            yield x, font, piece
            x += POINT * _font(font).stringWidth(piece, self.size)


@dataclass(frozen=True)
class Bar:
    """A black rectangle."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Symbol:
    """The QR symbol; x and y are the corner of its first module, the quiet zone is around."""

    x: float
    y: float
    module: float
    modules: qr.Matrix


Mark = Words | Bar | Symbol


def _block(
    text: str, font: str, top: float, height: float, sizes: Sequence[tuple[float, float]]
) -> list[Words]:
    """Return a text as lines in the middle of a box as wide as the sticker."""
    printable = "".join(piece for _used, piece in _pieces(text, font)).strip()
    if not printable:
        return []
    lines, size = _fit(printable, font, WIDTH - 2 * MARGIN, sizes)
    step = 1.2 * size * POINT
    y = top + (height - step * len(lines)) / 2 + 0.92 * size * POINT
    return [Words(y + step * at, line, font, size) for at, line in enumerate(lines)]


def marks(face: Face) -> list[Mark]:
    """Return everything to be drawn for a face."""
    drawn: list[Mark] = []
    top = 0.0
    if face.demo:
        drawn += [
            Bar(MARGIN, 5, WIDTH - 2 * MARGIN, 15),
            Words(14.2, "DEMO", BOLD, 30, white=True),
            Words(18.6, "no real money", REGULAR, 9, white=True),
        ]
        top = 17.0
    drawn += _block("Scan to pay", BOLD, top + 5, 9, [(22, 22)])
    native = SCAN_TO_PAY.get(face.country)
    also = " · ".join(part for part in (native, SCAN_TO_PAY_CHINESE) if part)
    drawn += _block(also, REGULAR, top + 14, 7, [(13, 8)])

    modules = face.modules
    label = 72.0 - top * 0.8
    module = label / (len(modules) + 2 * qr.QUIET_ZONE)
    left = (WIDTH - label) / 2 + qr.QUIET_ZONE * module
    drawn.append(Symbol(left, top + 21 + qr.QUIET_ZONE * module, module, modules))
    below = top + 21 + label

    drawn += _block(qr.grouped(face.code), BOLD, below - 1, 8, [(17, 9)])
    named = _block(face.shop, BOLD, below + 8, 18, [(22, 15), (17, 12), (12, 6)])
    drawn += named
    place = f"{face.city} · {face.till}" if face.till else face.city
    under = named[-1].y + 1.5 if named else below + 12
    drawn += _block(place, REGULAR, under, 8, [(14, 8), (9, 5)])
    drawn += _block(" · ".join(face.wallets), REGULAR, HEIGHT - 15, 10, [(10, 8), (9, 7), (7, 4.5)])
    return drawn


# --- PDF


def pdf(faces: Iterable[Face]) -> bytes:
    """Return a PDF: an A6 page for one face, A4 pages of four with cut marks for several."""
    faces = list(faces)
    for name in (REGULAR, BOLD, CHINESE):
        _font(name)
    out = io.BytesIO()
    single = len(faces) == 1
    size = (WIDTH, HEIGHT) if single else (2 * WIDTH, 2 * HEIGHT)
    canvas = Canvas(
        out, pagesize=(size[0] / POINT, size[1] / POINT), invariant=1, pageCompression=1,
        initialFontName=REGULAR, initialFontSize=10,
    )  # fmt: skip
    canvas.setTitle(f"Sticker {faces[0].code}" if single else f"{len(faces)} stickers")
    canvas.setCreator("Onestile")
    for first in range(0, len(faces), 4):
        for at, face in enumerate(faces[first : first + 4]):
            row, column = divmod(at, 2)
            canvas.saveState()
            # From here on millimetres, with the origin in the face's top left corner.
            canvas.translate(column * WIDTH / POINT, (size[1] - row * HEIGHT) / POINT)
            canvas.scale(1 / POINT, 1 / POINT)
            _draw_pdf(canvas, marks(face))
            canvas.restoreState()
        if not single:
            _cut_marks(canvas)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def _draw_pdf(canvas: Canvas, drawn: list[Mark]) -> None:
    for mark in drawn:
        canvas.setFillColorCMYK(0, 0, 0, 1)
        if isinstance(mark, Bar):
            canvas.rect(mark.x, -mark.y - mark.height, mark.width, mark.height, stroke=0, fill=1)
        elif isinstance(mark, Symbol):
            canvas.saveState()
            canvas.translate(mark.x, -mark.y)
            canvas.scale(mark.module, mark.module)
            # One path, so that no seams show between modules; whole numbers, so it is short.
            canvas.addLiteral(
                " ".join(f"{x} {-y - 1} {length} 1 re" for y, x, length in qr.runs(mark.modules))
                + " f"
            )
            canvas.restoreState()
        else:
            if mark.white:
                canvas.setFillColorCMYK(0, 0, 0, 0)
            for at, font, piece in mark.pieces():
                canvas.setFont(font, mark.size * POINT)
                canvas.drawString(at, -mark.y, piece)


def _cut_marks(canvas: Canvas) -> None:
    canvas.setStrokeColorCMYK(0, 0, 0, 1)
    canvas.setLineWidth(0.25)
    across, down, tick = WIDTH / POINT, HEIGHT / POINT, 12
    canvas.line(across, 0, across, tick)
    canvas.line(across, 2 * down - tick, across, 2 * down)
    canvas.line(0, down, tick, down)
    canvas.line(2 * across - tick, down, 2 * across, down)
    canvas.line(across - tick / 2, down, across + tick / 2, down)
    canvas.line(across, down - tick / 2, across, down + tick / 2)


# --- SVG


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


@lru_cache(maxsize=8)
def _outlines(name: str) -> Outlines:
    return Outlines(_font(name).face)


def _letters(words: Words) -> str:
    """Return a line of text as drawn letters."""
    drawn = []
    for at, name, piece in words.pieces():
        outlines = _outlines(name)
        scale = words.size * POINT / outlines.units
        for letter in piece:
            if path := outlines.path(letter):
                drawn.append(
                    f'<path transform="translate({_number(at)} {_number(words.y)}) '
                    f'scale({scale:.6f} -{scale:.6f})" d="{path}"/>'
                )
            at += POINT * _font(name).stringWidth(letter, words.size)
    fill = ' fill="#fff"' if words.white else ""
    return f"<g{fill}>{''.join(drawn)}</g>"


def svg(face: Face) -> bytes:
    """Return the face as SVG. Letters are drawn, so that no machine needs our fonts."""
    drawn = marks(face)
    said = " / ".join(mark.text for mark in drawn if isinstance(mark, Words))
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" '
        f'width="{_number(WIDTH)}mm" height="{_number(HEIGHT)}mm" '
        f'viewBox="0 0 {_number(WIDTH)} {_number(HEIGHT)}" role="img">',
        f"<title>{escape(f'Sticker {qr.grouped(face.code)}, {face.shop}, {face.city}')}</title>",
        f"<desc>{escape(said)}</desc>",
        f'<rect width="{_number(WIDTH)}" height="{_number(HEIGHT)}" fill="#fff"/>',
    ]
    for mark in drawn:
        if isinstance(mark, Bar):
            parts.append(
                f'<rect x="{_number(mark.x)}" y="{_number(mark.y)}" '
                f'width="{_number(mark.width)}" height="{_number(mark.height)}"/>'
            )
        elif isinstance(mark, Symbol):
            path = "".join(
                f"M{x} {y}h{length}v1h-{length}z" for y, x, length in qr.runs(mark.modules)
            )
            parts.append(
                f'<path transform="translate({_number(mark.x)} {_number(mark.y)}) '
                f'scale({mark.module:.6f})" d="{path}"/>'
            )
        else:
            parts.append(_letters(mark))
    parts.append("</svg>\n")
    return "".join(parts).encode()


# --- PNG


@lru_cache(maxsize=64)
def _pixel_font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(
        str(FONTS / f"{name}.ttf"), size, layout_engine=ImageFont.Layout.BASIC
    )


def png(face: Face, *, dpi: int = PNG_DPI) -> bytes:
    """Return the face as PNG; every module of the symbol is the same whole number of pixels."""
    scale = dpi / 25.4
    image = Image.new("L", (round(WIDTH * scale), round(HEIGHT * scale)), 255)
    pen = ImageDraw.Draw(image)
    for mark in marks(face):
        if isinstance(mark, Bar):
            corner = (mark.x * scale, mark.y * scale)
            pen.rectangle(
                (*corner, corner[0] + mark.width * scale, corner[1] + mark.height * scale), fill=0
            )
        elif isinstance(mark, Symbol):
            step = max(1, int(mark.module * scale))
            spare = (mark.module * scale - step) * len(mark.modules) / 2
            left, top = round(mark.x * scale + spare), round(mark.y * scale + spare)
            for y, x, length in qr.runs(mark.modules):
                pen.rectangle(
                    (
                        left + x * step,
                        top + y * step,
                        left + (x + length) * step - 1,
                        top + (y + 1) * step - 1,
                    ),
                    fill=0,
                )
        else:
            for at, font, piece in mark.pieces():
                pen.text(
                    (at * scale, mark.y * scale), piece, fill=255 if mark.white else 0, anchor="ls",
                    font=_pixel_font(font, max(1, round(mark.size * POINT * scale))),
                )  # fmt: skip
    out = io.BytesIO()
    image.save(out, "PNG", dpi=(dpi, dpi))
    return out.getvalue()
