"""The customers' pages about repairs. Nobody logs in; a link from a letter leads to one's claim."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.core.files.storage import default_storage
from django.forms import Form
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from claims import intake, moves, progress
from claims.forms import LookupForm, RepairForm
from claims.models import Claim, Progress, Shipment
from claims.progress_page import access, sentences, timeline
from policies import cover, links
from policies.models import Policy
from policies.shared import once, repairs
from policies.shared.errors import Conflict
from policies.shared.repairs import Repair
from policies.shared.visitors import Limit, keep_secret, link_is_dead, too_often, visitor

page_with_form = require_http_methods(["GET", "HEAD", "POST"])


# How often a stranger may try. A number has 40 random bits: at ten tries an hour for each,
# and twenty in ten minutes from each address, guessing gets nowhere.
REPAIR_BY_ADDRESS = Limit("repair", 20, timedelta(minutes=10))
LOOKUP_BY_ADDRESS = Limit("lookup", 20, timedelta(minutes=10))
LOOKUP_BY_NUMBER = Limit("lookup-number", 10, timedelta(hours=1))

# The button of the page that is only shown: "mail me the link".
MAIL_LINK = "mail_link"

# The field that a refusal is about.
FIELD_OF_REFUSAL: dict[type[Conflict], str] = {
    intake.NoMatch: "serial",
    intake.AlreadyOpen: "serial",
    intake.WrongRegion: "country",
    intake.InFuture: "happened_on",
}


# --- requesting a repair -----------------------------------------------------------------


@page_with_form
def repair(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return render(request, "claims/repair.html", {"form": RepairForm()})
    now = timezone.now()
    if not REPAIR_BY_ADDRESS.allows_visitor(request, now=now):
        return too_often(request, "claims/repair.html", RepairForm, REPAIR_BY_ADDRESS)
    form = RepairForm(request.POST, request.FILES)
    form.full_clean()
    result = once.act(request, form, lambda: _request(request, form, now=now), now=now)
    claim = result.record
    if result.done_at and not (claim and _may_be_shown(claim, result.done_at, now=now)):
        return render(request, "policies/already_sent.html")
    if claim is None:
        return render(request, "claims/repair.html", {"form": form})
    messages.success(
        request, _("We have your request. The link to this page is on its way to you by e-mail.")
    )
    return redirect("progress", token=_token_of(claim, now=now))


def _token_of(claim: Claim, *, now: datetime) -> str:
    return links.token_of(claim.policy, reference=claim.number, now=now)


def _request(request: HttpRequest, form: RepairForm, *, now: datetime) -> Claim | None:
    """The claim, or None with everything that is wrong at its field, in one round."""
    inquiry = form.inquiry()
    refusals = intake.refusals(inquiry, now=now) if inquiry else []
    for refusal in refusals:
        form.add_error(FIELD_OF_REFUSAL[type(refusal)], refusal.message)
    if inquiry and not any(isinstance(refusal, intake.NoMatch) for refusal in refusals):
        form.open_photos()
    if not form.is_valid():
        return None
    try:
        return intake.request_repair(form.request(), actor=visitor(request), now=now)
    except tuple(FIELD_OF_REFUSAL) as refusal:
        form.add_error(FIELD_OF_REFUSAL[type(refusal)], refusal.message)
        return None


def _may_be_shown(claim: Claim, requested_at: datetime, *, now: datetime) -> bool:
    """Whether the same form, sent again, may lead to the page: soon, and to the same holder."""
    soon = now - requested_at <= once.SHOWN_AGAIN_WITHIN
    return soon and claim.email == claim.policy.holder.email


# --- finding one's claim -----------------------------------------------------------------


@page_with_form
@never_cache
def progress_lookup(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return render(request, "claims/lookup.html", {"form": LookupForm()})
    now = timezone.now()
    form = LookupForm(request.POST)
    limit = _lookup_limit(request, form, now=now)
    if limit:
        return too_often(request, "claims/lookup.html", LookupForm, limit)
    if not form.is_valid():
        return render(request, "claims/lookup.html", {"form": form})
    number, email = form.cleaned_data["number"], form.cleaned_data["email"]
    claim = access.by_number(number, email, timeline.claims_with_facts())
    if claim is not None:
        return _shown(request, form, claim, now=now)
    # One answer, whatever was wrong: it tells nobody which numbers there are.
    form.add_error("number", _("We cannot find a claim with this number and e-mail address."))
    return render(request, "claims/lookup.html", {"form": form})


def _shown(request: HttpRequest, form: LookupForm, claim: Claim, *, now: datetime) -> HttpResponse:
    """The page without the key to it: it shows, and mails the link to somebody who wants to act."""

    def mail() -> bool:
        access.mail_link(claim, actor=visitor(request), now=now)
        return True

    asked = MAIL_LINK in request.POST
    context = progress_facts(claim) | {
        "lookup": form,
        "link_works": access.link_works(claim, at=now),
        "link_mailed": asked and once.act(request, form, mail, now=now).record,
    }
    response = render(request, "claims/progress.html", context)
    # Not "no-referrer" here: the browser would send "Origin: null" with the form.
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _lookup_limit(request: HttpRequest, form: LookupForm, *, now: datetime) -> Limit | None:
    """The limit that this attempt breaks, if any."""
    if not LOOKUP_BY_ADDRESS.allows_visitor(request, now=now):
        return LOOKUP_BY_ADDRESS
    number = form.cleaned_data["number"] if form.is_valid() else ""
    if number and not LOOKUP_BY_NUMBER.allows(number, now=now):
        return LOOKUP_BY_NUMBER
    return None


# --- on the policy page ------------------------------------------------------------------


@repairs.source
def repairs_of(policy: Policy) -> Iterator[Repair]:
    """The holder's own repairs, and whichever is open; another's page is not linked (T2)."""
    claims = list(Claim.objects.filter(policy=policy).select_related("drone", "replacement"))
    now, tokens = timezone.now(), links.tokens_of_claims(policy) if claims else {}
    for claim in claims:
        is_theirs = claim.email.lower() == policy.holder.email.lower()
        opens = is_theirs and claim.number in tokens and access.link_works(claim, at=now)
        if is_theirs or claim.is_open:
            yield Repair(
                number=claim.number,
                url=reverse("progress", args=[tokens[claim.number]]) if opens else "",
                standing=sentences.headline(claim),
                is_open=claim.is_open,
                requested_at=claim.submitted_at,
                serial=claim.drone.serial,
                replacement=_new_serial(claim),
            )


def _new_serial(claim: Claim) -> str:
    has_moved = claim.replacement is not None and claim.replacement_id != claim.drone_id
    return claim.replacement.serial if has_moved and claim.replacement else ""


# --- the progress page -------------------------------------------------------------------

DEAD_LINK = "claims/dead_link.html"


@require_safe
@never_cache
def progress_page(request: HttpRequest, token: str) -> HttpResponse:
    claim = access.by_link(token, timeline.claims_with_facts(), at=timezone.now())
    if claim is None:
        return link_is_dead(request, DEAD_LINK)
    response = render(request, "claims/progress.html", progress_facts(claim) | {"token": token})
    keep_secret(response)
    return response


def progress_facts(claim: Claim) -> dict[str, Any]:
    """What the page tells of one of `timeline.claims_with_facts()`."""
    can_cancel = moves.allows(claim, Progress.CANCELLED)
    return {"claim": claim, "timeline": timeline.of(claim), "can_cancel": can_cancel}


@require_safe
@never_cache
def progress_label(request: HttpRequest, token: str) -> HttpResponseBase:
    """The label while it is of use; afterwards there is nothing at this address (K5)."""
    claim = access.by_link(token, Claim.objects.all(), at=timezone.now())
    if claim is None:
        return link_is_dead(request, DEAD_LINK)
    shipment = (
        Shipment.objects.filter(
            claim=claim,
            claim__progress__in=timeline.LABEL_IS_OF_USE,
            direction=Shipment.Direction.INBOUND,
            state=Shipment.State.BOUGHT,
        )
        .select_related("claim")
        .order_by("-id")
        .first()
    )
    if shipment is None or not default_storage.exists(shipment.label.name or ""):
        raise Http404
    response = FileResponse(
        shipment.label.open(),
        content_type="application/pdf",
        filename=f"{shipment.claim.number}-label.pdf",
    )
    # A browser shows a PDF by means that "default-src 'none'" would forbid it.
    response._csp_config = {"frame-ancestors": ["'none'"]}  # type: ignore[attr-defined]
    keep_secret(response)
    return response


@page_with_form
@never_cache
def progress_cancel(request: HttpRequest, token: str) -> HttpResponse:
    now = timezone.now()
    claims = Claim.objects.select_related("policy__region", "drone__drone_model")
    claim = access.by_link(token, claims, at=now)
    if claim is None:
        return link_is_dead(request, DEAD_LINK)
    form = Form(request.POST if request.method == "POST" else None)
    if request.method == "POST" and claim.progress != Progress.CANCELLED:
        result = once.act(request, form, lambda: _cancel(request, form, claim, now=now), now=now)
        if result.done_at:  # it has been taken up again since: the page says how it stands
            return redirect("progress", token=token)
    if claim.progress == Progress.CANCELLED:
        return redirect("progress", token=token)
    context = {
        "claim": claim,
        "token": token,
        "can_cancel": moves.allows(claim, Progress.CANCELLED),
        "kept": cover.kept(claim.policy, reference=claim.number, at=now),
        "form": form,
    }
    response = render(request, "claims/cancel.html", context, status=409 if form.errors else 200)
    # Not "no-referrer" here: the browser would send "Origin: null" with the form.
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _cancel(request: HttpRequest, form: Form, claim: Claim, *, now: datetime) -> bool:
    """Whether it is cancelled now; else the form says why. `claim` is read again: it may move."""
    try:
        progress.cancel(claim, actor=visitor(request), now=now)
    except Conflict as conflict:
        form.add_error(None, conflict.message)
        return False
    else:
        messages.success(request, _("Your request is cancelled."))
        return True
    finally:
        claim.refresh_from_db(fields=["progress"])
