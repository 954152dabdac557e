"""Encodings: certain, or a guess that is shown and never believed."""

import pytest

from policies.imports import encodings
from policies.imports.encodings import UnknownEncoding


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"", "utf-8"),
        (b"name\nAnn\n", "utf-8"),
        ("name\nJürgen\n".encode(), "utf-8"),
        ("name\nJürgen\n".encode("utf-8-sig"), "utf-8-sig"),
        ("name\nJürgen\n".encode("utf-16"), "utf-16"),
        ("name\nJürgen\n".encode("cp1252"), ""),
        ("name\n山田\n".encode("cp932"), ""),
        (b"name\n" + b"a" * 70_000 + "é".encode(), "utf-8"),
        (b"name\n" + b"a" * 70_000 + b"\xe9", ""),
        ("é".encode()[:1], ""),
    ],
)
def test_some_encodings_prove_themselves(tmp_path, content, encoding):
    (tmp_path / "list.csv").write_bytes(content)
    assert encodings.certain(tmp_path / "list.csv") == encoding


@pytest.mark.parametrize(
    ("name", "country", "encoding"),
    [
        ("Jürgen Müller", "DE", "cp1252"),
        ("Łukasz Żółć", "PL", "cp1250"),
        ("Иван Петров", "BG", "cp1251"),
        ("Γιώργος Παπαδόπουλος", "GR", "cp1253"),
        ("Ayşe Yılmaz", "TR", "cp1254"),
        ("山田 太郎", "JP", "cp932"),
        ("王小明", "CN", "gb18030"),
        ("陳大文", "HK", "cp950"),
        ("김민수", "KR", "cp949"),
    ],
)
def test_the_country_of_a_row_makes_the_guess(name, country, encoding):
    sample = [name.encode(encoding)]
    assert encodings.guess(sample, [country]) == encoding
    assert encodings.reading(sample, encoding) == name


def test_a_country_whose_encoding_does_not_fit_is_not_believed():
    assert encodings.guess(["山田 太郎".encode("cp932")], ["DE"]) == "cp932"
    assert encodings.guess([b"\x80\x81"], []) in encodings.CHOICES
    assert encodings.guess([], []) == "cp1252"


def test_a_reading_shows_what_cannot_be_read():
    assert encodings.reading([b"M\xfcller\x00", b"\x81"], "cp1252") == "Müller� · �"


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("windows-1251", "cp1251"),
        ("Shift_JIS", "cp932"),
        ("gbk", "gb18030"),
        ("big5", "cp950"),
        ("EUC-KR", "cp949"),
        ("utf8", "utf-8"),
        ("UTF-16", "utf-16"),
    ],
)
def test_an_encoding_goes_by_any_of_its_names(name, encoding):
    assert encodings.named(name) == encoding


@pytest.mark.parametrize("name", ["", "morse", "rot13", "base64", "latin-1\0", "x" * 5_000])
def test_what_is_no_encoding_of_a_text_is_refused(name):
    with pytest.raises(UnknownEncoding):
        encodings.named(name)
