"""The outbox: a letter is written with its cause, sent by a worker, and never lost."""

import smtplib
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from typing import ClassVar

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.locmem import EmailBackend as Mailbox
from django.core.mail.backends.smtp import EmailBackend as SmtpBackend
from django.db import transaction
from django.utils import translation

from policies import links, outbox, sales
from policies.models import Letter
from policies.reporting import counts
from policies.shared.errors import Conflict
from tests import factories

pytestmark = pytest.mark.django_db

# --- mail servers ------------------------------------------------------------


class Unreachable(BaseEmailBackend):
    """Like the SMTP backend when nobody listens: even opening the connection fails."""

    def open(self):
        raise ConnectionRefusedError(111, "Connection refused")

    def send_messages(self, messages):
        self.open()


class KnowsNobody(BaseEmailBackend):
    def send_messages(self, messages):
        (message,) = messages
        refusals = dict.fromkeys(message.to, (550, b"no such user"))
        raise smtplib.SMTPRecipientsRefused(refusals)


class MailboxFull(BaseEmailBackend):
    def send_messages(self, messages):
        (message,) = messages
        raise smtplib.SMTPRecipientsRefused({message.to[0]: (452, b"mailbox is full")})


class DislikesBen(Mailbox):
    def send_messages(self, messages):
        if any("ben@example.com" in message.to for message in messages):
            raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")
        return super().send_messages(messages)


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


class TakesTheWorkerDown(BaseEmailBackend):
    def send_messages(self, messages):
        raise Killed


class DropsTheLine(Mailbox):
    """Hangs up after the first letter of every connection."""

    line = None

    def open(self):
        self.line = self.line or "fresh"

    def close(self):
        self.line = None

    def send_messages(self, messages):
        if self.line != "fresh":
            raise smtplib.SMTPServerDisconnected("please run connect() first")
        self.line = "dropped"
        return super().send_messages(messages)


class CountsConnections(Mailbox):
    opened = 0
    line = None

    def open(self):
        if self.line is None:
            CountsConnections.opened += 1
            self.line = "open"

    def close(self):
        self.line = None


class TakesEnvelopes(SmtpBackend):
    """Django's own backend, with a server that takes every letter."""

    envelopes: ClassVar[list[tuple[str, list[str], bytes]]] = []

    def open(self):
        self.connection = self
        return False

    def close(self):
        self.connection = None

    def sendmail(self, sender, recipients, data):
        self.envelopes.append((sender, recipients, data))


def through(settings, backend: type) -> None:
    settings.EMAIL_BACKEND = f"{backend.__module__}.{backend.__name__}"


@pytest.fixture
def send(now):
    """A worker's round, some time after `now`; how many were sent and how many went wrong."""

    def send_due(after: timedelta = timedelta(0), **options) -> tuple[int, int]:
        return outbox.send_due(clock=lambda: now + after, **options)

    return send_due


@pytest.fixture
def letter():
    return factories.LetterFactory()


# --- queueing ----------------------------------------------------------------


def write(now, **changed) -> None:
    facts = {"to": "ann@example.com", "context": {"name": "Ann"}, "dedupe_key": "k/1", "now": now}
    outbox.queue("link_requested", **(facts | changed))


def test_a_letter_is_written_into_the_outbox(now, ann):
    policy = factories.PolicyFactory(holder=ann)
    write(now, policy=policy, reference="CLM-ABCD2345")
    letter = Letter.objects.get()
    assert (letter.name, letter.recipient, letter.context) == (
        "link_requested", "ann@example.com", {"name": "Ann"})  # fmt: skip
    assert (letter.policy, letter.reference) == (policy, "CLM-ABCD2345")
    assert (letter.state, letter.attempts, letter.language) == ("queued", 0, "en")
    assert (letter.created_at, letter.next_try_at, letter.sent_at) == (now, now, None)
    assert letter.message_id.endswith("@skyline.example>")
    assert mail.outbox == []  # written, not sent


def test_what_is_rolled_back_leaves_no_letter(now):
    with transaction.atomic():
        write(now)
        assert Letter.objects.count() == 1
        transaction.set_rollback(True)
    assert Letter.objects.count() == 0


def test_a_sale_that_fails_leaves_no_letter(ann, desk, now):
    code = factories.ActivationCodeFactory()
    with transaction.atomic():
        sales.sell(code, to=ann, order_reference="SO-1", actor=desk, now=now)
        assert Letter.objects.count() == 1
        transaction.set_rollback(True)
    assert Letter.objects.count() == 0


def test_one_fact_is_one_letter(now):
    write(now)
    write(now, to="ben@example.com", context={"name": "Ben"})
    assert Letter.objects.get().recipient == "ann@example.com"
    write(now, dedupe_key="k/2")
    assert Letter.objects.count() == 2


def test_a_duplicate_does_not_spoil_the_transaction_it_is_in(now, ann):
    write(now)
    with transaction.atomic():
        write(now)
        ann.phone = "+1 555 0100"
        ann.save()
    ann.refresh_from_db()
    assert ann.phone == "+1 555 0100"


def test_every_letter_has_a_message_id_of_its_own(now):
    for number in range(20):
        write(now, dedupe_key=f"k/{number}")
    assert len(set(Letter.objects.values_list("message_id", flat=True))) == 20


# --- sending -----------------------------------------------------------------


def test_a_letter_is_sent_once_under_its_message_id(letter, send, now):
    assert send() == (1, 0)
    assert send() == (0, 0)
    assert send(after=timedelta(days=9)) == (0, 0)

    (sent,) = mail.outbox
    assert sent.to == ["ann@example.com"]
    assert sent.from_email == "care@skyline.example"
    assert sent.message()["Message-ID"] == letter.message_id
    assert sent.message()["Auto-Submitted"] == "auto-generated"
    assert sent.message().get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in sent.message().get_payload()] == [
        "text/plain", "text/html"]  # fmt: skip
    letter.refresh_from_db()
    assert (letter.state, letter.sent_at, letter.attempts) == ("sent", now, 1)
    assert letter.last_error == ""


@pytest.mark.parametrize(
    ("recipient", "sent"),
    [
        ("ada@faß.de", "ada@xn--fa-hia.de"),
        ("ada@例え.jp", "ada@xn--r8jz45g.jp"),
        ("ada@example.com", "ada@example.com"),
    ],
)
def test_envelope_and_header_name_the_domain_as_idna_2008_says(send, settings, recipient, sent):
    """Django would send the first to fass.de, somebody else's."""
    through(settings, TakesEnvelopes)
    TakesEnvelopes.envelopes.clear()
    factories.LetterFactory(recipient=recipient)
    assert send() == (1, 0)
    [(_sender, recipients, data)] = TakesEnvelopes.envelopes
    assert recipients == [sent]
    assert message_from_bytes(data)["To"] == sent
    assert Letter.objects.get().recipient == recipient


def test_text_and_html_carry_the_link(letter, send):
    send()
    (sent,) = mail.outbox
    link = f"http://testserver/policy/{links.in_letter(letter.context['link'], whole=True)}/"
    assert link in sent.body
    assert link in sent.alternatives[0].content
    assert "\n" not in sent.subject


def test_nothing_is_sent_before_it_is_due(send, now):
    factories.LetterFactory(next_try_at=now + timedelta(seconds=1))
    assert send() == (0, 0)
    assert send(after=timedelta(seconds=1)) == (1, 0)


def test_many_letters_go_out_in_batches_oldest_first(send, now):
    for number in range(5):
        factories.LetterFactory(
            recipient=f"c{number}@example.com", next_try_at=now - timedelta(minutes=5 - number)
        )
    assert send(batch=2) == (5, 0)
    assert [sent.to for sent in mail.outbox] == [[f"c{number}@example.com"] for number in range(5)]


# --- what goes wrong ---------------------------------------------------------


def test_a_letter_that_cannot_be_sent_is_tried_again_after_growing_pauses(
    letter, send, settings, now
):
    through(settings, Unreachable)
    at = timedelta(0)
    for attempt, pause in enumerate(
        [
            timedelta(minutes=1),
            timedelta(minutes=5),
            timedelta(minutes=30),
            timedelta(hours=2),
            timedelta(hours=6),
            timedelta(hours=24),
        ],
        start=1,
    ):
        assert send(after=at) == (0, 1)
        letter.refresh_from_db()
        assert (letter.state, letter.attempts) == ("queued", attempt)
        assert letter.next_try_at == now + at + pause
        assert letter.last_error == "ConnectionRefusedError: [Errno 111] Connection refused"
        assert send(after=at + pause - timedelta(seconds=1)) == (0, 0)
        at += pause

    assert send(after=at) == (0, 1)  # the seventh try is the last
    letter.refresh_from_db()
    assert (letter.state, letter.attempts, letter.sent_at) == ("failed", 7, None)
    assert "Connection refused" in letter.last_error
    assert send(after=timedelta(days=900)) == (0, 0)


def test_a_mail_server_that_is_back_gets_the_letter(letter, send, settings):
    through(settings, Unreachable)
    send()
    through(settings, Mailbox)
    assert send(after=timedelta(minutes=1)) == (1, 0)
    letter.refresh_from_db()
    assert (letter.state, letter.attempts, letter.last_error) == ("sent", 2, "")
    assert mail.outbox[0].message()["Message-ID"] == letter.message_id


def test_a_mail_server_where_nobody_listens_stops_no_worker(letter, send, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert send() == (0, 1)
    letter.refresh_from_db()
    assert (letter.state, letter.attempts) == ("queued", 1)
    assert "Connection refused" in letter.last_error


def test_a_connection_that_broke_is_opened_anew(send, settings):
    factories.LetterFactory.create_batch(3)
    through(settings, DropsTheLine)
    assert send() == (2, 1)
    assert send(after=timedelta(minutes=1)) == (1, 0)
    assert len(mail.outbox) == 3


def test_many_letters_share_one_connection(send, settings):
    factories.LetterFactory.create_batch(7)
    through(settings, CountsConnections)
    CountsConnections.opened = 0
    assert send(batch=3) == (7, 0)
    assert CountsConnections.opened == 1


def test_no_connection_is_opened_for_nothing(send, settings):
    through(settings, CountsConnections)
    CountsConnections.opened = 0
    assert send() == (0, 0)
    assert CountsConnections.opened == 0


def test_an_address_that_does_not_exist_is_not_tried_again(letter, send, settings):
    through(settings, KnowsNobody)
    assert send() == (0, 1)
    letter.refresh_from_db()
    assert (letter.state, letter.attempts) == ("failed", 1)
    assert "no such user" in letter.last_error


def test_a_full_mailbox_is_tried_again(letter, send, settings):
    through(settings, MailboxFull)
    assert send() == (0, 1)
    letter.refresh_from_db()
    assert (letter.state, letter.attempts) == ("queued", 1)


def test_one_bad_letter_does_not_hold_up_the_others(send, settings):
    through(settings, DislikesBen)
    for name in ("ann", "ben", "cem"):
        factories.LetterFactory(recipient=f"{name}@example.com")
    assert send() == (2, 1)
    assert [sent.to[0] for sent in mail.outbox] == ["ann@example.com", "cem@example.com"]


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"name": "no_such_letter"}, "TemplateDoesNotExist"),
        ({"recipient": "ann@☕.example"}, "BadDomain"),
        ({"recipient": "ann@example.com\nBcc: all@example.com"}, "BadHeaderError"),
        ({"context": {"time_zone": "America/Atlantis"}}, "ZoneInfoNotFoundError"),
        ({"context": {"link": "none"}}, "ValueError"),
        ({"name": "code_sold", "context": {"code_ids": [987_654_321]}}, "KeyError"),
    ],
)
def test_a_letter_that_can_never_be_sent_fails_at_once_and_stays_visible(send, changed, error):
    broken = factories.LetterFactory(**changed)
    factories.LetterFactory()
    assert send() == (1, 1)
    broken.refresh_from_db()
    assert (broken.state, broken.attempts) == ("failed", 1)
    assert error in broken.last_error
    assert list(Letter.objects.failed()) == [broken]


def test_a_letter_whose_code_does_not_open_fails_and_says_so(send, sold_code, settings):
    letter = factories.LetterFactory(name="code_sold", context={"code_ids": [sold_code.pk]})
    settings.CODE_KEYS = {"other": b"x" * 32}
    assert send() == (0, 1)
    letter.refresh_from_db()
    assert letter.state == "failed"
    assert letter.last_error == "SealBroken: Key 't2' is not in CODE_KEYS."


# --- workers that die --------------------------------------------------------


def test_the_letter_of_a_killed_worker_falls_due_again_after_five_minutes(letter, send, settings):
    through(settings, TakesTheWorkerDown)
    with pytest.raises(Killed):
        send()
    through(settings, Mailbox)
    assert send(after=timedelta(minutes=4, seconds=59)) == (0, 0)
    assert send(after=timedelta(minutes=5)) == (1, 0)
    letter.refresh_from_db()
    assert (letter.state, letter.attempts) == ("sent", 2)


def test_the_others_of_a_killed_workers_batch_fall_due_again_too(send, settings):
    factories.LetterFactory.create_batch(3)
    through(settings, TakesTheWorkerDown)
    with pytest.raises(Killed):
        send()
    through(settings, Mailbox)
    assert send(after=timedelta(minutes=5)) == (3, 0)


def test_a_letter_that_takes_every_worker_down_is_put_aside(letter, send, settings):
    through(settings, TakesTheWorkerDown)
    for attempt in range(7):
        with pytest.raises(Killed):
            send(after=attempt * timedelta(minutes=5))
    assert send(after=timedelta(minutes=35)) == (0, 1)
    letter.refresh_from_db()
    assert letter.state == "failed"
    assert letter.last_error == "The worker stopped in the middle of every try."


def test_a_worker_that_overran_its_lease_does_not_undo_the_next_ones_work(letter, now):
    [slow] = outbox._claim(now, 50)
    after = now + timedelta(minutes=6)
    assert outbox.send_due(clock=lambda: after) == (1, 0)
    outbox._try_again(slow, TimeoutError("timed out"), now=after)
    letter.refresh_from_db()
    assert (letter.state, letter.sent_at, letter.last_error) == ("sent", after, "")


# --- sending again -----------------------------------------------------------


def test_a_failed_letter_is_sent_again_under_the_same_message_id(letter, send, settings, now):
    through(settings, KnowsNobody)
    send()
    through(settings, Mailbox)
    outbox.send_again(letter, now=now)
    before = letter.message_id
    letter.refresh_from_db()
    assert (letter.state, letter.attempts, letter.next_try_at) == ("queued", 0, now)
    assert send() == (1, 0)
    assert mail.outbox[0].message()["Message-ID"] == before


def test_a_sent_letter_is_sent_once_more_under_a_new_message_id(letter, send, now):
    send()
    letter.refresh_from_db()
    outbox.send_again(letter, now=now)
    assert send() == (1, 0)
    first, second = (sent.message()["Message-ID"] for sent in mail.outbox)
    assert first == letter.message_id
    assert second != first
    letter.refresh_from_db()
    assert letter.message_id == second


def test_a_waiting_letter_is_not_sent_again(letter, now):
    with pytest.raises(Conflict):
        outbox.send_again(letter, now=now)
    letter.refresh_from_db()
    assert letter.state == "queued"


def test_a_letter_sent_again_has_all_its_tries(letter, send, settings, now):
    through(settings, Unreachable)
    Letter.objects.update(state="failed", attempts=7)
    outbox.send_again(letter, now=now)
    assert send() == (0, 1)
    letter.refresh_from_db()
    assert (letter.state, letter.next_try_at) == ("queued", now + timedelta(minutes=1))


# --- whole codes (C4) --------------------------------------------------------


def test_the_mail_shows_the_whole_code_and_the_preview_only_its_end(ann, desk, now, send):
    code = factories.ActivationCodeFactory()
    sales.sell(code, to=ann, order_reference="SO-1001", actor=desk, now=now)
    whole = factories.whole(code)
    preview = outbox.render(Letter.objects.get())

    for text in (preview.subject, preview.text, preview.html):
        assert whole not in text
        assert whole.replace("-", "") not in text
    assert f"••••-••••-••••-{whole[-4:]}" in preview.text
    assert f"••••-••••-••••-{whole[-4:]}" in preview.html

    assert send() == (1, 0)
    (sent,) = mail.outbox
    assert whole in sent.body
    assert whole in sent.alternatives[0].content
    assert whole[-4:] not in sent.subject


def test_the_codes_of_one_sale_stand_in_the_letter_in_their_order(ann, desk, now, send):
    made = factories.ActivationCodeFactory.create_batch(3)
    first = made[0].batch
    sale = sales.sell_from_stock(
        plan=first.plan, drone_model=first.drone_model, region=first.region, quantity=3,
        to=ann, order_reference="SO-1001", actor=desk, now=now)  # fmt: skip
    send()
    (sent,) = mail.outbox
    places = [sent.body.index(factories.whole(code)) for code in factories.codes_of(sale)]
    assert places == sorted(places)


# --- language and clock ------------------------------------------------------


@pytest.mark.parametrize("language", ["de", "ja", "pt-br", "zh-hans", "ar", "xx"])
def test_a_letter_goes_out_in_whatever_language_it_was_asked_for(now, send, language, ann):
    link = factories.LinkFactory()
    with translation.override(language):
        write(now, context=factories.LetterFactory.build().context | {"link": link.pk})
    assert Letter.objects.get().language == language
    assert send() == (1, 0)
    assert f"/policy/{links.in_letter(link.pk, whole=True)}/" in mail.outbox[0].body
    assert translation.get_language() == "en"


def test_instants_are_told_on_the_clocks_of_the_region():
    facts = factories.LetterFactory.build().context | {"ends_at": "2027-01-05T03:30:00+00:00"}
    text = outbox.render(factories.LetterFactory(context=facts)).text
    assert "4 January 2027" in text
    assert "22:30" in text
    facts["time_zone"] = "Asia/Tokyo"
    text = outbox.render(factories.LetterFactory(context=facts)).text
    assert "5 January 2027" in text
    assert "12:30" in text


def test_markup_in_a_name_stays_text():
    facts = factories.LetterFactory.build().context | {"name": "<script>Ann</script> & Co"}
    rendered = outbox.render(factories.LetterFactory(context=facts))
    assert "<script>Ann</script> & Co" in rendered.text
    assert "<script>" not in rendered.html
    assert "&lt;script&gt;Ann&lt;/script&gt; &amp; Co" in rendered.html


def test_the_oldest_letter_that_is_due_is_known(now):
    assert counts.oldest_due_letter(now=now) is None
    factories.LetterFactory(next_try_at=datetime(2026, 3, 10, 14, 0, tzinfo=UTC))
    factories.LetterFactory(next_try_at=datetime(2026, 3, 9, 14, 0, tzinfo=UTC), state="failed")
    factories.LetterFactory(next_try_at=now + timedelta(hours=1))
    assert counts.oldest_due_letter(now=now) == datetime(2026, 3, 10, 14, 0, tzinfo=UTC)
