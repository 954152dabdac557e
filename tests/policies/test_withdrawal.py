"""What is withdrawn is left out of everything new, and stays for what exists (P10)."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from policies import (
    binding,
    codes,
    cover,
    drones,
    expiry,
    orders,
    renewal,
    sales,
    transfer,
    verification,
)
from policies.models import ActivationCode, CodeBatch, Drone, Letter, Order
from policies.reporting import figures
from policies.shared.actor import Actor
from policies.shared.errors import Conflict
from tests import factories

HOUSE = Actor.command("test")
PLAN = "The plan 1-Year is withdrawn: it is not sold any more."
MODEL = "The model Mavic 2 Pro is withdrawn: nothing new is taken in for it."
SERIES = "The series of the model Mavic 2 Pro is withdrawn, and the model with it."
REGION = "The region United States is withdrawn: nothing new is sold there."
SAID = {"plan": PLAN, "drone_model": MODEL, "series": SERIES, "region": REGION}


@pytest.fixture
def goods(care_1y, mavic_2_pro, us):
    return {"plan": care_1y, "drone_model": mavic_2_pro, "region": us}


def withdraw(*rows):
    for row in rows:
        row.is_withdrawn = True
        row.save(update_fields=["is_withdrawn"])


@pytest.fixture(params=["plan", "drone_model", "series", "region"])
def withdrawn(request, goods) -> str:
    """One of the four after the other is withdrawn; the sentence that says so."""
    series = goods["drone_model"].series
    withdraw(series if request.param == "series" else goods[request.param])
    return SAID[request.param]


def application(mavic, **changed) -> binding.Application:
    facts = {"serial": "0AXCNEW0001", "name": "Ann Lee", "email": "ann@example.com"}
    return binding.Application(**facts | {"country": "US", "drone_model": mavic} | changed)


def purchase(goods, **changed) -> orders.Purchase:
    facts = {
        "reference": "W-1",
        "serial": "0AXCSHOP0001",
        "drone_model": goods["drone_model"],
        "plan": goods["plan"],
        "name": "Ann Lee",
        "email": "ann@example.com",
        "country": "US",
    }
    return orders.Purchase(**facts | changed)


def test_p10_no_new_codes_come_into_stock(goods, withdrawn, now):
    with pytest.raises(Conflict) as refused:
        codes.generate(**goods, count=3, actor=HOUSE, now=now)
    assert str(refused.value.message) == withdrawn
    assert not CodeBatch.objects.exists()


def test_p10_codes_in_stock_are_not_sold_any_more_and_again_when_taken_back(
    goods, withdrawn, ann, now
):
    batch = factories.CodeBatchFactory(**goods, size=2)
    one, _other = factories.ActivationCodeFactory.create_batch(2, batch=batch)
    sale = {"to": ann, "order_reference": "SO-1", "actor": HOUSE, "now": now}
    for sell in (
        lambda: sales.sell(one, **sale),
        lambda: sales.sell_from_stock(**goods, quantity=1, **sale),
    ):
        with pytest.raises(Conflict) as refused:
            sell()
        assert str(refused.value.message) == withdrawn
    goods["drone_model"].series.is_withdrawn = False
    for row in (*goods.values(), goods["drone_model"].series):
        row.is_withdrawn = False
        row.save(update_fields=["is_withdrawn"])
    sales.sell(ActivationCode.objects.get(pk=one.pk), **sale)
    assert sales.sell_from_stock(**goods, quantity=1, **sale).codes.count() == 1


def test_p10_a_code_that_was_sold_is_redeemed_as_ever(goods, withdrawn, now):
    code = factories.ActivationCodeFactory(batch__plan=goods["plan"], sold=True)
    policy = binding.bind_by_code(
        factories.whole(code), application(goods["drone_model"]), actor=HOUSE, now=now
    )
    assert policy.is_in_force(at=now)
    assert policy.plan == goods["plan"]


def test_p10_no_order_is_entered_and_the_objection_names_its_field(goods, withdrawn, now):
    with pytest.raises(orders.NotPlaced) as refused:
        orders.place(purchase(goods), actor=HOUSE, now=now)
    assert str(refused.value.message) == withdrawn
    about = {PLAN: "plan", MODEL: "drone_model", SERIES: "drone_model", REGION: "country"}
    assert refused.value.about == about[withdrawn]
    assert not Drone.objects.filter(serial="0AXCSHOP0001").exists()


def test_p10_an_order_that_was_entered_is_shipped_and_begins(goods, now):
    order = orders.place(purchase(goods), actor=HOUSE, now=now)
    withdraw(*goods.values())
    policy = orders.ship(Order.objects.get(pk=order.pk), shipped_at=now, actor=HOUSE, now=now)
    assert policy.starts_at == now + timedelta(hours=48)


def test_p10_no_drone_of_a_withdrawn_model_is_put_on_file(goods, now):
    withdraw(goods["drone_model"])
    with pytest.raises(Conflict) as refused:
        drones.register(
            serial="0AXCNEW0001", drone_model=goods["drone_model"], activated_at=None, now=now
        )
    assert str(refused.value.message) == MODEL


def test_p10_a_policy_of_something_withdrawn_goes_on(goods, ann, now):
    policy = factories.PolicyFactory(holder=ann)
    withdraw(*goods.values(), goods["drone_model"].series)
    covered = cover.cover_on(policy.drone.serial, at=now)
    assert covered is not None
    assert cover.serves(policy.region, "US")
    assert cover.fee(goods["drone_model"], goods["region"], ordinal=1, at=now) is not None
    moved = transfer.change_owner(
        policy, name="Ben Ng", email="ben@example.com", country="US", actor=HOUSE, now=now
    )
    assert moved.holder.name == "Ben Ng"


def test_p10_a_withdrawn_renewal_is_not_offered_and_a_sold_code_for_it_renews(
    refresh_plus, ann, now
):
    policy = factories.PolicyFactory(holder=ann)
    code = factories.ActivationCodeFactory(batch__plan=refresh_plus, sold=True)
    factories.ActivationCodeFactory(batch__plan=refresh_plus)
    assert renewal.offer(policy, at=now) == refresh_plus
    withdraw(refresh_plus)
    assert renewal.offer(policy, at=now) is None
    rows = type(policy).objects.filter(pk=policy.pk)
    assert not renewal.with_renewable(rows, at=now).get().renewable
    with pytest.raises(Conflict) as refused:
        renewal.sell_and_renew(
            policy, plan=refresh_plus, order_reference="SO-1", actor=HOUSE, now=now
        )
    assert str(refused.value.message) == "The plan Refresh + is withdrawn: it is not sold any more."
    binding.bind_by_code(
        factories.whole(code),
        application(None, serial=policy.drone.serial),
        actor=HOUSE,
        now=now,
    )
    policy.refresh_from_db()
    assert policy.ends_at == datetime(2028, 1, 5, 9, 0, tzinfo=UTC)


def test_p10_a_reminder_offers_no_withdrawn_renewal(refresh_plus, now):
    factories.PolicyFactory(ends_at=now + timedelta(days=20))
    withdraw(refresh_plus)
    assert expiry.remind(now=now, chunk=10) == 1
    assert Letter.objects.get(name="renewal_reminder").context["offer"] == ""


def test_p10_a_policy_of_a_withdrawn_model_and_region_is_renewed_from_stock(
    goods, refresh_plus, ann, now
):
    policy = factories.PolicyFactory(holder=ann)
    factories.ActivationCodeFactory(batch__plan=refresh_plus)
    withdraw(goods["drone_model"], goods["region"], goods["plan"])
    renewal.sell_and_renew(policy, plan=refresh_plus, order_reference="SO-1", actor=HOUSE, now=now)
    policy.refresh_from_db()
    assert policy.ends_at == datetime(2028, 1, 5, 9, 0, tzinfo=UTC)


def film(mavic, **changed) -> verification.Film:
    facts = {"serial": "0AXCNEW0001", "drone_model": mavic, "name": "Ann Lee", "country": "US"}
    return verification.Film(**facts | {"email": "ann@example.com", "video_id": "x"} | changed)


@pytest.mark.parametrize("what", ["drone_model", "region"])
def test_p10_a_film_is_taken_while_a_code_that_was_sold_may_need_it(goods, what, now):
    withdraw(goods[what])
    with pytest.raises(Conflict):
        verification.submit(film(goods["drone_model"]), now=now)
    factories.ActivationCodeFactory(sold=True)
    assert verification.submit(film(goods["drone_model"]), now=now).serial == "0AXCNEW0001"


def test_p10_low_stock_of_something_withdrawn_is_nobodys_work(goods, now):
    batch = factories.CodeBatchFactory(**goods)
    factories.ActivationCodeFactory(batch=batch, sold=True, sale__sold_at=now - timedelta(days=1))
    assert len(figures.of_policies(now=now)["low_stock"]) == 1
    withdraw(goods["drone_model"].series)
    assert figures.of_policies(now=now)["low_stock"] == []


# --- files and commands --------------------------------------------------------------------------


def run(tmp_path, command: str, text: str, *options: str) -> str:
    path = tmp_path / "file.csv"
    path.write_text(text, encoding="utf-8")
    out = StringIO()
    try:
        call_command(command, str(path), *options, stdout=out)
    except CommandError as error:
        return f"{out.getvalue()}error: {error}"
    return out.getvalue()


ORDER_HEAD = "reference,serial,model,plan,name,email,country,shipped_at\n"
ORDER = "W-1,0AXCSHOP0001,mavic-2-pro,care-1y,Ann Lee,ann@example.com,US,{shipped}\n"


def test_p10_a_file_enters_no_new_order(tmp_path, goods, withdrawn):
    answer = run(tmp_path, "import_orders", ORDER_HEAD + ORDER.format(shipped=""))
    assert f"line 2: {withdrawn}" in answer
    assert not Order.objects.exists()


def test_p10_a_file_ships_an_order_that_was_entered_before(tmp_path, goods):
    run(tmp_path, "import_orders", ORDER_HEAD + ORDER.format(shipped=""))
    withdraw(*goods.values())
    answer = run(tmp_path, "import_orders", ORDER_HEAD + ORDER.format(shipped="2099-01-01T10:00"))
    assert "more than a year ahead" in answer
    shipped = f"{datetime.now(tz=UTC) + timedelta(hours=1):%Y-%m-%dT%H:%MZ}"
    answer = run(tmp_path, "import_orders", ORDER_HEAD + ORDER.format(shipped=shipped))
    assert "0 entered, 1 shipped" in answer


def test_p10_an_unknown_plan_is_answered_with_those_on_offer(tmp_path, care_1y):
    withdraw(care_1y)
    row = ORDER.format(shipped="").replace("care-1y", "care-9y")
    assert "Known are: care-2y." in run(tmp_path, "import_orders", ORDER_HEAD + row)


@pytest.mark.parametrize("command", ["generate_codes", "import_codes"])
def test_p10_the_commands_make_no_codes_of_what_is_withdrawn(tmp_path, withdrawn, command):
    out = tmp_path / "codes.csv"
    names = ["--plan", "care-1y", "--model", "mavic-2-pro", "--region", "US"]
    rest = [str(out)] if command == "import_codes" else ["--count", "2", "--out", str(out)]
    with pytest.raises(CommandError) as refused:
        call_command(command, *rest, *names)
    assert str(refused.value) == withdrawn
    assert not out.exists()
