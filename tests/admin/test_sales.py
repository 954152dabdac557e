"""Sales of codes on their pages: sold from stock or a batch, looked at, taken back (C6, C7)."""

import csv
import re
from io import StringIO

import pytest
from django.urls import reverse

from policies import codes
from policies.backoffice.cells import page_of
from policies.models import ActivationCode, CodeBatch, DroneModel, Letter, Plan, Sale, SaleEvent
from policies.sales import sell_from_batch
from tests import factories
from tests.admin.conftest import NOON
from tests.pages import form_with, plain

BUYER = {"name": "Ann Lee", "email": "ann@example.com", "country": "US", "order_reference": "W-1"}


@pytest.fixture
def goods(us):
    return {
        "plan": Plan.objects.get(code="care-1y"),
        "drone_model": DroneModel.objects.get(slug="mavic-2-pro"),
        "region": us,
    }


@pytest.fixture
def batch(goods, clerk) -> CodeBatch:
    return codes.generate(**goods, count=12, actor=clerk, now=NOON)


@pytest.fixture
def sale(batch, clerk) -> Sale:
    """Four codes: one redeemed since, one void, two open."""
    ann = factories.CustomerFactory(name="Ann Lee", email="ann@example.com")
    sale = sell_from_batch(batch, quantity=4, to=ann, order_reference="W-1", actor=clerk, now=NOON)
    redeemed, void, *_open = factories.codes_of(sale)
    factories.PeriodFactory(code=redeemed)
    ActivationCode.objects.filter(pk=void.pk).update(state="void", void_reason="Stolen")
    return sale


def send(browser, address: str, field: str, values: dict, *, follow: bool = False):
    """Fills in the form that stands on the page, and sends it."""
    form = form_with(field, browser.get(address).text)
    return browser.post(address, form | values, follow=follow)


def address(name: str, *args) -> str:
    return reverse(f"admin:policies_{name}", args=args)


def test_after_selling_one_stands_on_the_page_of_the_sale(sales, goods, batch):
    wanted = {name: row.pk for name, row in goods.items()} | {"quantity": 3}
    answer = send(sales, address("activationcode_sell"), "quantity", BUYER | wanted)
    [sale] = Sale.objects.all()
    assert answer["Location"] == page_of(sale)
    shown = sales.get(answer["Location"])
    words = plain(shown.text)
    assert "3 codes sold to Ann Lee; the letter is on its way." in words
    assert "3: 3 sold, 0 redeemed, 0 void" in words
    for code in sale.codes.all():
        assert page_of(code) in shown.text
    assert page_of(Letter.objects.get()) in shown.text


def test_one_code_sold_from_its_page_is_a_sale_too(sales, batch):
    code = batch.codes.first()
    answer = send(sales, address("activationcode_sell", code.pk), "email", BUYER)
    assert answer["Location"] == page_of(Sale.objects.get())
    assert page_of(Sale.objects.get()) in sales.get(page_of(code)).text


def test_a_batch_leads_to_its_codes_and_sells_its_own(sales, goods, batch, clerk):
    other = codes.generate(**goods, count=1, actor=clerk, now=NOON)
    shown = sales.get(page_of(batch)).text
    [listing] = re.findall(r'href="(/admin/policies/activationcode/\?batch=\d+)"', shown)
    listed = sales.get(listing)
    assert listed.context["cl"].result_count == 12
    assert f"Batch: {batch}" in plain(listed.text)
    assert "In stock 12" in plain(sales.get(address("codebatch_sell", batch.pk)).text)
    send(sales, address("codebatch_sell", batch.pk), "quantity", BUYER | {"quantity": 2})
    [sale] = Sale.objects.all()
    assert {code.batch_id for code in sale.codes.all()} == {batch.pk}
    assert factories.codes_of(sale) == list(batch.codes.order_by("id")[:2])
    assert page_of(sale) in sales.get(listing).text
    form = send(sales, address("codebatch_sell", other.pk), "quantity", BUYER | {"quantity": 2})
    assert form.context["form"].non_field_errors() == ["Only 1 such code is in stock."]


def test_the_page_of_a_sale_shows_how_each_code_really_stands(auditor, sale):
    words = plain(auditor.get(page_of(sale)).text)
    redeemed, void, *still = factories.codes_of(sale)
    assert f"…{redeemed.last_four} Redeemed 1-Year Mavic 2 Pro –" in words
    assert f"…{void.last_four} Void 1-Year Mavic 2 Pro Stolen" in words
    for code in still:
        assert f"…{code.last_four} Sold 1-Year Mavic 2 Pro –" in words
    assert "4: 2 sold, 1 redeemed, 1 void" in words


def test_the_file_for_the_shop_holds_no_whole_code(auditor, sale):
    shown = auditor.get(page_of(sale)).text
    [file] = re.findall(r'href="([^"]+codes\.csv)"', shown)
    answer = auditor.get(file)
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(StringIO(text)))
    assert [row["Code"] for row in rows] == [code.last_four for code in factories.codes_of(sale)]
    assert [row["State"] for row in rows] == ["Redeemed", "Void", "Sold", "Sold"]
    assert {(row["Plan"], row["Model"], row["Region"], row["Order reference"]) for row in rows} == {
        ("1-Year", "Mavic 2 Pro", "United States", "W-1")
    }
    for code in factories.codes_of(sale):
        assert factories.whole(code) not in text
    history = auditor.get(reverse("admin:policies_sale_history", args=[sale.pk])).text
    assert "Exported as CSV" in plain(history)


def test_who_may_not_see_sales_gets_no_file(employ, sale):
    nobody = employ("Sales")
    nobody.get("/admin/").wsgi_request.user.groups.clear()
    assert nobody.get(reverse("admin:sale_file", args=[sale.pk])).status_code == 403


def test_some_codes_are_taken_back_from_the_page_of_the_sale(sales, sale):
    _redeemed, _void, first, second = factories.codes_of(sale)
    page = address("sale_take-back", sale.pk)
    asked = plain(sales.get(page).text)
    assert f"…{first.last_four}, 1-Year, Mavic 2 Pro" in asked
    assert _redeemed.last_four not in asked
    nothing = send(sales, page, "reason", {"reason": "Wrong person"})
    assert nothing.context["form"].non_field_errors() == [
        "Please choose the codes to be taken back."
    ]
    told = send(sales, page, "reason", {"reason": "Wrong person", "codes": [first.pk]}, follow=True)
    words = plain(told.text)
    assert "1 code taken back." in words
    assert "4: 1 sold, 1 redeemed, 2 void" in words
    assert f"Codes taken back …{first.last_four} sales 127.0.0.1 Wrong person" in words
    assert Letter.objects.filter(name="code_voided", sale=sale).count() == 1
    send(sales, page, "reason", {"reason": "All of it", "everything": "on"})
    second.refresh_from_db()
    assert (second.state, second.void_reason) == ("void", "All of it")
    assert page not in sales.get(page_of(sale)).text


def test_a_code_that_was_redeemed_meanwhile_is_named_at_its_field(sales, sale):
    *_others, code = factories.codes_of(sale)
    page = address("sale_take-back", sale.pk)
    form = form_with("reason", sales.get(page).text)
    factories.PeriodFactory(code=code)
    answer = sales.post(page, form | {"reason": "Wrong person", "codes": [code.pk]})
    assert answer.context["form"].errors == {"codes": ["One of these can no longer be taken back."]}
    assert not SaleEvent.objects.exists()


def test_the_page_says_what_a_void_batch_costs_and_makes_it_void(manager, sales, sale, batch):
    page = address("codebatch_void", batch.pk)
    assert sales.get(page).status_code == 403
    words = plain(manager.get(page).text)
    for fact in (
        "In stock 8",
        "Sold, not redeemed 2",
        "Redeemed, stay as they are 1",
        "Void already 1",
    ):
        assert fact in words
    told = send(manager, page, "reason", {"reason": "Wrong region"}, follow=True)
    assert "10 codes are void now." in plain(told.text)
    assert batch.codes.filter(state="void").count() == 11
    history = manager.get(reverse("admin:policies_codebatch_history", args=[batch.pk])).text
    assert "10 codes are void now. Wrong region" in plain(history)
    again = send(manager, page, "reason", {"reason": "Wrong region"})
    assert again.context["form"].non_field_errors() == [
        "No code of this batch can be made void any more."
    ]


def test_a_customers_page_shows_fifty_codes_as_they_stand_and_the_way_to_the_rest(
    sales, goods, clerk
):
    ann = factories.CustomerFactory(name="Ann Lee", email="ann@example.com")
    batch = codes.generate(**goods, count=60, actor=clerk, now=NOON)
    facts = {"to": ann, "order_reference": "W-9", "actor": clerk, "now": NOON}
    sale = sell_from_batch(batch, quantity=60, **facts)
    newest = factories.codes_of(sale)[-1]
    factories.PeriodFactory(code=newest)
    shown = sales.get(page_of(ann)).text
    assert f"…{newest.last_four} Redeemed 1-Year Mavic 2 Pro W-9" in plain(shown)
    assert len(set(re.findall(r"activationcode/(\d+)/change", shown))) == 50
    [rest] = re.findall(r'href="(/admin/policies/activationcode/\?buyer=\d+)"', shown)
    assert sales.get(rest).context["cl"].result_count == 60
    assert page_of(sale) in shown


@pytest.mark.parametrize("value", ["x", "0", "-1", "٣", "9" * 40, "1'", ""])
def test_a_list_of_what_belongs_to_nothing_known_is_the_whole_list(sales, batch, value):
    shown = sales.get(address("activationcode_changelist"), {"sale": value})
    assert shown.status_code in {200, 302}


def test_sales_are_found_by_reference_and_buyer(auditor, sale):
    for term in ("W-1", "ann@example.com", "ANN@example.com"):
        listed = auditor.get(address("sale_changelist"), {"q": term})
        assert list(listed.context["cl"].result_list) == [sale], term
    assert "Ann Lee" in auditor.get(address("sale_changelist")).text


# --- before a sale that looks wrong (B7, R1) --------------------------------------


@pytest.fixture
def asked(goods):
    return {name: row.pk for name, row in goods.items()} | BUYER | {"quantity": 1}


WRONG_REGION = "Germany is not in the region United States, which the codes are for."
NOTHING_TO_RENEW = "Ann Lee holds no 1-Year plan for a Mavic 2 Pro that could be renewed."


def test_what_is_in_stock_stands_beside_the_question(sales, goods, batch, clerk):
    mini = DroneModel.objects.get(slug="mini-2")
    codes.generate(**goods | {"drone_model": mini}, count=3, actor=clerk, now=NOON)
    codes.generate(**goods, count=5, actor=clerk, now=NOON)
    words = plain(sales.get(address("activationcode_sell")).text)
    assert "In stock Plan Model Region Codes" in words
    assert "1-Year Mavic 2 Pro United States 17" in words
    assert "Mini 2 United States 3" in words


def test_codes_of_another_region_are_sold_when_that_is_confirmed(sales, batch, asked):
    page = address("activationcode_sell")
    assert "Sell all the same" not in sales.get(page).text
    doubtful = send(sales, page, "quantity", asked | {"country": "DE"})
    words = plain(doubtful.text)
    assert "The buyer may have no use for this." in words
    assert WRONG_REGION in words
    assert NOTHING_TO_RENEW not in words
    assert not Sale.objects.exists()
    assert not Letter.objects.exists()
    again = form_with("quantity", doubtful.text)
    assert (again["country"], again["quantity"], again["name"]) == ("DE", "1", "Ann Lee")
    assert "confirmed" not in again
    assert sales.post(page, again).status_code == 200
    [box] = re.findall(r'<input type="checkbox" name="confirmed" value="(\w+)"', doubtful.text)
    assert sales.post(page, again | {"confirmed": [box]}).status_code == 302
    assert Sale.objects.get().buyer.country == "DE"


def test_each_warning_is_confirmed_for_itself(sales, batch, asked, goods, clerk):
    renewing = Plan.objects.get(code="refresh-plus")
    codes.generate(**goods | {"plan": renewing}, count=1, actor=clerk, now=NOON)
    page = address("activationcode_sell")
    asked |= {"plan": renewing.pk, "country": "DE"}
    doubtful = send(sales, page, "quantity", asked)
    words = plain(doubtful.text)
    assert WRONG_REGION in words
    assert NOTHING_TO_RENEW in words
    boxes = re.findall(r'<input type="checkbox" name="confirmed" value="(\w+)"', doubtful.text)
    half = send(sales, page, "quantity", asked | {"confirmed": boxes[:1]})
    assert re.findall(r'value="(\w+)"[^>]* checked', half.text) == boxes[:1]
    assert not Sale.objects.exists()
    done = sales.post(page, form_with("quantity", half.text) | {"confirmed": boxes})
    assert done.status_code == 302


def test_a_renewal_is_sold_without_a_word_to_who_holds_what_it_renews(
    sales, goods, asked, clerk, policy
):
    renewing = Plan.objects.get(code="refresh-plus")
    batch = codes.generate(**goods | {"plan": renewing}, count=2, actor=clerk, now=NOON)
    code = batch.codes.first()
    page = address("activationcode_sell", code.pk)
    strange = send(sales, page, "email", BUYER | {"email": "ben@example.com"})
    assert NOTHING_TO_RENEW in plain(strange.text)
    assert send(sales, page, "email", BUYER).status_code == 302
    policy.cancelled_at, policy.status, policy.cancel_reason = NOON, "cancelled", "Returned"
    policy.save()
    late = send(sales, address("codebatch_sell", batch.pk), "quantity", BUYER | {"quantity": 1})
    assert NOTHING_TO_RENEW in plain(late.text)


def test_with_nothing_in_stock_nothing_is_to_be_confirmed(sales, asked):
    answer = send(sales, address("activationcode_sell"), "quantity", asked | {"country": "DE"})
    assert answer.context["form"].non_field_errors() == ["No such code is in stock."]
    assert WRONG_REGION not in plain(answer.text)
