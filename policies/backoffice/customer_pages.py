"""FACE: the page that the customer has of a record, as staff see it: nothing on it acts (K13)."""

from datetime import datetime
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from policies.backoffice.cells import page_of
from policies.backoffice.operations import instant_of
from policies.backoffice.records import RecordAdmin


class CustomerPageAdmin(RecordAdmin):
    """A record whose customer has a page. Staff never hold the link to it."""

    customer_template: ClassVar[str]

    def customer_facts(self, record: Any, *, now: datetime) -> dict[str, Any]:
        """What the template tells the customer, without the key to the page."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(never_cache(self.customer_view))
        name = f"{self.url_base}_customer-page"
        return [path("<int:pk>/customer-page/", view, name=name), *super().get_urls()]

    def customer_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        record = self.get_object(request, str(pk))
        if record is None:
            raise Http404
        facts = self.customer_facts(record, now=instant_of(request))
        shown = {"as_staff": True, "back_url": page_of(record)}
        return render(request, self.customer_template, facts | shown)

    def customer_link(self, record: Any) -> SafeString:
        address = reverse(f"admin:{self.url_base}_customer-page", args=[record.pk])
        return format_html('<a href="{}">{}</a>', address, _("Open as staff"))
