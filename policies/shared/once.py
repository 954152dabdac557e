"""FACE: a form that changes something is acted on once, however often it is sent.

A page puts a one-time key into its form. Pressed twice, sent again after Back, or sent with the
same content from a second tab that was open already, the form is answered with what came of it
the first time. The same content from a page that was opened since is asked about. A program
that leaves the key out has each of its POSTs acted on.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.apps import apps
from django.core import signing
from django.core.files.uploadedfile import UploadedFile
from django.db import models, transaction
from django.forms import Form
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from policies.models import SentForm
from policies.shared.database import delete_chunk

FIELD = "once"
GOOD_FOR = timedelta(days=1)
# How soon after a deed the same once more is taken for a slip, and asked about.
LATELY = timedelta(minutes=10)
# A second answer leads to a page whose address is a key only so long after the first: who
# goes back on somebody else's machine a day later must not reach it.
SHOWN_AGAIN_WITHIN = timedelta(minutes=10)
EXPIRED = _("This page was opened more than a day ago. Please look it over and send it again.")
SIGNER = signing.Signer(salt=FIELD)
NOT_CONTENT = {FIELD, "csrfmiddlewaretoken"}


class Expired(Exception):
    """The key is older than a day, or is none of ours."""


@dataclass(frozen=True)
class Answer:
    """What came of a form that had been sent before, and when (UTC)."""

    at: datetime
    data: dict[str, Any]
    # False where somebody went back, changed the form, and sent it again under its old key.
    same_content: bool = True
    # The page was opened after that: Back fetches a page anew, and fills in what was typed.
    opened_later: bool = False


@dataclass(frozen=True)
class Sending:
    """One sending of a form: digests of its key and its content, and when the page was made."""

    key: str
    content: str
    made_at: datetime
    # The page had told them that they did the same lately: they mean it.
    confirmed: bool = False

    def earlier(self, *, now: datetime) -> Answer | None:
        """What came of it before; None for a form to be acted on.

        In the transaction that acts on it: who sends the same meanwhile waits for the end of it.
        """
        by_key, by_content = self._locked(now=now)
        if by_key.answer is not None:
            data = by_key.answer["data"]
            return Answer(by_key.at, data, same_content=by_key.answer["content"] == self.content)
        if by_content.answer is None:
            return None
        data, at = by_content.answer["data"], by_content.at
        if at > self.made_at:  # from another tab, which was open before that form was acted on
            return Answer(at, data)
        if now - at <= LATELY and not self.confirmed:
            return Answer(at, data, opened_later=True)
        return None

    def answered(self, data: dict[str, Any], *, now: datetime) -> None:
        """Keeps what came of it, in the same transaction. It must hold no secret."""
        SentForm.objects.filter(digest__in=[self.key, self.content]).update(
            at=now, answer={"data": data, "content": self.content}
        )

    def _locked(self, *, now: datetime) -> tuple[SentForm, SentForm]:
        """Both rows, made or found. An insert waits for another's of the same digest to end."""
        digests = [self.key, self.content]
        SentForm.objects.bulk_create(
            [SentForm(digest=digest, at=now) for digest in digests],
            update_conflicts=True,
            unique_fields=["digest"],
            update_fields=["digest"],
        )
        found = SentForm.objects.in_bulk(digests, field_name="digest")
        return found[self.key], found[self.content]


def key(*, now: datetime, confirms: bool = False) -> str:
    """A new key, for one form of one page; `confirms` for a page that tells of an earlier one."""
    kind = "again" if confirms else "first"
    return SIGNER.sign(f"{now.timestamp():.6f} {kind} {secrets.token_urlsafe(16)}")


def sending(request: HttpRequest, *, now: datetime) -> Sending | None:
    """What a POST says of itself; None without a key. Raises Expired."""
    typed = request.POST.get(FIELD, "")
    if not typed:
        return None
    try:
        made, kind, _random = SIGNER.unsign(typed).split(" ")
    except signing.BadSignature as error:
        raise Expired from error
    made_at = datetime.fromtimestamp(float(made), UTC)
    if now - made_at > GOOD_FOR:
        raise Expired
    return Sending(
        key=_digest("key", typed),
        content=_digest("content", _content(request)),
        made_at=made_at,
        confirmed=kind == "again",
    )


@dataclass(frozen=True)
class Result:
    """What a customer's form led to: a record, True where there is none, None if refused."""

    record: Any
    # The instant (UTC) at which the same form was acted on before; then nothing was done now.
    done_at: datetime | None = None


def act(
    request: HttpRequest,
    form: Form,
    deed: Callable[[], Any],
    *,
    now: datetime,
) -> Result:
    """Does what a customer's form asks for, in one transaction with the memory of it.

    A deed that is refused says why in the form and gives None; so does an expired key. Who goes
    back and changes what they wrote means something new, and the rules say whether it can be.
    """
    try:
        sent = sending(request, now=now)
    except Expired:
        form.add_error(None, EXPIRED)
        return Result(None)
    if sent is None:
        return Result(deed())
    with transaction.atomic():
        earlier = sent.earlier(now=now)
        if earlier and earlier.same_content and not earlier.opened_later:
            return Result(_record(earlier.data), earlier.at)
        record = deed()
        if record:
            sent.answered(_data_of(record), now=now)
    return Result(record)


def _data_of(record: Any) -> dict[str, Any]:
    return {} if record is True else {"model": record._meta.label, "pk": record.pk}


def _record(data: dict[str, Any]) -> Any:
    if not data:
        return True
    return apps.get_model(data["model"])._default_manager.filter(pk=data["pk"]).first()


def _content(request: HttpRequest) -> str:
    """Who sends what to which page. A file counts by what is in it."""
    typed = sorted(
        (name, values) for name, values in request.POST.lists() if name not in NOT_CONTENT
    )
    files = [
        (name, file.name, _of_file(file))
        for name, several in sorted(request.FILES.lists())
        for file in several
    ]
    return repr((request.path, request.user.pk, typed, files))


def _of_file(file: "UploadedFile[Any]") -> str:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def _digest(kind: str, text: str) -> str:
    return salted_hmac(f"{FIELD} {kind}", text, algorithm="sha256").hexdigest()


def forget(*, now: datetime, chunk: int) -> int:
    """Deletes at most `chunk` rows that no key can meet any more; returns how many."""
    return delete_chunk(outlived(now=now), chunk=chunk)


def outlived(*, now: datetime) -> models.QuerySet[SentForm]:
    return SentForm.objects.filter(at__lt=now - GOOD_FOR)
