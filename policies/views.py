"""The customers' pages. Nobody logs in; a link from a letter leads to one's own policy."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import F, Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from policies import agreement, binding, cover_check, renewal, throttle
from policies import verification as verifications
from policies.actor import Actor
from policies.errors import CodeRefused, Conflict, Refused
from policies.forms import ActivateForm, CoverForm, VerificationForm
from policies.models import (
    Exclusion,
    Part,
    Period,
    Plan,
    Policy,
    Region,
    ReplacementFee,
    Series,
    VerificationStep,
    VideoVerification,
)

page_with_form = require_http_methods(["GET", "HEAD", "POST"])


@dataclass(frozen=True)
class Limit:
    attempts: int
    per: timedelta


# How often a stranger may try. Codes have 74 random bits, so this is against noise and load;
# the limit per mailbox keeps others from learning about it, or filling it.
ACTIVATE_BY_ADDRESS = Limit(30, timedelta(minutes=10))
COVER_BY_ADDRESS = Limit(20, timedelta(hours=1))
COVER_BY_EMAIL = Limit(5, timedelta(hours=1))
VERIFICATION_BY_ADDRESS = Limit(20, timedelta(hours=1))
VERIFICATION_BY_EMAIL = Limit(5, timedelta(hours=1))


def _may_try(scope: str, who: str, limit: Limit, *, now: datetime) -> bool:
    return throttle.allow(scope, who, limit=limit.attempts, per=limit.per, now=now)


def _too_often(
    request: HttpRequest, template: str, form_class: type[forms.Form], limit: Limit, **more: Any
) -> HttpResponse:
    """The page again, with what was typed, unread: the form has not been looked at."""
    kept = {
        name: field.bound_data(request.POST.get(name), None)
        for name, field in form_class.base_fields.items()
    }
    wait = {"form": form_class(initial=kept), "wait_minutes": limit.per // timedelta(minutes=1)}
    response = render(request, template, wait | more, status=429)
    response["Retry-After"] = str(int(limit.per.total_seconds()))
    return response


def _customer(request: HttpRequest) -> Actor:
    return Actor.customer(throttle.client_address(request) or None)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "policies/home.html")


# --- plans -------------------------------------------------------------------


@require_safe
def plans(request: HttpRequest) -> HttpResponse:
    regions = list(Region.objects.all())
    region = _chosen_region(regions, request.GET.get("region", ""))
    context: dict[str, Any] = {
        "plans": Plan.objects.select_related("renews").order_by(
            F("renews").asc(nulls_first=True), "months"
        ),
        "exclusions": Exclusion.objects.all(),
        "regions": regions,
        "region": region,
    }
    if region:
        today = timezone.now().astimezone(region.zone).date()
        context["series"] = _price_list(region, today)
        context["today"] = today
    return render(request, "policies/plans.html", context)


def _chosen_region(regions: list[Region], code: str) -> Region | None:
    """The region asked for; else the dealer's own, which is the first one on file."""
    asked = [region for region in regions if region.code == code.strip().upper()]
    return asked[0] if asked else min(regions, key=lambda region: region.pk, default=None)


def _price_list(region: Region, today: date) -> list[dict[str, Any]]:
    """Every series with the parts it covers, and the fees of its models in the region.

    A fee that is not on file stays None: nothing is guessed (P5).
    """
    fees = ReplacementFee.objects.in_force(on=today).filter(region=region)
    amounts = {(fee.drone_model_id, fee.ordinal): fee.amount for fee in fees}
    ordinals = range(1, max((ordinal for _model, ordinal in amounts), default=0) + 1)
    every_series = Series.objects.prefetch_related("parts", "drone_models__parts")
    return [
        {
            "name": series.name,
            "parts": _in_order(covered.part for covered in series.parts.all()),
            "ordinals": ordinals,
            "rows": [
                {
                    "model": model.name,
                    "own_parts": _in_order(covered.part for covered in model.parts.all()),
                    "amounts": [amounts.get((model.pk, ordinal)) for ordinal in ordinals],
                }
                for model in series.drone_models.all()
            ],
        }
        for series in every_series
    ]


def _in_order(parts: Iterable[str]) -> list[str]:
    return sorted(parts, key=Part.values.index)


# --- activating a code ---------------------------------------------------------


@page_with_form
def activate(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return render(request, "policies/activate.html", {"form": ActivateForm()})
    now = timezone.now()
    address = throttle.client_address(request)
    if not _may_try("activate", address, ACTIVATE_BY_ADDRESS, now=now):
        return _too_often(request, "policies/activate.html", ActivateForm, ACTIVATE_BY_ADDRESS)
    form = ActivateForm(request.POST)
    bound = _bind(request, form, now=now) if form.is_valid() else None
    if bound:
        return redirect("policy", token=bound.token)
    return render(request, "policies/activate.html", {"form": form})


def _bind(request: HttpRequest, form: ActivateForm, *, now: datetime) -> Policy | None:
    """The policy, or None with the reasons in the form."""
    code, application = form.cleaned_data["code"], form.application()
    try:
        policy = binding.bind_by_code(code, application, actor=_customer(request), now=now)
    except CodeRefused:
        earlier = binding.policy_bound_by(code, serial=application.serial, email=application.email)
        if earlier:
            messages.info(request, _("This form was sent twice. Here is the care plan it started."))
            return earlier
        form.add_error(
            "code",
            _("We cannot accept this code. Please compare it with the letter, or contact us."),
        )
    except binding.ModelNeeded as needed:
        form.ask_for_model(needed.message)
    except Conflict as conflict:  # a code that renews, and nothing to renew
        form.add_error("serial", conflict.message)
    except Refused as refused:
        form.refuse(refused.verdict)
    else:
        messages.success(request, _what_has_begun(policy, now=now))
        return policy
    if not form.is_served:
        form.say_country_is_not_served()
    return None


def _what_has_begun(policy: Policy, *, now: datetime) -> str:
    if policy.created_at < now:  # it was there before, so the code has renewed it
        return _("Your care plan is renewed. The agreement is on its way by e-mail.")
    return _("Your care plan is active. The agreement is on its way by e-mail.")


# --- checking cover ------------------------------------------------------------


@page_with_form
def cover(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return render(request, "policies/cover.html", {"form": CoverForm()})
    now = timezone.now()
    address = throttle.client_address(request)
    if not _may_try("cover", address, COVER_BY_ADDRESS, now=now):
        return _too_often(request, "policies/cover.html", CoverForm, COVER_BY_ADDRESS)
    form = CoverForm(request.POST)
    if not form.is_valid():
        return render(request, "policies/cover.html", {"form": form})
    serial, email = form.cleaned_data["serial"], form.cleaned_data["email"]
    # The throttle's table need not know who asked.
    mailbox = hashlib.sha256(email.encode()).hexdigest()
    if not _may_try("cover-email", mailbox, COVER_BY_EMAIL, now=now):
        return _too_often(request, "policies/cover.html", CoverForm, COVER_BY_EMAIL)
    cover_check.send_link(serial=serial, email=email, actor=_customer(request), now=now)
    return render(request, "policies/cover_sent.html")


# --- the policy page -------------------------------------------------------------


@require_safe
@never_cache
def policy(request: HttpRequest, token: str) -> HttpResponse:
    now = timezone.now()
    policies = Policy.objects.select_related(
        "plan", "region", "drone__drone_model__series", "holder"
    )
    found = get_object_or_404(
        policies.prefetch_related(
            Prefetch("periods", Period.objects.select_related("plan")),
            "uses",
            "plan__renewals",
            "drone__drone_model__parts",
            "drone__drone_model__series__parts",
        ),
        token=token,
    )
    context = {
        "policy": found,
        "agreement": agreement.of(found, at=now),
        "standing": _standing(found, at=now),
        "left": max(found.replacements_left(), 0),
        "used": found.used_replacements(),
        "offer": renewal.offer(found, at=now),
        "now": now,
    }
    response = render(request, "policies/policy.html", context)
    # The address is the key: no other site and no search engine shall hear of it.
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _standing(policy: Policy, *, at: datetime) -> str:
    """Where the policy stands at `at`, computed from its dates and ledger (E1)."""
    if policy.is_in_force(at=at):
        return "in_force"
    if policy.status == Policy.Status.CANCELLED:
        return "cancelled"
    if at < policy.starts_at:
        return "not_started"
    if at >= policy.ends_at or policy.replacements_left() > 0:
        return "ended"
    return "used_up"


# --- video verification ----------------------------------------------------------


@page_with_form
def verification(request: HttpRequest) -> HttpResponse:
    page, steps = "policies/verification.html", VerificationStep.objects.all()
    if request.method != "POST":
        return render(request, page, {"form": VerificationForm(), "steps": steps})
    now = timezone.now()
    address = throttle.client_address(request)
    if not _may_try("verification", address, VERIFICATION_BY_ADDRESS, now=now):
        return _too_often(request, page, VerificationForm, VERIFICATION_BY_ADDRESS, steps=steps)
    form = VerificationForm(request.POST)
    if form.is_valid():
        mailbox = hashlib.sha256(form.cleaned_data["email"].encode()).hexdigest()
        if not _may_try("verification-email", mailbox, VERIFICATION_BY_EMAIL, now=now):
            return _too_often(request, page, VerificationForm, VERIFICATION_BY_EMAIL, steps=steps)
        sent = _submit(form, now=now)
        if sent:
            return render(request, "policies/verification_sent.html", {"verification": sent})
    return render(request, page, {"form": form, "steps": steps})


def _submit(form: VerificationForm, *, now: datetime) -> VideoVerification | None:
    """What waits to be watched now, or None with the reason in the form."""
    film = form.film()
    try:
        return verifications.submit(film, now=now)
    except Conflict as conflict:
        again = verifications.waiting(film)
        if again is None:
            form.add_error("serial", conflict.message)
        return again
