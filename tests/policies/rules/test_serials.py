"""Serial numbers as people and spreadsheets write them. No database anywhere in this file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.rules import serials


@pytest.mark.parametrize(
    ("typed", "serial"),
    [
        ("0AXCE1K0030100", "0AXCE1K0030100"),
        ("0axce1k0030100", "0AXCE1K0030100"),
        ("  0AXC E1K0 0301 00\r\n", "0AXCE1K0030100"),
        ("0AXC-E1K0-0301-00", "0AXCE1K0030100"),
        ("0AXC–E1K0—0301−00", "0AXCE1K0030100"),  # dashes of word processors
        ("0AXC_E1K0.0301·00", "0AXCE1K0030100"),
        ("0AXC\u00a0E1K0\u20030301\t00", "0AXCE1K0030100"),
        ("０ＡＸＣＥ１Ｋ００３０１００", "0AXCE1K0030100"),  # full-width
        ("00000000123456", "00000000123456"),
        ("12345", "12345"),
        ("1E15ABCDE", "1E15ABCDE"),
        ("53E1000123", "53E1000123"),
        ("A" * 32, "A" * 32),
    ],
)
def test_a_serial_is_kept_without_spaces_and_dashes_and_with_its_zeros(typed, serial):
    assert serials.normalise(typed) == serial


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "1234",
        "A" * 33,
        "A" * 1_000_000,
        "0AXCE1K0030100\u0000",
        "0AXCE1K0030100💥",
        "0AXCE1К0030100",  # a Cyrillic К
        "0AXCE1K00\u202e30100",
        "0AXCE1K00\u200b30100",
        "0AXCE1K0030100'; DROP TABLE policies_drone; --",
        "<b>0AXCE1K0030100</b>",
        "0AXCE1K003010O/7",
        "1234567٣",
    ],
)
def test_what_cannot_be_a_serial_is_told_so(typed):
    with pytest.raises(serials.BadSerial) as bad:
        serials.normalise(typed)
    assert str(bad.value.message) == (
        "A serial number has 5 to 32 letters and digits, and nothing else."
    )


@pytest.mark.parametrize(
    "typed",
    ["1.23E+15", "1,23E+15", "1.23457E+15", "1.23e+15", " 1.23E+15 ", "5E+13", "1.23E15"],
)
def test_a_number_that_a_spreadsheet_rounded_is_told_apart(typed):
    with pytest.raises(serials.BadSerial) as bad:
        serials.normalise(typed)
    assert "spreadsheet" in str(bad.value.message)


@given(st.text(max_size=60))
def test_whatever_is_typed_gives_a_clean_serial_or_a_sentence(typed):
    try:
        serial = serials.normalise(typed)
    except serials.BadSerial as bad:
        serial, sentence = None, str(bad.message)
    if serial is None:
        assert sentence.endswith(".")
    else:
        assert 5 <= len(serial) <= 32
        assert set(serial) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        assert serials.normalise(serial) == serial
        assert serials.normalise(serial.lower()) == serial
