"""The floor of the pages: the least that Django does for a request."""

from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path


def hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello")


urlpatterns = [path("", hello)]


def application() -> WSGIHandler:
    with override_settings(MIDDLEWARE=[]):
        return WSGIHandler()
