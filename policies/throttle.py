"""Counting attempts of strangers, exactly, across processes and on both databases."""

from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Network, ip_address

from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from policies.models import Throttle

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


def allow(scope: str, who: str, *, limit: int, per: timedelta, now: datetime) -> bool:
    """Counts one attempt of `who`; False once `limit` of them fell in one window of `per`.

    An IPv6 address counts as its network: whoever has one has 2^64 of them.
    Call it outside a transaction that may roll back, or the attempt is not counted.
    """
    expired = now - per
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        key = f"{scope}:{_network(who)}"[:120]
        cursor.execute(UPSERT, [key, adapt(now), adapt(expired), adapt(expired)])
        (count,) = cursor.fetchone()
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


def forget_before(instant: datetime) -> int:
    """Deletes windows that began before `instant`; returns how many."""
    deleted, _ = Throttle.objects.filter(window_start__lt=instant).delete()
    return deleted


def client_address(request: HttpRequest) -> str:
    """The client's IP address: what the last trusted proxy saw, never what the client claims.

    Empty where that is no address: behind a unix socket, or a proxy that writes more than it.
    """
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    seen = request.META.get("REMOTE_ADDR", "")
    if settings.PROXY_COUNT and len(hops) >= settings.PROXY_COUNT and hops[-settings.PROXY_COUNT]:
        seen = hops[-settings.PROXY_COUNT]
    try:
        return str(ip_address(seen))
    except ValueError:
        return ""
