"""Files that staff bring, through the pages: uploaded, previewed, confirmed or discarded."""

import csv
import io
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from policies import codes
from policies.imports import uploads
from policies.models import (
    ActivationCode,
    Drone,
    DroneModel,
    Import,
    Order,
    Plan,
    ReplacementFee,
)
from policies.rules.code_format import grouped
from tests import factories
from tests.admin.conftest import NOON
from tests.pages import form_with, plain

DRONES = "serial,model,activated_at\n0AXLIST0001,mini-2,\n0AXLIST0002,mini-2,2026-03-01T09:00\n"


def upload(client, kind: str, content: str | bytes, name: str = "list.csv", **facts):
    raw = content.encode() if isinstance(content, str) else content
    address = reverse(f"admin:policies_import_import-{kind}")
    return client.post(address, {"file": SimpleUploadedFile(name, raw), **facts}, follow=True)


def confirm(client, imported: Import, **choices):
    address = reverse("admin:policies_import_confirm", args=[imported.pk])
    facts = {"fingerprint": imported.fingerprint, **choices}
    return client.post(address, facts, follow=True)


def discard(client, imported: Import):
    return client.post(reverse("admin:policies_import_discard", args=[imported.pk]), follow=True)


def page(client, imported: Import) -> str:
    address = reverse("admin:policies_import_change", args=[imported.pk])
    return client.get(address).content.decode()


def errors(response) -> list[str]:
    return [str(text) for texts in response.context["form"].errors.values() for text in texts]


def steps(imported: Import) -> list[str]:
    return list(imported.events.order_by("id").values_list("kind", flat=True))


@pytest.fixture
def shelf(us):
    return {
        "plan": Plan.objects.get(code="care-1y").pk,
        "drone_model": DroneModel.objects.get(slug="mavic-2-pro").pk,
        "region": us.pk,
    }


@pytest.fixture
def folder(settings, tmp_path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path / "imports"


def test_a_file_is_previewed_and_does_nothing_until_it_is_confirmed(sales, folder):
    shown = upload(sales, "drones", DRONES).content.decode()
    assert "Nothing is imported until you confirm it." in shown
    for text in ("0AXLIST0001", "2026-03-01 09:00:00 UTC", "What the file would do"):
        assert text in shown
    assert not Drone.objects.exists()
    imported = Import.objects.get()
    assert (imported.new, imported.bad, imported.state) == (2, 0, "checked")
    assert "2 rows are imported." in confirm(sales, imported).content.decode()
    assert Drone.objects.count() == 2
    imported.refresh_from_db()
    assert (imported.state, imported.confirmed_by.username) == ("done", "sales")
    assert steps(imported) == ["uploaded", "checked", "confirmed", "done"]


def test_the_page_says_how_many_rows_it_leaves_out_and_nothing_where_it_shows_all(sales, folder):
    assert "The first" not in upload(sales, "drones", DRONES).content.decode()
    rows = "".join(f"0AXLONG{number:04d},mini-2\n" for number in range(60))
    shown = upload(sales, "drones", "serial,model\n" + rows).content.decode()
    assert "The first 50 of 60." in shown


def test_the_uploaded_file_goes_when_it_is_imported(
    sales, folder, django_capture_on_commit_callbacks
):
    upload(sales, "drones", DRONES)
    imported = Import.objects.get()
    assert default_storage.exists(imported.stored_as)
    with django_capture_on_commit_callbacks(execute=True):
        confirm(sales, imported)
    assert list(folder.iterdir()) == []
    assert "The uploaded file has been deleted." in page(sales, imported)


def test_the_uploaded_file_goes_when_it_is_discarded(
    sales, folder, django_capture_on_commit_callbacks
):
    upload(sales, "drones", DRONES)
    imported = Import.objects.get()
    with django_capture_on_commit_callbacks(execute=True):
        discard(sales, imported)
    assert list(folder.iterdir()) == []
    imported.refresh_from_db()
    assert imported.state == "discarded"
    assert "no longer be discarded" in " ".join(errors(discard(sales, imported)))


def test_the_good_rows_are_imported_in_one_go_and_the_page_says_what_is_left_out(sales, folder):
    upload(sales, "drones", DRONES + "x,mini-2,\n")
    imported = Import.objects.get()
    assert "Line 4: A serial number has 5 to 32 letters" in page(sales, imported)
    address = reverse("admin:policies_import_confirm", args=[imported.pk])
    asked = sales.get(address).content.decode()
    assert "The bad row is left out." in asked
    shown = sales.post(address, form_with("fingerprint", asked), follow=True).content.decode()
    assert "2 rows are imported." in shown
    assert "The bad rows were left out." in shown
    assert Drone.objects.count() == 2
    imported.refresh_from_db()
    assert (imported.state, imported.skip_bad) == ("done", True)


def test_whole_codes_are_shown_and_kept_nowhere(sales, shelf, folder):
    good, known, mistyped = list(codes.new_codes(3))
    mistyped = mistyped[:-1] + ("A" if mistyped[-1] != "A" else "B")
    lines = [good, known, mistyped, known]
    first = upload(sales, "codes", f"code\n{known}\n", **shelf)
    confirm(sales, Import.objects.get())
    shown = upload(sales, "codes", "code\n" + "\n".join(lines) + "\n", "second.csv", **shelf)
    imported = Import.objects.latest("id")
    assert (imported.new, imported.bad) == (1, 3)
    listed = sales.get(reverse("admin:policies_import_errors", args=[imported.pk]))
    answers = [
        first.content.decode(),
        shown.content.decode(),
        b"".join(listed.streaming_content).decode(),
        repr(Import.objects.values()),
        (folder.parent / imported.errors_stored_as).read_text(),
    ]
    for answer in answers:
        for code in lines:
            assert code not in answer
            assert grouped(code) not in answer
    assert f"… {good[-4:]}" in answers[1]
    assert f"… {known[-4:]}" in answers[2]
    confirm(sales, imported)
    imported.refresh_from_db()
    assert imported.batch.size == 1
    assert ActivationCode.objects.count() == 2


def test_orders_and_fees_come_as_files_too(manager, folder):
    orders = (
        "reference,serial,model,plan,name,email,country,shipped_at\n"
        "W-1,0AXCSHOP0001,mavic-2-pro,care-1y,Ann Lee,ann@example.com,US,2026-03-10T09:00\n"
    )
    upload(manager, "orders", orders)
    confirm(manager, Import.objects.get())
    assert Order.objects.get().policy.starts_at.isoformat() == "2026-03-12T13:00:00+00:00"
    upload(
        manager, "fees", "model,region,ordinal,amount,valid_from\nmini-2,US,1,99.50,2027-01-01\n"
    )
    confirm(manager, Import.objects.latest("id"))
    assert str(ReplacementFee.objects.latest("id").amount) == "99.50"


def test_what_differs_from_the_books_is_shown_before_it_is_left_as_it_is(sales, folder):
    head = "reference,serial,model,plan,name,email,country,shipped_at\n"
    row = "W-1,0AXCSHOP0001,mavic-2-pro,care-1y,Ann Lee,ann@example.com,US,\n"
    shown = upload(sales, "orders", head + row).content.decode()
    assert "W-1, 0AXCSHOP0001, Ann Lee" in shown
    confirm(sales, Import.objects.get())
    again = (
        head + row.replace("care-1y", "care-2y") + row.replace("W-1", "W-2").replace("1,m", "2,m")
    )
    shown = upload(sales, "orders", again).content.decode()
    assert "Warnings" in shown
    assert "Line 2: plan: the books say 1-Year, the file says 2-Year." in shown
    imported = Import.objects.latest("id")
    address = reverse("admin:policies_import_errors", args=[imported.pk])
    listed = b"".join(sales.get(address).streaming_content).decode()
    assert "plan: the books say 1-Year, the file says 2-Year." in listed
    confirm(sales, imported)
    assert Order.objects.get(reference="W-1").plan.code == "care-1y"
    finished = Import.objects.get(pk=imported.pk).finished_at
    uploads.tidy(now=finished + timedelta(days=30))
    imported.refresh_from_db()
    assert (imported.changes, imported.differing, imported.errors_stored_as) == ([], [], "")
    assert (imported.new, imported.differences) == (1, 1)


ORDERS = "reference;serial;model;plan;name;email;country\n"


def test_b12_a_serial_number_that_looks_wrong_is_shown_before_it_is_taken(manager, folder):
    shown = plain(upload(manager, "drones", "serial,model\n1581F0,mavic-3\n").text)
    assert "1 with a warning" in shown
    length = "Its fifth character, F, stands for a length of 15 after it; it has 1."
    assert f"Line 2: 1581F0: {length}" in shown
    confirm(manager, Import.objects.get())
    assert Drone.objects.get().serial == "1581F0"


POLISH = "X-1;1581F4XFC2200111;mavic-3;care-1y;Łukasz Żółć;b1@example.com;PL\n"


def choose(client, imported: Import, encoding: str | None = None):
    """Sends the form that is on the page, with another encoding than the one it offers."""
    address = reverse("admin:policies_import_read-as", args=[imported.pk])
    form = form_with("encoding", client.get(address).content.decode())
    return client.post(address, form | ({"encoding": encoding} if encoding else {}), follow=True)


def test_nothing_of_a_guessed_encoding_is_imported_before_a_person_agrees(sales, folder):
    shown = upload(sales, "orders", (ORDERS + POLISH).encode("cp1250")).content.decode()
    imported = Import.objects.get()
    assert (imported.encoding, imported.encoding_guessed) == ("cp1250", True)
    assert "It was read as Central European (Windows 1250), which is a guess" in shown
    assert "Łukasz Żółć" in shown
    assert reverse("admin:policies_import_confirm", args=[imported.pk]) not in shown
    assert errors(confirm(sales, imported)) == [
        "Choose the encoding of the file first; it is only a guess so far."
    ]
    assert not Order.objects.exists()
    answer = choose(sales, imported).content.decode()
    assert "The file is read as Central European (Windows 1250)." in answer
    imported.refresh_from_db()
    assert imported.encoding_guessed is False
    confirm(sales, imported)
    assert Order.objects.get().customer.name == "Łukasz Żółć"
    assert steps(imported) == ["uploaded", "checked", "encoding", "checked", "confirmed", "done"]


def test_the_person_sees_how_the_names_read_in_each_encoding_and_chooses_another(sales, folder):
    row = POLISH.replace("PL", "DE").replace("Łukasz Żółć", "Иван Петров")
    upload(sales, "orders", (ORDERS + row).encode("cp1251"))
    imported = Import.objects.get()
    assert imported.encoding == "cp1252"
    address = reverse("admin:policies_import_read-as", args=[imported.pk])
    offered = sales.get(address).content.decode()
    assert "Western European (Windows 1252): Èâàí Ïåòðîâ" in offered
    assert "Cyrillic (Windows 1251): Иван Петров" in offered
    assert "Иван Петров" in choose(sales, imported, "cp1251").content.decode()
    # Chosen wrongly, it can be chosen again, as long as nothing is confirmed.
    choose(sales, imported, "cp1253")
    choose(sales, imported, "cp1251")
    imported.refresh_from_db()
    confirm(sales, imported)
    assert Order.objects.get().customer.name == "Иван Петров"
    assert errors(sales.post(address, {"encoding": "cp1251"})) == [
        "The encoding of this import can no longer be chosen."
    ]


def test_an_encoding_that_is_not_offered_is_refused(sales, folder):
    upload(sales, "orders", (ORDERS + POLISH).encode("cp1250"))
    imported = Import.objects.get()
    address = reverse("admin:policies_import_read-as", args=[imported.pk])
    for encoding in ("morse", "utf-16", "", "\0"):
        assert errors(sales.post(address, {"encoding": encoding}))
    imported.refresh_from_db()
    assert imported.encoding_guessed is True


def test_a_large_file_in_another_encoding_is_read_again_by_the_worker(sales, folder):
    many = "".join(
        f"X-{number};1581F4XFC22{number:05d};mavic-3;care-1y;Łukasz;b@example.com;PL\n"
        for number in range(2_001)
    )
    upload(sales, "orders", (ORDERS + many).encode("cp1250"))
    imported = Import.objects.get()
    assert uploads.work(clock=lambda: NOON) == (1, 0)
    imported.refresh_from_db()
    assert (imported.state, imported.encoding_guessed) == ("checked", True)
    choose(sales, imported, "cp1250")
    imported.refresh_from_db()
    assert imported.state == "uploaded"
    assert uploads.work(clock=lambda: NOON) == (1, 0)
    imported.refresh_from_db()
    assert (imported.state, imported.encoding_guessed, imported.new) == ("checked", False, 2_001)


def test_a_list_of_codes_in_another_encoding_shows_words_and_no_code(sales, shelf, folder):
    [code] = codes.new_codes(1)
    content = f"code;note\n{code};für {code} geprüft\n".encode("cp1252")
    shown = upload(sales, "codes", content, **shelf).content.decode()
    imported = Import.objects.get()
    offered = sales.get(reverse("admin:policies_import_read-as", args=[imported.pk]))
    for answer in (shown, offered.content.decode(), repr(Import.objects.values())):
        assert code not in answer
    assert "für · geprüft" in shown
    choose(sales, imported)
    imported.refresh_from_db()
    confirm(sales, imported)
    assert codes.find(code) is not None


def test_the_auditor_chooses_no_encoding(auditor, sales, folder):
    upload(sales, "orders", (ORDERS + POLISH).encode("cp1250"))
    address = reverse("admin:policies_import_read-as", args=[Import.objects.get().pk])
    assert auditor.post(address, {"encoding": "cp1250"}).status_code == 403


def test_the_list_of_errors_can_be_mended_in_a_spreadsheet(sales, folder):
    upload(sales, "drones", 'serial,model,activated_at\n"=1+1",mini-2,\n0AXLIST0001,mini-9,\n')
    address = reverse("admin:policies_import_errors", args=[Import.objects.get().pk])
    text = b"".join(sales.get(address).streaming_content).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text)))[1:] == [
        [
            "2",
            "A serial number has 5 to 32 letters and digits, and nothing else.",
            "'=1+1",
            "mini-2",
            "",
        ],
        [
            "3",
            "There is no model “mini-9”. Give its name or slug, such as mavic-2-pro.",
            "0AXLIST0001",
            "mini-9",
            "",
        ],
    ]


def test_the_same_file_twice_is_one_import(sales, folder):
    upload(sales, "drones", DRONES)
    again = upload(sales, "drones", DRONES)
    assert "This file has been uploaded already." in again.content.decode()
    assert Import.objects.count() == 1
    assert len(list(folder.iterdir())) == 1


def test_a_second_confirmation_is_told_so(sales, folder):
    upload(sales, "drones", DRONES)
    imported = Import.objects.get()
    confirm(sales, imported)
    assert errors(confirm(sales, imported)) == [
        "Somebody else has confirmed or discarded this import meanwhile."
    ]
    assert Drone.objects.count() == 2


def test_another_preview_than_the_one_seen_is_not_confirmed(sales, folder):
    upload(sales, "drones", DRONES)
    imported = Import.objects.get()
    imported.fingerprint = "f" * 32
    assert errors(confirm(sales, imported)) == [
        "The file has been checked again meanwhile. Look at the new result."
    ]
    assert not Drone.objects.exists()


def test_what_changed_since_the_check_is_shown_before_anything_is_written(sales, folder):
    upload(sales, "drones", DRONES)
    factories.DroneFactory(serial="0AXLIST0001")  # as another model
    imported = Import.objects.get()
    shown = confirm(sales, imported).content.decode()
    assert "Records have changed since the check." in shown
    imported.refresh_from_db()
    assert (imported.state, imported.new, imported.bad) == ("checked", 1, 1)
    assert Drone.objects.count() == 1
    assert steps(imported) == ["uploaded", "checked", "confirmed", "books_changed"]
    confirm(sales, imported)
    assert Drone.objects.count() == 2


def test_activations_on_file_are_changed_by_a_manager_only(sales, manager, folder):
    factories.DroneFactory(serial="0AXLIST0002", drone_model=DroneModel.objects.get(slug="mini-2"))
    shown = upload(sales, "drones", DRONES).content.decode()
    assert "somebody else must confirm it" in shown
    imported = Import.objects.get()
    assert confirm(sales, imported).status_code == 403
    assert Drone.objects.count() == 1
    confirm(manager, imported)
    assert Drone.objects.get(serial="0AXLIST0002").activated_at is not None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty."),
        (b"serial,model\n", "The file has no rows below its headings."),
        (
            b"colour,size\nred,1\n",
            "None of the first 10 lines has the headings serial, model.",
        ),
        (b"\x89PNG\r\n\x1a\n\0\0", "This is neither a CSV nor an XLSX file."),
        (b"PK\x05\x06" + b"\0" * 18, "This is neither a CSV nor an XLSX file."),
    ],
)
def test_a_file_that_is_no_list_is_refused_at_its_field(sales, folder, content, sentence):
    assert errors(upload(sales, "drones", content)) == [sentence]
    assert not Import.objects.exists()
    assert not folder.exists() or list(folder.iterdir()) == []


def test_a_file_beyond_the_limit_is_refused(sales, folder, settings):
    settings.IMPORT_MAX_MB = 1
    assert errors(upload(sales, "drones", b"x" * 1_048_577)) == [
        "Please upload at most 1 MB, or split the file."
    ]


def test_a_form_without_a_file_is_told(sales, folder):
    address = reverse("admin:policies_drone_import-drones")
    assert errors(sales.post(address)) == ["Please choose a file."]


def test_a_hostile_name_and_hostile_cells_are_only_text(sales, folder):
    row = '<script>alert(1)</script>,"\u202ex",\n'
    shown = upload(sales, "drones", "serial,model\n" + row, 'a<b>"\u202e.csv').content.decode()
    assert "<script>alert" not in shown
    assert "\u202e" not in Import.objects.get().file_name


def test_a_large_file_is_left_to_the_worker(sales, folder):
    many = "".join(f"0AXBULK{number:05d},mini-2\n" for number in range(2_001))
    shown = upload(sales, "drones", "serial,model\n" + many)
    assert "It is being checked now." in shown.content.decode()
    assert shown["Refresh"] == "3"
    imported = Import.objects.get()
    assert uploads.work(clock=lambda: NOON) == (1, 0)
    imported.refresh_from_db()
    assert (imported.state, imported.new) == ("checked", 2_001)
    shown = confirm(sales, imported)
    assert "The import begins in a moment." in shown.content.decode()
    assert "<progress" in shown.content.decode()
    assert not Drone.objects.exists()
    assert uploads.work(clock=lambda: NOON) == (1, 0)
    imported.refresh_from_db()
    assert (imported.state, Drone.objects.count()) == ("done", 2_001)
    done = sales.get(reverse("admin:policies_import_change", args=[imported.pk]))
    assert "Refresh" not in done
    assert "<progress" not in done.content.decode()


def test_a_file_that_went_missing_is_told(sales, folder):
    upload(sales, "drones", DRONES)
    imported = Import.objects.get()
    default_storage.delete(imported.stored_as)
    shown = confirm(sales, imported).content.decode()
    assert "The file is no longer there. Upload it again." in shown
    imported.refresh_from_db()
    assert (imported.state, Drone.objects.count()) == ("failed", 0)


def test_a_large_file_that_is_no_list_fails_in_the_hands_of_the_worker(sales, folder):
    upload(sales, "drones", "colour;size\n" + "red;1\n" * 400_000)
    assert uploads.work(clock=lambda: NOON) == (0, 1)
    imported = Import.objects.get()
    assert imported.state == "failed"
    assert "None of the first 10 lines has the headings serial, model." in page(sales, imported)


def test_the_auditor_sees_imports_and_changes_none(auditor, sales, folder):
    upload(sales, "drones", DRONES + "x,mini-2,\n")
    imported = Import.objects.get()
    assert "0AXLIST0001" in page(auditor, imported)
    listed = auditor.get(reverse("admin:policies_import_errors", args=[imported.pk]))
    assert listed.status_code == 200
    assert confirm(auditor, imported).status_code == 403
    assert discard(auditor, imported).status_code == 403


def test_the_claims_desk_does_not_see_imports(claims_desk, sales, folder):
    upload(sales, "drones", DRONES + "x,mini-2,\n")
    imported = Import.objects.get()
    for name in ("change", "errors"):
        address = reverse(f"admin:policies_import_{name}", args=[imported.pk])
        assert claims_desk.get(address).status_code == 403


def test_sales_does_not_confirm_fees(sales, manager, folder):
    upload(manager, "fees", "model,region,ordinal,amount,valid_from\nmini-2,US,1,99,2027-01-01\n")
    assert confirm(sales, Import.objects.get()).status_code == 403


def test_a_preview_that_nobody_confirms_is_given_up_after_a_week(
    sales, folder, django_capture_on_commit_callbacks
):
    upload(sales, "drones", DRONES)
    imported = Import.objects.get()
    uploads.tidy(now=NOON + timedelta(days=6))
    imported.refresh_from_db()
    assert imported.state == "checked"
    with django_capture_on_commit_callbacks(execute=True):
        uploads.tidy(now=NOON + timedelta(days=7))
    imported.refresh_from_db()
    assert (imported.state, list(folder.iterdir())) == ("discarded", [])


def test_a_file_that_a_dead_request_left_is_deleted(sales, folder):
    folder.mkdir(parents=True)
    (folder / "left-behind").write_text("code")
    upload(sales, "drones", DRONES)
    stored_as = Import.objects.get().stored_as
    # Files bear the machine's own clock.
    names = [f"imports/{one.name}" for one in folder.iterdir()]
    latest = max(default_storage.get_modified_time(name) for name in names)
    Import.objects.update(uploaded_at=latest)
    uploads.tidy(now=latest + timedelta(minutes=59))
    assert len(list(folder.iterdir())) == 2
    uploads.tidy(now=latest + timedelta(minutes=61))
    assert [f"imports/{one.name}" for one in folder.iterdir()] == [stored_as]
