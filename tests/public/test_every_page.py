"""What holds for all pages."""

import re
from html.parser import HTMLParser

import pytest
from django.conf import settings
from django.template.loader import render_to_string

from tests.pages import token
from tests.public.conftest import Browser

PAGES = ["/", "/plans/", "/activate/", "/cover/", "/verification/"]
ERROR_PAGES = ["400.html", "403.html", "403_csrf.html", "404.html", "500.html"]
VOID = {"meta", "link", "input", "br", "path", "circle", "rect"}


class Outline(HTMLParser):
    """Reads a page strictly: every tag closed, every id once."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.inline: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name == "style" or name.startswith("on"):
                self.inline.append(f"{tag} {name}")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(params=[*PAGES, "policy", "form with errors", *ERROR_PAGES])
def page(request, bound) -> str:
    if request.param == "policy":
        return Browser().get(f"/policy/{token(bound)}/").text
    if request.param == "form with errors":
        return Browser().post("/activate/", {"model": "spark"}).text
    if request.param in ERROR_PAGES:
        # As Django renders it when nothing else works: no request, no context.
        return render_to_string(request.param)
    return Browser().get(request.param).text


def test_it_has_one_heading_one_main_part_and_a_language(page):
    outline = Outline(page)
    assert outline.tags.count("h1") == 1
    assert outline.tags.count("main") == 1
    assert '<html lang="en" dir="ltr">' in page
    assert '<a class="skip" href="#main">' in page


def test_its_ids_are_unique(page):
    ids = Outline(page).ids
    assert sorted(set(ids)) == sorted(ids)


def test_it_needs_no_inline_styles_or_scripts(page):
    outline = Outline(page)
    assert outline.inline == []
    assert "style" not in outline.tags
    assert "script" not in outline.tags


def test_its_title_ends_with_the_dealer(page):
    assert re.search(r"<title>[^<]{5,} – Skyline Drones</title>", page)


@pytest.mark.parametrize("path", PAGES)
def test_the_policy_for_content_is_strict(client, db, path):
    assert client.get(path)["Content-Security-Policy"].startswith("default-src 'none'; ")


@pytest.mark.parametrize("path", PAGES)
def test_only_reading_and_sending_is_answered(client, db, path):
    assert client.put(path).status_code == 405
    assert client.delete(path).status_code == 405


def test_the_start_page_leads_to_every_task(client, db):
    main = client.get("/").text.partition("<main")[2]
    for path in ("/plans/", "/activate/", "/cover/", "/verification/"):
        assert f'<h3><a href="{path}">' in main


def test_the_start_page_asks_the_database_nothing(client, db, django_assert_num_queries):
    with django_assert_num_queries(0):
        client.get("/")


def test_the_empty_cover_page_asks_the_database_nothing(client, db, django_assert_num_queries):
    with django_assert_num_queries(0):
        client.get("/cover/")


def test_the_dealer_may_be_called_anything(client, db, settings):
    settings.DEALER_NAME = "<b>Höhen & Flüge</b>"
    page = client.get("/").text
    assert "&lt;b&gt;Höhen &amp; Flüge&lt;/b&gt;" in page
    assert "<b>" not in page


def test_the_favicon_and_the_style_are_where_the_pages_say(client, db):
    page = client.get("/").text
    for path in re.findall(r'<link rel="[a-z]+" href="([^"]+)"', page):
        name = path.removeprefix(settings.STATIC_URL)
        assert (settings.BASE_DIR / "policies/static" / name).is_file()
