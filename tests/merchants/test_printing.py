"""Stickers on paper, read back with a decoder that did not write them."""

from __future__ import annotations

import io
import re

import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from merchants import printing, qr
from merchants.printing import Face

WALLETS = ("Alipay", "Bluecode", "ePassi", "MOMO Pocket", "Pagaqui", "Pivo", "Vipps")


def face(number: int = 1, *, demo: bool = False, **fields) -> Face:
    code = qr.code_of(number, demo=demo)
    asked = {
        "code": code, "payload": qr.payload("https://q.example", code), "shop": "Fjord Coffee",
        "city": "Oslo", "country": "NO", "demo": demo, "wallets": WALLETS,
    }  # fmt: skip
    return Face(**(asked | fields))


def pages(pdf: bytes) -> list[Image.Image]:
    document = pypdfium2.PdfDocument(pdf)
    return [page.render(scale=2).to_pil() for page in document]


def words(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_range() for page in document)


def texts(picture) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(picture)]


def test_the_symbol_in_the_pdf_is_the_stored_text():
    one = face()
    (page,) = pages(printing.pdf([one]))
    assert texts(page) == [one.payload]


def test_several_faces_go_four_on_a_sheet_and_each_is_read():
    faces = [face(number, demo=number % 2 == 0) for number in range(1, 7)]
    sheets = pages(printing.pdf(faces))
    assert len(sheets) == 2
    found = texts(sheets[0]) + texts(sheets[1])
    assert sorted(found) == sorted(one.payload for one in faces)


def test_one_face_is_an_a6_page_and_a_sheet_is_a4():
    document = pypdfium2.PdfDocument(printing.pdf([face()]))
    assert [round(side / 72 * 25.4, 1) for side in document[0].get_size()] == [105.0, 148.5]
    document = pypdfium2.PdfDocument(printing.pdf([face(), face(2)]))
    assert [round(side / 72 * 25.4, 1) for side in document[0].get_size()] == [210.0, 297.0]


def test_the_symbol_in_the_svg_path_is_the_stored_text():
    one = face(demo=True)
    (path,) = re.findall(r'<path [^>]*d="([^"]+v1[^"]+)"', printing.svg(one).decode())
    size = len(one.modules)
    drawn = Image.new("L", (size + 8, size + 8), 255)
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", path):
        drawn.paste(0, (int(x) + 4, int(y) + 4, int(x) + 4 + int(length), int(y) + 5))
    drawn = drawn.resize((4 * drawn.width, 4 * drawn.height), Image.Resampling.NEAREST)
    assert texts(drawn) == [one.payload]


def test_the_symbol_in_the_png_is_the_stored_text():
    for one in (face(), face(demo=True)):
        picture = Image.open(io.BytesIO(printing.png(one)))
        assert texts(picture) == [one.payload]
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_the_same_faces_make_the_same_bytes():
    faces = [face(1), face(2, demo=True, shop="北京饭店")]
    assert printing.pdf(faces) == printing.pdf(faces)
    assert printing.svg(faces[0]) == printing.svg(face(1))
    assert printing.png(faces[0]) == printing.png(face(1))


def test_a_reprint_keeps_the_version_of_the_first_print():
    one = face(version=5)
    assert qr.version_of(one.modules) == 5
    (page,) = pages(printing.pdf([one]))
    assert texts(page) == [one.payload]


def test_the_sticker_names_shop_city_code_and_wallets():
    said = words(printing.pdf([face(till="Bar")]))
    for wanted in ("Fjord Coffee", "Oslo · Bar", "235 VKY JS2", "Scan to pay", "Skann og betal",
                   "扫码付款", "Vipps"):  # fmt: skip
        assert wanted in said
    assert "DEMO" not in said


def test_a_demo_sticker_says_demo_large():
    drawn = printing.marks(face(demo=True))
    (demo,) = [mark for mark in drawn if isinstance(mark, printing.Words) and mark.text == "DEMO"]
    assert demo.size == 30
    assert "no real money" in words(printing.pdf([face(demo=True)]))


@pytest.mark.parametrize("country", ["AT", "DE", "ES", "PT", "FI", "SE", "DK", "NO", "IS", "SI"])
def test_every_country_is_asked_to_scan_in_its_own_language(country):
    assert not printing.unprintable(printing.SCAN_TO_PAY[country] + printing.SCAN_TO_PAY_CHINESE)
    assert printing.SCAN_TO_PAY[country] in printing.svg(face(country=country)).decode()


@pytest.mark.parametrize(
    "name",
    ["W" * 80, "Wä " * 26, "饭" * 80, "Konditorei Hörmannsdorfer & Söhne vormals Größenwahn GmbH",
     "A", "Αθήνα Ταβέρνα", "Шоколадница", "Łódź Hősök Þór ő ű"],
)  # fmt: skip
def test_no_name_overflows_the_sticker(name):
    for drawn in (face(shop=name, city=name), face(shop=name, city=name, demo=True)):
        lines = [m for m in printing.marks(drawn) if isinstance(m, printing.Words)]
        assert all(line.width <= printing.WIDTH - 2 * printing.MARGIN + 0.01 for line in lines)
        assert all(0 < line.y < printing.HEIGHT - 3 for line in lines)
        baselines = [line.y for line in lines]
        assert baselines == sorted(baselines)
        said = "".join(line.text for line in lines).replace(" ", "")
        assert name.replace(" ", "") in said
        (page,) = pages(printing.pdf([drawn]))
        assert texts(page) == [drawn.payload]


def test_letters_without_a_shape_are_named_and_never_printed_as_boxes():
    assert printing.unprintable("Café 😀 שלום 北京") == "😀שלום"
    one = face(shop="Café 😀", city="שלום")
    lines = [mark.text for mark in printing.marks(one) if isinstance(mark, printing.Words)]
    assert "Café" in lines
    (page,) = pages(printing.pdf([one]))
    assert texts(page) == [one.payload]


def test_the_pdf_is_black_ink_only_with_every_font_embedded():
    pdf = printing.pdf([face()])
    assert b"Helvetica" not in pdf
    assert pdf.count(b"/FontFile2") == 3
    document = pypdfium2.PdfDocument(pdf)
    assert not any(
        item.type == pypdfium2.raw.FPDF_PAGEOBJ_IMAGE for item in document[0].get_objects()
    )


def test_letters_of_the_svg_are_drawn_and_need_no_font():
    drawn = printing.svg(face(shop="Ærø Café 饭店", demo=True)).decode()
    assert "<text" not in drawn
    assert "font" not in drawn
    assert "Ærø Café 饭店" in drawn  # in the description, for those who cannot see it
    outlines = printing._outlines(printing.BOLD)
    assert outlines.path("l").startswith("M")
    assert outlines.path("l").count("Z") == 1
    assert outlines.path("é").count("Z") == outlines.path("e").count("Z") + 1
    assert outlines.path(" ") == ""


def test_every_letter_of_our_fonts_can_be_drawn():
    for name in (printing.REGULAR, printing.BOLD, printing.CHINESE):
        outlines = printing._outlines(name)
        for code in printing._font(name).face.charToGlyph:
            path = outlines.path(chr(code))
            assert path.count("M") == path.count("Z")


def test_markup_in_a_name_stays_text():
    drawn = printing.svg(face(shop='<script>"&</script>')).decode()
    assert "<script>" not in drawn
    assert "&lt;script&gt;" in drawn


def test_the_quiet_zone_around_the_symbol_is_free():
    for one in (face(shop="W" * 80, city="W" * 80), face(demo=True)):
        drawn = printing.marks(one)
        (symbol,) = [mark for mark in drawn if isinstance(mark, printing.Symbol)]
        quiet = qr.QUIET_ZONE * symbol.module
        top, bottom = symbol.y - quiet, symbol.y + len(symbol.modules) * symbol.module + quiet
        for mark in drawn:
            if isinstance(mark, printing.Words):
                descent, ascent = 0.25 * mark.size * 0.353, 0.75 * mark.size * 0.353
                assert mark.y + descent <= top or mark.y - ascent >= bottom
            if isinstance(mark, printing.Bar):
                assert mark.y + mark.height <= top
