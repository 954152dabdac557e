"""Papers to print and to keep: the claim sheet of the box, and the agreement as PDF."""

import pytest
import zxingcpp
from django.test import Client
from django.urls import reverse

from policies.models import Policy
from policies.shared import papers
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
    for expected in [claim.number, "Ann Lee", "0ANNSDRONE1", new, policy.number]:
        assert expected in said
    assert [tuple(map(round, size)) for size in sizes(sheet)] == [A4]


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


def test_the_customer_gets_the_same_agreement_by_the_link(client, sales, policy):
    answer = client.get(reverse("policy_agreement", args=[policy.token]))
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


def test_each_script_is_set_in_a_font_that_has_it():
    assert papers._runs("Ann & Łukasz") == "Ann &amp; Łukasz"
    assert papers._runs("Ann 김") == 'Ann <font name="HYGothic-Medium">김</font>'
    assert papers._runs("田中") == '<font name="STSong-Light">田中</font>'
    assert papers._runs("田はな") == '<font name="HeiseiKakuGo-W5">田はな</font>'


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
