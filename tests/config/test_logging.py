"""A customer's link stands in no line of the log and in no report of an error (K12)."""

import logging
import sys
from logging.config import dictConfig

import pytest
from django.conf import settings
from django.test import Client, RequestFactory
from django.views.debug import get_exception_reporter_class

from config.logging import MaskingFormatter, masked

TOKEN = "aB3_-" + "x" * 38


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"GET /policy/{TOKEN}/ 500", "GET /policy/…/ 500"),
        (f"/policy/{TOKEN}/agreement.pdf", "/policy/…/agreement.pdf"),
        (f'"POST /repair/progress/{TOKEN}/cancel/"', '"POST /repair/progress/…/cancel/"'),
        (f"Referer: https://care.example/repair/progress/{TOKEN}", "/repair/progress/…"),
        ("GET /repair/progress/ 200", "GET /repair/progress/ 200"),
        ("/admin/policies/policy/7/change/", "/admin/policies/policy/7/change/"),
        ("GET /plans/ 200", "GET /plans/ 200"),
    ],
)
def test_an_address_is_masked_where_it_is_a_key(line, expected):
    assert masked(line).endswith(expected)
    assert TOKEN not in masked(line)


def fail_with(token: str) -> None:
    raise RuntimeError(f"at /policy/{token}/")


def test_a_traceback_in_the_log_is_masked_too():
    try:
        fail_with(TOKEN)
    except RuntimeError:
        record = logging.LogRecord(
            "x", logging.ERROR, "", 0, "Error: %s", (f"/policy/{TOKEN}/",), sys.exc_info()
        )
    line = MaskingFormatter("{message}", style="{").format(record)
    assert "RuntimeError: at /policy/…/" in line
    assert TOKEN not in line


@pytest.mark.parametrize("page", ["/policy/{}/", "/repair/progress/{}/", "/policy/{}/x/y"])
def test_what_django_logs_of_a_request_is_masked(db, capsys, page):
    dictConfig(settings.LOGGING)  # pytest has put its own handlers in place of ours
    Client().get(page.format(TOKEN))
    printed = capsys.readouterr()
    assert "Not Found: " in printed.out
    assert TOKEN not in printed.out + printed.err


def test_the_requests_of_a_developers_server_are_masked():
    # By our own handler, which formats every line, and not by Django's.
    server = settings.LOGGING["loggers"]["django.server"]
    assert (server["handlers"], server["propagate"]) == ([], True)


@pytest.mark.parametrize("form", ["get_traceback_html", "get_traceback_text"])
def test_a_report_of_an_error_names_no_link(form):
    request = RequestFactory().get(
        f"/policy/{TOKEN}/", headers={"Referer": f"http://testserver/repair/progress/{TOKEN}/"}
    )
    try:
        fail_with(TOKEN)
    except RuntimeError:
        reporter = get_exception_reporter_class(request)(request, *sys.exc_info())
    report = getattr(reporter, form)()
    assert "RuntimeError" in report
    assert TOKEN not in report
