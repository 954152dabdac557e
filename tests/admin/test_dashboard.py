"""The dashboard: what waits for whom, how the business goes, and whether the clock runs."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.test import Client

from claims.models import Claim
from claims.reporting.figures import of_claims
from config import charts
from policies.models import (
    DroneModel,
    Letter,
    Region,
    Snapshot,
    SweepRun,
    VideoVerification,
)
from policies.reporting import figures
from tests import factories
from tests.admin.conftest import NOON


def text_of(client: Client, query: str = "") -> str:
    page = client.get(f"/admin/{query}")
    assert page.status_code == 200
    return page.content.decode()


def tiles(text: str) -> dict[str, str]:
    """Label and count of each tile that is shown."""
    found = re.findall(
        r'class="tile-count">([^<]+)</span>\s+<span class="tile-label">([^<]+)</span>', text
    )
    return {label: count for count, label in found}


@pytest.fixture
def film(db) -> VideoVerification:
    """Sent three days ago."""
    model = DroneModel.objects.get(slug="mavic-2-pro")
    return VideoVerification.objects.create(
        serial="0BOBSDRONE1",
        drone_model=model,
        region=Region.objects.get(code="US"),
        name="Bob Ray",
        email="bob@example.com",
        country="US",
        video_id="abcdefghijk",
        submitted_at=NOON - timedelta(days=3),
    )


@pytest.fixture
def work(policy, house, film):
    """A claim to decide, one to assess, a film to watch, a letter that failed."""
    house.claim_at("received", policy)
    house.claim_at("submitted", factories.PolicyFactory())
    factories.LetterFactory(state=Letter.State.FAILED)


def test_each_desk_sees_its_own_work_and_no_other(employ, work):
    assert tiles(text_of(employ("Claims"))) == {
        "To decide": "1",
        "To assess": "1",
        "Letters failed": "1",
    }
    assert tiles(text_of(employ("Verification"))) == {
        "Videos to review": "1",
        "Letters failed": "1",
    }
    assert tiles(text_of(employ("Sales"))) == {"Letters failed": "1"}
    assert tiles(text_of(employ("Auditor"))) == {}
    assert tiles(text_of(employ("Manager"))) == {
        "To decide": "1",
        "To assess": "1",
        "Videos to review": "1",
        "Letters failed": "1",
    }


def test_a_tile_leads_to_the_list_of_exactly_its_rows(manager, work):
    text = text_of(manager)
    links = re.findall(r'<li[^>]*>\s*<a href="([^"]+)">\s*<span class="tile-count">(\d+)', text)
    assert len(links) == 4
    for url, count in links:
        rows = manager.get(url.replace("&amp;", "&")).context["cl"].result_list
        assert len(rows) == int(count), url


def test_the_oldest_says_how_long_it_has_waited(employ, film):
    [oldest] = re.findall(r"oldest: (<time.*?</time>)", text_of(employ("Verification")))
    assert oldest == (
        '<time datetime="2026-03-07T16:00:00Z" title="2026-03-07 16:00:00 UTC">3\xa0days</time>'
    )


def test_nothing_to_do_says_so(sales):
    assert "Nothing waits for you." in text_of(sales)


def test_only_managers_and_auditors_see_the_figures(employ):
    for role, sees in [("Sales", False), ("Claims", False), ("Manager", True), ("Auditor", True)]:
        assert ("How the business goes" in text_of(employ(role))) is sees, role


def test_figures_are_counted_by_the_sweep(manager, policy, house):
    factories.ActivationCodeFactory.create_batch(
        3, sold=True, sale__sold_at=NOON - timedelta(days=2)
    )
    factories.ActivationCodeFactory(sold=True, sale__sold_at=NOON - timedelta(days=60))
    house.claim_at("completed", policy)
    assert "The figures appear after the first sweep" in text_of(manager)
    call_command("take_figures")
    text = text_of(manager)
    assert "3 from 9 Feb 2026 to 10 Mar 2026" in text
    assert "1 from 9 Feb 2026 to 10 Mar 2026" in text
    assert "4 from" in text_of(manager, "?days=90")
    assert "Covered by the care plan" in text
    assert "3 from 9 Feb 2026" in text_of(manager, "?days=rubbish")


def policies_in_term(text: str) -> str:
    return re.search(r"<dt>Policies in term</dt><dd>([^<]*)</dd>", text)[1]


def test_policies_in_term_are_counted_whether_or_not_a_replacement_is_left(manager, db):
    used_up, _usual = factories.PolicyFactory.create_batch(2)
    for ordinal in (1, 2):
        factories.AllowanceUseFactory(policy=used_up, ordinal=ordinal)
    factories.PolicyFactory(ends_at=NOON)
    factories.PolicyFactory(starts_at=NOON + timedelta(days=1))
    factories.PolicyFactory(status="cancelled", cancelled_at=NOON, cancel_reason="Sold")
    call_command("take_figures")
    assert policies_in_term(text_of(manager)) == "2"


def test_the_snapshot_of_the_release_before_is_shown_until_the_next_sweep(manager, policy):
    call_command("take_figures")
    snapshot = Snapshot.objects.get(name="policies")
    snapshot.figures["in_force"] = snapshot.figures.pop("in_term") + 1233
    snapshot.save()
    assert policies_in_term(text_of(manager)) == "1,234"
    call_command("take_figures")
    assert policies_in_term(text_of(manager)) == "1"


def test_the_renewal_rate_counts_renewable_terms_that_ended(db):
    for renewed in (True, False, False):
        policy = factories.PolicyFactory(ends_at=NOON - timedelta(days=3))
        if renewed:
            factories.PeriodFactory(policy=policy, number=2, ends_at=NOON + timedelta(days=362))
    found = figures.of_policies(now=NOON)
    assert found["renewals"]["30"] == {"ended": 3, "renewed": 1}


def test_stock_is_low_when_it_lasts_less_than_a_month(db):
    batch = factories.CodeBatchFactory()
    factories.ActivationCodeFactory.create_batch(
        9, batch=batch, sold=True, sale__sold_at=NOON - timedelta(days=10)
    )
    factories.ActivationCodeFactory.create_batch(2, batch=batch)
    [line] = figures.of_policies(now=NOON)["low_stock"]
    assert (line["left"], line["sold"], line["lasts"]) == (2, 9, 20)
    factories.ActivationCodeFactory(batch=batch)
    assert figures.of_policies(now=NOON)["low_stock"] == []


def test_what_lasts_is_in_whole_days():
    assert [figures.days_left(left, 9) for left in (0, 1, 2, 3)] == [0, 10, 20, 30]


@pytest.fixture
def shipped_after(db, house):
    def shipped_after(days: float) -> Claim:
        claim = house.claim_at("shipped", factories.PolicyFactory())
        [shipped_at] = claim.events.filter(after="shipped").values_list("at", flat=True)
        Claim.objects.filter(pk=claim.pk).update(submitted_at=shipped_at - timedelta(days=days))
        return claim

    return shipped_after


def test_median_and_ninetieth_percentile(house, shipped_after):
    def turnaround() -> dict:
        return of_claims(now=house.now)["turnaround"]["30"]

    assert turnaround() == {"count": 0, "median": None, "p90": None}
    shipped_after(4)
    assert turnaround() == {"count": 1, "median": 4.0, "p90": 4.0}
    for days in (11, 10, 9, 8, 7, 6, 5, 3, 2, 1):
        shipped_after(days)
    assert turnaround() == {"count": 11, "median": 6.0, "p90": 10.0}


def test_the_turnaround_counts_what_shipped_lately_however_old_the_request(house, shipped_after):
    shipped_after(80)
    house.later(days=40)
    shipped_after(60)
    turnaround = of_claims(now=house.now)["turnaround"]
    assert turnaround["30"] == {"count": 1, "median": 60.0, "p90": 60.0}
    assert turnaround["90"] == {"count": 2, "median": 60.0, "p90": 80.0}


def test_a_chart_has_a_bar_for_each_day():
    last = datetime(2026, 3, 10, tzinfo=UTC).date()
    per_day = {"2026-03-10": 4, "2026-03-09": 1, "2026-02-09": 2, "2026-02-08": 9}
    chart = charts.over_time("Sold", per_day, days=30, last=last)
    assert len(chart.bars) == 30
    assert chart.total == 7  # the 8th of February lies before
    assert (chart.bars[-1].value, chart.bars[-1].height) == (4, 120)
    assert (chart.bars[-2].value, chart.bars[-2].height) == (1, 30)
    assert (chart.first, chart.last) == ("9 Feb 2026", "10 Mar 2026")
    assert max(bar.x + bar.width for bar in chart.bars) <= chart.width
    weeks = charts.over_time("Sold", per_day, days=90, last=last)
    assert [bar.value for bar in weeks.bars][-1] == 5
    assert weeks.bars[-1].label == "4 Mar 2026 to 10 Mar 2026"
    assert charts.over_time("Sold", {}, days=365, last=last).total == 0


def test_a_late_sweep_is_an_alarm(manager, policy):
    assert "The sweep expire_policies has never run." in text_of(manager)
    for name in ("activate_policies", "remind_renewals", "expire_policies", "lapse_permits"):
        SweepRun.objects.create(name=name, at=NOON, started_at=NOON, finished_at=NOON)
    long_ago = NOON - timedelta(hours=27)
    for name in ("chase_claims", "tidy", "take_figures"):
        SweepRun.objects.create(name=name, at=NOON, started_at=long_ago, finished_at=long_ago)
    text = text_of(manager)
    assert "The sweep expire_policies" not in text
    assert "The sweep chase_claims has not run for a day." in text


def test_a_snapshot_replaces_the_one_before(db):
    for day in (1, 2):
        figures.take("policies", figures.of_policies, now=NOON + timedelta(days=day))
    assert Snapshot.objects.get().taken_at == NOON + timedelta(days=2)


def test_the_dashboard_asks_the_same_whatever_there_is(
    manager, work, django_assert_max_num_queries
):
    call_command("take_figures")
    factories.PolicyFactory.create_batch(5)
    with django_assert_max_num_queries(24):
        text_of(manager)
