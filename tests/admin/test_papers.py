"""Papers to print and to keep: the claim sheet of the box, and the agreement as PDF."""

import re
from datetime import UTC, datetime

import pytest
import time_machine
import zxingcpp
from django.test import Client
from django.urls import reverse
from PIL import Image

from policies.models import Policy
from tests import factories
from tests.pages import token
from tests.pdf import printed, sizes, words

A4 = (595, 842)


def paper(client: Client, name: str, pk: int) -> bytes:
    answer = client.get(reverse(f"admin:{name}", args=[pk]))
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/pdf"
    return answer.content


def test_the_claim_sheet_says_what_came_in_and_what_goes_out(claims_desk, house, policy):
    claim = house.claim_at("completed", policy)
    sheet = paper(claims_desk, "claims_claim_sheet", claim.pk)
    said = " ".join(words(sheet).split())
    new = Policy.objects.get().drone.serial
    address = "1 Main Street, Albany NY 12207, United States of America"
    for expected in [claim.number, "Ann Lee", "0ANNSDRONE1", new, policy.number, address]:
        assert expected in said
    assert [tuple(map(round, size)) for size in sizes(sheet)] == [A4]
    page = claims_desk.get(reverse("admin:claims_claim_change", args=[claim.pk])).text
    assert f"<dd>Ann Lee, {address}</dd>" in page


@pytest.mark.parametrize("state", ["received", "completed", "returned"])
def test_the_sheet_and_the_customers_page_count_the_same_replacements(
    client, claims_desk, house, policy, state
):
    claim = house.claim_at(state, policy)
    left = {"received": "1 of 2", "completed": "1 of 2", "returned": "2 of 2"}[state]
    sheet = " ".join(words(paper(claims_desk, "claims_claim_sheet", claim.pk)).split())
    page = " ".join(client.get(f"/repair/progress/{token(claim)}/").text.split())
    assert f"Replacements left {left}" in sheet
    assert f"<dt>Replacements left</dt> <dd>{left}</dd>" in page


def test_a_scanner_reads_the_claims_number(claims_desk, house, policy):
    claim = house.claim_at("received", policy)
    image = printed(paper(claims_desk, "claims_claim_sheet", claim.pk))
    assert [found.text for found in zxingcpp.read_barcodes(image)] == [claim.number]


def test_the_agreement_holds_term_allowance_parts_exclusions_and_fees(sales, policy):
    said = " ".join(words(paper(sales, "policies_policy_agreement", policy.pk)).split())
    for expected in [
        policy.number,
        "Ann Lee",
        "0ANNSDRONE1",
        "5 January 2027, 04:00 EST",
        "Propellers",
        "A remote controller is never covered.",
        "Lost or stolen",
        "1st replacement: USD",
    ]:
        assert expected in said


@pytest.fixture
def agreement_at(client, policy):
    """What the customer's paper of the agreement says at an instant."""

    def agreement_at(at: str) -> str:
        with time_machine.travel(at, tick=False):
            pdf = client.get(reverse("policy_agreement", args=[token(policy)])).content
        return " ".join(words(pdf).split())

    return agreement_at


def test_a_running_agreement_says_what_is_left_and_bears_no_stamp(agreement_at, policy):
    factories.AllowanceUseFactory(policy=policy, ordinal=1)
    said = agreement_at("2026-03-10T15:00Z")
    assert "Replacements 1 of 2 left, 1 used" in said
    assert "Term left 301 days from 10 March 2026" in said
    assert "2nd replacement: USD 139.00 (the next one)" in said.replace("\N{NO-BREAK SPACE}", " ")
    assert "Ended" not in said
    assert "Cancelled" not in said


def test_a_cancelled_agreement_says_so_across_the_page(agreement_at, policy):
    Policy.objects.update(
        status="cancelled",
        cancelled_at=datetime(2026, 3, 2, 15, 0, tzinfo=UTC),
        cancel_reason="Chargeback",
    )
    said = agreement_at("2026-03-10T15:00Z")
    assert said.count("Cancelled on 2 March 2026") == 2  # among the facts, and as the stamp
    assert "Chargeback" not in said
    assert "of 2 left" not in said


def test_an_agreement_that_ran_out_says_so_across_the_page(agreement_at):
    assert agreement_at("2027-02-01T15:00Z").count("Ended on 5 January 2027") == 2


def test_a_used_up_agreement_says_so_across_the_page(agreement_at, policy):
    for ordinal in (1, 2):
        factories.AllowanceUseFactory(
            policy=policy, ordinal=ordinal, taken_at=datetime(2026, 3, ordinal, 12, tzinfo=UTC)
        )
    said = agreement_at("2026-03-10T15:00Z")
    assert said.count("All used, ended on 2 March 2026") == 2
    assert "Replacements 0 of 2 left, 2 used" in said


def test_an_agreement_that_has_not_begun_says_when_it_does(agreement_at):
    assert "Begins on 5 January 2026" in agreement_at("2026-01-01T15:00Z")


def test_the_customer_gets_the_same_agreement_by_the_link(client, sales, policy):
    answer = client.get(reverse("policy_agreement", args=[token(policy)]))
    assert answer.content == paper(sales, "policies_policy_agreement", policy.pk)
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    assert client.get(reverse("policy_agreement", args=["x" * 43])).status_code == 404


@pytest.mark.parametrize(
    "name", ["Ann <b>&amp;</b> Lee", "田中 はな", "김민수", "]]> <para>", "ا ب", "💥 Łukasz"]
)
def test_any_name_makes_a_paper(sales, policy, name):
    policy.holder.name = name
    policy.holder.save()
    assert sizes(paper(sales, "policies_policy_agreement", policy.pk))


@pytest.mark.parametrize(
    "name",
    [
        "Ελένη Παπαδοπούλου", "Георги Щърбанов", "Żaneta Świętosławska", "Jiří Dvořáček",
        "Nguyễn Thị Hồng Phượng", "王小明", "陳大文", "髙橋 さくら", "김민준", "Ann 李 & Иван",
    ],
)  # fmt: skip
def test_names_are_printed_in_every_script_of_the_regions(sales, policy, name):
    policy.holder.name = name
    policy.holder.save()
    assert name in words(paper(sales, "policies_policy_agreement", policy.pk))


def test_the_letters_travel_with_the_paper(sales, policy):
    policy.holder.name = "Ελένη 王小明 김민준"
    policy.holder.save()
    agreement = paper(sales, "policies_policy_agreement", policy.pk)
    for font in ["NotoSans-Regular", "NotoSans-Bold", "NotoSansKR-Regular", "DroidSansFallback"]:
        assert re.search(rb"/FontName /[A-Z]{6}\+" + font.encode(), agreement), font
    assert agreement.count(b"/FontFile2") == 4
    assert len(agreement) < 200_000


def test_a_long_name_without_blanks_wraps_inside_its_column(sales, policy):
    policy.holder.name = "示例无人机服务中心" * 13
    policy.holder.save()
    pdf = paper(sales, "policies_policy_agreement", policy.pk)
    assert words(pdf).replace("\n", "").count("示例无人机服务中心" * 13) == 1
    assert white_at_the_right(printed(pdf)) > 50  # of 56 points of margin


def white_at_the_right(image: Image.Image) -> float:
    """In points."""
    inked = image.point(lambda shade: 255 - shade).getbbox()
    assert inked
    return (image.width - inked[2]) * 72 / 203


@pytest.mark.parametrize(
    ("role", "status"), [("Claims", 200), ("Auditor", 200), ("anonymous", 302), ("nobody", 403)]
)
def test_a_sheet_is_for_those_who_may_see_claims(employ, house, policy, role, status):
    claim = house.claim_at("received", policy)
    client = Client() if role == "anonymous" else employ("Claims" if role == "nobody" else role)
    if role == "nobody":
        client.get("/admin/").wsgi_request.user.groups.clear()
    assert client.get(reverse("admin:claims_claim_sheet", args=[claim.pk])).status_code == status


def test_no_paper_of_what_is_not_there(claims_desk):
    for pk in ["999999", "x", "1/../2"]:
        assert claims_desk.get(f"/admin/claims/claim/{pk}/sheet.pdf").status_code == 404
