"""Somebody who has the database, and not the keys, opens no customer's page (K12, C4)."""

import re

import zeal
from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from policies import links
from policies.models import Policy
from tests import factories
from tests.pages import form_with

IN_A_LETTER = re.compile(r"http://testserver/(?:policy|repair/progress)/([\w-]{43})/")


def dump() -> list[bytes]:
    """Every value of every row of every table."""
    values: list[bytes] = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                values += [
                    bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                    for value in row
                ]
    return values


@zeal.zeal_ignore()
def test_k12_a_dump_of_the_database_holds_no_link_that_works(client, filled_in):
    answers = [client.post("/activate/", filled_in)]
    form = form_with("once", client.get("/repair/").text)
    answers.append(
        client.post(
            "/repair/",
            form
            | {
                "serial": "08QCE3D0",
                "email": "ada@example.com",
                "cause": "collision",
                "happened_on": f"{timezone.now():%Y-%m-%d}",
                "description": "It hit a tree.",
                "parts": ["aircraft"],
                "address_line1": "1 Main Street",
                "city": "Albany",
                "state": "NY",
                "postal_code": "12207",
                "country": "US",
                "accept_terms": "on",
            },
        )
    )
    client.post("/cover/", {"serial": "08QCE3D0", "email": "ada@example.com"})
    links.rotate(Policy.objects.get(), now=timezone.now())
    client.post("/cover/", {"serial": "08QCE3D0", "email": "ada@example.com"})
    factories.LetterFactory()
    call_command("send_letters")
    redirects = [answer.url for answer in answers]
    mailed = {key for letter in mail.outbox for key in IN_A_LETTER.findall(letter.body)}
    assert len(mailed) == 3
    for key in mailed:
        assert links.find(key) is not None
    everything = dump()
    assert any(b"ada@example.com" in value for value in everything)
    for address in [*mailed, *(url.split("/")[-2] for url in redirects)]:
        assert not any(address.encode() in value for value in everything)
    # Nor anything else that looks like a link and opens a page.
    for value in everything:
        for word in re.findall(rb"[\w-]{43}", value):
            assert links.find(word.decode()) is None
