"""WCAG 2.2 AA and axe's own advice, on every page that customers and staff see."""

import re
from itertools import product

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone

import claims.urls
import policies.urls
from policies import outbox
from policies.backoffice.cells import page_of
from policies.models import ActivationCode, Customer, Letter, Policy
from tests.browser import axe
from tests.browser.conftest import PASSWORD
from tests.browser.visitor import SCHEMES, WIDTHS, Visitor, picture
from tests.factories import ActivationCodeFactory, UserFactory, whole
from tests.pages import token

NOW = timezone.now()
WORTH_A_PICTURE = {(1280, "light"), (390, "dark")}


@pytest.fixture
def inspect(visitor):
    """A visitor whose pages carry axe, and a function that inspects the present page."""
    script = axe.source()
    found: list[str] = []

    def arrive() -> Visitor:
        person = visitor()
        person.page.context.add_init_script(script)
        return person

    def look_at(person: Visitor, name: str, tags: list[str] = axe.EVERYTHING) -> None:
        for width, scheme in product(WIDTHS, SCHEMES):
            person.look(width, scheme)
            person.note_if_too_wide(width)
            if (width, scheme) in WORTH_A_PICTURE:
                person.page.screenshot(path=picture(f"page-{name}", width, scheme), full_page=True)
            person.deaf = True
            where = f"{name}, {width} px, {scheme}"
            found.extend(f"{where}: {finding}" for finding in axe.findings(person.page, tags))
            person.deaf = False
        person.look(WIDTHS[0], SCHEMES[0])

    yield arrive, look_at
    assert not found, f"{len(found)} findings:\n" + "\n".join(found)


def test_customers_pages(inspect, dealer):
    arrive, look_at = inspect
    person = arrive()
    for name in pages_for_everybody():
        person.go(reverse(name))
        look_at(person, name)
    running = Policy.objects.in_force(at=NOW).first()
    # The last one to end: the links of others have expired since.
    ended = Policy.objects.filter(ends_at__lt=NOW).order_by("-ends_at").first()
    person.go(reverse("policy", args=[token(running)]))
    look_at(person, "policy")
    person.go(reverse("policy", args=[token(ended)]))
    look_at(person, "policy-ended")
    for name in forms_for_everybody(person):
        send_empty(person, name)
        look_at(person, f"{name}-empty")
    try_to_activate(person, whole(ActivationCodeFactory(sold=True)), running.drone.serial)
    look_at(person, "activate-refused")
    check_cover(person)
    look_at(person, "cover-sent")
    person.expected_status = {404}
    person.go(reverse("policy", args=["x" * 43]))
    look_at(person, "dead-link")
    person.go("/nothing/")
    look_at(person, "not-found")


def pages_for_everybody() -> list[str]:
    """The names of all pages that need no link from a letter."""
    patterns = [*policies.urls.urlpatterns, *claims.urls.urlpatterns]
    names = [one.name for one in patterns if one.name and not one.pattern.converters]
    return [name for name in names if not reverse(name).startswith("/carriers/")]


def forms_for_everybody(person: Visitor) -> list[str]:
    def has_form(name: str) -> bool:
        person.go(reverse(name))
        return person.page.locator("main form[method=post]").count() > 0

    return [name for name in pages_for_everybody() if has_form(name)]


def send_empty(person: Visitor, name: str) -> None:
    person.go(reverse(name))
    form = person.page.locator("main form[method=post]")
    form.evaluate("form => form.noValidate = true")
    form.locator("[type=submit], button:not([type])").first.click()


def try_to_activate(person: Visitor, code: str, serial: str) -> None:
    page = person.page
    person.go("/activate/")
    page.get_by_label("Activation code").fill(code)
    page.get_by_label("Serial number").fill(serial)
    page.get_by_label("Not yet").check()
    page.get_by_label("Full name").fill("Ada King")
    page.get_by_label("E-mail").fill("ada.king@example.com")
    page.get_by_label("Country").select_option("DE")
    page.get_by_label("I have read").check()
    page.get_by_role("button", name="Activate").click()


def check_cover(person: Visitor) -> None:
    person.go("/cover/")
    person.page.get_by_label("Serial number").fill("1581FNOBODYS")
    person.page.get_by_label("E-mail").fill("nobody@example.com")
    person.page.locator("main form [type=submit]").click()


def test_staffs_pages(inspect, dealer, log_in):
    arrive, look_at = inspect
    person = arrive()
    person.go("/admin/login/")
    look_at(person, "staff-login")
    boss = UserFactory(username="boss", is_superuser=True)
    boss.set_password(PASSWORD)
    boss.save()
    log_in(person, "boss")
    look_at(person, "staff-dashboard")
    operations = {}
    for model in admin.site._registry:
        name = model._meta.model_name
        person.go(reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_changelist"))
        look_at(person, f"staff-list-{name}")
        operations |= buttons(person.page.content())
        record = model._default_manager.first()
        if record is not None:
            person.go(page_of(record))
            look_at(person, f"staff-record-{name}")
        for one in one_of_each_state(model):
            operations |= buttons(person.page.request.get(page_of(one)).text())
    for (model_name, slug), url in operations.items():
        person.go(url)
        look_at(person, f"staff-{model_name}-{slug}")
    rarer_pages(person, look_at)


def buttons(html: str) -> dict[tuple[str, str], str]:
    """The operations that a page offers: model and operation, with an address of it."""
    found = re.findall(r'<a class="operation[^"]*" href="([^"]+)"', html)
    urls = [url for url in found if not url.endswith((".pdf", ".csv"))]
    return {(url.split("/")[3], url.rstrip("/").split("/")[-1]): url for url in urls}


def one_of_each_state(model) -> list:
    for column in ("state", "status", "progress"):
        if column in {field.name for field in model._meta.concrete_fields}:
            values = model._default_manager.order_by(column).values_list(column, flat=True)
            return [
                model._default_manager.filter(**{column: value}).first() for value in set(values)
            ]
    return []


def rarer_pages(person: Visitor, look_at) -> None:
    page = person.page
    person.go(reverse("admin:policies_policy_changelist") + "?q=nobody@example.com")
    look_at(person, "staff-nothing-found")
    person.go("/admin/search/?q=nobody")
    look_at(person, "staff-search-nothing")
    person.go("/admin/search/?q=" + Customer.objects.first().name.split()[-1])
    look_at(person, "staff-search")
    stock = ActivationCode.objects.in_stock().first()
    person.go(reverse("admin:policies_activationcode_reveal", args=[stock.pk]))
    page.get_by_role("button", name="Show the whole code").click()
    look_at(person, "staff-reveal-empty")
    page.get_by_label("Reason").fill("Inspection")
    page.get_by_role("button", name="Show the whole code").click()
    look_at(person, "staff-revealed")
    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name="History").click()
    look_at(person, "staff-history")
    person.go(reverse("admin:policies_customer_add"))
    look_at(person, "staff-add")
    page.locator("form input[name=_save]").click()
    look_at(person, "staff-add-empty")
    person.go(reverse("admin:password_change"))
    look_at(person, "staff-password")
    page.get_by_role("button", name="Log out").click()
    look_at(person, "staff-logged-out")


def test_letters(inspect, dealer):
    arrive, look_at = inspect
    person = arrive()
    person.go("about:blank")  # a mail program, with no policy of ours about styles
    for name in sorted(set(Letter.objects.values_list("name", flat=True))):
        letter = Letter.objects.filter(name=name).first()
        person.page.set_content(outbox.render(letter).html)
        look_at(person, f"letter-{name}", axe.WCAG)


def test_axe_finds_what_is_wrong(inspect, live_server):
    """That a clean page means something."""
    arrive, _look_at = inspect
    person = arrive()
    person.go("about:blank")
    person.page.set_content(
        '<html lang="en"><title>x</title><main><h1>x</h1><img src="data:,"></main>'
    )
    assert any("image-alt" in finding for finding in axe.findings(person.page))
