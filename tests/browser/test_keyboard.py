"""A customer without a mouse activates a code."""

from datetime import timedelta

from django.utils import timezone

from tests.browser.visitor import Visitor
from tests.factories import ActivationCodeFactory, DroneFactory, whole

# As the page shows them; the checkbox and the button come last.
FIELDS = [
    *("code", "serial", "activated", "activated_at", "time_zone"),
    *("name", "email", "phone", "country", "accept_terms"),
]


def focused(person: Visitor) -> str:
    return person.page.evaluate("document.activeElement.name || document.activeElement.innerText")


def has_a_ring(person: Visitor) -> bool:
    """Whether the eye can see where the focus is."""
    return person.page.evaluate(
        """() => {
          const one = document.activeElement, seen = getComputedStyle(one);
          // A date has several stops of its own, and the browser marks each inside the field.
          if (one.type === "datetime-local") return true;
          return (seen.outlineStyle !== "none" && parseFloat(seen.outlineWidth) >= 2)
            || seen.boxShadow !== "none";
        }"""
    )


def tab_to(person: Visitor, wanted: str) -> list[str]:
    """Presses Tab until the element has the focus; what was passed, each seen to be focused."""
    passed: list[str] = []
    for _press in range(40):
        person.page.keyboard.press("Tab")
        assert has_a_ring(person), f"the focus on {focused(person)!r} cannot be seen"
        if focused(person) == wanted:
            return passed
        passed.append(focused(person))
    raise AssertionError(f"{wanted!r} cannot be reached; passed {passed}")


def test_the_first_tab_offers_to_skip_to_the_content(visitor):
    person = visitor()
    person.go("/activate/")
    tab_to(person, "Skip to the content")
    person.page.keyboard.press("Enter")
    assert "activate a code" in person.page.locator("main:focus").inner_text().lower()


def test_fields_come_in_the_order_in_which_they_are_read(visitor):
    person = visitor()
    person.go("/activate/")
    passed = tab_to(person, "accept_terms")
    # A date is several stops.
    assert list(dict.fromkeys(name for name in passed if name in FIELDS)) == FIELDS[:-1]


def test_a_code_is_activated_with_the_keyboard_alone(visitor):
    code = ActivationCodeFactory(sold=True)
    drone = DroneFactory(activated_at=timezone.now() - timedelta(hours=1))
    person = visitor()
    keyboard = person.page.keyboard
    person.go("/activate/")
    for field, text in [("code", whole(code)), ("serial", drone.serial)]:
        tab_to(person, field)
        keyboard.type(text)
    tab_to(person, "activated")
    keyboard.press("Space")
    for field, text in [("name", "Ada King"), ("email", "ada.king@example.com")]:
        tab_to(person, field)
        keyboard.type(text)
    tab_to(person, "country")
    keyboard.type("United States of")
    tab_to(person, "accept_terms")
    keyboard.press("Space")
    keyboard.press("Enter")
    person.page.wait_for_url("**/policy/**")
    assert drone.serial in person.page.inner_text("main")


def test_a_refusal_takes_the_focus(visitor):
    """So that a screen reader says it at once."""
    person = visitor()
    person.go("/activate/")
    person.page.locator("main form").evaluate("form => form.noValidate = true")
    tab_to(person, "code")
    person.page.keyboard.type("ABCD")
    person.page.keyboard.press("Enter")
    person.page.wait_for_selector("[role=alert]")
    assert person.page.locator("[role=alert]:focus").count() == 1
