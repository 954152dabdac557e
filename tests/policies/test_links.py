"""The bearer links of customers: made, found, rotated, and how long they work (K12, T2, T4)."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection

from policies import links, outbox, sealing, status, transfer
from policies.models import Letter, Link, Policy, PolicyEvent
from tests import factories

# When the fixture's plan ends; the warranty of its drone ends later where it says so.
END = datetime(2027, 1, 5, 9, 0, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def policy(db) -> Policy:
    """Ann's plan, from 5 January 2026 on; her drone's warranty ends before the plan."""
    drone = factories.DroneFactory(activated_at=datetime(2026, 1, 3, 20, 0, tzinfo=UTC))
    holder = factories.CustomerFactory(name="Ann Lee", email="ann@example.com")
    return factories.PolicyFactory(drone=drone, holder=holder, link=None)


def opens(token: str, at: datetime) -> Policy | None:
    return links.policy_behind(token, Policy.objects.all(), at=at)


# --- made and found ----------------------------------------------------------


def test_a_policy_has_one_link_of_256_bits(policy, now):
    token = links.token_of(policy, now=now)
    assert len(token) == 43
    assert links.token_of(policy, now=now) == token
    assert opens(token, now) == policy
    assert Link.objects.count() == 1


def test_each_claim_has_a_link_of_its_own(policy, now):
    mine = links.token_of(policy, now=now)
    of_claim = links.token_of(policy, reference="CLM-ABCD2345", now=now)
    assert mine != of_claim
    assert links.tokens_of_claims(policy) == {"CLM-ABCD2345": of_claim}
    found = links.find(of_claim)
    assert (found.policy, found.reference) == (policy, "CLM-ABCD2345")
    assert opens(of_claim, now) is None


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "é", "A" * 100_000])
def test_what_is_no_link_opens_nothing(policy, now, token):
    links.of(policy, now=now)
    assert links.find(token) is None
    assert opens(token, now) is None


def test_the_row_does_not_hold_what_opens_the_page(policy, now):
    token = links.token_of(policy, now=now)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM policies_link")
        [row] = cursor.fetchall()
    assert token.encode() not in b"".join(
        bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
        for value in row
    )


def test_a_seal_of_a_link_opens_as_no_code(policy, now):
    link = links.of(policy, now=now)
    with pytest.raises(sealing.SealBroken):
        sealing.unseal(link.digest, link.sealed, link.key_id)


# --- until when --------------------------------------------------------------


def ends(policy: Policy, at: datetime) -> None:
    """The link works until that instant, to the microsecond."""
    token = links.token_of(policy, now=factories.LONG_AGO)
    policy = Policy.objects.get(pk=policy.pk)
    assert opens(token, at - MOMENT) == policy
    assert opens(token, at) is None
    assert opens(token, at + MOMENT) is None


def test_k12_a_policys_link_works_until_90_days_after_its_term(policy):
    ends(policy, END + timedelta(days=90))


def test_k12_or_after_the_warranty_where_that_ends_later(policy):
    activated_at = datetime(2026, 2, 10, 15, 0, tzinfo=UTC)
    type(policy.drone).objects.update(activated_at=activated_at)
    ends(policy, datetime(2027, 2, 10, 15, 0, tzinfo=UTC) + timedelta(days=90))


def test_k12_a_cancelled_policy_has_its_warranty_still(policy):
    Policy.objects.update(
        status="cancelled", cancelled_at=datetime(2026, 2, 1, tzinfo=UTC), cancel_reason="Sold"
    )
    # The 12 months of warranty run from the activation.
    ends(policy, datetime(2027, 1, 3, 20, 0, tzinfo=UTC) + timedelta(days=90))


def test_k12_a_renewal_prolongs_it_without_more_ado(policy):
    token = links.token_of(policy, now=factories.LONG_AGO)
    late = END + timedelta(days=300)
    assert opens(token, late) is None
    Policy.objects.update(ends_at=END + timedelta(days=365))
    assert opens(token, late) == policy


def test_the_days_are_a_setting(policy, settings):
    settings.LINK_DAYS = 7
    ends(policy, END + timedelta(days=7))


def test_k12_who_asks_when_it_is_too_late_reads_how_it_stands_and_gets_no_link(policy, visitor):
    late = END + timedelta(days=90)
    status.send_link(serial=policy.drone.serial, email="ann@example.com", actor=visitor, now=late)
    letter = outbox.render(Letter.objects.get(), whole=True)
    assert "The drone is not covered." in letter.text
    for body in (letter.text, letter.html):
        assert "/policy/" not in body
        assert "/cover/" not in body


# --- rotated -----------------------------------------------------------------


def test_a_link_that_was_rotated_never_works_again(policy, now):
    old = links.token_of(policy, now=now)
    links.rotate(policy, now=now)
    new = links.token_of(policy, now=now)
    assert new != old
    assert (opens(old, now), opens(new, now)) == (None, policy)
    assert list(Link.objects.order_by("id").values_list("revoked_at", flat=True)) == [now, None]


def test_all_links_of_a_policy_are_rotated_or_that_of_one_claim(policy, now):
    both = ["", "CLM-ABCD2345"]
    first = [links.token_of(policy, reference=one, now=now) for one in both]
    links.rotate(policy, reference="CLM-ABCD2345", now=now)
    second = [links.token_of(policy, reference=one, now=now) for one in both]
    assert (second[0] == first[0], second[1] == first[1]) == (True, False)
    links.rotate(policy, now=now)
    third = [links.token_of(policy, reference=one, now=now) for one in both]
    assert not set(third) & set(second)


def test_the_letters_of_the_same_person_bring_the_new_link(policy, now, visitor):
    status.send_link(serial=policy.drone.serial, email="ann@example.com", actor=visitor, now=now)
    links.rotate(policy, now=now)
    letter = outbox.render(Letter.objects.get(), whole=True)
    assert f"/policy/{links.token_of(policy, now=now)}/" in letter.text


def test_t2_every_old_link_stops_working_and_letters_to_the_former_owner_have_none(
    policy, now, desk, visitor
):
    old = [links.token_of(policy, reference=one, now=now) for one in ("", "CLM-ABCD2345")]
    status.send_link(serial=policy.drone.serial, email="ann@example.com", actor=visitor, now=now)
    moved = transfer.change_owner(
        policy, name="Zoë", email="zoe@example.com", country="US", actor=desk, now=now
    )
    assert [links.find(token) for token in old] == [None, None]
    former = outbox.render(Letter.objects.get(name="link_requested"), whole=True)
    assert "/policy/" not in former.text + former.html
    mine = outbox.render(Letter.objects.get(name="owner_changed_new"), whole=True)
    assert f"/policy/{links.token_of(moved, now=now)}/" in mine.text


def test_a_letter_whose_link_was_revoked_says_where_to_get_another(policy, now, desk):
    factories.LetterFactory(name="policy_expired", context={"link": 0, "ends_at": now.isoformat()})
    letter = outbox.render(Letter.objects.get(), whole=True)
    for body in (letter.text, letter.html):
        assert "http://testserver/cover/" in body
        assert "/policy/" not in body


# --- staff revoke it ---------------------------------------------------------


def test_k12_staff_revoke_a_link_with_a_reason(policy, now, desk):
    old = links.token_of(policy, now=now)
    status.replace_link(policy, reason="Sent to a stranger", mail=False, actor=desk, now=now)
    assert links.find(old) is None
    event = PolicyEvent.objects.get(policy=policy)
    assert (event.kind, event.note, event.actor, event.at) == (
        "link_revoked", "Sent to a stranger", desk.name, now)  # fmt: skip
    assert not Letter.objects.exists()


def test_k12_a_new_link_is_mailed_to_the_holder(policy, now, desk):
    status.replace_link(policy, reason="Lost phone", mail=True, actor=desk, now=now)
    letter = Letter.objects.get()
    assert (letter.name, letter.recipient) == ("link_requested", "ann@example.com")
    rendered = outbox.render(letter, whole=True)
    for body in (rendered.text, rendered.html):
        assert f"http://testserver/policy/{links.token_of(policy, now=now)}/" in body
        assert "which no longer works" in body
        assert "somebody else" not in body
        assert "Lost phone" not in body


# --- what others read --------------------------------------------------------


def test_k13_a_preview_shows_no_link_that_works(policy, now, visitor):
    status.send_link(serial=policy.drone.serial, email="ann@example.com", actor=visitor, now=now)
    token = links.token_of(policy, now=now)
    preview = outbox.render(Letter.objects.get())
    for body in (preview.text, preview.html):
        assert token not in body
        assert "http://testserver/policy/shown-to-the-customer-only/" in body
    assert links.find(links.MASK) is None


# --- keys --------------------------------------------------------------------


def test_a_new_key_seals_the_links_and_the_old_one_can_go(policy, now, settings, capsys):
    token = links.token_of(policy, now=now)
    revoked = links.token_of(policy, reference="CLM-ABCD2345", now=now)
    links.rotate(policy, reference="CLM-ABCD2345", now=now)
    settings.CODE_KEYS = {"next": b"n" * 32, **settings.CODE_KEYS}
    assert opens(token, now) == policy
    call_command("rotate_code_keys")
    assert capsys.readouterr().out == (
        "rotate_code_keys: 0 codes and 3 links sealed again with key next.\n"
    )
    settings.CODE_KEYS = {"next": b"n" * 32}
    assert opens(token, now) == policy
    assert links.token_of(policy, now=now) == token
    assert links.find(revoked) is None


def test_links_are_sealed_again_in_blocks(db, settings):
    factories.LinkFactory.create_batch(5)
    settings.CODE_KEYS = {"next": b"n" * 32, **settings.CODE_KEYS}
    assert list(links.reseal(block=2)) == [2, 2, 1]
    assert list(links.reseal()) == []
