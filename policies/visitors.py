"""FACE: strangers at the public pages: who they are, how often they may try, what they hear."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from policies import throttle
from policies.actor import Actor


@dataclass(frozen=True)
class Limit:
    """How often one may try: `attempts` times in a window of `per`, counted under `scope`."""

    scope: str
    attempts: int
    per: timedelta

    def allows(self, who: str, *, now: datetime) -> bool:
        """Counts one attempt. Call it outside a transaction that may roll back."""
        return throttle.allow(self.scope, who, limit=self.attempts, per=self.per, now=now)

    def allows_visitor(self, request: HttpRequest, *, now: datetime) -> bool:
        """The same for the address that a request comes from."""
        return self.allows(throttle.client_address(request), now=now)

    def allows_mailbox(self, email: str, *, now: datetime) -> bool:
        """The same for an e-mail address. The throttle's table need not know whose it is."""
        return self.allows(hashlib.sha256(email.encode()).hexdigest(), now=now)


def visitor(request: HttpRequest) -> Actor:
    """The customer behind a request, with their address where there is one."""
    return Actor.customer(throttle.client_address(request) or None)


def too_often(
    request: HttpRequest, template: str, kept: forms.Form, limit: Limit, **more: Any
) -> HttpResponse:
    """The page again, with what was typed (`kept`), unread: the form has not been looked at."""
    wait = {"form": kept, "wait_minutes": limit.per // timedelta(minutes=1)}
    response = render(request, template, wait | more, status=429)
    response["Retry-After"] = str(int(limit.per.total_seconds()))
    return response


def keep_secret(response: HttpResponseBase) -> None:
    """The address is the key: no other site and no search engine shall hear of it."""
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
