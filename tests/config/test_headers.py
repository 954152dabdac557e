import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from config.middleware import ContentSecurityPolicyMiddleware

STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none';"
    " base-uri 'none'"
)


def answer(response: HttpResponse) -> HttpResponse:
    return ContentSecurityPolicyMiddleware(lambda request: response)(RequestFactory().get("/"))


def test_every_page_carries_the_strict_policy(client):
    response = client.get("/healthz")
    assert response.headers["Content-Security-Policy"] == STRICT
    assert "camera=()" in response.headers["Permissions-Policy"]
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_a_page_may_replace_the_policy():
    response = HttpResponse()
    response._csp_config = {"default-src": ["'none'"], "frame-src": ["https://video.example"]}
    assert (
        answer(response).headers["Content-Security-Policy"]
        == "default-src 'none'; frame-src https://video.example"
    )


def test_an_empty_policy_sends_no_header():
    response = HttpResponse()
    response._csp_config = {}
    assert "Content-Security-Policy" not in answer(response).headers


def test_a_header_that_a_view_has_set_stays():
    response = HttpResponse(headers={"Content-Security-Policy": "default-src 'self'"})
    assert answer(response).headers["Content-Security-Policy"] == "default-src 'self'"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "default-src 'self'; upgrade-insecure-requests"),
        (False, "default-src 'self'"),
        (None, "default-src 'self'"),
        ("a b", "default-src 'self'; upgrade-insecure-requests a b"),
        ({"b", "a"}, "default-src 'self'; upgrade-insecure-requests a b"),
    ],
)
def test_values_mean_what_they_mean_to_django_6(value, written):
    response = HttpResponse()
    response._csp_config = {"default-src": "'self'", "upgrade-insecure-requests": value}
    assert answer(response).headers["Content-Security-Policy"] == written


def test_djangos_own_error_page_may_style_itself(settings):
    settings.DEBUG = True
    assert "Content-Security-Policy" not in answer(HttpResponse(status=500)).headers
    assert "Content-Security-Policy" in answer(HttpResponse(status=200)).headers
