"""A code is money: what the database holds of it, and which keys open it (C4)."""

import base64
import json
from uuid import UUID

import pytest
from django.core import mail
from django.db import connection, transaction

from policies import binding, codes, outbox, sales, sealing, voiding
from policies.models import ActivationCode, Letter
from policies.shared.errors import CodeRefused
from tests import factories

CODE = "ABCD2345EFGH678Z"
OLD, CURRENT, NEXT = (
    name.ljust(32, b".") for name in (b"the old key", b"the current key", b"next")
)


@pytest.fixture(autouse=True)
def two_keys(settings):
    settings.CODE_KEYS = {"current": CURRENT, "old": OLD}


# --- sealing and opening -----------------------------------------------------


def test_a_sealed_code_opens_again():
    sealed = sealing.seal(CODE)
    assert sealed.key_id == "current"
    assert sealing.unseal(*sealed) == CODE


def test_a_sealed_code_opens_from_a_memoryview_as_from_bytes():
    digest, sealed, key_id = sealing.seal(CODE)
    assert sealing.unseal(digest, memoryview(sealed), key_id) == CODE


def test_the_same_code_has_one_digest_and_never_the_same_seal():
    first, second = sealing.seal(CODE), sealing.seal(CODE)
    assert first.digest == second.digest
    assert first.sealed != second.sealed


def test_digest_and_seal_depend_on_the_key(settings):
    before = sealing.seal(CODE)
    settings.CODE_KEYS = {"current": NEXT}
    assert sealing.seal(CODE).digest != before.digest
    with pytest.raises(sealing.SealBroken):
        sealing.unseal(*before)


def test_a_seal_shows_nothing_of_the_code():
    digest, sealed, _key_id = sealing.seal(CODE)
    assert CODE.encode() not in sealed
    assert len(sealed) == 12 + 16 + 16  # nonce, the code, the tag
    assert digest != UUID(bytes=CODE.encode())


@pytest.mark.parametrize("place", [0, 11, 12, 27, 28, 43])
def test_one_flipped_bit_breaks_the_seal(place):
    digest, sealed, key_id = sealing.seal(CODE)
    tampered = bytearray(sealed)
    tampered[place] ^= 1
    with pytest.raises(sealing.SealBroken):
        sealing.unseal(digest, bytes(tampered), key_id)


@pytest.mark.parametrize("length", [0, 5, 12, 20, 43])
def test_a_shortened_seal_is_broken(length):
    digest, sealed, key_id = sealing.seal(CODE)
    with pytest.raises(sealing.SealBroken):
        sealing.unseal(digest, sealed[:length], key_id)


def test_a_seal_moved_to_another_row_does_not_open():
    mine, other = sealing.seal(CODE), sealing.seal("2222222222222222")
    with pytest.raises(sealing.SealBroken):
        sealing.unseal(mine.digest, other.sealed, other.key_id)


def test_a_key_that_is_not_in_the_setting_is_named():
    digest, sealed, _key_id = sealing.seal(CODE)
    with pytest.raises(sealing.SealBroken, match="'lost'"):
        sealing.unseal(digest, sealed, "lost")


def test_the_label_of_another_key_does_not_open_it():
    digest, sealed, _key_id = sealing.seal(CODE)
    with pytest.raises(sealing.SealBroken):
        sealing.unseal(digest, sealed, "old")


def test_the_digests_to_look_for_begin_with_the_current_key(settings):
    both = sealing.digests(CODE)
    assert len(set(both)) == 2
    assert both[0] == sealing.seal(CODE).digest
    settings.CODE_KEYS = {"old": OLD}
    assert both[1] == sealing.seal(CODE).digest


# --- rotation ----------------------------------------------------------------


@pytest.fixture
def five_old_codes(db, settings):
    settings.CODE_KEYS = {"old": OLD}
    made = factories.ActivationCodeFactory.create_batch(5, sold=True)
    texts = [factories.whole(code) for code in made]
    settings.CODE_KEYS = {"current": CURRENT, "old": OLD}
    return texts


def key_ids() -> list[str]:
    return list(ActivationCode.objects.order_by("id").values_list("key_id", flat=True))


def redeemable(text: str) -> bool:
    try:
        with transaction.atomic():
            return codes.find_redeemable(text) is not None
    except CodeRefused:
        return False


def test_a_new_key_in_front_still_finds_and_opens_older_codes(five_old_codes):
    assert key_ids() == ["old"] * 5
    assert all(redeemable(text) for text in five_old_codes)
    assert [factories.whole(c) for c in ActivationCode.objects.order_by("id")] == five_old_codes


def test_rotation_seals_everything_anew_so_that_the_old_key_can_go(five_old_codes, settings):
    assert list(codes.rotate(block=2)) == [2, 2, 1]
    assert key_ids() == ["current"] * 5
    settings.CODE_KEYS = {"current": CURRENT}
    assert all(redeemable(text) for text in five_old_codes)
    assert [factories.whole(c) for c in ActivationCode.objects.order_by("id")] == five_old_codes


def test_without_rotation_the_old_key_cannot_go(five_old_codes, settings):
    settings.CODE_KEYS = {"current": CURRENT}
    assert not any(redeemable(text) for text in five_old_codes)


def test_rotation_that_was_stopped_goes_on_where_it_stopped(five_old_codes):
    rounds = codes.rotate(block=2)
    assert next(rounds) == 2
    rounds.close()
    assert key_ids() == ["current", "current", "old", "old", "old"]
    assert all(redeemable(text) for text in five_old_codes)

    assert list(codes.rotate(block=2)) == [2, 1]
    assert key_ids() == ["current"] * 5


def test_rotating_again_changes_nothing(five_old_codes):
    list(codes.rotate())
    before = list(ActivationCode.objects.order_by("id").values("digest", "sealed", "key_id"))
    assert list(codes.rotate()) == []
    after = list(ActivationCode.objects.order_by("id").values("digest", "sealed", "key_id"))
    assert [{**row, "sealed": bytes(row["sealed"])} for row in after] == [
        {**row, "sealed": bytes(row["sealed"])} for row in before
    ]


# --- a stolen database redeems nothing ---------------------------------------


def everything_in_the_database() -> str:
    """Every column of every table, as text, and what is binary also as hexadecimal and base64."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            for row in cursor.fetchall():
                for value in row:
                    found.extend(in_all_writings(value))
    return "\n".join(found)


def in_all_writings(value) -> list[str]:
    if isinstance(value, memoryview | bytes):
        raw = bytes(value)
        return [raw.decode("latin-1"), raw.hex(), base64.b64encode(raw).decode()]
    if isinstance(value, dict | list):
        return [json.dumps(value, ensure_ascii=False)]
    return [str(value)]


def writings_of(code: str) -> set[str]:
    """A code, and each half of it, in the forms in which it might lie around."""
    plain = code.replace("-", "")
    forms = {code, code.replace("-", " "), plain, plain[:8], plain[4:12], plain[:12], plain[8:]}
    forms |= {code[:9], code[5:14], code[10:], plain[::-1]}
    encoded = {plain.encode().hex(), code.encode().hex()}
    encoded |= {base64.b64encode(text.encode()).decode().rstrip("=") for text in (plain, code)}
    return {text.lower() for text in forms | encoded}


def test_the_database_holds_no_whole_code_anywhere(
    care_1y, mavic_2_pro, us, ann, desk, visitor, now, settings
):
    made: list[str] = []
    shelf = {"plan": care_1y, "drone_model": mavic_2_pro, "region": us, "actor": desk, "now": now}
    codes.generate(**shelf, count=6, keep=made.append)
    sale = sales.sell_from_stock(**shelf, quantity=3, to=ann, order_reference="SO-1001")
    sold = factories.codes_of(sale)
    by_hand = codes.find(made[3])
    sales.sell(by_hand, to=ann, order_reference="SO-1002", actor=desk, now=now)
    voiding.void(codes.find(made[4]), reason="Printed twice", actor=desk, now=now)
    shown = codes.reveal(sold[1], reason="The letter was lost", actor=desk, now=now)
    application = binding.Application(
        serial="0AXCE1K0030100",
        name="Ann Lee",
        email="ann@example.com",
        country="US",
        drone_model=mavic_2_pro,
    )
    binding.bind_by_code(made[0], application, actor=visitor, now=now)
    assert outbox.send_due(clock=lambda: now) == (3, 0)
    assert shown in mail.outbox[0].body  # whole in the buyer's mailbox, and nowhere else
    settings.CODE_KEYS = {"next": NEXT, "current": CURRENT}
    list(codes.rotate(block=4))

    stolen = everything_in_the_database().lower()

    for control in ("ann@example.com", "so-1001", "0axce1k0030100", "printed twice", "code_sold"):
        assert control in stolen  # the search looks where things are
    for code in made:
        assert code[-4:].lower() in stolen
        for writing in writings_of("-".join(code[i : i + 4] for i in range(0, 16, 4))):
            assert writing not in stolen


def test_the_search_above_finds_a_code_that_leaks(sold_code):
    whole = factories.whole(sold_code)
    for leak in (whole, whole.lower(), whole.replace("-", ""), whole[:9]):
        letter = factories.LetterFactory(context={"oops": leak})
        stolen = everything_in_the_database().lower()
        assert any(writing in stolen for writing in writings_of(whole))
        Letter.objects.filter(pk=letter.pk).delete()
    stolen = everything_in_the_database().lower()
    assert not any(writing in stolen for writing in writings_of(whole))
    ActivationCode.objects.filter(pk=sold_code.pk).update(
        sealed=whole.replace("-", "").encode().ljust(44)
    )
    stolen = everything_in_the_database().lower()
    assert any(writing in stolen for writing in writings_of(whole))
