import os
import shutil
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
import zeal
from django.conf import settings as django_settings
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright

from tests.browser.visitor import Visitor
from tests.factories import UserFactory

# Playwright's synchronous interface runs an event loop, in which Django refuses the ORM.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

NO_CHROMIUM = (
    "No Chromium was found, and these tests need a real browser. Install it with"
    " `apt-get install chromium`, or name another Chromium's program in the variable CHROMIUM."
)
PASSWORD = "correct horse battery"


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """A database of its own: the other tests may be running beside these."""
    name = "test_browser"
    if connection.vendor == "sqlite":
        name = str(django_settings.VAR_DIR / "test_browser.sqlite3")
    connection.settings_dict["TEST"]["NAME"] = name


@pytest.fixture(scope="session")
def chromium_program() -> str:
    named = os.environ.get("CHROMIUM", "")
    found = shutil.which(named or "chromium") or shutil.which("/usr/bin/chromium")
    if found is None or (named and not Path(found).samefile(shutil.which(named) or "/")):
        pytest.fail(NO_CHROMIUM, pytrace=False)
    return found


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(chromium_program: str, playwright: Playwright) -> Iterator[Browser]:
    options = ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"]
    started = playwright.chromium.launch(executable_path=chromium_program, args=options)
    yield started
    started.close()


@pytest.fixture(autouse=True)
def letters_lead_here(live_server, settings) -> None:
    settings.SITE_URL = live_server.url


@pytest.fixture
def visitor(browser: Browser, live_server) -> Iterator[Callable[..., Visitor]]:
    """Makes a person at a browser of their own; whatever went wrong there fails the test."""
    visitors: list[tuple[Visitor, BrowserContext]] = []

    def arrive(
        *, javascript: bool = True, locale: str = "en-US", zone: str | None = None
    ) -> Visitor:
        context = browser.new_context(
            base_url=live_server.url,
            java_script_enabled=javascript,
            locale=locale,
            timezone_id=zone,
        )
        context.set_default_timeout(20_000)
        visitors.append((Visitor(context.new_page()), context))
        return visitors[-1][0]

    yield arrive
    trouble = [line for person, _context in visitors for line in person.trouble]
    for _person, context in visitors:
        context.close()
    assert not trouble, "\n".join(trouble)


@pytest.fixture
def staff(live_server) -> Callable[[str], str]:
    """Employs somebody in a role, and tells the user name. The password is PASSWORD."""

    def employ(role: str) -> str:
        user = UserFactory(username=f"{role.lower()}.clerk")
        user.set_password(PASSWORD)
        user.save()
        user.groups.add(Group.objects.get(name=role))
        return user.username

    return employ


@pytest.fixture
def log_in() -> Callable[[Visitor, str], None]:
    def enter(person: Visitor, username: str) -> None:
        person.go("/admin/")
        person.page.get_by_label("Username").fill(username)
        person.page.get_by_label("Password").fill(PASSWORD)
        person.page.get_by_role("button", name="Log in").click()
        person.page.wait_for_url("**/admin/")

    return enter


@pytest.fixture
def dealer(live_server) -> None:
    """The demo dealer: pages with something on them."""
    with zeal.zeal_ignore():  # the story of a year and a half, told sale by sale
        call_command("demo", stdout=StringIO())
        call_command("run_sweeps", stdout=StringIO())
