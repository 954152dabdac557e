"""Serial numbers: how people write them, what looks wrong. No database anywhere in this file."""

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


# --- a look before it is believed (B12) ----------------------------------------

NEW, OLD = serials.CTA_2063_A, ""
O_OR_I = "It has an O or an I, which it cannot have: perhaps a 0 or a 1."
NO_LENGTH = "Its fifth character must be 1 to 9 or A to F: how many follow."


def length(code: str, said: int, has: int) -> str:
    return f"Its fifth character, {code}, stands for a length of {said} after it; it has {has}."


@pytest.mark.parametrize(
    "serial",
    [
        "15811X",
        "15819" + "Z" * 9,
        "1581A" + "2" * 10,
        "1581F" + "0" * 15,
        "ABCD2Y7",  # another maker
    ],
)
def test_b12_a_serial_of_the_standard_is_believed(serial):
    assert serials.doubts(serial, NEW) == []


@pytest.mark.parametrize(
    ("serial", "doubts"),
    [
        ("15811", [length("1", 1, 0)]),
        ("15811XX", [length("1", 1, 2)]),
        ("15819" + "Z" * 8, [length("9", 9, 8)]),
        ("15819" + "Z" * 10, [length("9", 9, 10)]),
        ("1581A" + "Z" * 9, [length("A", 10, 9)]),
        ("1581F" + "Z" * 14, [length("F", 15, 14)]),
        ("1581F" + "Z" * 16, [length("F", 15, 16)]),
        ("15810", [NO_LENGTH]),
        ("1581G" + "Z" * 16, [NO_LENGTH]),
        ("1581F" + "Z" * 14 + "O", [O_OR_I]),
        ("1581F" + "I" + "Z" * 14, [O_OR_I]),
        ("O5811X", [O_OR_I]),
        ("1581F0123O", [O_OR_I, length("F", 15, 5)]),
        ("SHORT", [O_OR_I, NO_LENGTH]),
    ],
)
def test_b12_what_breaks_the_standard_is_said_exactly(serial, doubts):
    assert [str(doubt) for doubt in serials.doubts(serial, NEW)] == doubts


@pytest.mark.parametrize("serial", ["SHORT", "0AXCE1K0030100", "1581F4QWB22", "ABCD2Y7"])
def test_b12_a_model_without_a_pattern_may_have_any(serial):
    assert serials.doubts(serial, OLD) == []


@pytest.mark.parametrize("serial", ["1581F" + "7" * 15, "15811X"])
def test_b12_a_whole_serial_of_the_standard_contradicts_an_older_model(serial):
    doubts = [str(doubt) for doubt in serials.doubts(serial, OLD)]
    assert doubts == ["It is one of a model of 2021 or later, and this model is older."]


@given(st.sampled_from("123456789ABCDEF"), st.integers(0, 16))
def test_b12_exactly_as_many_follow_as_the_length_says(code, follow):
    serial = "1581" + code + "7" * follow
    assert (serials.doubts(serial, NEW) == []) == (int(code, 16) == follow)
