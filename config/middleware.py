from collections.abc import Callable, Iterable, Mapping
from functools import cache
from urllib.parse import unquote
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from policies.rules.code_format import is_whole_code

NO_CODES_HERE = _(
    "A whole code does not belong in an address: browsers and servers keep it. "
    "Use “Find a whole code” on the page of the search, or its last four characters."
)

Policy = Mapping[str, Iterable[str] | str | bool | None]


class ContentSecurityPolicyMiddleware:
    """Content-Security-Policy as Django 6 does it, and Permissions-Policy beside it.

    A view replaces the policy of its page with `response._csp_config = {...}`; an empty
    one sends no header. In DEBUG Django's own error page, which needs inline styles, is
    shown without a policy.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        policy: Policy = getattr(response, "_csp_config", settings.SECURE_CSP)
        if policy and not (settings.DEBUG and response.status_code in {404, 500}):
            response.headers.setdefault("Content-Security-Policy", header(policy))
        response.headers.setdefault("Permissions-Policy", settings.PERMISSIONS_POLICY)
        return response


def header(policy: Policy) -> str:
    return "; ".join(
        directive(name, sources)
        for name, sources in policy.items()
        if sources is not None and sources is not False
    )


def directive(name: str, sources: Iterable[str] | str | bool) -> str:
    if sources is True:
        return name
    if isinstance(sources, str):
        return f"{name} {sources}"
    assert not isinstance(sources, bool)
    # A set has no order; sorted, so that the header is the same on every request.
    values = sorted(sources) if isinstance(sources, set | frozenset) else sources
    return " ".join([name, *values])


class NoCodesInAddressesMiddleware:
    """Refuses a whole code in an address of the staff's pages, wherever it stands there (C6).

    The browser keeps an address, servers write it into logs, and links to other sites may tell it.
    The answer leads to the address without the code, so that no page and no link repeats it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/admin/"):
            return self.get_response(request)
        in_path = any(map(is_whole_code, request.path.split("/")))
        query = request.GET.copy()
        for name, values in request.GET.lists():
            if any(map(is_whole_code, [name, *values])):
                del query[name]
        if not in_path and query == request.GET:
            return self.get_response(request)
        messages.error(request, NO_CODES_HERE)
        path = reverse("admin:search") if in_path else request.path
        return HttpResponseRedirect(f"{path}?{query.urlencode()}" if query else path)


class ViewersZoneMiddleware:
    """Shows the staff's pages in the time zone that their browser named in a cookie.

    Customers' pages are in their region's zone, and forms name the zone that they mean.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/admin/"):
            return self.get_response(request)
        with timezone.override(viewers_zone(request.COOKIES.get("zone", ""))):
            return self.get_response(request)


def viewers_zone(name: str) -> ZoneInfo | None:
    """The zone, or None, which is UTC, for a name that is none."""
    name = unquote(name)
    return ZoneInfo(name) if name in known_zones() else None


@cache
def known_zones() -> set[str]:
    return available_timezones()
