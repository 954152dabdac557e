"""Every letter and every paper says what the page of the same thing says at the same moment.

Each is made by the real verbs. A new folder below `templates/letters/`, or a new paper, needs a
case here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
import zeal
from django.test import Client

from claims import holders
from claims import letters as claim_letters
from claims.models import Claim, Deadline
from policies import (
    activation,
    agreement,
    binding,
    cancellation,
    correction,
    expiry,
    marks,
    orders,
    outbox,
    renewal,
    sales,
    status,
    transfer,
    verification,
    voiding,
)
from policies.models import Letter, Plan, Policy, VerificationStep
from policies.shared import papers
from policies.shared.actor import Actor
from tests import ROOT, factories
from tests.claims.conftest import NOW, House
from tests.pages import plain, token
from tests.pdf import words

DESK = Actor.command("desk")
ACTIVATED = datetime(2026, 1, 3, 20, 0, tzinfo=UTC)

# What a letter may get wrong: instants, amounts, replacements "1 of 2", days.
FACTS = re.compile(r"\d{1,2} [A-Z][a-z]+ \d{4}, \d\d:\d\d [A-Z]{3,4}|USD [\d.]+\d|\b\d of \d\b")


@dataclass
class Cast:
    """Ann's 1-Year plan of 5 January 2026 with two replacements, and the house."""

    policy: Policy
    house: House

    @property
    def now(self) -> datetime:
        return self.house.now

    def claim(self, state: str, **changes: Any) -> str:
        claim = self.house.claim_at(state, self.policy, **changes)
        return self.page_of(claim)

    def page_of(self, claim: Claim) -> str:
        return f"/repair/progress/{token(claim)}/"

    def policy_page(self) -> str:
        return f"/policy/{token(Policy.objects.get(holder__email='ann@example.com'))}/"

    def one_used(self) -> None:
        self.house.claim_at("completed", self.policy)
        self.policy.refresh_from_db()

    def film(self) -> verification.Film:
        return verification.Film(
            serial="0AXCE1K0030900",
            drone_model=self.policy.drone.drone_model,
            name="Ben Oak",
            email="ben@example.com",
            country="US",
            video_id="dQw4w9WgXcQ",
        )


Make = Callable[[Cast], str]
# The letter, how it comes about (giving the path of its page, if it has one), and what it and
# the page must both say.
CASES: dict[str, tuple[Make, tuple[str, ...]]] = {}


def case(name: str, *facts: str) -> Callable[[Make], Make]:
    def add(make: Make) -> Make:
        CASES[name] = (make, facts)
        return make

    return add


# --- codes and films: they have no page; what they name is looked up -------------------------


def sell(cast: Cast, plan: str = "care-1y") -> list[Any]:
    factories.ActivationCodeFactory(batch__plan=Plan.objects.get(code=plan))
    sale = sales.sell_from_stock(
        plan=Plan.objects.get(code=plan),
        drone_model=cast.policy.drone.drone_model,
        region=cast.policy.region,
        quantity=1,
        to=cast.policy.holder,
        order_reference="SO-1",
        actor=DESK,
        now=cast.now,
    )
    return factories.codes_of(sale)


@case("code_sold")
def _(cast):
    [code] = sell(cast)
    letter = outbox.render(Letter.objects.get(name="code_sold"), whole=True)
    assert factories.whole(code) in letter.text
    return ""


@case("serial_corrected", "0AXCRIGHT00001", "2 of 2")
def _(cast):
    correction.correct_serial(
        cast.policy, serial="0AXCRIGHT00001", reason="Typo", actor=DESK, now=cast.now
    )
    return cast.policy_page()


@case("code_voided")
def _(cast):
    [code] = sell(cast)
    voiding.void(code, reason="Stolen", actor=DESK, now=cast.now)
    assert code.last_four in outbox.render(Letter.objects.get(name="code_voided")).text
    return ""


@case("verification_received")
def _(cast):
    verification.submit(cast.film(), now=cast.now)
    return ""


@case("verification_approved")
def _(cast):
    steps = list(VerificationStep.objects.values_list("slug", flat=True))
    film = verification.submit(cast.film(), now=cast.now)
    verification.approve(film, seen=steps, actor=DESK, now=cast.now)
    # Three days after Tuesday, 10 March, eleven in the morning.
    text = outbox.render(Letter.objects.get(name="verification_approved")).text
    assert FACTS.findall(text) == ["13 March 2026, 11:00 EDT"]
    return ""


@case("verification_rejected")
def _(cast):
    film = verification.submit(cast.film(), now=cast.now)
    verification.reject(film, reason="Too dark.", seen=[], actor=DESK, now=cast.now)
    return ""


# --- policies ----------------------------------------------------------------------------------


@case("policy_bound", "0AXCE1K0030700", "2 of 2", "10 March 2027, 11:00 EST", "USD 119.00")
def _(cast):
    [code] = sell(cast)
    application = binding.Application(
        serial="0AXCE1K0030700",
        name="Ben Oak",
        email="ben@example.com",
        country="US",
        drone_model=cast.policy.drone.drone_model,
    )
    bound = binding.bind_by_code(factories.whole(code), application, actor=DESK, now=cast.now)
    return f"/policy/{token(bound)}/"


def order(cast: Cast) -> Policy:
    """Ben's plan, which begins two days from now."""
    purchase = orders.Purchase(
        reference="SO-1",
        serial="0AXCE1K0030700",
        drone_model=cast.policy.drone.drone_model,
        plan=cast.policy.plan,
        name="Ben Oak",
        email="ben@example.com",
        country="US",
    )
    placed = orders.place(purchase, actor=DESK, now=cast.now)
    return orders.ship(placed, shipped_at=cast.now, actor=DESK, now=cast.now)


@case("policy_activated", "0AXCE1K0030700", "2 of 2", "12 March 2027, 11:00 EST")
def _(cast):
    bundle = order(cast)
    cast.house.later(hours=48)
    activation.activate(now=cast.now, chunk=10)
    return f"/policy/{token(bundle)}/"


@case("policy_not_begun", "0AXCE1K0030700", "begins on 12 March 2026, 11:00 EDT")
def _(cast):
    """A sweep that ran ahead of time wrote that it had, and that was sent."""
    bundle = order(cast)
    activation.activate(now=cast.now + timedelta(hours=48), chunk=10)
    return corrected(cast, bundle, "policy_activated")


@case("policy_not_expired", "5 January 2027, 04:00 EST")
def _(cast):
    expiry.expire(now=datetime(2027, 1, 5, 10, 0, tzinfo=UTC), chunk=10)
    return corrected(cast, cast.policy, "policy_expired")


def corrected(cast: Cast, policy: Policy, name: str) -> str:
    Letter.objects.filter(name=name).update(state="sent", sent_at=cast.now, attempts=1)
    marks.take_back(now=cast.now, chunk=10)
    return f"/policy/{token(policy)}/"


@case("renewed", "2 of 3", "5 January 2028, 04:00 EST", "USD 139.00", "3 January 2028, 15:00 EST")
def _(cast):
    cast.one_used()
    plan = Plan.objects.get(code="refresh-plus")
    factories.ActivationCodeFactory(batch__plan=plan)
    renewal.sell_and_renew(cast.policy, plan=plan, order_reference="", actor=DESK, now=cast.now)
    return cast.policy_page()


def change_owner(cast: Cast) -> Policy:
    cast.one_used()
    return transfer.change_owner(
        cast.policy, name="Zoë", email="zoe@example.com", country="US", actor=DESK, now=cast.now
    )


@case("owner_changed_new", "1 of 2", "5 January 2027, 04:00 EST", "USD 139.00", "the next one")
def _(cast):
    return f"/policy/{token(change_owner(cast))}/"


@case("owner_changed_old")
def _(cast):
    """It has no page: the link that it speaks of no longer works."""
    before = token(cast.policy)
    change_owner(cast)
    assert Client().get(f"/policy/{before}/").status_code == 404
    return ""


@case("policy_cancelled", "cancelled")
def _(cast):
    cancellation.cancel(cast.policy, reason="Bought by mistake", actor=DESK, now=cast.now)
    return cast.policy_page()


@case("policy_expired", "ended on 5 January 2027, 04:00 EST")
def _(cast):
    cast.house.now = datetime(2027, 1, 5, 10, 0, tzinfo=UTC)
    expiry.expire(now=cast.now, chunk=10)
    return cast.policy_page()


@case("renewal_reminder", "5 January 2027, 04:00 EST", "Refresh +")
def _(cast):
    cast.house.now = datetime(2026, 12, 10, tzinfo=UTC)
    expiry.remind(now=cast.now, chunk=10)
    return cast.policy_page()


@case("link_requested", "1 of 2", "5 January 2027, 04:00 EST", "Refresh +")
def _(cast):
    cast.one_used()
    holder = {"serial": cast.policy.drone.serial, "email": "ann@example.com"}
    status.send_link(**holder, actor=DESK, now=cast.now)
    return cast.policy_page()


@case("allowance_used_up", "last replacement")
def _(cast):
    cast.one_used()
    cast.house.claim_at("label_sent", cast.policy)
    return cast.policy_page()


# --- claims ------------------------------------------------------------------------------------

USED, FULL, FEE = "1 of 2", "2 of 2", "USD 119.00"

for _name, _state, _facts in [
    ("claim_received", "submitted", ("keep the drone and all its parts",)),
    ("claim_label", "label_sent", (FEE, "Aircraft, Gimbal", "9 April 2026, 13:00 EDT")),
    ("claim_in_transit", "in_transit", ("we check what is in it",)),
    ("claim_arrived", "received", ("examine the damage",)),
    ("claim_parts_missing", "parts_missing", ("Please send the battery, too.",)),
    ("claim_assessed", "assessed", ("Collision", "Aircraft, Gimbal")),
    ("claim_fee_due", "awaiting_fee", (FEE, "9 April 2026, 16:00 EDT")),
    ("claim_fee_received", "preparing", (FEE,)),
    ("claim_shipped", "shipped", ("0AXCNEW0000007", "new", "OUT00007")),
    ("claim_completed", "completed", ("We wish you good flights.",)),
    ("claim_returning", "returning", ("There is water in the battery.",)),
    ("claim_returned", "returned", (FULL, "is back with you")),
    ("claim_declined", "declined", (FULL, "The damage is older than the plan.")),
    ("claim_cancelled", "cancelled", (FULL,)),
    ("claim_lapsed", "lapsed", (FULL, "label was not used in time")),
]:
    CASES[_name] = (lambda cast, state=_state: cast.claim(state), _facts)


@case("claim_preparing", "the manufacturer's warranty")
def _(cast):
    claim = cast.house.claim_at("received", cast.policy, cause="product_defect")
    return cast.page_of(cast.house.take(claim, "assess", "prepare"))


@case("claim_link_requested")
def _(cast):
    claim = cast.house.claim_at("received", cast.policy)
    claim_letters.claim_link_requested(claim, now=cast.now)
    return cast.page_of(claim)


@case("label_reminder", "9 April 2026, 13:00 EDT")
def _(cast):
    return remind(cast, "label", "label_sent")


@case("parts_reminder", "9 April 2026, 15:00 EDT", "Please send the battery, too.")
def _(cast):
    return remind(cast, "parts", "parts_missing")


@case("fee_reminder", "9 April 2026, 16:00 EDT", FEE)
def _(cast):
    return remind(cast, "fee", "awaiting_fee")


@case("claim_address", "Albany")
def _(cast):
    address = holders.ReturnAddress(line1="2 Side Street", city="Albany", country="US")
    claim = cast.house.claim_at("received", cast.policy)
    holders.correct_address(claim, address=address, reason="Moved", actor=DESK, now=cast.now)
    return ""


def remind(cast: Cast, kind: str, state: str) -> str:
    claim = cast.house.claim_at(state, cast.policy)
    claim_letters.reminder(claim, Deadline.objects.get(kind=kind), now=cast.now)
    return cast.page_of(claim)


# --- the comparison ----------------------------------------------------------------------------


@pytest.fixture
def cast(db) -> Cast:
    drone = factories.DroneFactory(serial="0AXCANN0000001", activated_at=ACTIVATED)
    holder = factories.CustomerFactory(name="Ann Lee", email="ann@example.com")
    return Cast(factories.PolicyFactory(drone=drone, holder=holder), House(now=NOW))


def page(client: Client, path: str, at: datetime) -> str:
    with time_machine.travel(at, tick=False):
        response = client.get(path)
    assert response.status_code == 200
    return plain(response.text)


def made(name: str, cast: Cast) -> tuple[str, outbox.Rendered]:
    with zeal.zeal_ignore():
        path = CASES[name][0](cast)
    return path, outbox.render(Letter.objects.filter(name=name).latest("id"), whole=True)


def test_every_letter_has_a_case():
    folders = {path.parent.name for path in (ROOT / "templates/letters").glob("*/subject.txt")}
    assert set(CASES) == folders


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_letter_says_what_its_page_says(name, cast, client):
    path, letter = made(name, cast)
    if not path:
        return
    seen = page(client, path, cast.now)
    said = {"text": plain(letter.text), "html": plain(letter.html), "page": seen}
    for fact in CASES[name][1]:
        assert [where for where, words in said.items() if fact.lower() not in words.lower()] == []
    assert [fact for fact in FACTS.findall(said["text"]) if fact not in seen] == []


@pytest.mark.parametrize("name", sorted(CASES))
def test_text_and_html_of_a_letter_name_the_same_facts(name, cast):
    _path, letter = made(name, cast)
    text, html = plain(letter.text), plain(letter.html)
    assert FACTS.findall(text) == FACTS.findall(html)
    assert [each for each in sentences(letter.text) if bare(each) not in bare(html)] == []


# Headings, numbers of lists, and lines that only lead to an address: HTML has tags for them.
MARKS = re.compile(r"^[A-Z '+]{6,}$|^\d\. |^.*:$|^.*https?://.*$|^This address is the key.*$|^-- $")


def sentences(text: str) -> list[str]:
    lines = (MARKS.sub("", line.strip()) for line in text.split("\n"))
    return [each for line in lines for each in re.split(r"(?<=[.!?]) ", line) if each]


def bare(text: str) -> str:
    """Without punctuation, which HTML sets otherwise."""
    return " ".join(re.sub(r"[^\w\s]", " ", plain(text)).split())


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_letter_greets_and_begins_with_a_capital(name, cast):
    _path, letter = made(name, cast)
    greeting, first = letter.text.split("\n\n")[:2]
    assert re.fullmatch(r"Hello [^,]+,", greeting)
    assert first[0].isupper()
    assert not re.search(r"\([A-Z]\d+\)", letter.text + letter.html)


# --- papers --------------------------------------------------------------------------------------


def test_every_paper_is_compared():
    """The sheet of a claim in `tests/admin/test_papers.py`, where staff open it."""
    assert {path.name for path in (ROOT / "templates/papers").glob("*.xml")} == {
        "agreement.xml",
        "claim_sheet.xml",
    }


def used_up(cast: Cast) -> None:
    cast.one_used()
    cast.one_used()


def cancelled(cast: Cast) -> None:
    cancellation.cancel(cast.policy, reason="Chargeback", actor=DESK, now=cast.now)


def ran_out(cast: Cast) -> None:
    cast.house.now = datetime(2027, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("come", "facts"),
    [
        (Cast.one_used, ("1 of 2", "5 January 2027, 04:00 EST", "USD 139.00 (the next one)")),
        (used_up, ("0 of 2",)),
        (cancelled, ("0 of 2", "Cancelled on 10 March 2026")),
        (ran_out, ("0 of 2", "ended on 5 January 2027")),
    ],
)
def test_the_agreement_says_what_the_policy_page_says(come, facts, cast, client):
    with zeal.zeal_ignore():
        come(cast)
        policy = Policy.objects.get()
        paper = papers.pdf("papers/agreement.xml", agreement.paper_facts(policy, at=cast.now))
    seen = page(client, cast.policy_page(), cast.now).replace(
        "2nd replacement (the next one) USD 139.00", "USD 139.00 (the next one)"
    )
    for fact in facts:
        assert fact.lower() in plain(words(paper)).lower()
        assert fact.lower() in seen.lower()
