"""How often each list and each record's page asks the database, whatever stands on it."""

from io import StringIO

import pytest
import zeal
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from policies.backoffice.cells import page_of

# Session, user and permissions are four of them. Filters by region, plan or model read those.
LISTS = {
    "activationstatement": 4,
    "activationcode": 8,
    "bindingpermit": 4,
    "claim": 5,
    "codebatch": 7,
    "customer": 4,
    "deadline": 4,
    "drone": 6,
    "dronemodel": 5,
    "exclusion": 4,
    "group": 5,
    "import": 4,
    "letter": 6,
    "logentry": 13,
    "order": 6,
    "plan": 4,
    "policy": 7,
    "region": 4,
    "reminderday": 4,
    "replacementfee": 9,
    "sale": 6,
    "series": 5,
    "sweeprun": 4,
    "user": 6,
    "verificationstep": 4,
    "videoverification": 4,
}
RECORDS = {
    "order": 10,
    "videoverification": 17,
    "activationcode": 5,
    "claim": 26,
    "codebatch": 10,
    "customer": 11,
    "deadline": 4,
    "drone": 15,
    "dronemodel": 6,
    "exclusion": 4,
    "group": 6,
    "letter": 7,
    "plan": 5,
    "policy": 16,
    "region": 5,
    "reminderday": 4,
    "replacementfee": 8,
    "sale": 11,
    "series": 6,
    "sweeprun": 4,
    "user": 6,
    "verificationstep": 4,
}


@pytest.fixture(autouse=True)
def a_user_looks_at_a_user(settings) -> None:
    """Two persons, and no loop."""
    settings.ZEAL_ALLOWLIST = [{"model": "auth.User", "field": "*"}]


@pytest.fixture
def boss(db) -> Client:
    """Somebody who may see everything, at the desk of the demo dealer."""
    with zeal.zeal_ignore():
        call_command("demo", stdout=StringIO())
        call_command("run_sweeps", stdout=StringIO())
    client = Client()
    client.force_login(User.objects.get(username="admin"))
    return client


def asked(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200, url
    return len(queries)


def test_lists_and_records_ask_no_more_than_this(boss):
    too_often = {}
    for model in admin.site._registry:
        name = model._meta.model_name
        listing = reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_changelist")
        found = {"list": (asked(boss, listing), LISTS.get(name, 0))}
        record = model._default_manager.order_by("-pk").first()
        if record is not None and name != "logentry":
            found["record"] = (asked(boss, page_of(record)), RECORDS.get(name, 0))
        too_often |= {
            f"{name} {page}": count for page, count in found.items() if count[0] > count[1]
        }
    assert not too_often
