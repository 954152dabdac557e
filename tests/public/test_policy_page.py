from datetime import UTC, date, datetime, timedelta
from html import unescape

import pytest
import time_machine
import zeal
from django.utils import timezone

from policies import links, transfer
from policies.models import AllowanceUse, DroneModel, Policy
from policies.shared.actor import Actor
from tests.claims.conftest import House
from tests.pages import plain, token

START = datetime(2026, 1, 31, 15, 0, tzinfo=UTC)  # 10:00 in New York


@pytest.fixture
def ada(client, filled_in) -> Policy:
    with time_machine.travel(START, tick=False):
        client.post("/activate/", filled_in | {"activated_at": "2026-01-30T10:00"})
    client.cookies.clear()
    return Policy.objects.get()


def page(client, policy: Policy, at: datetime = START + timedelta(days=1)) -> str:
    with time_machine.travel(at, tick=False):
        response = client.get(f"/policy/{token(policy)}/")
    assert response.status_code == 200
    return response.text


def take(policy: Policy, ordinal: int) -> None:
    AllowanceUse.objects.create(
        policy=policy, ordinal=ordinal, reference=f"CLM-{ordinal}", taken_at=START
    )


def test_it_tells_the_whole_agreement(client, ada):
    text = page(client, ada)
    for fact in (
        "Mavic 2 Pro",
        "1-Year care plan POL-",
        "08QCE3D0",
        "2 of 2",
        "31 January 2026, 10:00 EST",
        "31 January 2027, 10:00 EST",
        "Until 30 January 2027, 10:00 EST",
        "Gimbal",
        "A remote controller is never covered.",
        "Lost or stolen",
        "USD\N{NO-BREAK SPACE}119.00",
        "USD\N{NO-BREAK SPACE}139.00",
    ):
        assert fact in text


def test_it_shows_only_the_fees_of_the_replacements_granted(client, ada):
    assert page(client, ada).count("USD\N{NO-BREAK SPACE}") == 2


def test_it_hides_the_rest_of_the_person(client, ada):
    text = page(client, ada)
    assert "a•••@example.com" in text
    for private in ("ada@example.com", "555", "Lovelace"):
        assert private not in text


@pytest.mark.parametrize(
    ("at", "pill"),
    [
        (START - timedelta(seconds=1), "Not started yet"),
        (START, "In force"),
        (datetime(2027, 1, 31, 14, 59, 59, tzinfo=UTC), "In force"),
        (datetime(2027, 1, 31, 15, 0, tzinfo=UTC), "Ended"),
    ],
)
def test_whether_it_is_in_force_follows_the_clock_and_no_sweep(client, ada, at, pill):
    assert f">{pill}</p>" in page(client, ada, at)


def test_the_last_replacement_ends_it(client, ada):
    take(ada, 1)
    assert "with 1 replacement left" in page(client, ada)
    take(ada, 2)
    text = page(client, ada)
    assert ">All replacements used</p>" in text
    assert "0 of 2" in text


def test_a_use_given_back_puts_it_in_force_again(client, ada):
    take(ada, 1)
    take(ada, 2)
    AllowanceUse.objects.filter(ordinal=2).update(given_back_at=START)
    assert ">In force</p>" in page(client, ada)


def test_a_cancelled_one_says_so_but_not_why(client, ada):
    Policy.objects.update(
        status="cancelled", cancelled_at=START, cancel_reason="Chargeback by the bank"
    )
    text = page(client, ada)
    assert ">Cancelled</p>" in text
    assert "Chargeback" not in text


# --- a plan that is over says nothing that is no longer so ---------------------------------


def cancelled(policy: Policy) -> None:
    Policy.objects.update(status="cancelled", cancelled_at=START, cancel_reason="Chargeback")


def used_up(policy: Policy) -> None:
    take(policy, 1)
    take(policy, 2)


def ran_out(policy: Policy) -> None:
    Policy.objects.update(ends_at=START + timedelta(hours=12))


@pytest.mark.parametrize(
    ("end", "facts"),
    [
        (cancelled, ("Replacements used 0 of 2", "Cancelled 31 January 2026, 10:00 EST")),
        (used_up, ("Replacements left 0 of 2", "Ended 31 January 2026, 10:00 EST")),
        (ran_out, ("Replacements used 0 of 2", "Ended 31 January 2026, 22:00 EST")),
    ],
)
def test_a_plan_that_is_over_says_so_in_every_fact(client, ada, end, facts):
    end(ada)
    text = page(client, ada)
    for fact in (*facts, "This plan can no longer be used."):
        assert fact in plain(text)
    for past in ("See the plans", "Parts covered", "Replacement fees", "Request a repair"):
        assert past not in text
    assert "Ends 31 January 2027" not in plain(text)
    assert "2 of 2" not in text


@pytest.mark.parametrize("end", [cancelled, used_up, ran_out])
def test_a_defect_can_be_reported_while_the_warranty_runs(client, ada, end):
    """P8: it needs no plan that is in force."""
    end(ada)
    text = page(client, ada)
    assert "The manufacturer's warranty runs until 30 January 2027, 10:00 EST." in text.replace(
        "&#x27;", "'"
    )
    assert '<a class="button" href="/repair/">Report a defect</a>' in text
    assert "Report a defect" not in page(client, ada, datetime(2027, 1, 30, 15, 0, tzinfo=UTC))


def test_a_plan_cancelled_before_it_began_brings_no_warranty_request(client, ada):
    Policy.objects.update(
        status="cancelled", cancelled_at=START - timedelta(hours=1), cancel_reason="Order cancelled"
    )
    assert "Report a defect" not in page(client, ada)


# --- repairs -------------------------------------------------------------------------------


@pytest.fixture
def house() -> House:
    return House(now=START + timedelta(days=1))


@pytest.fixture
def repair(house, ada):
    @zeal.zeal_ignore()
    def repair(state: str):
        ada.refresh_from_db()
        return house.claim_at(state, ada, happened_on=date(2026, 2, 1))

    return repair


def test_an_open_repair_is_shown_and_no_second_one_offered(client, ada, repair):
    claim = repair("received")
    text = page(client, ada, START + timedelta(days=2))
    assert f"Your repair {claim.number} is under way: Arrived at the service" in plain(text)
    assert f'href="/repair/progress/{token(claim)}/"' in text
    assert "Request a repair" not in text
    assert "Earlier repairs" not in text


def test_an_open_repair_of_a_used_up_plan_is_shown_too(client, ada, repair):
    repair("completed")
    claim = repair("received")
    text = page(client, ada, START + timedelta(days=2))
    assert ">All replacements used</p>" in text
    assert f"Your repair {claim.number} is under way" in plain(text)


def test_earlier_repairs_are_listed_with_both_serials(client, ada, repair):
    done, declined = repair("completed"), repair("declined")
    text = page(client, ada, START + timedelta(days=4))
    said = plain(text)
    assert (
        f"{done.number} Completed requested on 1 February 2026, "
        f"08QCE3D0 replaced by {done.replacement.serial}" in said
    )
    assert f"{declined.number} Declined" in said
    assert "Request a repair" in text


def test_a_new_owner_does_not_see_the_former_ones_repairs(client, ada, repair):
    done = repair("completed")
    with zeal.zeal_ignore():
        after = transfer.change_owner(
            ada,
            name="Zoë",
            email="zoe@example.com",
            country="US",
            actor=Actor.command("desk"),
            now=START + timedelta(days=3),
        )
    text = page(client, after, START + timedelta(days=4))
    assert done.number not in text
    assert token(done) not in text


def test_p8_a_drone_whose_activation_is_unknown_has_its_warranty_from_the_binding(client, bound):
    text = " ".join(page(client, bound, bound.starts_at + timedelta(days=300)).split())
    assert f"At least until {bound.ends_at.astimezone(bound.region.zone):%-d %B %Y}, " in text
    assert "It runs from the drone's activation, which we do not know." in unescape(text)
    text = unescape(page(client, bound, bound.ends_at))
    assert "At least until" not in text
    assert "Runs from the drone's activation" in text


def test_a_model_may_cover_less_than_its_series(client, sell, request):
    DroneModel.objects.get(slug="mavic-2-pro").parts.create(part="gimbal")
    bound = request.getfixturevalue("bound")
    text = client.get(f"/policy/{token(bound)}/").text
    assert "<li>Gimbal</li></ul>" in text
    assert "<li>Battery</li>" not in text


def test_no_other_site_and_no_search_engine_hears_of_it(client, bound):
    response = client.get(f"/policy/{token(bound)}/")
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["X-Robots-Tag"] == "noindex, nofollow"
    assert "no-store" in response["Cache-Control"]
    assert "private" in response["Cache-Control"]


@pytest.mark.parametrize(
    "token",
    ["x", "A" * 43, "A" * 42, "A" * 44, "%00" * 43, "%FF" * 43, "é" * 43, "A" * 42 + "%0A"],
)
def test_a_link_that_is_none_of_ours_is_not_found(client, db, token):
    response = client.get(f"/policy/{token}/")
    assert response.status_code == 404
    no_link = "There is nothing at this address." in response.text
    dead = "This link no longer works" in plain(response.text)
    assert no_link or dead


@pytest.mark.parametrize("page", ["", "agreement.pdf"])
def test_k12_a_dead_link_offers_a_new_one_and_says_the_same_as_to_what_never_was(
    client, bound, page
):
    old = token(bound)
    links.rotate(bound, now=timezone.now())
    answers = [client.get(f"/policy/{link}/{page}") for link in (old, "A" * 43, "x")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert "This link no longer works" in plain(answers[0].text)
    assert '<a class="button" href="/cover/">' in answers[0].text
    assert answers[0]["Referrer-Policy"] == "no-referrer"


def test_a_claims_link_opens_no_plan(client, bound):
    link = links.token_of(bound, reference="CLM-ABCD2345", now=timezone.now())
    assert client.get(f"/policy/{link}/").status_code == 404


def test_it_cannot_be_posted_to(client, bound):
    assert client.post(f"/policy/{token(bound)}/").status_code == 405


def test_it_costs_seven_queries(client, bound, django_assert_num_queries):
    page = f"/policy/{token(bound)}/"
    with django_assert_num_queries(7):
        client.get(page)


def test_the_clock_of_the_page_is_the_regions(client, sell, filled_in):
    form = filled_in | {"code": sell(region="JP"), "country": "JP"}
    with time_machine.travel(START, tick=False):
        response = client.post("/activate/", form)
    assert "1 February 2026, 00:00 JST" in client.get(response.url).text
    assert timezone.get_current_timezone_name() == "UTC"
