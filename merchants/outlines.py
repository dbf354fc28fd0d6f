"""The outlines of letters from a TrueType file, as SVG paths. Pure; no Django.

An SVG that names a font looks different on every machine, and shows boxes where a machine
has no Chinese. Drawn letters look the same everywhere, at the print shop too.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from reportlab.pdfbase.ttfonts import TTFontFile

Point = tuple[float, float, bool]  # x, y in font units; whether the point is on the curve

_ON_CURVE, _X_SHORT, _Y_SHORT, _REPEAT, _X_SAME, _Y_SAME = 1, 2, 4, 8, 16, 32
_WORDS, _OFFSETS, _SCALE, _MORE, _TWO_SCALES, _MATRIX = 1, 2, 8, 32, 64, 128
_DEEPEST = 6


class Outlines:
    """The letters of one font; ask for paths in font units, y upwards."""

    def __init__(self, face: TTFontFile) -> None:
        self.units: int = face.unitsPerEm
        self._glyph_of: dict[int, int] = face.charToGlyph
        self._places: list[int] = face.glyphPos
        self._table: bytes = face.get_table("glyf")
        self._paths: dict[str, str] = {}

    def path(self, mark: str) -> str:
        """Return the path of one character, "" for blanks and for what the font lacks."""
        if mark not in self._paths:
            contours = self._contours(self._glyph_of.get(ord(mark), 0), 0)
            self._paths[mark] = "".join(_draw(contour) for contour in contours)
        return self._paths[mark]

    def _contours(self, glyph: int, depth: int) -> list[list[Point]]:
        start, end = self._places[glyph], self._places[glyph + 1]
        if start == end or depth > _DEEPEST:
            return []
        data = self._table[start:end]
        (count,) = struct.unpack_from(">h", data)
        return _simple(data, count) if count >= 0 else self._composite(data, depth)

    def _composite(self, data: bytes, depth: int) -> list[list[Point]]:
        """Return a letter made of others, such as an a under two dots."""
        found: list[list[Point]] = []
        at, flags = 10, _MORE
        while flags & _MORE:
            flags, glyph = struct.unpack_from(">HH", data, at)
            form = ">hh" if flags & _WORDS else ">bb"
            dx, dy = struct.unpack_from(form, data, at + 4)
            at += 4 + struct.calcsize(form)
            if not flags & _OFFSETS:
                dx = dy = 0  # placed by points, which none of our fonts does
            a, b, c, d = 1.0, 0.0, 0.0, 1.0
            if flags & _SCALE:
                a = d = struct.unpack_from(">h", data, at)[0] / 16384
                at += 2
            elif flags & _TWO_SCALES:
                a, d = (part / 16384 for part in struct.unpack_from(">hh", data, at))
                at += 4
            elif flags & _MATRIX:
                a, b, c, d = (part / 16384 for part in struct.unpack_from(">hhhh", data, at))
                at += 8
            found += [
                [(a * x + c * y + dx, b * x + d * y + dy, on) for x, y, on in contour]
                for contour in self._contours(glyph, depth + 1)
            ]
        return found


def _simple(data: bytes, count: int) -> list[list[Point]]:
    if not count:
        return []
    ends = struct.unpack_from(f">{count}H", data, 10)
    at = 10 + 2 * count
    at += 2 + struct.unpack_from(">H", data, at)[0]  # over the hints
    flags: list[int] = []
    while len(flags) <= ends[-1]:
        flag, at = data[at], at + 1
        repeats = 1
        if flag & _REPEAT:
            repeats, at = data[at] + 1, at + 1
        flags += [flag] * repeats
    xs, at = _coordinates(data, at, flags, _X_SHORT, _X_SAME)
    ys, at = _coordinates(data, at, flags, _Y_SHORT, _Y_SAME)
    points: list[Point] = [
        (x, y, bool(flag & _ON_CURVE)) for x, y, flag in zip(xs, ys, flags, strict=False)
    ]
    starts = (0, *(end + 1 for end in ends[:-1]))
    return [points[start : end + 1] for start, end in zip(starts, ends, strict=True)]


def _coordinates(
    data: bytes, at: int, flags: list[int], short: int, same: int
) -> tuple[list[int], int]:
    found, value = [], 0
    for flag in flags:
        if flag & short:
            value += data[at] if flag & same else -data[at]
            at += 1
        elif not flag & same:
            value += struct.unpack_from(">h", data, at)[0]
            at += 2
        found.append(value)
    return found, at


def _draw(contour: list[Point]) -> str:
    """Return a closed contour of quadratic curves; between two controls lies a point."""
    points = list(_with_points_between(contour))
    first = next((at for at, point in enumerate(points) if point[2]), None)
    if first is None:
        return ""
    points = points[first:] + points[:first]
    drawn = [f"M{_round(points[0])}"]
    control: Point | None = None
    for point in (*points[1:], points[0]):
        if not point[2]:
            control = point
        elif control is None:
            drawn.append(f"L{_round(point)}")
        else:
            drawn.append(f"Q{_round(control)} {_round(point)}")
            control = None
    return "".join(drawn) + "Z"


def _with_points_between(contour: list[Point]) -> Iterator[Point]:
    for at, point in enumerate(contour):
        before = contour[at - 1]
        if not point[2] and not before[2]:
            yield (point[0] + before[0]) / 2, (point[1] + before[1]) / 2, True
        yield point


def _round(point: Point) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}".replace(".0", "")
