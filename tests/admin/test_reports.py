"""The reports of the back office: what they count, whom they let in, what they do with rubbish."""

import csv
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO, StringIO

import pytest
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from claims.models import Claim, FeePayment
from claims.reporting import fee_totals, turnaround
from policies.backoffice import date_ranges
from policies.models import DroneModel, Period, Plan, Policy, Region
from policies.shared import roles
from tests import factories

NAMES = {
    "policies_policy_report_ending": {"Sales", "Verification", "Claims", "Manager", "Auditor"},
    "policies_codebatch_report_stock": {"Sales", "Verification", "Claims", "Manager", "Auditor"},
    "policies_letter_report_letters": {"Sales", "Verification", "Claims", "Manager", "Auditor"},
    "claims_claim_report_turnaround": {"Claims", "Manager", "Auditor"},
    "claims_claim_report_fees": {"Claims", "Manager", "Auditor"},
}
ENDING, STOCK, LETTERS, TURNAROUND, FEES = (reverse(f"admin:{name}") for name in NAMES)


def text(response) -> str:
    return " ".join(response.content.decode().split())


def lines(response) -> list[list[str]]:
    return [[str(cell.value) for cell in line] for line in response.context["lines"]]


def figures(response) -> list[tuple[str, str]]:
    return [(str(one.label), one.value) for one in response.context["totals"].figures]


def summary(response, place: int = 0) -> list[list]:
    return response.context["totals"].summaries[place].lines


def downloaded(client: Client, address: str) -> list[list[str]]:
    response = client.get(address)
    assert response["Content-Disposition"].startswith("attachment")
    return list(csv.reader(StringIO(response.getvalue().decode("utf-8-sig"))))


# --- who may read what ----------------------------------------------------------------


@pytest.mark.parametrize("role", [*roles.ALL, "anonymous"])
def test_each_role_opens_its_own_reports(role, employ, db):
    client = Client() if role == "anonymous" else employ(role)
    for name, readers in NAMES.items():
        expected = 302 if role == "anonymous" else 200 if role in readers else 403
        for query in ("", "?export=csv"):
            assert client.get(reverse(f"admin:{name}") + query).status_code == expected, name


def test_the_list_of_claims_leads_to_last_quarters_file_in_three_clicks(claims_desk, house, policy):
    house.claim_at("shipped", policy)
    Claim.objects.update(submitted_at=datetime(2025, 11, 3, 9, 0, tzinfo=UTC))
    listing = text(claims_desk.get(reverse("admin:claims_claim_changelist")))
    assert f'href="{TURNAROUND}"' in listing
    page = text(claims_desk.get(TURNAROUND))
    quarter = "?first_day=2025-10-01&amp;last_day=2025-12-31"
    assert f'<a href="{quarter}">Last quarter</a>' in page
    asked = quarter.replace("&amp;", "&")
    assert f'href="{quarter}&amp;export=csv"' in text(claims_desk.get(TURNAROUND + asked))
    [titles, claim] = downloaded(claims_desk, TURNAROUND + asked + "&export=csv")
    assert titles[0] == "Claim"
    assert claim[0] == Claim.objects.get().number


def test_the_sales_desk_is_offered_no_report_that_it_may_not_open(sales, db):
    assert "report/turnaround" not in text(sales.get(reverse("admin:claims_claim_changelist")))


# --- spans of days --------------------------------------------------------------------


def test_the_spans_of_a_day_in_march():
    named = {
        span.slug: (f"{span.first}", f"{span.last}") for span in date_ranges.past(date(2026, 3, 10))
    }
    assert named == {
        "this-month": ("2026-03-01", "2026-03-31"),
        "last-month": ("2026-02-01", "2026-02-28"),
        "this-quarter": ("2026-01-01", "2026-03-31"),
        "last-quarter": ("2025-10-01", "2025-12-31"),
        "last-30-days": ("2026-02-09", "2026-03-10"),
        "last-90-days": ("2025-12-11", "2026-03-10"),
        "last-365-days": ("2025-03-11", "2026-03-10"),
    }
    coming = {
        span.slug: (f"{span.first}", f"{span.last}")
        for span in date_ranges.coming(date(2026, 3, 10))
    }
    assert coming["next-30-days"] == ("2026-03-10", "2026-04-08")


def test_both_days_of_a_span_count_whole(sales, db):
    for hour, number in ((0, "first"), (23, "last")):
        day = 10 if number == "first" else 12
        factories.LetterFactory(
            created_at=datetime(2026, 2, day, hour, 59 * (hour > 0), tzinfo=UTC),
            recipient=f"{number}@example.com",
        )
    factories.LetterFactory(created_at=datetime(2026, 2, 13, tzinfo=UTC))
    factories.LetterFactory(created_at=datetime(2026, 2, 9, 23, 59, 59, tzinfo=UTC))
    response = sales.get(f"{LETTERS}?first_day=2026-02-10&last_day=2026-02-12")
    assert [line[1] for line in lines(response)] == ["last@example.com", "first@example.com"]


# --- policies ending ------------------------------------------------------------------


def test_policies_ending_are_narrowed_down_by_every_filter(sales, policy):
    policy.ends_at = datetime(2026, 3, 20, 9, 0, tzinfo=UTC)
    policy.save()
    other = factories.PolicyFactory(
        plan=Plan.objects.get(code="care-2y"),
        region=Region.objects.get(code="EU"),
        drone=factories.DroneFactory(drone_model=DroneModel.objects.get(slug="mavic-3")),
        ends_at=datetime(2026, 3, 25, 9, 0, tzinfo=UTC),
    )
    far = factories.PolicyFactory()
    assert [line[0] for line in lines(sales.get(ENDING))] == [policy.number, other.number]
    for query, expected in (
        ("plan=care-2y", [other]),
        ("region=US&last_day=2026-12-31", [policy]),
        ("model=mavic-3", [other]),
        ("renewable=yes&last_day=2026-12-31", [policy]),
        ("renewable=no", [other]),
        ("first_day=2027-01-01", [far]),
        ("status=expired", []),
        ("status=active", [policy, other, far]),
        ("status=used_up", []),
    ):
        found = [line[0] for line in lines(sales.get(f"{ENDING}?{query}"))]
        assert found == [one.number for one in expected], query
    assert summary(sales.get(ENDING)) == [
        ["1-Year", "United States", 1],
        ["2-Year", "European Union", 1],
    ]


def test_e1_policies_ending_go_by_dates_and_uses_and_not_by_marks(sales):
    """One that is not marked as ended yet, one marked too early, and one that is used up."""
    ended = factories.PolicyFactory(ends_at=datetime(2026, 3, 9, 9, 0, tzinfo=UTC))
    soon = {"ends_at": datetime(2026, 3, 20, 9, 0, tzinfo=UTC)}
    early = factories.PolicyFactory(status="expired", **soon)
    used_up = factories.PolicyFactory(**soon)
    for ordinal in (1, 2):
        factories.AllowanceUseFactory(policy=used_up, ordinal=ordinal)
    for word, one, label in (
        ("expired", ended, "Expired"),
        ("active", early, "In force"),
        ("used_up", used_up, "Allowance used up"),
    ):
        [line] = lines(sales.get(f"{ENDING}?first_day=2026-03-01&status={word}"))
        assert (line[0], line[2]) == (one.number, label)
        listed = sales.get(reverse("admin:policies_policy_changelist"), {"state": word})
        assert list(listed.context["cl"].queryset) == [one]


# --- stock ----------------------------------------------------------------------------


def test_stock_counts_each_state_of_a_batch_and_its_sell_through(sales, policy):
    batch = factories.CodeBatchFactory(size=5)
    factories.ActivationCodeFactory(batch=batch)
    factories.ActivationCodeFactory(batch=batch, void=True)
    factories.ActivationCodeFactory.create_batch(2, batch=batch, sold=True)
    used = factories.ActivationCodeFactory(batch=batch, sold=True)
    Period.objects.filter(policy=policy).update(code=used)
    other = factories.CodeBatchFactory(size=1, plan=Plan.objects.get(code="care-2y"))
    factories.ActivationCodeFactory(batch=other)
    response = sales.get(STOCK)
    assert [line[-6:] for line in lines(response)] == [
        ["1", "1", "0", "0", "0", "0.0"],
        ["5", "1", "3", "1", "1", "75.0"],
    ]
    assert figures(response) == [
        ("Codes", 6),
        ("In stock", 2),
        ("Sold", 3),
        ("Redeemed", 1),
        ("Void", 1),
        ("Sell-through (%)", 60.0),
    ]
    assert len(lines(sales.get(f"{STOCK}?plan=care-2y&origin=generated"))) == 1


# --- claims ---------------------------------------------------------------------------


@pytest.fixture
def ten_claims(db, house) -> list[Claim]:
    """Shipped after 1, 2 … 10 days, the even ones in Europe."""
    regions = [Region.objects.get(code="US"), Region.objects.get(code="EU")]
    claims = []
    for days in range(1, 11):
        claim = house.claim_at("shipped", factories.PolicyFactory())
        Policy.objects.filter(pk=claim.policy_id).update(region=regions[days % 2 == 0])
        [shipped] = claim.events.filter(after="shipped").values_list("at", flat=True)
        Claim.objects.filter(pk=claim.pk).update(submitted_at=shipped - timedelta(days=days))
        claims.append(claim)
    return claims


def test_half_of_the_claims_took_no_longer_than_the_median(ten_claims):
    [all_claims] = turnaround.waits(Claim.objects.all())
    assert all_claims == ((), 10, timedelta(days=5), timedelta(days=9))
    assert turnaround.waits(Claim.objects.all(), "policy__region__name") == [
        (("European Union",), 5, timedelta(days=6), timedelta(days=10)),
        (("United States",), 5, timedelta(days=5), timedelta(days=9)),
    ]


def test_one_claim_is_its_own_median(house, policy):
    house.claim_at("shipped", policy)
    [waits] = turnaround.waits(Claim.objects.all())
    assert waits.shipped == 1
    assert waits.median == waits.ninetieth


def test_claims_not_shipped_are_listed_without_a_turnaround(claims_desk, house, policy):
    house.claim_at("received", policy)
    response = claims_desk.get(TURNAROUND)
    [line] = lines(response)
    assert line[2:5] == ["None", "None", "Arrived at the service centre"]
    assert figures(response) == [("Claims", 1)]
    assert ">– </td>" in text(response)


def test_the_turnaround_page_names_median_and_90th_percentile(claims_desk, ten_claims):
    response = claims_desk.get(TURNAROUND)
    assert figures(response) == [
        ("Claims", 10),
        ("Shipped", 10),
        ("Median (days)", 5.0),
        ("90th percentile (days)", 9.0),
    ]
    assert summary(response) == [["European Union", 5, 6.0, 10.0], ["United States", 5, 5.0, 9.0]]
    assert len(lines(claims_desk.get(f"{TURNAROUND}?region=EU&progress=shipped"))) == 5
    assert lines(claims_desk.get(f"{TURNAROUND}?outcome=warranty")) == []


# --- fees -----------------------------------------------------------------------------


@pytest.fixture
def fees(db, house) -> None:
    """Two fees in dollars of which one went back, and one in yen, a month later."""
    japan = Region.objects.get(code="JP")
    for amount, currency in (("119.00", "USD"), ("139.50", "USD"), ("12900", "JPY")):
        claim = house.claim_at("preparing", factories.PolicyFactory())
        paid = FeePayment.objects.filter(claim=claim)
        march = datetime(2026, 3, 1, tzinfo=UTC)
        paid.update(amount=Decimal(amount), currency=currency, received_at=march)
        if currency == "JPY":
            Policy.objects.filter(pk=claim.policy_id).update(region=japan)
            paid.update(received_at=datetime(2026, 2, 20, tzinfo=UTC))
    last = FeePayment.objects.filter(amount=Decimal("139.50"))
    last.update(refunded_at=datetime(2026, 4, 1, tzinfo=UTC), refund_reference="R-1")


def test_amounts_of_different_currencies_are_never_added(fees):
    months = fee_totals.by_month(FeePayment.objects.all())
    totals = {
        one.currency: (one.count, one.taken, one.refunded, one.kept)
        for one in fee_totals.by_currency(months)
    }
    assert totals == {
        "JPY": (1, 12900, 0, 12900),
        "USD": (2, Decimal("258.50"), Decimal("139.50"), Decimal("119.00")),
    }
    assert [(one.month.month, one.region) for one in months] == [(3, "United States"), (2, "Japan")]


def test_yen_have_no_decimals_and_dollars_two(claims_desk, fees):
    page = text(claims_desk.get(FEES))
    assert "JPY 12,900 " in page
    assert "12,900.00" not in page
    assert "USD 258.50" in page
    assert len(lines(claims_desk.get(f"{FEES}?currency=USD&refunded=no"))) == 1
    assert len(lines(claims_desk.get(f"{FEES}?region=JP&method=bank_transfer"))) == 1


def test_the_file_of_fees_has_amounts_as_numbers(claims_desk, fees):
    response = claims_desk.get(f"{FEES}?currency=JPY&export=xlsx")
    [titles, row] = load_workbook(BytesIO(response.getvalue())).active.values
    facts = dict(zip(titles, row, strict=True))
    assert facts["Amount"] == 12900
    assert facts["Currency"] == "JPY"
    assert facts["Recorded (UTC)"] == datetime(2026, 2, 20)  # noqa: DTZ001


# --- letters --------------------------------------------------------------------------


def test_letters_are_counted_by_name_and_state(sales, db):
    at = datetime(2026, 3, 1, tzinfo=UTC)
    factories.LetterFactory.create_batch(2, created_at=at)
    factories.LetterFactory(created_at=at, state="sent", sent_at=at, name="renewed")
    response = sales.get(LETTERS)
    assert summary(response) == [["Link requested", 2, 0, 0, 0], ["Renewed", 0, 1, 0, 0]]
    assert len(lines(sales.get(f"{LETTERS}?name=renewed&state=sent"))) == 1


# --- pages, files, bad input ----------------------------------------------------------


def test_a_file_holds_all_pages_of_what_is_filtered(sales, db):
    at = datetime(2026, 3, 1, tzinfo=UTC)
    factories.LetterFactory.create_batch(60, created_at=at)
    factories.LetterFactory(created_at=at, state="failed")
    page = sales.get(f"{LETTERS}?state=queued")
    assert len(lines(page)) == 50
    assert "Page 1 of 2" in text(page)
    assert len(lines(sales.get(f"{LETTERS}?state=queued&page=2"))) == 10
    assert len(downloaded(sales, f"{LETTERS}?state=queued&export=csv&page=2")) == 61


@pytest.mark.parametrize("address", [ENDING, STOCK, LETTERS, TURNAROUND, FEES])
def test_the_number_of_queries_does_not_depend_on_the_number_of_rows(
    address, manager, house, django_assert_num_queries, django_assert_max_num_queries
):
    def one_more() -> None:
        code = factories.ActivationCodeFactory(sold=True)
        policy = factories.PolicyFactory()
        Period.objects.filter(policy=policy).update(code=code)
        house.claim_at("shipped", policy)

    everything = "?first_day=2020-01-01&last_day=2040-12-31"
    one_more()
    with django_assert_max_num_queries(20) as first:
        manager.get(address + everything)
    for _ in range(3):
        one_more()
    with django_assert_num_queries(len(first)):
        manager.get(address + everything)
    with django_assert_max_num_queries(9):
        manager.get(f"{address}{everything}&export=csv").getvalue()


@pytest.mark.parametrize("address", [ENDING, STOCK, LETTERS, TURNAROUND, FEES])
def test_an_empty_report_says_so_kindly(address, manager, db):
    assert "Nothing fits these filters." in text(manager.get(address))


RUBBISH = [
    "first_day=tomorrow",
    "first_day=0001-01-01",
    "last_day=9999-12-31",
    "first_day=2026-02-30",
    "last_day=%00",
    "first_day=2026-03-02&last_day=2026-03-01",
    "region=%00",
    "region=%27%20OR%201=1--",
    "region=" + "x" * 2_000,
    "region=%F0%9F%9B%B8",
    "region=%ff",
]


@pytest.mark.parametrize("query", RUBBISH)
@pytest.mark.parametrize("address", [ENDING, TURNAROUND, FEES])
def test_rubbish_gets_a_sentence_at_its_field_and_no_file(address, query, manager, db):
    for asked in (query, f"{query}&export=csv", f"{query}&export=xlsx"):
        response = manager.get(f"{address}?{asked}")
        assert response.status_code == 200
        assert response["Content-Type"] == "text/html; charset=utf-8"
        [name] = response.context["form"].errors
        assert name in query
        assert response.context["form"].errors[name][0].endswith(".")
        assert "lines" not in response.context


def test_every_other_rubbish_in_the_address_is_left_alone(manager, db):
    factories.LetterFactory(created_at=datetime(2026, 3, 1, tzinfo=UTC))
    for query in (
        "page=-1",
        "page=x",
        "page=999999999999999999999",
        "export=exe",
        "who=%00",
        "page=%00",
    ):
        response = manager.get(f"{LETTERS}?{query}")
        assert len(lines(response)) == 1, query


def test_what_customers_typed_is_harmless_in_page_and_file(sales, policy):
    policy.holder.name = "=HYPERLINK(1)<script>"
    policy.holder.save()
    policy.ends_at = datetime(2026, 3, 20, 9, 0, tzinfo=UTC)
    policy.save()
    assert "=HYPERLINK(1)&lt;script&gt;" in text(sales.get(ENDING))
    assert "'=HYPERLINK(1)<script>" in downloaded(sales, f"{ENDING}?export=csv")[1]
