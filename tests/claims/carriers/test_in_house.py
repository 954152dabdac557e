"""The label that the house makes itself: what it says, and that scanners read it (K5)."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest
import zxingcpp
from PIL import Image, ImageFilter

from claims.carriers import carrier
from claims.carriers.base import Address, CarrierError, LabelRequest, Parcel
from claims.carriers.in_house import InHouse, check_digit, tracking_number
from tests.pdf import printed, sizes, words

PRINTER = 203  # dots to the inch of a common label printer
ANN = Address("Ann Lee", "12 Elm Street", "Apt 4", "Portland", "OR", "97201", "US")
CENTRE = Address(
    "Demo Drone Service Center US",
    "100 Example Avenue",
    "DEMO ADDRESS - NOT A REAL PLACE",
    "Albany",
    "NY",
    "12207",
    "US",
)
BOX = Parcel("Mavic 2 Pro", 36, 28, 20, 2_700, Decimal(1_000), "880622", "CN")
REQUEST = LabelRequest("CLM-7KQ2MX9P-1", "CLM-7KQ2MX9P", sender=ANN, receiver=CENTRE, parcel=BOX)
BOTH_CODES = {("Code128", "110571578024321054"), ("QRCode", "CLM-7KQ2MX9P")}


def label(request: LabelRequest = REQUEST) -> bytes:
    return InHouse().buy(request).pdf


def scanned(image: Image.Image) -> set[tuple[str, str]]:
    return {(found.format.name, found.text) for found in zxingcpp.read_barcodes(image)}


def ink_outside_the_margin(image: Image.Image, points: int = 11) -> int:
    edge = points * PRINTER // 72
    inside = (edge, edge, image.width - edge, image.height - edge)
    image = image.copy()
    image.paste(255, inside)
    return image.histogram()[0]


# --- scanners ------------------------------------------------------------------


def test_a_scanner_reads_both_codes_from_the_printed_label():
    assert scanned(printed(label())) == BOTH_CODES


@pytest.mark.parametrize("degrees", [90, 180, 270, 7, -11])
def test_it_reads_them_however_the_parcel_lies(degrees):
    assert scanned(printed(label()).rotate(degrees, expand=True, fillcolor=255)) == BOTH_CODES


@pytest.mark.parametrize("blur", [1, 2])
def test_it_reads_them_from_a_blurred_picture(blur):
    assert scanned(printed(label()).filter(ImageFilter.GaussianBlur(blur))) == BOTH_CODES


def test_it_reads_them_from_a_sheet_of_paper_half_the_size():
    image = printed(label())
    small = image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
    assert scanned(small) == BOTH_CODES


def test_every_claim_has_codes_that_scan():
    for number in range(12):
        claim = f"CLM-TEST{number:04d}"
        asked = replace(REQUEST, reference=f"{claim}-1", claim_number=claim)
        expected = {("Code128", tracking_number(f"{claim}-1")), ("QRCode", claim)}
        assert scanned(printed(label(asked))) == expected


def test_the_bars_have_ten_bars_of_white_on_either_side():
    image = printed(label())
    row = [image.getpixel((x, 930)) for x in range(image.width)]
    first, last = row.index(0), len(row) - 1 - row[::-1].index(0)
    assert row[first : first + 8] == [0] * 8  # two bars of four dots: how Code 128 begins
    assert first >= 40
    assert image.width - last > 40


# --- what it says ----------------------------------------------------------------


def test_it_is_one_page_of_four_by_six_inches():
    assert sizes(label()) == [(288, 432)]


def test_it_says_from_whom_to_whom_and_for_which_claim():
    text = words(label())
    for expected in [
        "Skyline Drones",
        "POSTAGE PAID",
        "Ann Lee",
        "12 Elm Street",
        "Portland OR 97201",
        "Demo Drone Service Center US",
        "100 Example Avenue",
        "Albany NY 12207",
        "UNITED STATES OF AMERICA",
        "CLM-7KQ2MX9P",
        "110 571 578 024 321 054",
        "Drop this parcel at any counter of Skyline Drones.",
    ]:
        assert expected in text


def test_a_long_address_wraps_and_stays_on_the_label():
    w = "W" * 120
    endless = Address(w, w, "many words " * 11, "W" * 80, "M" * 80, "9" * 20, "GB")
    pdf = label(replace(REQUEST, sender=endless, receiver=endless))
    image = printed(pdf)
    assert scanned(image) == BOTH_CODES
    assert ink_outside_the_margin(image) == 0
    assert words(pdf).count("UNITED KINGDOM") == 2  # the last line is not pushed off


def test_a_dealer_with_a_long_name_stays_on_the_label(settings):
    settings.DEALER_NAME = "The Very Honourable and Most Skilful Drone Dealers of Llanfairpwll " * 3
    image = printed(label())
    assert scanned(image) == BOTH_CODES
    assert ink_outside_the_margin(image) == 0


PLACES = {
    "CN": ["示例无人机服务中心", "南山区示例路120号", "深圳市", "广东省", "518000", "CHINA"],
    "TW": ["王小明", "中山路一段1號", "臺北市", "", "100", "TAIWAN"],
    "HK": ["陳大文", "旺角彌敦道610號荷李活商業中心", "香港", "", "", "HONG KONG"],
    "JP": ["髙橋 さくら", "神南一丁目1-1 渋谷ビル", "渋谷区", "東京都", "150-0041", "JAPAN"],
    "KR": ["김민준", "세종대로 110", "서울특별시", "중구", "04524", "SOUTH KOREA"],
    "GR": ["Ελένη Παπαδοπούλου", "Εγνατία 5", "Θεσσαλονίκη", "", "546 21", "GREECE"],
    "BG": ["Георги Щърбанов", "бул. Витоша 5", "София", "", "1000", "BULGARIA"],
    "PL": ["Żaneta Świętosławska", "ul. Źródlana 7", "Łódź", "", "90-001", "POLAND"],
    "CZ": ["Jiří Dvořáček", "Příčná 3", "Plzeň", "", "301 00", "CZECHIA"],
    "RO": ["Ștefan Țuțea", "Șoseaua Ștefan cel Mare 1", "București", "", "010101", "ROMANIA"],
    "MT": ["Ġorġ Ħaż-Żebbuġ", "Triq il-Kbira 7", "Il-Ħamrun", "", "HMR 1234", "MALTA"],
    "US": ["Nguyễn Thị Hồng Phượng", "12 Elm Street", "Portland", "OR", "97201", "UNITED STATES"],
}


@pytest.mark.parametrize("country", PLACES)
def test_addresses_are_printed_in_every_script_of_the_regions(country):
    name, line1, city, state, code, in_english = PLACES[country]
    address = Address(name, line1, "", city, state, code, country)
    pdf = label(replace(REQUEST, sender=address, receiver=address))
    text = words(pdf)
    for part in [name, line1, city, state, code, in_english]:
        assert text.count(part) >= 2 or not part, part
    image = printed(pdf)
    assert scanned(image) == BOTH_CODES
    assert ink_outside_the_margin(image) == 0


@pytest.mark.parametrize("letters", ["示例无人机", "서울특별시중구", "Щърбанов", "Παπαδοπούλου"])
def test_a_long_address_of_any_script_wraps_or_ends_with_a_mark(letters):
    w = letters * 30
    endless = Address(w[:120], w[:120], w[:120], w[:80], w[:80], "9" * 20, "CN")
    pdf = label(replace(REQUEST, sender=endless, receiver=endless))
    image = printed(pdf)
    assert scanned(image) == BOTH_CODES
    assert ink_outside_the_margin(image) == 0
    assert words(pdf).count("CHINA") == 2
    assert "…" in words(pdf)


def test_a_letter_that_no_font_has_leaves_a_mark_in_the_sender(settings):
    settings.DEALER_NAME = "Skyline 🚁 Drones"
    pdf = label(replace(REQUEST, sender=replace(ANN, name="Ann 🚁 Lee")))
    assert "Ann \ufffd Lee" in words(pdf)
    assert "Skyline \ufffd Drones" in words(pdf)
    assert scanned(printed(pdf)) == BOTH_CODES


def test_a_label_to_an_address_that_cannot_be_printed_is_not_made():
    """The parcel would go nowhere: staff read which letters to replace."""
    with pytest.raises(CarrierError, match="cannot be printed: no font has ศูน") as refusal:
        label(replace(REQUEST, receiver=replace(CENTRE, name="ศูนย์ Center")))
    assert refusal.value.permanent


# --- the same again ---------------------------------------------------------------


def test_the_same_request_gives_the_same_label_to_the_byte():
    assert InHouse().buy(REQUEST) == InHouse().buy(REQUEST)


def test_another_reference_gives_another_number():
    numbers = {tracking_number(f"CLM-{n}-1") for n in range(10_000)}
    assert len(numbers) == 10_000
    assert all(re.fullmatch(r"\d{18}", number) for number in numbers)


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("629104150021", "3"),  # the example of GS1's own page
        ("0", "0"),
        ("00000000000000001", "7"),
    ],
)
def test_the_check_digit_follows_the_rule_of_gs1(digits, expected):
    assert check_digit(digits) == expected


def test_one_wrong_digit_shows():
    number = tracking_number("CLM-7KQ2MX9P-1")
    assert number[-1] == check_digit(number[:-1])
    for place in range(17):
        for digit in "0123456789":
            wrong = number[:place] + digit + number[place + 1 :]
            assert wrong == number or wrong[-1] != check_digit(wrong[:-1])


def test_taking_a_label_back_costs_nothing_and_may_be_repeated():
    carrier = InHouse()
    bought = carrier.buy(REQUEST)
    carrier.void(bought.carrier_id, reference="CLM-7KQ2MX9P-1")
    carrier.void("", reference="CLM-7KQ2MX9P-1")


def test_the_house_carries_unless_the_settings_name_another():
    assert isinstance(carrier(), InHouse)
    assert InHouse().buy(REQUEST).tracking_url == ""
