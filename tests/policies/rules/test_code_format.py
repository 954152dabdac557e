"""The form of an activation code: told apart from a typing error by itself (C3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.rules import code_format, reference_numbers

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
A_CODE = "ABCD2345EFGH678Z"  # its last character is the check character

bodies = st.text(alphabet=ALPHABET, min_size=15, max_size=15)


def with_check(body: str) -> str:
    return body + code_format.check_character(body)


def test_the_alphabet_has_31_characters_that_nobody_confuses():
    assert reference_numbers.ALPHABET == ALPHABET
    assert len(ALPHABET) == 31
    assert not set("ILO01") & set(ALPHABET)


@pytest.mark.parametrize(
    ("body", "check"),
    [
        # All characters count for nothing (the first of the alphabet is worth 0).
        ("222222222222222", "2"),
        # 1 x 1 + 16 x c = 0 (mod 31): c = 29.
        ("322222222222222", "Y"),
        # 15 x 1 + 16 x c = 0 (mod 31): c = 1.
        ("222222222222223", "3"),
    ],
)
def test_the_check_character_is_the_one_computed_by_hand(body, check):
    assert code_format.check_character(body) == check


@given(bodies)
def test_every_single_wrong_character_shows(body):
    code = with_check(body)
    for place, right in enumerate(code):
        for wrong in ALPHABET.replace(right, ""):
            with pytest.raises(code_format.Mistyped):
                code_format.parse(code[:place] + wrong + code[place + 1 :])


@given(bodies)
def test_every_swap_of_two_characters_shows(body):
    code = with_check(body)
    for i in range(16):
        for j in range(i + 1, 16):
            swapped = list(code)
            swapped[i], swapped[j] = code[j], code[i]
            if code[i] == code[j]:
                assert code_format.parse("".join(swapped)) == code
            else:
                with pytest.raises(code_format.Mistyped):
                    code_format.parse("".join(swapped))


@given(bodies, st.text(alphabet=" -–—_.\t\n\u00a0", max_size=3), st.booleans())
def test_case_spaces_and_dashes_do_not_matter(body, between, small):
    code = with_check(body)
    typed = between + between.join(code) + between
    assert code_format.parse(typed.lower() if small else typed) == code


@pytest.mark.parametrize(
    "typed",
    [
        "{0}-{1}-{2}-{3}",
        "  {0} {1} {2} {3}  ",
        "{0}–{1}—{2}−{3}",  # dashes as word processors write them
        "{0}\u00a0{1}\u00a0{2}\u00a0{3}\r\n",
        "{0}.{1}_{2}·{3}",
    ],
)
def test_a_code_may_be_typed_in_many_ways(typed):
    code = with_check("ABCD2345EFGH678")
    groups = [code[i : i + 4] for i in range(0, 16, 4)]
    assert code_format.parse(typed.format(*groups)) == code
    assert code_format.parse(typed.format(*groups).lower()) == code


def test_full_width_characters_are_the_plain_ones():
    code = with_check("ABCD2345EFGH678")
    wide = "".join(chr(ord(character) + 0xFEE0) for character in code)
    assert wide != code
    assert code_format.parse(wide) == code
    assert code_format.parse(wide.lower()) == code


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("", "A code has 16 characters."),
        ("ABCD-2345", "A code has 16 characters."),
        ("ABCD-2345-EFGH-6789-A", "A code has 16 characters."),
        ("A" * 100_000, "A code has 16 characters."),
        ("ABCD-2345-EFGH-67O9", "never I, L, O, 0 or 1"),
        ("ABCD-2345-EFGH-6719", "never I, L, O, 0 or 1"),
        ("ABCD-2345-EFGH-67\u00009", "never I, L, O, 0 or 1"),
        ("ABCD-2345-EFGH-678💥", "never I, L, O, 0 or 1"),
        ("АBCD-2345-EFGH-6789", "never I, L, O, 0 or 1"),  # a Cyrillic А
        ("3222-2222-2222-2222", "There is a typing error in this code."),
    ],
)
def test_a_mistyped_code_is_told_what_to_look_at(typed, told):
    with pytest.raises(code_format.Mistyped) as mistyped:
        code_format.parse(typed)
    assert told in str(mistyped.value.message)


def test_a_code_is_read_in_groups_of_four():
    assert code_format.grouped(A_CODE) == "ABCD-2345-EFGH-678Z"
