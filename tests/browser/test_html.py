"""Every page is HTML without an error, as the Nu checker sees it."""

import re
from collections.abc import Iterator
from io import StringIO

import pytest
import zeal
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from claims.models import Claim
from policies.backoffice.cells import page_of
from policies.models import Policy
from tests.browser import checker
from tests.browser.test_accessibility import buttons, one_of_each_state, pages_for_everybody
from tests.pages import token


@pytest.fixture(autouse=True)
def no_query_per_row(settings) -> None:
    """Watches each page for itself: this test asks for many."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "zeal.middleware.zeal_middleware"]
    # A user looks at the page of a user: these are two.
    settings.ZEAL_ALLOWLIST = [{"model": "auth.User", "field": "*"}]


@pytest.fixture
def dealer(db, settings) -> None:
    settings.LINK_DAYS = 3_650  # pages of what has ended long ago are looked at, too
    with zeal.zeal_ignore():  # the story of a year and a half, told sale by sale
        call_command("demo", stdout=StringIO())
        call_command("run_sweeps", stdout=StringIO())


@pytest.fixture
def boss(dealer) -> Client:
    client = Client()
    client.force_login(User.objects.get(username="admin"))
    return client


def test_no_page_has_an_error(boss, tmp_path):
    pages = dict(of_customers()) | dict(of_staff(boss))
    assert len(pages) > 100
    for name, html in pages.items():
        (tmp_path / f"{name}.html").write_text(html, encoding="utf-8")
    found = checker.errors(tmp_path)
    assert not found, f"{len(found)} errors:\n" + "\n".join(found)


def test_the_checker_finds_what_is_wrong(tmp_path):
    (tmp_path / "bad.html").write_text(
        '<!DOCTYPE html><html lang="en"><title>x</title><ul><p>No item</p></ul></html>'
    )
    assert any("not allowed as child" in error for error in checker.errors(tmp_path))


def of_customers() -> Iterator[tuple[str, str]]:
    client = Client()
    for name in pages_for_everybody():
        yield name, text(client, reverse(name))
        refused = client.post(reverse(name), {"nothing": "x"})
        if refused.status_code != 405:
            yield f"{name}-refused", refused.content.decode()
    running = Policy.objects.in_force(at=timezone.now()).first()
    ended = Policy.objects.filter(ends_at__lt=timezone.now()).first()
    for name, policy in [("running", running), ("ended", ended)]:
        yield f"policy-{name}", text(client, reverse("policy", args=[token(policy)]))
    for claim in one_of_each_state(Claim):
        yield (
            f"progress-{claim.progress}",
            text(client, reverse("progress", args=[token(claim)])),
        )
    cancellable = Claim.objects.filter(progress="label_sent").first()
    yield "cancel", text(client, reverse("progress_cancel", args=[token(cancellable)]))
    found = {"number": cancellable.number, "email": cancellable.email}
    yield "only-shown", client.post(reverse("progress_lookup"), found).content.decode()
    yield "dead-link", client.get("/policy/x/").content.decode()
    yield "dead-link-to-a-repair", client.get("/repair/progress/x/").content.decode()
    yield "not-found", client.get("/nothing/").content.decode()


def of_staff(boss: Client) -> Iterator[tuple[str, str]]:
    for number, url in enumerate(sorted(set(staff_urls(boss)))):
        yield f"staff-{number:03}{re.sub('[^a-z0-9]+', '-', url)}"[:120], text(boss, url)


def staff_urls(boss: Client) -> Iterator[str]:
    yield from ["/admin/", "/admin/?days=365", "/admin/search/", "/admin/search/?q=lee"]
    yield from ["/admin/password_change/", "/admin/search/?q=%3Cb%3Enobody"]
    for model in admin.site._registry:
        listing = reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_changelist")
        yield from [listing, f"{listing}?q=nobody@example.com"]
        html = text(boss, listing)
        yield from buttons(html).values()
        yield from [f"{listing}add/"] if 'class="addlink"' in html else []
        for record in [*one_of_each_state(model), model._default_manager.first()]:
            if record is not None:
                page = page_of(record)
                yield page
                yield re.sub("change/$", "history/", page)
                yield from buttons(text(boss, page)).values()


def text(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code in {200, 302}, f"{url} answered {answer.status_code}"
    if answer.status_code == 302:  # some records have no page of their own
        return '<!DOCTYPE html><html lang="en"><head><title>moved</title></head></html>'
    return answer.content.decode()
