"""One search over everything: straight to the thing where there is one, a short list else."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from claims.reporting import search as claims
from policies.backoffice.cells import page_of
from policies.models import Order
from policies.reporting import search as policies
from policies.rules.code_format import Mistyped
from policies.rules.text import Text

# Longer than the longest e-mail address; what is longer names nothing.
LONGEST = 260


@require_safe
@never_cache
def search(request: HttpRequest) -> HttpResponse:
    term = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST]
    records = list(visible(request, everything(term))) if term else []
    if len(records) == 1:
        return HttpResponseRedirect(page_of(records[0]))
    context = {
        **admin.site.each_context(request),
        "title": _("Search"),
        "term": term,
        "found": [{"kind": kind(one), "name": name(one), "url": page_of(one)} for one in records],
    }
    return TemplateResponse(request, "admin/search.html", context)


@require_POST
@never_cache
@sensitive_post_parameters("code")
def find_code(request: HttpRequest) -> HttpResponse:
    """Leads to the record of a whole code, which is sent in no address and shown on no page (C6).

    What only looks like a code, as a serial number may, leads to what it is.
    """
    text = request.POST.get("code", "").replace("\0", "")
    try:
        record = policies.by_whole_code(text, policy=request.POST.get("leads_to") == "policy")
    except Mistyped as mistyped:
        return _not_found(request, mistyped.fact)
    records = list(visible(request, [record] if record else everything(text.strip()[:LONGEST])))
    if len(records) == 1:
        return HttpResponseRedirect(page_of(records[0]))
    return _not_found(request, _("No code of this kind is on file."))


def _not_found(request: HttpRequest, problem: Text) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": _("Search"),
        "term": "",
        "found": [],
        "code_problem": problem,
    }
    return TemplateResponse(request, "admin/search.html", context)


def everything(term: str) -> list[Model]:
    """What the apps know under a term. What policies know first leads on to its claims."""
    return policies.everything(term) or claims.everything(term)


def visible(request: HttpRequest, records: list[Model]) -> Iterator[Model]:
    for one in records:
        if admin.site.get_model_admin(type(one)).has_view_permission(request, one):
            yield one


def name(one: Model) -> str:
    return one.line_name if isinstance(one, Order) else str(one)


def kind(one: Any) -> str:
    return str(capfirst(one._meta.verbose_name))
