"""The claims desk: buttons for what is legal now, one screen, bulk steps (K2, K7-K10)."""

import re
from datetime import timedelta

import pytest
import time_machine
import zeal
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.urls import reverse

from claims import moves
from claims.admin.operations import OPERATIONS, MoveOperation
from claims.models import Claim, ClaimEvent, FeePayment
from claims.parcels import labels
from tests import factories, pages
from tests.claims.conftest import fresh
from tests.pages import form_with, token

# What the desk is offered where a care claim stands; the order is that of the buttons.
BUTTONS = {
    "submitted": ["accept", "overrule", "decline", "cancel", "correct-address"],
    "label_sent": ["pick-up", "receive", "record-payment", "cancel", "correct-address"],
    "in_transit": ["receive", "record-payment", "correct-address", "undo"],
    "received": ["assess", "record-payment", "miss-parts", "correct-address", "undo"],
    "parts_missing": ["receive", "record-payment", "send-back", "correct-address", "undo"],
    "assessed": ["ask-fee", "pay", "overrule", "send-back", "correct-address", "undo"],
    "awaiting_fee": ["pay", "send-back", "correct-address", "undo"],
    "preparing": ["ship", "record-payment", "reverse-payment", "correct-address", "undo"],
    "shipped": ["complete", "record-payment", "reverse-payment"],
    "completed": ["record-payment", "reverse-payment", "undo"],
    "returning": ["hand-back", "record-payment", "undo"],
    "returned": ["record-payment"],
    "declined": [],
    "cancelled": ["receive", "record-payment", "send-back"],
    "lapsed": ["receive", "record-payment", "send-back"],
}


def page(slug: str, *args) -> str:
    return reverse(f"admin:claims_claim_{slug}", args=args)


def offered(client, claim: Claim) -> list[str]:
    """What can be done to the claim; its link can be revoked wherever it stands."""
    response = client.get(page("change", claim.pk))
    assert response.status_code == 200
    urls = [button.url for button in response.context["buttons"] if button.kind != "report"]
    slugs = [url.rstrip("/").split("/")[-1] for url in urls]
    return [slug for slug in slugs if slug != "revoke-link"]


@pytest.mark.parametrize("state", BUTTONS)
def test_the_desk_is_offered_what_is_legal_now(state, claims_desk, house, policy):
    assert offered(claims_desk, house.claim_at(state, policy)) == BUTTONS[state]


MADE_BY_STAFF = [
    (before, after)
    for before, afters in moves.MOVES.items()
    for after in afters
    if after not in {"label_sent", "lapsed"}  # by the label worker, and by the clock
]


@pytest.mark.parametrize(("before", "after"), MADE_BY_STAFF)
def test_every_move_that_staff_make_has_a_button(claims_desk, house, policy, before, after):
    claim = house.claim_at(before, policy)
    slugs = offered(claims_desk, claim)
    [operation] = [
        one
        for one in OPERATIONS
        if issubclass(one, MoveOperation) and one.leads_to == after and one.slug in slugs
    ]
    form = claims_desk.get(page(operation.slug, claim.pk)).context["form"]
    typed = {name: form[name].value() or "" for name in form.fields}
    typed |= house.usual_words(claim, operation.verb.__name__)
    with time_machine.travel(house.now, tick=False):
        response = claims_desk.post(page(operation.slug, claim.pk), typed)
    assert response.status_code == 302, response.context["form"].errors
    assert fresh(claim).progress == after


def test_a_warranty_repair_is_prepared_by_a_button_of_its_own(claims_desk, house):
    new = factories.DroneFactory(activated_at=house.now - timedelta(days=90))
    policy = factories.PolicyFactory(drone=new)
    claim = house.claim_at("assessed", policy, cause="product_defect")
    assert offered(claims_desk, claim) == [
        *("prepare", "record-payment", "overrule", "send-back", "correct-address", "undo")
    ]
    assert claims_desk.post(page("prepare", claim.pk)).status_code == 302
    assert fresh(claim).progress == "preparing"


def test_sales_and_the_auditor_see_a_claim_and_no_button(employ, house, policy):
    claim = house.claim_at("received", policy)
    for role in ("Sales", "Auditor"):
        client = employ(role)
        assert offered(client, claim) == []
        assert client.post(page("receive", claim.pk), {"note": ""}).status_code == 403
    assert fresh(claim).progress == "received"


def test_a_claim_goes_its_whole_way_through_the_pages(claims_desk, house, policy):
    claim = house.request(policy)

    def press(slug: str, **data) -> None:
        response = claims_desk.post(page(slug, claim.pk), data)
        assert response.status_code == 302, response.context["form"].errors

    press("accept")
    labels.work(house.carrier, clock=lambda: house.now)
    press("pick-up")
    press("receive", note="Box dented")
    press(
        "assess",
        cause_found="collision",
        parts_received=["aircraft", "gimbal"],
        parts_damaged=["aircraft"],
        note="",
    )
    press("ask-fee")
    press("pay", amount="119.00", currency="usd", method="card", reference="CARD-1")
    press("ship", new_serial="0axc new 0001", condition="new", tracking_number="1Z999")
    press("complete")
    claim = fresh(claim)
    assert (claim.progress, claim.replacement.serial) == ("completed", "0AXCNEW0001")
    policy.refresh_from_db()
    assert policy.drone.serial == "0AXCNEW0001"
    assert LogEntry.objects.filter(user__username="claims").count() == 8
    moved = ClaimEvent.objects.filter(claim=claim, by__username="claims", kind="moved")
    assert list(moved.order_by("pk").values_list("after", flat=True)) == [
        "in_transit",
        "received",
        "assessed",
        "awaiting_fee",
        "preparing",
        "shipped",
        "completed",
    ]


def test_a_wrong_fee_is_refused_with_a_sentence(claims_desk, house, policy):
    claim = house.claim_at("awaiting_fee", policy)
    data = {"amount": "19.00", "currency": "USD", "method": "card", "reference": "X"}
    response = claims_desk.post(page("pay", claim.pk), data)
    assert response.context["form"].non_field_errors() == [
        "The fee is USD\xa0119.00, neither more nor less."
    ]
    assert not FeePayment.objects.exists()


def test_a_spreadsheet_serial_is_refused_with_a_sentence(claims_desk, house, policy):
    claim = house.claim_at("preparing", policy)
    data = {"new_serial": "1.23E+15", "condition": "new", "tracking_number": "T"}
    response = claims_desk.post(page("ship", claim.pk), data)
    assert "spreadsheet" in str(response.context["form"].errors["new_serial"])
    assert fresh(claim).progress == "preparing"


def test_a_button_pressed_twice_moves_once(claims_desk, house, policy):
    claim = house.claim_at("shipped", policy)
    assert claims_desk.post(page("complete", claim.pk)).status_code == 302
    second = claims_desk.post(page("complete", claim.pk))
    assert second.status_code == 200
    assert "This step is not open" in second.context["form"].non_field_errors()[0]
    assert ClaimEvent.objects.filter(claim=claim, after="completed").count() == 1


def test_many_that_arrived_are_received_at_once_and_the_rest_is_named(claims_desk, house):
    arriving = [house.claim_at("in_transit", factories.PolicyFactory()) for _number in range(2)]
    other = house.claim_at("preparing", factories.PolicyFactory())
    chosen = {"action": "receive", "_selected_action": [c.pk for c in (*arriving, other)]}
    question = pages.press(claims_desk, claims_desk.get(page("changelist")), "Go", chosen)
    assert {fresh(claim).progress for claim in arriving} == {"in_transit"}
    with zeal.zeal_ignore():  # row by row on purpose: each has a savepoint of its own
        done = pages.press(claims_desk, question, "They arrived")
    assert {fresh(claim).progress for claim in arriving} == {"received"}
    assert fresh(other).progress == "preparing"
    messages = [str(message) for message in get_messages(done.wsgi_request)]
    assert messages[0].startswith(f"{other.number}: This step is not open")
    assert messages[1] == "They arrived: 2 done."
    assert LogEntry.objects.filter(change_message__contains="They arrived").count() == 2


def test_bulk_steps_are_for_those_who_may(employ, house):
    claim = house.claim_at("in_transit", factories.PolicyFactory())
    chosen = {"action": "receive", "_selected_action": [claim.pk], "confirmed": "yes"}
    employ("Auditor").post(page("changelist"), chosen)
    assert fresh(claim).progress == "in_transit"


def test_the_queue_of_what_needs_doing_has_the_oldest_on_top(claims_desk, house):
    first = house.claim_at("received", factories.PolicyFactory())
    second = house.claim_at("received", factories.PolicyFactory())
    house.claim_at("preparing", factories.PolicyFactory())
    response = claims_desk.get(page("changelist"), {"queue": "assess"})
    assert list(response.context["cl"].queryset) == [first, second]


def test_a_claim_that_is_paid_waits_for_the_desk_and_not_for_the_fee(claims_desk, house, policy):
    claim = house.take(house.claim_at("preparing", policy), "undo")
    unpaid = house.claim_at("awaiting_fee", factories.PolicyFactory())

    def waiting(queue: str) -> list[Claim]:
        return list(claims_desk.get(page("changelist"), {"queue": queue}).context["cl"].queryset)

    assert waiting("fee") == [unpaid]
    assert waiting("assessed") == [claim]
    assert offered(claims_desk, claim) == [
        *("prepare", "record-payment", "send-back", "reverse-payment", "correct-address", "undo")
    ]


def press(client, slug: str, claim: Claim, **typed):
    """Fetches the page of the operation and sends the form that is on it."""
    html = client.get(page(slug, claim.pk)).text
    sent = form_with("csrfmiddlewaretoken", html.partition('id="content-main"')[2]) | typed
    return client.post(page(slug, claim.pk), sent)


def flat(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_money_that_comes_after_the_end_is_recorded_shown_and_paid_back(
    claims_desk, house, policy, client
):
    claim = house.claim_at("lapsed", policy)
    sent = {"amount": "119.00", "reference": "LATE-1", "method": "bank_transfer"}
    assert press(claims_desk, "record-payment", claim, **sent).status_code == 302
    shown = flat(claims_desk.get(page("change", claim.pk)).text)
    assert "Refund due USD 119.00" in shown
    in_queue = claims_desk.get(page("changelist"), {"queue": "refund"}).context["cl"].queryset
    assert list(in_queue) == [claim]
    customer = flat(client.get(f"/repair/progress/{token(claim)}/").text)
    assert "Replacement fee nothing to pay" in customer
    assert "Refund due USD 119.00 we pay it back the way it came" in customer
    assert "To be paid back USD 119.00" in flat(claims_desk.get(page("refund", claim.pk)).text)
    assert press(claims_desk, "refund", claim, reference="BACK-1").status_code == 302
    assert "Refund due" not in flat(claims_desk.get(page("change", claim.pk)).text)
    assert "Refund USD 119.00 paid back on" in flat(
        client.get(f"/repair/progress/{token(claim)}/").text
    )


def test_a_payment_on_the_wrong_claim_is_reversed_and_recorded_where_it_belongs(
    claims_desk, house, policy
):
    wrong = house.claim_at("awaiting_fee", policy)
    right = house.claim_at("awaiting_fee", factories.PolicyFactory())
    for slug, claim, typed in [
        ("pay", wrong, {"reference": "PAY-77", "method": "card"}),
        ("reverse-payment", wrong, {"reference": "PAY-77", "reason": "For another claim."}),
        ("pay", right, {"reference": "PAY-77", "method": "card"}),
    ]:
        response = press(claims_desk, slug, claim, **typed)
        assert response.status_code == 302, response.context["form"].errors
    assert (fresh(wrong).progress, fresh(right).progress) == ("preparing", "preparing")
    assert "ship" in offered(claims_desk, wrong)
    refusal = press(
        claims_desk, "ship", wrong, new_serial="0AXCNEW1", condition="new", tracking_number="T"
    )
    assert "has not been paid" in str(refusal.context["form"].errors)
    shown = flat(claims_desk.get(page("change", wrong.pk)).text)
    assert re.search("PAY-77, .{10,12} Reversed on .{10,12}: For another claim.", shown)
    assert "Refund due" not in shown
    in_queue = claims_desk.get(page("changelist"), {"queue": "fee"}).context["cl"].queryset
    assert list(in_queue) == [wrong]


@pytest.mark.parametrize(
    ("state", "slug", "sentence"),
    [
        ("received", "undo", "Step to take back Shipping label sent → Arrived at the service"),
        ("preparing", "ship", "Ship to Ann Lee, 1 Main Street, Albany NY 12207, United States"),
        ("preparing", "ship", "Drone Mavic 2 Pro, 0ANNSDRONE1"),
        ("returned", "record-payment", "Owed Nothing: what comes is to be paid back."),
        ("received", "record-payment", "Owed USD 119.00"),
        ("lapsed", "receive", "What follows The claim is taken up again, as at first."),
    ],
)
def test_a_page_shows_what_it_does(claims_desk, house, policy, state, slug, sentence):
    claim = house.claim_at(state, policy)
    assert sentence in flat(claims_desk.get(page(slug, claim.pk)).text)


@pytest.mark.parametrize("term", ["CLM", "serial", "e-mail", "policy", "tracking"])
def test_a_claim_is_found_by_whatever_the_customer_reads_out(term, claims_desk, house, policy):
    claim = house.claim_at("shipped", policy)
    house.claim_at("received", factories.PolicyFactory())
    typed = {
        "CLM": claim.number.lower(),
        "serial": "0anns-drone1",
        "e-mail": "Ann@example.com",
        "policy": policy.number,
        "tracking": claim.shipments.filter(direction="outbound").get().tracking_number,
    }[term]
    response = claims_desk.get(page("changelist"), {"q": typed})
    assert list(response.context["cl"].queryset) == [claim]


def test_the_list_asks_the_same_whatever_its_length(
    claims_desk, house, django_assert_max_num_queries
):
    for _number in range(3):
        house.claim_at("received", factories.PolicyFactory())
    with django_assert_max_num_queries(9):
        claims_desk.get(page("changelist"))


def test_the_list_says_since_when_with_the_instant_on_hover(claims_desk, house, policy):
    claim = house.claim_at("received", policy)
    Claim.objects.filter(pk=claim.pk).update(progress_at=house.now - timedelta(days=5))
    with time_machine.travel(house.now, tick=False):
        text = claims_desk.get(page("changelist")).content.decode()
    assert 'title="2026-03-05 20:00:00 UTC">5\xa0days</time>' in text


def test_the_claim_page_shows_everything_on_one_screen(claims_desk, house, policy):
    claim = house.claim_at("shipped", policy)
    text = claims_desk.get(page("change", claim.pk)).content.decode()
    for shown in (
        "0ANNSDRONE1",
        "Covered by the care plan",
        "It flew into a tree.",
        "USD\xa0119.00",
        "Replacement on its way",
        policy.number,
        claim.replacement.serial,
    ):
        assert shown in text


def test_a_tracking_number_that_no_claim_sheet_can_print_is_refused(claims_desk, house, policy):
    claim = house.claim_at("preparing", policy)
    form = form_with("new_serial", claims_desk.get(page("ship", claim.pk)).text)
    typed = {"new_serial": "0AXCNEW1", "condition": "new", "tracking_number": "1Z 🚁"}
    response = claims_desk.post(page("ship", claim.pk), form | typed)
    assert "We cannot print 🚁 on labels and papers." in response.text
    assert fresh(claim).progress == "preparing"
