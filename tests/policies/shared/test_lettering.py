"""Letters on labels and papers: what our fonts have, and what is said of the rest."""

import pytest
from django.core.exceptions import ValidationError

from policies.shared import lettering
from policies.shared.lettering import BOLD, PLAIN

HANGUL, HAN = lettering.FURTHER


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("Łukasz Müller", "Łukasz Müller"),
        ("Ștefan Őri", "Ștefan Őri"),
        ("Zoe\u0308", "Zoë"),
        ("李雷 Lee", "李雷 Lee"),
        ("Иван", "Иван"),
        ("ул. Ленина 5", "ул. Ленина 5"),
        ("ㅎㅏㄴ \u1112\u1161\u11ab", "ㅎㅏㄴ 한"),
        ("\u202eeeL nnA\x00\x07", "eeL nnA"),
        ("  Ann \n\u00a0 Lee\u3000", "Ann Lee"),
        ("ｼﾌﾞﾔ Ａｎｎ", "ｼﾌﾞﾔ Ａｎｎ"),
        ("葛\U000e0100城市", "葛城市"),  # which shape of the letter is meant
        ("\ufa19\ufa11\u9ad9", "神﨑髙"),
        ("ﬆ", "ﬆ"),
        ("محمد", "\ufffd\ufffd\ufffd\ufffd"),
        ("Ann 🚁 Lee", "Ann \ufffd Lee"),
        ("𠮷野", "\ufffd野"),
    ],
)
def test_a_text_is_printed_as_written_with_marks_for_letters_that_no_font_has(written, printed):
    assert lettering.printable(written) == printed


@pytest.mark.parametrize("font", [PLAIN, BOLD])
def test_each_stretch_of_a_mixed_text_has_a_font_of_its_own(font):
    assert list(lettering.runs("Ann 李雷, 서울 Ω", font)) == [
        (font, "Ann "),
        (HAN, "李雷"),
        (font, ", "),
        (HANGUL, "서울"),
        (font, " Ω"),
    ]


def missing_of(codec: str, rows: range, cells: range) -> str:
    pairs = (bytes([row, cell]).decode(codec, "ignore") for row in rows for cell in cells)
    return lettering.missing("".join(filter(str.isalpha, pairs)))


@pytest.mark.parametrize(
    ("codec", "rows", "cells"),
    [
        ("gb2312", range(0xB0, 0xF8), range(0xA1, 0xFF)),
        ("gbk", range(0x81, 0xA1), range(0x40, 0xFF)),
        ("big5", range(0xA4, 0xFA), range(0x40, 0xFF)),
        ("shift_jis", range(0x88, 0xF0), range(0x40, 0xFD)),
        ("euc_kr", range(0xB0, 0xFE), range(0xA1, 0xFF)),
        ("cp949", range(0x81, 0xC7), range(0x41, 0xFF)),
    ],
)
def test_no_letter_of_the_character_sets_of_the_regions_is_missing(codec, rows, cells):
    assert missing_of(codec, rows, cells) == ""


@pytest.mark.parametrize("codec", ["cp1250", "cp1251", "cp1252", "cp1253", "cp1257", "cp1258"])
def test_no_letter_of_the_code_pages_of_europe_is_missing(codec):
    assert lettering.missing(bytes(range(0x20, 0x100)).decode(codec, "ignore")) == ""


def test_a_refusal_names_each_letter_that_cannot_be_printed_once():
    with pytest.raises(ValidationError) as refusal:
        lettering.validate_printable("𠮷野 𠮷 🚁")
    assert refusal.value.messages == [
        "We cannot print 𠮷 🚁 on labels and papers. Please write it another way."
    ]
    lettering.validate_printable("吉野 Zoë")
