"""What staff send twice is done once: a double click, Back, a second tab (Once, P10)."""

import pytest
import time_machine
import zeal
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.urls import reverse

from policies.models import ActivationCode, CodeBatch, Letter, Policy, ReplacementFee
from tests import factories
from tests.admin.conftest import NOON
from tests.pages import form_with, plain, press


def page(name: str, *args) -> str:
    return reverse(f"admin:policies_{name}", args=args)


def said(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


@pytest.fixture
def sale(us):
    """What a clerk types into Sell codes; three such codes are in stock."""
    first, *_more = factories.ActivationCodeFactory.create_batch(3)
    return {
        "plan": first.batch.plan_id,
        "drone_model": first.batch.drone_model_id,
        "region": first.batch.region_id,
        "quantity": "1",
        "name": "Ann Lee",
        "email": "ann@example.com",
        "country": "US",
        "order_reference": "W-1",
    }


def test_a_double_click_sells_once_and_both_answers_are_the_same(sales, sale):
    opened = sales.get(page("activationcode_sell"))
    first = press(sales, opened, "Sell codes", sale)
    second = press(sales, opened, "Sell codes", sale)
    assert (first.status_code, second.status_code) == (302, 302)
    assert second.url == first.url
    assert ActivationCode.objects.in_stock().count() == 2
    assert Letter.objects.filter(name="code_sold").count() == 1
    assert said(second)[-1] == (
        "This form had been sent already, and was acted on once: "
        "1 code sold to Ann Lee; the letter is on its way."
    )


def test_back_a_change_and_the_button_again_does_nothing_and_says_so(sales, sale):
    opened = sales.get(page("activationcode_sell"))
    press(sales, opened, "Sell codes", sale)
    changed = press(sales, opened, "Sell codes", sale | {"quantity": "2"})
    assert ActivationCode.objects.in_stock().count() == 2
    assert said(changed)[-1] == (
        "What you changed before you sent it again was not done. Open the form anew for it."
    )


def test_two_tabs_with_the_same_sale_sell_once(sales, sale):
    with time_machine.travel(NOON) as clock:
        tabs = [sales.get(page("activationcode_sell")) for _tab in range(2)]
        clock.shift(60)
        for tab in tabs:
            press(sales, tab, "Sell codes", sale)
    assert ActivationCode.objects.in_stock().count() == 2


def test_back_that_fetches_the_page_anew_asks_before_it_sells_again(sales, sale):
    """As a browser does it: the key is a new one, and the fields are filled in as before."""
    with time_machine.travel(NOON) as clock:
        press(sales, sales.get(page("activationcode_sell")), "Sell codes", sale)
        clock.shift(120)
        asked = press(sales, sales.get(page("activationcode_sell")), "Sell codes", sale)
        told = plain(asked.content.decode())
        assert "You did exactly this on 10 Mar 2026 16:00 UTC" in told
        assert "“1 code sold to Ann Lee; the letter is on its way.” Nothing has been done" in told
        assert ActivationCode.objects.in_stock().count() == 2
        clock.shift(60)
        for _press in range(2):
            press(sales, asked, "Sell codes")
    assert ActivationCode.objects.in_stock().count() == 1


def test_two_tabs_with_two_sales_make_two(sales, sale):
    tabs = [sales.get(page("activationcode_sell")) for _tab in range(2)]
    press(sales, tabs[0], "Sell codes", sale)
    press(sales, tabs[1], "Sell codes", sale | {"order_reference": "W-2"})
    assert ActivationCode.objects.in_stock().count() == 1


def test_what_was_refused_can_be_corrected_and_sent(sales, sale):
    opened = sales.get(page("activationcode_sell"))
    refused = press(sales, opened, "Sell codes", sale | {"quantity": "4"})
    assert "Only 3 such codes are in stock." in plain(refused.content.decode())
    assert press(sales, refused, "Sell codes", {"quantity": "3"}).status_code == 302
    assert not ActivationCode.objects.in_stock().exists()


def test_a_form_that_is_older_than_a_day_is_shown_again_and_can_be_sent_then(sales, sale):
    with time_machine.travel(NOON) as clock:
        opened = sales.get(page("activationcode_sell"))
        clock.shift(24 * 3600 + 1)
        sales.force_login(User.objects.get(username="sales"))
        late = press(sales, opened, "Sell codes", sale)
        assert "This page was opened more than a day ago." in plain(late.content.decode())
        assert ActivationCode.objects.in_stock().count() == 3
        press(sales, late, "Sell codes")
    assert ActivationCode.objects.in_stock().count() == 2


def test_a_program_without_the_key_gets_each_post_acted_on(sales, sale):
    for _post in range(2):
        assert sales.post(page("activationcode_sell"), sale).status_code == 302
    assert ActivationCode.objects.in_stock().count() == 1


def test_two_clicks_issue_one_batch(sales, sale):
    opened = sales.get(page("codebatch_generate"))
    for _click in range(2):
        press(sales, opened, "Issue a batch of codes", sale | {"count": "5"})
    assert CodeBatch.objects.filter(size=5).count() == 1


def test_a_whole_code_is_not_shown_a_second_time(manager):
    code = factories.ActivationCodeFactory(sold=True)
    opened = manager.get(page("activationcode_reveal", code.pk))
    first = press(manager, opened, "Show the whole code", {"reason": "Ann lost it"})
    assert factories.whole(code) in first.content.decode()
    second = press(manager, opened, "Show the whole code", {"reason": "Ann lost it"})
    assert second.status_code == 302
    assert said(second) == [
        "This form had been sent already, and was acted on once: Whole code shown"
    ]


def test_two_pages_that_change_one_owner_to_two_people_change_it_once(manager, policy):
    tabs = [manager.get(page("policy_change-owner", policy.pk)) for _tab in range(2)]
    zoe = {"name": "Zoe", "email": "zoe@example.com", "country": "US"}
    assert press(manager, tabs[0], "Change the owner", zoe).status_code == 302
    neil = {"name": "Neil", "email": "neil@example.com", "country": "US"}
    stale = press(manager, tabs[1], "Change the owner", neil)
    assert "Zoe holds this policy now" in plain(stale.content.decode())
    assert Policy.objects.get().holder.name == "Zoe"
    assert press(manager, stale, "Change the owner").status_code == 302
    assert Policy.objects.get().holder.name == "Neil"


def test_a_fee_that_is_saved_twice_is_one_row(manager):
    rows = ReplacementFee.objects.count()
    opened = manager.get(page("replacementfee_add"))
    fee = ReplacementFee.objects.first()
    typed = {
        "drone_model": fee.drone_model_id,
        "region": fee.region_id,
        "ordinal": fee.ordinal,
        "amount": "42",
        "valid_from": "2031-01-01",
    }
    answers = [press(manager, opened, "Save", typed) for _click in range(2)]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert ReplacementFee.objects.count() == rows + 1
    assert LogEntry.objects.count() == 1


def test_a_bulk_step_is_asked_by_the_page_and_done_once(claims_desk, house):
    claims = [house.claim_at("in_transit", factories.PolicyFactory()) for _ in range(2)]
    address = reverse("admin:claims_claim_changelist")
    listed = claims_desk.get(address)
    ticked = {"_selected_action": [claim.pk for claim in claims], "action": "receive"}
    asked = press(claims_desk, listed, "Go", ticked)
    assert "“They arrived” for these 2:" in plain(asked.content.decode())
    assert form_with("confirmed", asked.content.decode())["action"] == "receive"
    with zeal.zeal_ignore():  # row by row on purpose: each has a savepoint of its own
        for _click in range(2):
            press(claims_desk, asked, "They arrived")
    done = claims_desk.get(address)
    assert "They arrived: 2 done." in plain(done.content.decode())
    assert [claim.refresh_from_db() or claim.progress for claim in claims] == ["received"] * 2
    assert LogEntry.objects.filter(change_message__contains="They arrived").count() == 2
