"""FACE: strangers at the public pages: who they are, how often they may try, what they read."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import render
from django.utils.translation.trans_real import parse_accept_lang_header

from policies.models import Throttle
from policies.rules import clocks
from policies.shared.actor import Actor
from policies.shared.database import delete_chunk

# Longer than the window of any limit: a row that is older says nothing more.
FORGOTTEN_AFTER = timedelta(days=1)

# One statement, so that no two attempts can read the same count.
UPSERT = """
INSERT INTO policies_throttle (key, window_start, count) VALUES (%s, %s, 1)
ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN policies_throttle.window_start <= %s THEN 1
                 ELSE policies_throttle.count + 1 END,
    window_start = CASE WHEN policies_throttle.window_start <= %s THEN excluded.window_start
                        ELSE policies_throttle.window_start END
RETURNING count
"""


@dataclass(frozen=True)
class Limit:
    """How often one may try: `attempts` times in a window of `per`, counted under `scope`."""

    scope: str
    attempts: int
    per: timedelta

    def allows(self, who: str, *, now: datetime) -> bool:
        """Counts one attempt. Call it outside a transaction that may roll back."""
        return allow(self.scope, who, limit=self.attempts, per=self.per, now=now)

    def allows_visitor(self, request: HttpRequest, *, now: datetime) -> bool:
        """The same for the address that a request comes from."""
        return self.allows(client_address(request), now=now)

    def allows_mailbox(self, email: str, *, now: datetime) -> bool:
        """The same for an e-mail address. The throttle's table need not know whose it is."""
        return self.allows(hashlib.sha256(email.encode()).hexdigest(), now=now)


def allow(scope: str, who: str, *, limit: int, per: timedelta, now: datetime) -> bool:
    """Counts one attempt of `who`; False once `limit` of them fell in one window of `per`.

    An IPv6 address counts as its network: one customer of a provider has 2^64 of them.
    Call it outside a transaction that may roll back, or the attempt is not counted.
    """
    expired = now - per
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        key = f"{scope}:{_network(who)}"[:120]
        cursor.execute(UPSERT, [key, adapt(now), adapt(expired), adapt(expired)])
        count: int = cursor.fetchone()[0]
    return count <= limit


def _network(who: str) -> str:
    """The /64 of an IPv6 address; anything else as it is."""
    try:
        address = ip_address(who)
    except ValueError:
        return who
    if isinstance(address, IPv4Address) or address.ipv4_mapped:
        return who
    return str(IPv6Network((address, 64), strict=False))


def outlived(*, now: datetime) -> QuerySet[Throttle]:
    """The windows of time that no limit looks at any longer."""
    return Throttle.objects.filter(window_start__lt=now - FORGOTTEN_AFTER)


def forget(*, now: datetime, chunk: int) -> int:
    """Deletes at most `chunk` of them; returns how many. They name the addresses of visitors."""
    return delete_chunk(outlived(now=now), chunk=chunk)


def client_address(request: HttpRequest) -> str:
    """The client's IP address: what the last trusted proxy saw, never what the client claims.

    Empty where that is not an address: behind a unix socket, or a proxy that adds to it.
    """
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    seen = request.META.get("REMOTE_ADDR", "")
    if settings.PROXY_COUNT and len(hops) >= settings.PROXY_COUNT and hops[-settings.PROXY_COUNT]:
        seen = hops[-settings.PROXY_COUNT]
    try:
        return str(ip_address(seen))
    except ValueError:
        return ""


def likely_country(request: HttpRequest) -> str:
    """Where the visitor may be at home, by the languages of their browser; "" for no idea.

    A guess, to preset an answer with. The page then varies by `Accept-Language`.
    """
    wanted = parse_accept_lang_header(request.headers.get("Accept-Language", ""))
    return clocks.likely_country([tag for tag, weight in wanted if weight and tag != "*"])


def visitor(request: HttpRequest) -> Actor:
    """Who is behind a request, with their address where there is one.

    The customer; but whatever somebody does who is logged in as staff is theirs (K13).
    """
    address = client_address(request) or None
    user = request.user
    if isinstance(user, User) and user.is_staff:
        return Actor.staff(user, address)
    return Actor.customer(address)


def as_typed(form_class: type[forms.Form], data: QueryDict) -> forms.Form:
    """A form that shows what was typed and has checked none of it; files are not kept."""
    return form_class(
        initial={
            name: field.bound_data(field.widget.value_from_datadict(data, {}, name), None)
            for name, field in form_class.base_fields.items()
        }
    )


def too_often(
    request: HttpRequest, template: str, form_class: type[forms.Form], limit: Limit, **more: Any
) -> HttpResponse:
    """The page again, with what was typed: a form beyond the limit is not checked."""
    form = as_typed(form_class, request.POST)
    wait = {"form": form, "wait_minutes": limit.per // timedelta(minutes=1)}
    response = render(request, template, wait | more, status=429)
    response["Retry-After"] = str(int(limit.per.total_seconds()))
    return response


def link_is_dead(request: HttpRequest, template: str) -> HttpResponse:
    """One answer to a link that is old, was replaced or revoked, or never was one (K12)."""
    response = render(request, template, status=404)
    keep_secret(response)
    return response


def keep_secret(response: HttpResponseBase) -> None:
    """The address is the key: keeps it from other sites and from search engines."""
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
