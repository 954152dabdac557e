from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from policies.models import Letter, Throttle
from tests.pages import token
from tests.public.conftest import Browser

ADA = {"serial": "08QCE3D0", "email": "ada@example.com"}


def links_sent() -> list[str]:
    return [letter.recipient for letter in Letter.objects.filter(name="link_requested")]


def test_the_holder_gets_the_link_by_mail(client, bound):
    response = client.post("/cover/", ADA)
    assert response.status_code == 200
    assert links_sent() == ["ada@example.com"]
    assert token(bound) not in response.text


def test_serial_and_email_are_taken_as_people_write_them(client, bound):
    client.post("/cover/", {"serial": "08qce-3d0 ", "email": " Ada@Example.com"})
    assert links_sent() == ["ada@example.com"]


@pytest.mark.parametrize(
    "stranger",
    [ADA | {"email": "eve@example.com"}, ADA | {"serial": "NEVERSEEN1"}],
    ids=["another e-mail", "another serial"],
)
def test_a_stranger_reads_exactly_the_same_and_gets_nothing(bound, stranger):
    holder, other = Browser().post("/cover/", ADA), Browser().post("/cover/", stranger)
    assert holder.content == other.content
    assert holder.status_code == other.status_code == 200
    assert links_sent() == ["ada@example.com"]


def test_asked_twice_within_the_hour_one_letter_is_sent(client, bound):
    with time_machine.travel(timezone.now().replace(minute=10)):
        client.post("/cover/", ADA)
        client.post("/cover/", ADA)
    assert links_sent() == ["ada@example.com"]


def test_bad_input_is_told_at_its_field(client, db):
    response = client.post("/cover/", {"serial": "x", "email": "ada"})
    assert dict(response.context["form"].errors) == {
        "serial": ["A serial number has 5 to 32 letters and digits, and nothing else."],
        "email": ["Please enter an e-mail address, like name@example.com."],
    }
    assert "<title>Error: Check your cover – Skyline Drones</title>" in response.text


def test_a_sixth_request_for_one_mailbox_has_to_wait_whoever_asks(db):
    for number in range(5):
        address = f"192.0.2.{number}"
        assert Browser(REMOTE_ADDR=address).post("/cover/", ADA).status_code == 200
    response = Browser(REMOTE_ADDR="192.0.2.99").post("/cover/", ADA)
    assert (response.status_code, response["Retry-After"]) == (429, "3600")
    assert 'value="ada@example.com"' in response.text


def test_a_21st_request_from_one_address_has_to_wait_for_an_hour(client, db):
    start = timezone.now()
    for number in range(20):
        form = ADA | {"email": f"{number}@example.com"}
        assert client.post("/cover/", form).status_code == 200
    assert client.post("/cover/", ADA).status_code == 429
    with time_machine.travel(start + timedelta(minutes=61)):
        assert client.post("/cover/", ADA).status_code == 200


def test_the_throttle_does_not_keep_addresses_in_clear(client, db):
    client.post("/cover/", ADA)
    assert not Throttle.objects.filter(key__contains="ada").exists()


def test_it_costs_three_queries_for_a_stranger(client, db, django_assert_num_queries):
    with django_assert_num_queries(3):
        client.post("/cover/", ADA)
