"""The customers' pages. Nobody logs in; a link from a letter leads to one's own policy."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.db.models import F, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from policies import agreement, binding, links, renewal, status
from policies import verification as verifications
from policies.forms import ActivateForm, CoverForm, VerificationForm
from policies.models import (
    DroneModel,
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
from policies.shared import once, papers, repairs
from policies.shared.errors import CodeRefused, Conflict, Refused
from policies.shared.visitors import (
    Limit,
    as_typed,
    keep_secret,
    likely_country,
    link_is_dead,
    too_often,
    visitor,
)

page_with_form = require_http_methods(["GET", "HEAD", "POST"])


# How often a stranger may try. Codes have 74 random bits, so this is against noise and load;
# the limit per mailbox keeps others from learning about it, or filling it.
ACTIVATE_BY_ADDRESS = Limit("activate", 30, timedelta(minutes=10))
COVER_BY_ADDRESS = Limit("cover", 20, timedelta(hours=1))
COVER_BY_EMAIL = Limit("cover-email", 5, timedelta(hours=1))
VERIFICATION_BY_ADDRESS = Limit("verification", 20, timedelta(hours=1))
VERIFICATION_BY_EMAIL = Limit("verification-email", 5, timedelta(hours=1))

# With this field a form only carries along to another page what was typed on its own.
PREFILLED = "prefilled"


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "policies/home.html")


# --- plans -------------------------------------------------------------------


@require_safe
def plans(request: HttpRequest) -> HttpResponse:
    regions = list(Region.objects.on_offer())
    region = _chosen_region(regions, request.GET.get("region", ""))
    context: dict[str, Any] = {
        "plans": Plan.objects.on_offer()
        .select_related("renews")
        .order_by(F("renews").asc(nulls_first=True), "months"),
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
    """The region that the page is asked about, else the dealer's own, the first one on file."""
    matches = [region for region in regions if region.code == code.strip().upper()]
    return matches[0] if matches else min(regions, key=lambda region: region.pk, default=None)


def _price_list(region: Region, today: date) -> list[dict[str, Any]]:
    """Every series on offer with the parts it covers, and the fees of its models in the region.

    A fee that is not on file stays None: nothing is guessed (P5).
    """
    fees = ReplacementFee.objects.in_force(on=today).filter(region=region)
    amounts = {(fee.drone_model_id, fee.ordinal): fee.amount for fee in fees}
    ordinals = range(1, max((ordinal for _model, ordinal in amounts), default=0) + 1)
    on_offer = Prefetch("drone_models", DroneModel.objects.on_offer().prefetch_related("parts"))
    every_series = Series.objects.on_offer().prefetch_related("parts", on_offer)
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
@vary_on_headers("Accept-Language")
def activate(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        form = ActivateForm(now=timezone.now(), likely_country=likely_country(request))
        return render(request, "policies/activate.html", {"form": form})
    now = timezone.now()
    if not ACTIVATE_BY_ADDRESS.allows_visitor(request, now=now):
        return too_often(request, "policies/activate.html", ActivateForm, ACTIVATE_BY_ADDRESS)
    form = ActivateForm(request.POST, now=now)
    # Asked before the code is looked at, so that the questions say nothing about it (C5).
    if not form.is_valid() or form.asks_clock or form.doubts:
        return render(request, "policies/activate.html", {"form": form})
    result = once.act(request, form, lambda: _bind(request, form, now=now), now=now)
    bound = _bound_before(request, form, now=now) if result.done_at else result.record
    if isinstance(bound, Policy):
        return redirect("policy", token=links.token_of(bound, now=now))
    if result.done_at:
        return render(request, "policies/already_sent.html")
    return render(request, "policies/activate.html", {"form": form})


def _bind(request: HttpRequest, form: ActivateForm, *, now: datetime) -> Policy | None:
    """The policy, or None with the reasons in the form."""
    code, application = form.cleaned_data["code"], form.application()
    try:
        policy = binding.bind_by_code(code, application, actor=visitor(request), now=now)
    except CodeRefused:
        earlier = _bound_before(request, form, now=now)
        if earlier:
            return earlier
        form.add_error(
            "code",
            _("We cannot accept this code. Please compare it with the letter, or contact us."),
        )
        # Only codes that were sold for a withdrawn region are still good there (P10).
        if not form.is_on_offer:
            form.say_country_is_not_served()
    except binding.ActivationNeeded:
        form.ask_for_activation()
    except binding.ModelNeeded as missing:
        form.ask_for_model(sold_for=missing.sold_for)
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


def _bound_before(request: HttpRequest, form: ActivateForm, *, now: datetime) -> Policy | None:
    """The policy that this form has just started, while it may be shown again (C5)."""
    code, application = form.cleaned_data["code"], form.application()
    policy = binding.policy_bound_by(
        code, serial=application.serial, email=application.email, now=now
    )
    if policy:
        messages.info(request, _("This form was sent twice. Here is the care plan it started."))
    return policy


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
    if not COVER_BY_ADDRESS.allows_visitor(request, now=now):
        return too_often(request, "policies/cover.html", CoverForm, COVER_BY_ADDRESS)
    form = CoverForm(request.POST)
    if not form.is_valid():
        return render(request, "policies/cover.html", {"form": form})
    serial, email = form.cleaned_data["serial"], form.cleaned_data["email"]
    if not COVER_BY_EMAIL.allows_mailbox(email, now=now):
        return too_often(request, "policies/cover.html", CoverForm, COVER_BY_EMAIL)

    def send() -> bool:
        status.send_link(serial=serial, email=email, actor=visitor(request), now=now)
        return True

    if not once.act(request, form, send, now=now).record:
        return render(request, "policies/cover.html", {"form": form})
    return render(request, "policies/cover_sent.html")


# --- the policy page -------------------------------------------------------------

DEAD_LINK = "policies/dead_link.html"


@require_safe
@never_cache
def policy(request: HttpRequest, token: str) -> HttpResponse:
    now = timezone.now()
    policy = links.policy_behind(token, policies_with_facts(), at=now)
    if policy is None:
        return link_is_dead(request, DEAD_LINK)
    context = policy_facts(policy, with_links=True, now=now) | {"token": token}
    response = render(request, "policies/policy.html", context)
    keep_secret(response)
    return response


def policy_facts(policy: Policy, *, with_links: bool, now: datetime) -> dict[str, Any]:
    """What the page tells of one of `policies_with_facts()`; links to repairs are keys, too."""
    its_repairs = repairs.of(policy)
    if not with_links:
        its_repairs = [replace(repair, url="") for repair in its_repairs]
    return {
        "policy": policy,
        "agreement": agreement.of(policy, at=now),
        "offer": renewal.offer(policy, at=now),
        "now": now,
        "open_repair": next((repair for repair in its_repairs if repair.is_open), None),
        "past_repairs": [repair for repair in its_repairs if not repair.is_open],
    }


@require_safe
@never_cache
def agreement_paper(request: HttpRequest, token: str) -> HttpResponse:
    """The agreement as a PDF, to keep or to print."""
    now = timezone.now()
    policy = links.policy_behind(token, policies_with_facts(), at=now)
    if policy is None:
        return link_is_dead(request, DEAD_LINK)
    paper = papers.pdf("papers/agreement.xml", agreement.paper_facts(policy, at=now))
    response = HttpResponse(paper, content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{policy.number}-agreement.pdf"'
    keep_secret(response)
    return response


def policies_with_facts() -> QuerySet[Policy]:
    """Policies with all that their page tells."""
    related = ["plan", "region", "drone__drone_model__series", "holder"]
    return Policy.objects.select_related(*related).prefetch_related(
        Prefetch("periods", Period.objects.select_related("plan", "cover_terms")),
        "uses",
        "plan__renewals",
    )


# --- video verification ----------------------------------------------------------


@page_with_form
def verification(request: HttpRequest) -> HttpResponse:
    page, steps = "policies/verification.html", VerificationStep.objects.all()
    if request.method != "POST":
        return render(request, page, {"form": VerificationForm(), "steps": steps})
    now = timezone.now()
    if not VERIFICATION_BY_ADDRESS.allows_visitor(request, now=now):
        return too_often(request, page, VerificationForm, VERIFICATION_BY_ADDRESS, steps=steps)
    if PREFILLED in request.POST:  # from the page of a refusal: nothing is sent yet
        return render(
            request, page, {"form": as_typed(VerificationForm, request.POST), "steps": steps}
        )
    form = VerificationForm(request.POST)
    if form.is_valid():
        if not VERIFICATION_BY_EMAIL.allows_mailbox(form.cleaned_data["email"], now=now):
            return too_often(request, page, VerificationForm, VERIFICATION_BY_EMAIL, steps=steps)
        result = once.act(request, form, lambda: _submit(form, now=now), now=now)
        film = result.record
        if film and film.state == VideoVerification.State.SUBMITTED:
            return render(request, "policies/verification_sent.html", {"verification": film})
        if result.done_at:  # staff have looked at it since
            return render(request, "policies/already_sent.html")
    return render(request, page, {"form": form, "steps": steps})


def _submit(form: VerificationForm, *, now: datetime) -> VideoVerification | None:
    """What waits to be watched now, or None with the reason in the form."""
    film = form.film()
    try:
        return verifications.submit(film, now=now)
    except Conflict as conflict:
        earlier = verifications.waiting(film)
        if earlier is None:
            form.add_error("serial", conflict.message)
        return earlier
