"""What the database itself refuses about an import, whatever the program believes."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction

from policies.models import Import, ImportEvent
from tests import factories

AT = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
DONE = {"state": "done", "finished_at": AT, "confirmed_at": AT, "stored_as": ""}


@pytest.mark.parametrize(
    "facts",
    [
        {"kind": "letters"},
        {"kind": "codes"},  # without plan, model and region
        {"stored_as": ""},  # open, and its file gone
        {**DONE, "stored_as": "imports/kept"},
        {**DONE, "finished_at": None},
        {**DONE, "confirmed_at": None},
        {**DONE, "fingerprint": ""},
        {**DONE, "rows": 2, "bad": 1},  # not left out knowingly
        {"confirmed_at": AT},
        {"skip_bad": True},
        {"next_try_at": AT},  # nobody waits for a worker
        {"state": "confirmed", "confirmed_at": AT},  # no worker would find it
        {"rows": 7},
        {"encoding_guessed": True},  # what is guessed has a name
        {**DONE, "encoding": "cp1252", "encoding_guessed": True},  # nobody has chosen it
        {"state": "failed", "finished_at": AT, "stored_as": ""},  # without saying why
    ],
    ids=str,
)
def test_a_contradiction_is_refused(db, facts):
    with pytest.raises(IntegrityError), transaction.atomic():
        factories.ImportFactory(**facts)


@pytest.mark.parametrize(
    "facts",
    [
        DONE,
        {**DONE, "encoding": "cp1252"},
        {"encoding": "cp1252", "encoding_guessed": True},
        {**DONE, "rows": 2, "bad": 1, "skip_bad": True},
        {"state": "confirmed", "confirmed_at": AT, "next_try_at": AT},
        {"state": "failed", "finished_at": AT, "stored_as": "", "trouble": "Broken."},
        {"state": "discarded", "finished_at": AT, "stored_as": ""},
    ],
    ids=str,
)
def test_a_consistent_row_is_kept(db, facts):
    assert factories.ImportFactory(**facts).pk


def test_the_same_file_waits_once_and_may_come_again_later(db):
    first = factories.ImportFactory(digest="a" * 64)
    with pytest.raises(IntegrityError), transaction.atomic():
        factories.ImportFactory(digest="a" * 64)
    Import.objects.filter(pk=first.pk).update(**DONE)
    assert factories.ImportFactory(digest="a" * 64).pk


def test_the_history_of_an_import_is_append_only(db):
    event = ImportEvent.objects.create(
        of=factories.ImportFactory(), kind="uploaded", at=AT, actor="clerk"
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        ImportEvent.objects.filter(pk=event.pk).update(actor="nobody")
    with pytest.raises(IntegrityError), transaction.atomic():
        ImportEvent.objects.filter(pk=event.pk).delete()
