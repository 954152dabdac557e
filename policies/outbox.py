"""The outbox: a letter is a folder of templates, a typed function and a row.

`queue` writes the row in the transaction of whatever causes the letter; a worker sends it
later. Delivered at least once: a worker that dies between sending and saying so sends it
again, under the same Message-ID, so that a mail client shows it once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from smtplib import SMTPRecipientsRefused
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.template import TemplateDoesNotExist, TemplateSyntaxError
from django.template.loader import render_to_string
from django.urls import NoReverseMatch
from django.utils import timezone, translation
from django.utils.dateparse import parse_datetime
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from policies import links, sealing
from policies.models import ActivationCode, Letter, Period, Policy, Sale
from policies.rules.code_format import grouped
from policies.shared import emails, leases
from policies.shared.errors import Conflict
from policies.shared.leases import Lease

# A batch of 10 fits in, even if the mail server lets each letter wait for EMAIL_TIMEOUT (20 s).
LEASE = Lease(lasts=timedelta(minutes=5), tries=7)
# Faults of the letter itself, which another try would meet again: a fact, a template or a key
# is missing, or a value does not make a header.
CANNOT_BE_WRITTEN = (
    TemplateDoesNotExist,
    TemplateSyntaxError,
    NoReverseMatch,
    sealing.SealBroken,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
)


def names() -> list[tuple[str, str]]:
    """Each letter that there is, and its title: they are folders of templates."""
    folders = sorted((settings.BASE_DIR / "templates" / "letters").glob("*/subject.txt"))
    return [(one.parent.name, Letter(name=one.parent.name).title) for one in folders]


def queue(
    name: str,
    *,
    to: str,
    context: dict[str, Any],
    dedupe_key: str,
    now: datetime,
    policy: Policy | None = None,
    sale: Sale | None = None,
    reference: str = "",
) -> bool:
    """Writes the letter `templates/letters/<name>/` into the outbox, once per `dedupe_key`.

    False when that key was queued before.

    `context` holds JSON values. Names that end in `_at` are ISO instants, shown in the
    time zone `context["time_zone"]`; `code_ids` stand for codes, `link` for a link, which only
    the worker opens;
    `attachments` are files in the default storage, as `{"file": …, "name": …}`. With
    `correction` subject and text begin with that word.
    """
    letter = Letter(
        name=name,
        recipient=to,
        language=get_language() or settings.LANGUAGE_CODE,
        policy=policy,
        sale=sale,
        reference=reference,
        context=context,
        dedupe_key=dedupe_key,
        message_id=_new_message_id(),
        created_at=now,
        next_try_at=now,
    )
    Letter.objects.bulk_create([letter], ignore_conflicts=True)
    return Letter.objects.filter(message_id=letter.message_id).exists()


def mailbox(address: str) -> str:
    """A short name for a mailbox, for a `dedupe_key` that is about one recipient."""
    return sha256(address.strip().lower().encode()).hexdigest()[:16]


def _new_message_id() -> str:
    return f"<{uuid4().hex}@{mail_domain()}>"


def mail_domain() -> str:
    """The right half of a Message-ID: the domain that the letters come from."""
    sender: str = settings.DEFAULT_FROM_EMAIL
    return sender.rpartition("@")[2].rstrip(">")


@dataclass(frozen=True)
class Rendered:
    subject: str
    text: str
    html: str


def render(letter: Letter, *, whole: bool = False) -> Rendered:
    """The letter as its reader sees it; codes and the link are masked unless `whole` (C4, K13).

    Raises TemplateDoesNotExist, TemplateSyntaxError, SealBroken.
    """
    context = _instants(letter.context)
    context |= {"dealer": settings.DEALER_NAME, "site_url": settings.SITE_URL}
    if "code_ids" in context:
        context |= _codes(context["code_ids"], whole=whole)
    if "link" in context:
        context["token"] = links.in_letter(context["link"], whole=whole)
    zone = context.get("time_zone", "UTC")
    with translation.override(letter.language), timezone.override(zone):
        subject, text, html = (
            render_to_string(f"letters/{letter.name}/{part}", context)
            for part in ("subject.txt", "body.txt", "body.html")
        )
        line = " ".join(subject.split())
        if context.get("correction"):
            line = gettext("Correction: %(subject)s") % {"subject": line}
    return Rendered(line, text.strip() + "\n", html)


def _instants(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        name: parse_datetime(value) if name.endswith(("_at", "_until")) and value else value
        for name, value in facts.items()
    }


def _codes(pks: list[int], *, whole: bool) -> dict[str, list[str]]:
    """The codes that can still be used, and the last four of those that are void or used (C6)."""
    told: dict[str, list[str]] = {"codes": [], "void_codes": [], "used_codes": []}
    rows = _code_rows(pks).in_bulk(pks)
    for code in (rows[pk] for pk in pks):
        if code.state == ActivationCode.State.VOID:
            told["void_codes"].append(code.last_four)
        elif code.is_used:
            told["used_codes"].append(code.last_four)
        elif whole:
            told["codes"].append(grouped(sealing.unseal(code.digest, code.sealed, code.key_id)))
        else:
            told["codes"].append(f"••••-••••-••••-{code.last_four}")
    return told


def _code_rows(pks: list[int]) -> QuerySet[Any]:
    used = Exists(Period.objects.filter(code=OuterRef("pk")))
    return ActivationCode.objects.filter(pk__in=pks).annotate(is_used=used)


def send_due(
    *,
    clock: Callable[[], datetime],
    batch: int = 10,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[int, int]:
    """Sends the letters that are due; returns how many were sent, how many went wrong.

    Safe beside other workers: a letter is claimed, with its lease, before it is sent, and
    sent outside any transaction.
    """
    sent = wrong = 0
    # Not `with`: that would open it here, where no letter could be told that nobody answers.
    connection = get_connection()
    try:
        while not stop() and (claimed := _claim(clock(), batch)):
            for letter in claimed:
                if _send(letter, connection, clock):
                    sent += 1
                else:
                    wrong += 1
    finally:
        connection.close()
    return sent, wrong


def _claim(now: datetime, batch: int) -> list[Letter]:
    return leases.claim(Letter.objects.due(at=now), LEASE, now=now, batch=batch)


def _send(letter: Letter, connection: BaseEmailBackend, clock: Callable[[], datetime]) -> bool:
    if LEASE.is_used_up(letter):
        _fail(letter, letter.last_error or str(leases.STOPPED))
        return False
    try:
        email = message(letter, connection)
        connection.open()  # once for many letters; does nothing while it is open
        connection.send_messages([email])
    except CANNOT_BE_WRITTEN as error:
        _fail(letter, f"{type(error).__name__}: {error}")  # another try would end the same
        return False
    except OSError as error:  # the mail server, the network, the disk
        connection.close()
        _try_again(letter, error, now=clock())
        return False
    leases.write(letter, state=Letter.State.SENT, sent_at=clock(), last_error="")
    return True


def message(letter: Letter, connection: BaseEmailBackend | None = None) -> EmailMultiAlternatives:
    """The e-mail itself, with whole codes and link. Raises what `render` does, and BadDomain."""
    rendered = render(letter, whole=True)
    email = EmailMultiAlternatives(
        subject=rendered.subject,
        body=rendered.text,
        to=[emails.as_sent(letter.recipient)],
        headers={"Message-ID": letter.message_id, "Auto-Submitted": "auto-generated"},
        connection=connection,
    )
    email.attach_alternative(rendered.html, "text/html")
    for attachment in letter.context.get("attachments", []):
        with default_storage.open(attachment["file"]) as file:
            email.attach(attachment["name"], file.read(), "application/pdf")
    return email


def _try_again(letter: Letter, error: OSError, *, now: datetime) -> None:
    text = f"{type(error).__name__}: {error}"[:2000]
    next_try_at = LEASE.next_try_at(letter, now=now)
    if next_try_at is None or _is_permanent(error):
        _fail(letter, text)
    else:
        leases.write(letter, next_try_at=next_try_at, last_error=text)


def _is_permanent(error: OSError) -> bool:
    """The server knows the recipient and says no for good (SMTP 5xx)."""
    return isinstance(error, SMTPRecipientsRefused) and all(
        status >= 500 for status, _text in error.recipients.values()
    )


def _fail(letter: Letter, error: str) -> None:
    leases.write(letter, state=Letter.State.FAILED, last_error=error[:2000])


def send_again(letter: Letter, *, now: datetime) -> None:
    """Puts a failed letter back into the outbox, or sends a sent one once more.

    A second copy of a sent letter gets a Message-ID of its own: its reader asked for it.
    Raises Conflict when the letter is waiting already, or brings codes of which none can be
    used any more (C6).
    """
    with transaction.atomic():
        locked = Letter.objects.select_for_update(of=("self",)).get(pk=letter.pk)
        if locked.state == Letter.State.QUEUED:
            raise Conflict(_("This letter is waiting to be sent already."))
        _refuse_spent_codes(locked)
        values: dict[str, Any] = {"state": Letter.State.QUEUED, "attempts": 0, "next_try_at": now}
        if locked.state == Letter.State.SENT:
            values |= {"sent_at": None, "message_id": _new_message_id()}
        Letter.objects.filter(pk=locked.pk).update(**values)


def _refuse_spent_codes(letter: Letter) -> None:
    pks = letter.context.get("code_ids", [])
    good = _code_rows(pks).filter(is_used=False).exclude(state=ActivationCode.State.VOID)
    if pks and not good.exists():
        raise Conflict(_("None of the codes in this letter can be used any more."))
