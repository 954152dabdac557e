"""Pages as a server asks for them: through the WSGI application, connection and all."""

import warnings
from collections.abc import Iterator
from io import BytesIO, StringIO
from time import perf_counter
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.db import connection
from django.test import Client, override_settings
from django.urls import reverse

from policies.backoffice.cells import page_of
from policies.models import Policy
from tests.benchmarks import bare
from tests.benchmarks.dealer import Facts
from tests.benchmarks.timing import Table, milliseconds

# As in production, except for what would want a collectstatic and a certificate.
settings.STORAGES = {
    **settings.STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
settings.SECURE_SSL_REDIRECT = False
warnings.filterwarnings("ignore", "No directory at")

PER_PAGE = 50
SLOW_MILLISECONDS = 30

Page = tuple[str, str]


def measure(table: Table, facts: Facts, rounds: int) -> None:
    with override_settings(ROOT_URLCONF="tests.benchmarks.bare"):
        table.add("bare view", timings(bare.application(), "/", "", 10 * rounds))
    # The sweep that counts the dashboard's figures, whole.
    table.add("take_figures", [milliseconds(take_figures)])
    application, cookie = WSGIHandler(), session_of(facts)
    for name, url in every_page(facts):
        table.add(name, timings(application, url, cookie, rounds))


def take_figures() -> None:
    call_command("take_figures", stdout=StringIO())


def every_page(facts: Facts) -> Iterator[Page]:
    yield "customer: activate", reverse("activate")
    yield "customer: policy", reverse("policy", args=[facts.token])
    yield "customer: plans", reverse("plans")
    yield "staff: dashboard", reverse("admin:index")
    for what, term in (("serial", facts.serial), ("e-mail", facts.email), ("name", facts.name)):
        yield f"staff: search: {what}", f"{reverse('admin:search')}?{urlencode({'q': term})}"
    yield "staff: search: nothing found", f"{reverse('admin:search')}?q=nobody"
    policy = Policy.objects.get(number=facts.number)
    yield "staff: a drone", page_of(policy.drone)
    yield "staff: a customer", page_of(policy.holder)
    yield "staff: history", reverse("admin:admin_logentry_changelist")
    yield "report: policies ending", reverse("admin:policies_policy_report_ending")
    last = facts.policies // PER_PAGE
    policy, code = "policies: ", "codes: "
    yield from a_list("policy", policy, "first page")
    yield from a_list("policy", policy, "middle page", p=last // 2)
    yield from a_list("policy", policy, "last page", p=last)
    yield from a_list("policy", policy, "filter: expired", status__exact="expired")
    yield from a_list("policy", policy, "search: number", q=facts.number)
    yield from a_list("policy", policy, "search: serial", q=facts.serial)
    yield from a_list("policy", policy, "search: e-mail", q=facts.email)
    yield from a_list("policy", policy, "search: nothing found", q="nobody@example.com")
    yield from a_list("activationcode", code, "first page")
    yield from a_list("activationcode", code, "last page", p=last)
    yield from a_list("activationcode", code, "filter: in stock", state="in_stock")
    yield from a_list("activationcode", code, "filter: redeemed", state="redeemed")
    yield from a_list("activationcode", code, "filter: sold, open", state="open")
    yield from a_list("activationcode", code, "search: last four", q=facts.code[-4:])
    yield from a_list("activationcode", code, "search: order", q=facts.order_reference)
    yield from a_list("activationcode", code, "search: e-mail", q=facts.email)
    yield from a_list("codebatch", "batches: ", "first page")
    yield from a_list("drone", "drones: ", "first page")
    yield from a_list("drone", "drones: ", "search: serial", q=facts.serial)
    yield from a_list("customer", "customers: ", "first page")
    yield from a_list("customer", "customers: ", "search: e-mail", q=facts.email)
    yield from a_list("customer", "customers: ", "search: name", q=facts.name)
    yield from a_list("letter", "letters: ", "first page")
    yield from a_list("letter", "letters: ", "filter: failed", state__exact="failed")
    yield from a_list("letter", "letters: ", "filter: one letter", name="code_sold")
    yield from a_list("letter", "letters: ", "search: e-mail", q=facts.email)
    yield from a_list("letter", "letters: ", "search: policy", q=facts.number)


def a_list(model: str, subject: str, what: str, **query: Any) -> Iterator[Page]:
    url = reverse(f"admin:policies_{model}_changelist")
    yield subject + what, f"{url}?{urlencode(query)}" if query else url


def session_of(facts: Facts) -> str:
    client = Client()
    client.force_login(facts.user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def timings(application: WSGIHandler, url: str, cookie: str, rounds: int) -> list[float]:
    """Milliseconds of each request, after one that fills caches. A slow page gets fewer."""
    first = milliseconds(lambda: get(application, url, cookie))
    rounds = max(5, min(rounds, int(4_000 / first)))
    return [milliseconds(lambda: get(application, url, cookie)) for _ in range(rounds)]


def get(application: WSGIHandler, url: str, cookie: str) -> None:
    path, _mark, query = url.partition("?")
    status = ""

    def start_response(line: str, headers: object) -> None:
        nonlocal status
        status = line

    response = application(
        {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "443",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_COOKIE": f"{settings.SESSION_COOKIE_NAME}={cookie}" if cookie else "",
            "wsgi.url_scheme": "https",
            "wsgi.input": BytesIO(),
        },
        start_response,
    )
    for _part in response:
        pass
    response.close()
    if not status.startswith(("200", "302")):
        raise RuntimeError(f"{url} answered {status}")


def explain(facts: Facts) -> None:
    """Prints the statements that take long, and how the database goes about them."""
    analyse = connection.vendor == "postgresql"
    how = "EXPLAIN (ANALYZE, COSTS OFF)" if analyse else "EXPLAIN QUERY PLAN"
    application, cookie = WSGIHandler(), session_of(facts)
    for name, url in every_page(facts):
        for (sql, params), took in slow_statements(application, url, cookie):
            print(f"\n{name}: {took:.0f} ms\n  {sql}")
            with connection.cursor() as cursor:
                cursor.execute(f"{how} {sql}", params)
                for row in cursor.fetchall():
                    print("    ", row[-1])


def slow_statements(
    application: WSGIHandler, url: str, cookie: str
) -> list[tuple[tuple[str, Any], float]]:
    """The reading statements of a page that took long both times."""
    fastest: dict[tuple[str, Any], float] = {}

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        start = perf_counter()
        result = execute(sql, params, many, context)
        took = (perf_counter() - start) * 1_000
        fastest[sql, params] = min(took, fastest.get((sql, params), took))
        return result

    for _time in range(2):
        with connection.execute_wrapper(watch):
            get(application, url, cookie)
    return [
        (statement, took)
        for statement, took in fastest.items()
        if took > SLOW_MILLISECONDS and statement[0].startswith("SELECT")
    ]
