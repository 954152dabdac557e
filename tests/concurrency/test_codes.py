"""Two at once: one code, one serial, one stock, one person (C5, B4, C2)."""

from collections import Counter
from datetime import timedelta

import pytest

from policies import binding, codes, customers, sales, voiding
from policies.models import (
    ActivationCode,
    CodeEvent,
    Customer,
    Drone,
    Letter,
    Period,
    Policy,
    Throttle,
)
from policies.shared import visitors
from policies.shared.actor import Actor
from policies.shared.errors import CodeRefused, Conflict, Refused
from tests import factories
from tests.concurrency.conftest import outcomes, race

ROUNDS = 200
FEWER_ROUNDS = 30


@pytest.fixture
def sold(shelf, ann):
    """Makes sold codes: pairs of row and text."""

    def make(count: int) -> list[tuple[ActivationCode, str]]:
        codes.generate(**shelf, count=count)
        sale = sales.sell_from_stock(**shelf, quantity=count, to=ann, order_reference="SO-1")
        return [(row, factories.whole(row)) for row in factories.codes_of(sale)]

    return make


@pytest.fixture
def bind(shelf, visitor, now):
    """Gives a function that binds, to be run in a thread."""

    def asked(text: str, serial: str, name: str = "Ann Lee", email: str = "ann@example.com"):
        application = binding.Application(
            serial=serial,
            name=name,
            email=email,
            country="US",
            drone_model=shelf["drone_model"],
        )
        return lambda: binding.bind_by_code(text, application, actor=visitor, now=now)

    return asked


def test_two_people_with_one_code_get_one_policy_and_one_refusal(sold, bind):
    for number, (_row, text) in enumerate(sold(ROUNDS)):
        results = race(
            bind(text, f"SERIALA{number:05d}"),
            bind(text, f"SERIALB{number:05d}", "Ben Ortiz", "ben@example.com"),
        )
        assert outcomes(results) == ["CodeRefused", "Policy"], results
    assert Policy.objects.count() == ROUNDS
    assert Period.objects.values("code").distinct().count() == ROUNDS
    assert Drone.objects.count() == ROUNDS  # the loser's new drone was forgotten
    assert CodeEvent.objects.filter(kind="redeemed").count() == ROUNDS
    assert Letter.objects.filter(name="policy_bound").count() == ROUNDS


def test_the_same_form_sent_twice_makes_one_policy(sold, bind):
    for number, (_row, text) in enumerate(sold(FEWER_ROUNDS)):
        submit = bind(text, f"SERIAL{number:05d}")
        results = race(submit, submit)
        assert outcomes(results) == ["CodeRefused", "Policy"], results
    assert Policy.objects.count() == FEWER_ROUNDS


def test_two_codes_for_one_new_serial_make_one_policy(sold, bind):
    pairs = sold(2 * FEWER_ROUNDS)
    for number in range(FEWER_ROUNDS):
        (_a, first), (_b, second) = pairs[2 * number : 2 * number + 2]
        serial = f"SERIAL{number:05d}"
        results = race(bind(first, serial), bind(second, serial, "Ben Ortiz", "ben@example.com"))
        assert outcomes(results) == ["Policy", "Refused"], results
        (no,) = (result for result in results if isinstance(result, Refused))
        assert [reason.code for reason in no.verdict.objections] == ["has_policy"]
    assert Policy.objects.count() == FEWER_ROUNDS
    assert ActivationCode.objects.redeemable().count() == FEWER_ROUNDS  # the losers' are good still


def test_two_codes_for_one_known_serial_make_one_policy(sold, bind):
    pairs = sold(2 * FEWER_ROUNDS)
    for number in range(FEWER_ROUNDS):
        (_a, first), (_b, second) = pairs[2 * number : 2 * number + 2]
        drone = factories.DroneFactory(serial=f"SERIAL{number:05d}")
        results = race(bind(first, drone.serial), bind(second, drone.serial))
        assert outcomes(results) == ["Policy", "Refused"], results


def test_two_desks_with_one_code_make_one_policy(sold, shelf, now):
    for number, (row, _text) in enumerate(sold(FEWER_ROUNDS)):

        def at_desk(serial: str, row=row):
            application = binding.Application(
                serial=serial, name="Ann Lee", email="ann@example.com", country="US",
                drone_model=shelf["drone_model"])  # fmt: skip
            desk = Actor.command("desk")
            return lambda: binding.bind_at_desk(row, application, actor=desk, now=now)

        results = race(at_desk(f"SERIALA{number:05d}"), at_desk(f"SERIALB{number:05d}"))
        assert outcomes(results) == ["Conflict", "Policy"], results
    assert Policy.objects.count() == FEWER_ROUNDS


def test_a_code_is_either_redeemed_or_made_void(sold, bind, now):
    for number, (row, text) in enumerate(sold(FEWER_ROUNDS)):

        def make_void(row=row):
            return voiding.void(row, reason="Refund", actor=Actor.command("desk"), now=now)

        redeemed, voided = race(bind(text, f"SERIAL{number:05d}"), make_void)
        if isinstance(redeemed, Policy):
            assert isinstance(voided, Conflict), voided
        else:
            assert isinstance(redeemed, CodeRefused), redeemed
            assert voided is None
        row.refresh_from_db()
        assert (row.state == "sold") is isinstance(redeemed, Policy)


def test_a_code_is_redeemed_or_goes_with_its_batch(sold, bind, now):
    """Redeeming leaves the row of the code as it is: it is asked again under the lock (C6)."""
    desk = Actor.command("desk")
    for number in range(FEWER_ROUNDS):
        [(row, text), *_others] = sold(3)
        batch = row.batch

        def make_void(batch=batch):
            return voiding.void_batch(batch, reason="Wrong region", actor=desk, now=now)

        redeemed, voided = race(bind(text, f"SERIAL{number:05d}"), make_void)
        won = isinstance(redeemed, Policy)
        assert won or isinstance(redeemed, CodeRefused), redeemed
        assert voided == (2 if won else 3)
        assert batch.codes.filter(state="void").count() == voided
        row.refresh_from_db()
        assert (row.state == "sold") is won


def test_what_is_sold_while_its_batch_is_made_void_is_void_and_its_buyer_told(shelf, ann, now):
    desk = Actor.command("desk")
    for number in range(FEWER_ROUNDS):
        batch = codes.generate(**shelf, count=4)
        facts = {"to": ann, "order_reference": f"SO-{number}", "actor": desk, "now": now}

        def sell(batch=batch, facts=facts):
            return sales.sell_from_batch(batch, quantity=2, **facts)

        def make_void(batch=batch):
            return voiding.void_batch(batch, reason="Wrong region", actor=desk, now=now)

        sale, voided = race(sell, make_void)
        assert voided == 4
        assert batch.codes.filter(state="void").count() == 4
        if isinstance(sale, Conflict):
            continue
        assert list(sale.letters.order_by("id").values_list("name", flat=True)) == [
            "code_sold",
            "code_voided",
        ]
        assert len(sale.letters.get(name="code_voided").context["codes"]) == 2


def test_codes_that_are_taken_back_at_two_desks_are_taken_back_once(sold, now):
    desk = Actor.command("desk")
    for _round in range(FEWER_ROUNDS):
        [(row, _text), *_others] = sold(2)
        sale = row.sale

        def take_back(sale=sale):
            chosen = list(sale.codes.all())
            return voiding.take_back(sale, chosen, reason="Returned", actor=desk, now=now)

        assert outcomes(race(take_back, take_back)) == ["Conflict", "NoneType"]
        assert sale.events.count() == sale.letters.filter(name="code_voided").count() == 1


def test_codes_stay_redeemable_while_the_keys_are_rotated(sold, bind, settings):
    pairs = sold(FEWER_ROUNDS)
    settings.CODE_KEYS = {"t3": b"another key of thirty-two bytes!", **settings.CODE_KEYS}
    serials = iter(f"SERIAL{number:05d}" for number in range(FEWER_ROUNDS))

    def bind_all():
        return [bind(text, next(serials))() for _row, text in pairs]

    policies, rotated = race(bind_all, lambda: sum(codes.rotate(block=3)))
    assert [type(policy) for policy in policies] == [Policy] * FEWER_ROUNDS
    assert rotated == FEWER_ROUNDS
    assert set(ActivationCode.objects.values_list("key_id", flat=True)) == {"t3"}


def test_two_desks_never_sell_one_code_twice(shelf):
    ann, ben = factories.CustomerFactory(name="Ann"), factories.CustomerFactory(name="Ben")
    for number in range(FEWER_ROUNDS):
        codes.generate(**shelf, count=5)

        def sell(to, number=number):
            return lambda: sales.sell_from_stock(
                **shelf, quantity=3, to=to, order_reference=f"SO-{number}"
            )

        results = race(sell(ann), sell(ben))
        # Five in stock, three wanted by each: whichever comes second finds two.
        assert outcomes(results) == ["Conflict", "Sale"], results
        in_stock = ActivationCode.objects.in_stock()
        assert in_stock.count() == 2
        for code in in_stock:
            voiding.void(code, reason="End of the round", actor=shelf["actor"], now=shelf["now"])
    events = Counter(CodeEvent.objects.filter(kind="sold").values_list("code_id", flat=True))
    assert set(events.values()) == {1}
    assert len(events) == 3 * FEWER_ROUNDS
    assert Letter.objects.filter(name="code_sold").count() == FEWER_ROUNDS


def test_two_desks_that_find_enough_are_both_served(shelf):
    ann, ben = factories.CustomerFactory(name="Ann"), factories.CustomerFactory(name="Ben")
    for number in range(FEWER_ROUNDS):
        codes.generate(**shelf, count=4)

        def sell(to, number=number):
            return lambda: sales.sell_from_stock(
                **shelf, quantity=2, to=to, order_reference=f"SO-{number}"
            )

        first, second = race(sell(ann), sell(ben))
        assert first.codes.count() == second.codes.count() == 2
    assert ActivationCode.objects.in_stock().count() == 0


def test_one_code_is_not_sold_at_two_desks(shelf, now):
    ann, ben = factories.CustomerFactory(name="Ann"), factories.CustomerFactory(name="Ben")
    for number in range(FEWER_ROUNDS):
        code = factories.ActivationCodeFactory()

        def sell(to, code=code, number=number):
            desk = Actor.command("desk")
            return lambda: sales.sell(
                code, to=to, order_reference=f"SO-{number}", actor=desk, now=now
            )

        assert outcomes(race(sell(ann), sell(ben))) == ["Conflict", "Sale"]
    assert CodeEvent.objects.filter(kind="sold").count() == FEWER_ROUNDS


def test_one_person_met_twice_at_the_same_moment_is_one_customer(committed_db, now):
    for number in range(FEWER_ROUNDS):
        first, second = race(
            *(
                lambda name=name, number=number: customers.known(
                    name=name, email=f"ann{number}@example.com", country="US", now=now
                )
                for name in ("Ann Lee", "ANN LEE")
            )
        )
        assert first == second
    assert Customer.objects.count() == FEWER_ROUNDS


def test_of_many_attempts_at_once_exactly_the_limit_is_let_through(committed_db, now):
    def try_ten_times() -> int:
        return sum(
            visitors.allow("activate", "198.51.100.7", limit=25, per=timedelta(hours=1), now=now)
            for _ in range(10)
        )

    assert sum(race(*[try_ten_times] * 8)) == 25
    assert Throttle.objects.get().count == 80
