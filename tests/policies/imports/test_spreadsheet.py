"""Files that are not what they say, or made to hurt."""

import zipfile

import pytest
from openpyxl import Workbook

from policies.imports import spreadsheet
from policies.imports.spreadsheet import UnreadableFile


def rows(path) -> list:
    return [row for table in spreadsheet.tables(path) for row in table.rows()]


def refusal(path) -> str:
    with pytest.raises(UnreadableFile) as error:
        rows(path)
    return str(error.value.message)


@pytest.fixture
def sheet(tmp_path):
    """An XLSX of one row."""
    path = tmp_path / "table.xlsx"
    book = Workbook()
    book.active.append(["a", 1, 2.0, None])
    book.save(path)
    return path


def rewritten(path, name: str, content) -> None:
    """Replaces one member of an archive."""
    with zipfile.ZipFile(path) as old:
        members = {member: old.read(member) for member in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for member, text in {**members, name: content}.items():
            new.writestr(member, text)


def test_a_sheet_gives_its_rows(sheet):
    assert [cells[:3] for _line, cells in rows(sheet)] == [["a", "1", "2"]]


def test_an_archive_that_unpacks_to_gigabytes_is_refused(sheet, monkeypatch):
    monkeypatch.setattr(spreadsheet, "UNPACKED_BYTES", 100_000)
    rewritten(sheet, "xl/media/bomb", b"\0" * 200_000)
    assert refusal(sheet).startswith("This file unpacks to more than")


def test_a_sheet_that_lies_about_its_size_is_read_for_what_it_is(sheet):
    with zipfile.ZipFile(sheet) as archive:
        xml = archive.read("xl/worksheets/sheet1.xml").decode()
    rewritten(sheet, "xl/worksheets/sheet1.xml", xml.replace('ref="A1:D1"', 'ref="A1:XFD1048576"'))
    assert len(rows(sheet)) == 1


def test_a_row_numbered_into_the_billions_is_not_waited_for(sheet):
    with zipfile.ZipFile(sheet) as archive:
        xml = archive.read("xl/worksheets/sheet1.xml").decode()
    rewritten(sheet, "xl/worksheets/sheet1.xml", xml.replace('<row r="1"', '<row r="4000000000"'))
    assert rows(sheet) == []


@pytest.mark.parametrize("damage", [b"<worksheet><sheetData><row r='x'>", b"", b"\xff\xfe"])
def test_a_broken_sheet_is_told(sheet, damage):
    rewritten(sheet, "xl/worksheets/sheet1.xml", damage)
    assert "XLSX" in refusal(sheet)


def test_an_archive_that_is_no_workbook_is_told(tmp_path):
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("photo.jpg", "x")
    assert refusal(path) == "This is neither a CSV nor an XLSX file."


def test_a_picture_is_told(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    assert refusal(path) == "This is neither a CSV nor an XLSX file."
