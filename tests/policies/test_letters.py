"""The letters about policies and films: written by the real verbs, rendered as the worker does."""

import re
from copy import deepcopy
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings as django_settings

from policies import (
    activation,
    cancellation,
    expiry,
    orders,
    outbox,
    renewal,
    sales,
    status,
    transfer,
    verification,
    voiding,
)
from policies.models import Letter, Policy, VerificationStep
from policies.shared.errors import Conflict
from tests import factories
from tests.pages import token

MISSING = "«no %s»"
FILM = "dQw4w9WgXcQ"


@pytest.fixture(autouse=True)
def no_variable_is_missing_silently(settings):
    templates = deepcopy(django_settings.TEMPLATES)
    templates[0]["OPTIONS"]["string_if_invalid"] = MISSING
    settings.TEMPLATES = templates


@pytest.fixture
def policy(ann):
    """Ann's 1-Year plan of 5 January 2026, four in the morning in New York."""
    drone = factories.DroneFactory(
        serial="0AXCE1K0030100", activated_at=datetime(2026, 1, 4, 12, 0, tzinfo=UTC)
    )
    return factories.PolicyFactory(drone=drone, holder=ann, number="POL-ABCD2345")


@pytest.fixture
def film(mavic_2_pro):
    return verification.Film(
        serial="0AXCE1K0030900",
        drone_model=mavic_2_pro,
        name="Ben Oak",
        email="ben@example.com",
        country="US",
        video_id=FILM,
    )


def read(name: str) -> outbox.Rendered:
    """The one letter of this name, with nothing missing in it."""
    letter = outbox.render(Letter.objects.get(name=name), whole=True)
    for part in (letter.subject, letter.text, letter.html):
        assert "«no" not in part
        assert "None" not in part
    assert len(letter.subject) <= 60
    assert not re.search(r"\n{4}", letter.text)
    assert "&#" not in letter.text
    return letter


def both_say(letter: outbox.Rendered, *facts: str) -> None:
    html = " ".join(letter.html.split())
    text = " ".join(letter.text.split())
    for fact in facts:
        assert fact in text
        assert fact in html


def neither_says(letter: outbox.Rendered, *facts: str) -> None:
    for fact in facts:
        assert fact not in letter.text
        assert fact not in letter.html


def whole_agreement(letter: outbox.Rendered, token: str) -> None:
    both_say(
        letter,
        "Mavic 2 Pro",
        "United States",
        "Propellers",
        "A remote controller is never covered.",
        "Deliberate damage",
        "USD\N{NO-BREAK SPACE}119.00".replace("\N{NO-BREAK SPACE}", " "),
        f"http://testserver/policy/{token}/",
    )


def test_the_trick_shows_what_is_missing(policy, visitor, now):
    status.send_link(serial="0AXCE1K0030100", email="ann@example.com", actor=visitor, now=now)
    letter = Letter.objects.get()
    del letter.context["plan"]
    assert "Here is how the «no plan» care plan" in outbox.render(letter).text


# --- codes -----------------------------------------------------------------------


@pytest.fixture
def sell(ann, mavic_2_pro, us, desk, now):
    """Sells Ann so many codes of a plan, and mails them."""

    def sell(plan, quantity: int):
        for _each in range(quantity):
            factories.ActivationCodeFactory(batch__plan=plan)
        sale = sales.sell_from_stock(
            plan=plan,
            drone_model=mavic_2_pro,
            region=us,
            quantity=quantity,
            to=ann,
            order_reference="SO-7",
            actor=desk,
            now=now,
        )
        return factories.codes_of(sale)

    return sell


def test_a_code_that_starts_a_plan_goes_by_the_binding_window(sell, care_1y):
    sell(care_1y, 1)
    letter = read("code_sold")
    both_say(letter, "Thank you for your order.", "within 48 hours of its activation")
    neither_says(letter, "renews")


def test_a_code_that_renews_goes_by_the_rule_of_renewal(sell, refresh_plus):
    sell(refresh_plus, 1)
    letter = read("code_sold")
    both_say(
        letter,
        "It renews a 1-Year plan that is still running: activate it before that plan ends, "
        "while at least one replacement is left",
        "A plan is renewed once.",
    )
    neither_says(letter, "hours", "has not been activated")


def sent(name: str) -> Letter:
    Letter.objects.filter(name=name).update(state="sent", sent_at=datetime(2026, 3, 10, tzinfo=UTC))
    return Letter.objects.get(name=name)


def whole(letter: Letter) -> outbox.Rendered:
    return outbox.render(letter, whole=True)


def test_sent_again_it_brings_no_code_that_is_void_or_used(sell, care_1y, desk, now):
    good, void, used = sell(care_1y, 3)
    voiding.void(void, reason="Stolen", actor=desk, now=now)
    factories.PeriodFactory(code=used)
    letter = sent("code_sold")
    outbox.send_again(letter, now=now)
    assert whole(letter).subject == "Your activation code from Skyline Drones"
    for body in (whole(letter).text, whole(letter).html):
        assert factories.whole(good) in body
        assert factories.whole(void) not in body
        assert factories.whole(used) not in body
        assert f"Void, and no longer good: the code that ends in {void.last_four}." in body
        assert f"Used already: the code that ends in {used.last_four}." in body
        assert "Stolen" not in body


def test_it_is_not_sent_again_when_none_of_its_codes_is_good(sell, care_1y, desk, now):
    [only] = sell(care_1y, 1)
    voiding.void(only, reason="Stolen", actor=desk, now=now)
    letter = sent("code_sold")
    with pytest.raises(Conflict) as refusal:
        outbox.send_again(letter, now=now)
    assert str(refusal.value) == "None of the codes in this letter can be used any more."
    letter.refresh_from_db()
    assert letter.state == "sent"


def test_a_code_made_void_before_its_letter_went_out_is_not_in_it(sell, care_1y, desk, now):
    [only] = sell(care_1y, 1)
    voiding.void(only, reason="Stolen", actor=desk, now=now)
    letter = whole(Letter.objects.get(name="code_sold"))
    assert letter.subject == "Your order from Skyline Drones"
    assert "Its codes can no longer be used." in letter.text
    assert "/activate/" not in letter.text + letter.html
    assert factories.whole(only) not in letter.text + letter.html


def test_the_buyer_is_told_of_each_code_made_void(sell, care_1y, desk, now):
    first, second, _kept = sell(care_1y, 3)
    for code in (first, second):
        voiding.void(code, reason="Stolen, says the shop", actor=desk, now=now)
    assert Letter.objects.filter(name="code_voided", recipient="ann@example.com").count() == 2
    Letter.objects.filter(name="code_voided").order_by("id").last().delete()
    letter = read("code_voided")
    assert letter.subject == "An activation code of yours is void"
    both_say(
        letter,
        "Hello Ann Lee,",
        "We have taken an activation code of yours out of use.",
        f"the code that ends in {first.last_four}, for one 1-Year care plan for one Mavic 2 Pro",
        "Region: United States. Order: SO-7. Other codes of it are not affected.",
    )
    neither_says(letter, "says the shop", factories.whole(first))


def test_nobody_is_told_of_a_code_that_nobody_bought(code_in_stock, desk, now):
    voiding.void(code_in_stock, reason="Printed twice", actor=desk, now=now)
    assert not Letter.objects.exists()


# --- films -----------------------------------------------------------------------


def test_a_film_is_confirmed(film, now):
    verification.submit(film, now=now)
    letter = read("verification_received")
    assert letter.subject == "We have your video"
    both_say(
        letter, "Hello Ben Oak,", "Mavic 2 Pro (0AXCE1K0030900)", "leave the video where it is"
    )


def test_an_approval_names_the_deadline_and_says_how_to_bind(film, desk, now):
    steps = list(VerificationStep.objects.values_list("slug", flat=True))
    verification.approve(verification.submit(film, now=now), seen=steps, actor=desk, now=now)
    letter = read("verification_approved")
    assert letter.subject == "Your video is approved"
    # Three days after Tuesday, 10 March, eleven in the morning.
    both_say(
        letter,
        "Please activate it by 13 March 2026, 11:00 EDT.",
        "enter your activation code.",
        "Enter the serial number 0AXCE1K0030900",
        "http://testserver/activate/",
    )


def test_a_rejection_gives_the_reason_and_the_way_back(film, desk, now):
    submitted = verification.submit(film, now=now)
    reason = "Too dark.\nNo <serial> number & no hover."
    verification.reject(submitted, reason=reason, seen=[], actor=desk, now=now)
    letter = read("verification_rejected")
    assert letter.subject == "We cannot approve your video"
    assert "The reason: Too dark.\nNo <serial> number & no hover." in letter.text
    assert "The reason: Too dark.<br>No &lt;serial&gt; number &amp; no hover." in letter.html
    both_say(letter, "http://testserver/verification/")


# --- the agreement -----------------------------------------------------------------


def test_a_bundle_that_begins_brings_the_agreement(mavic_2_pro, care_1y, desk, now):
    purchase = orders.Purchase(
        reference="SO-1",
        serial="0AXCE1K0030700",
        drone_model=mavic_2_pro,
        plan=care_1y,
        name="Ann Lee",
        email="ann@example.com",
        country="US",
    )
    order = orders.place(purchase, actor=desk, now=now)
    bundle = orders.ship(order, shipped_at=now, actor=desk, now=now)
    activation.activate(now=now + timedelta(hours=48), chunk=10)
    letter = read("policy_activated")
    assert letter.subject == "Your Mavic 2 Pro is covered"
    both_say(
        letter,
        "The care plan that you bought with your drone has begun",
        "12 March 2026, 11:00 EDT",
        "12 March 2027, 11:00 EST",
        "at least until 12 March 2027, 11:00 EST; it runs from the drone",
    )
    whole_agreement(letter, token(bundle))


def renew(policy, refresh_plus, desk, now) -> None:
    factories.ActivationCodeFactory(batch__plan=refresh_plus)
    renewal.sell_and_renew(policy, plan=refresh_plus, order_reference="", actor=desk, now=now)


def test_a_renewal_brings_the_agreement_as_it_stands_now(policy, refresh_plus, desk, now):
    renew(policy, refresh_plus, desk, now)
    letter = read("renewed")
    assert letter.subject == "Your care plan is renewed"
    both_say(letter, "5 January 2028, 04:00 EST", "until 4 January 2028, 07:00 EST")
    both_say(letter, "3 of 3 left", "666 days from 10 March 2026")
    whole_agreement(letter, token(policy))


def test_a_renewal_after_a_replacement_says_what_is_left(policy, refresh_plus, desk, now):
    factories.AllowanceUseFactory(policy=policy, ordinal=1)
    renew(policy, refresh_plus, desk, now)
    letter = read("renewed")
    assert "Replacements: 2 of 3 left, 1 used" in letter.text
    assert "Replacements:</strong> 2 of 3 left, 1 used" in letter.html
    assert "- 1st replacement: USD\N{NO-BREAK SPACE}119.00 (used)" in letter.text
    assert "- 2nd replacement: USD\N{NO-BREAK SPACE}139.00 (the next one)" in letter.text
    assert "USD\N{NO-BREAK SPACE}139.00</strong> (the next one)" in letter.html


def test_a_new_owner_reads_what_is_left(policy, desk, now):
    factories.AllowanceUseFactory(policy=policy, ordinal=1)
    transfer.change_owner(
        policy, name="Zoë", email="zoe@example.com", country="US", actor=desk, now=now
    )
    letter = read("owner_changed_new")
    both_say(letter, "1 of 2 left, 1 used", "301 days from 10 March 2026", "As of 10 March 2026.")
    assert "- 2nd replacement: USD\N{NO-BREAK SPACE}139.00 (the next one)" in letter.text


def test_an_agreement_written_before_can_still_be_sent(policy, desk, now):
    """Letters that were queued when their rows held less."""
    transfer.change_owner(
        policy, name="Zoë", email="zoe@example.com", country="US", actor=desk, now=now
    )
    letter = Letter.objects.get(name="owner_changed_new")
    for name in "as_of_at stage over_at used left used_ordinals next_ordinal days_left".split():
        del letter.context[name]
    rendered = outbox.render(letter)
    assert "Replacements: 2\n" in rendered.text
    assert "«no" not in rendered.text + rendered.html


def test_both_owners_are_written_to_and_only_the_new_one_gets_the_link(policy, desk, now):
    before = token(policy)
    after = transfer.change_owner(
        policy, name="Zoë O'Neil", email="zoe@example.com", country="US", actor=desk, now=now
    )
    old, new = read("owner_changed_old"), read("owner_changed_new")
    assert old.subject == "Your care plan has a new owner"
    both_say(old, "Hello Ann Lee,", "POL-ABCD2345", "no longer works")
    neither_says(old, token(after), before, "zoe@example.com", "Neil")
    assert new.subject == "A care plan is yours now"
    assert "Hello Zoë O'Neil," in new.text
    assert "Hello Zoë O&#x27;Neil," in new.html
    whole_agreement(new, token(after))
    neither_says(new, before, "Ann Lee")


# --- the end -----------------------------------------------------------------------


def test_a_cancellation_gives_the_reason(policy, desk, now):
    cancellation.cancel(policy, reason="Bought by mistake", actor=desk, now=now)
    letter = read("policy_cancelled")
    assert letter.subject == "Your care plan is cancelled"
    both_say(letter, "Hello Ann Lee,", "POL-ABCD2345", "The reason: Bought by mistake")
    neither_says(letter, token(policy))


def test_a_reminder_names_the_end_and_the_plan_that_renews(policy):
    expiry.remind(now=datetime(2026, 12, 10, tzinfo=UTC), chunk=10)
    letter = read("renewal_reminder")
    assert letter.subject == "Your care plan ends on 5 January 2027"
    both_say(
        letter,
        "Hello Ann Lee,",
        "ends on 5 January 2027, 04:00 EST",
        "you can renew it, once, with Refresh +, as long as a replacement is left.",
        "with 1 more replacement.",
        "http://testserver/activate/",
        f"http://testserver/policy/{token(policy)}/",
    )


def test_the_button_of_a_reminder_is_the_renewal(policy):
    expiry.remind(now=datetime(2026, 12, 10, tzinfo=UTC), chunk=10)
    [button] = re.findall(
        r'class="button" href="([^"]+)".*?>([^<]+)</a>', one_line("renewal_reminder")
    )
    assert button == ("http://testserver/activate/", "Renew with a Refresh + code")


def test_the_button_of_a_reminder_without_an_offer_is_the_plan(policy, care_2y):
    policy.plan = care_2y
    policy.save()
    expiry.remind(now=datetime(2026, 12, 10, tzinfo=UTC), chunk=10)
    [button] = re.findall(
        r'class="button" href="([^"]+)".*?>([^<]+)</a>', one_line("renewal_reminder")
    )
    assert button == (f"http://testserver/policy/{token(policy)}/", "See your plan")


def one_line(name: str) -> str:
    return " ".join(read(name).html.split())


def test_the_day_in_the_subject_is_the_regions(policy):
    policy.ends_at = datetime(2027, 1, 5, 3, 0, tzinfo=UTC)  # still the 4th in New York
    policy.save()
    expiry.remind(now=datetime(2026, 12, 10, tzinfo=UTC), chunk=10)
    assert read("renewal_reminder").subject == "Your care plan ends on 4 January 2027"


def test_a_reminder_offers_nothing_where_nothing_renews(policy, care_2y):
    policy.plan = care_2y
    policy.save()
    expiry.remind(now=datetime(2026, 12, 10, tzinfo=UTC), chunk=10)
    letter = read("renewal_reminder")
    both_say(letter, "This plan cannot be renewed")
    neither_says(letter, "/activate/", "Refresh +")


def test_the_end_is_told(policy):
    expiry.expire(now=datetime(2027, 1, 5, 10, 0, tzinfo=UTC), chunk=10)
    letter = read("policy_expired")
    assert letter.subject == "Your care plan has ended"
    both_say(
        letter,
        "Hello Ann Lee,",
        "Mavic 2 Pro (0AXCE1K0030100) ended on 5 January 2027, 04:00 EST",
        f"http://testserver/policy/{token(policy)}/",
    )


# --- the cover check says what the verdicts say -----------------------------------------


@pytest.fixture
def ask(policy, visitor):
    def ask(at: datetime) -> outbox.Rendered:
        status.send_link(serial="0AXCE1K0030100", email="ann@example.com", actor=visitor, now=at)
        return read("link_requested")

    return ask


def test_the_answer_about_a_running_plan(ask, policy, now):
    letter = ask(now)
    both_say(
        letter,
        "The drone is covered until 5 January 2027, 04:00 EST.",
        "Replacements left: 2 of 2",
        "It may be renewed with Refresh +",
        f"http://testserver/policy/{token(policy)}/",
    )


def test_the_answer_when_the_last_replacement_is_taken(ask, policy, now):
    factories.AllowanceUseFactory(policy=policy, ordinal=1)
    factories.AllowanceUseFactory(policy=policy, ordinal=2)
    letter = ask(now)
    both_say(
        letter,
        "The drone is not covered. All replacements of this plan have been used.",
        "Replacements left: 0 of 2",
    )
    neither_says(letter, "Term:", "renewed")


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (datetime(2026, 1, 5, 8, 59, 59, tzinfo=UTC), "The drone is not covered. This plan has not begun yet."),
        (datetime(2027, 1, 5, 8, 59, 59, tzinfo=UTC), "The drone is covered until 5 January 2027, 04:00 EST."),
        (datetime(2027, 1, 5, 9, 0, tzinfo=UTC), "The drone is not covered. This plan has ended."),
    ],
)  # fmt: skip
def test_the_answer_follows_the_clock_and_no_sweep(ask, at, said):
    both_say(ask(at), said)


def test_the_new_owner_is_answered_in_the_hour_in_which_the_old_one_asked(
    policy, visitor, desk, now
):
    def ask(email: str) -> None:
        status.send_link(serial="0AXCE1K0030100", email=email, actor=visitor, now=now)

    ask("ann@example.com")
    transfer.change_owner(
        policy, name="Zoë", email="zoe@example.com", country="US", actor=desk, now=now
    )
    ask("zoe@example.com")
    ask("zoe@example.com")
    asked = Letter.objects.filter(name="link_requested").order_by("id")
    assert [letter.recipient for letter in asked] == ["ann@example.com", "zoe@example.com"]
    assert asked[1].context["link"] == Policy.objects.get().links.get(revoked_at=None).pk


def test_the_answer_about_a_renewed_plan(ask, policy, refresh_plus, desk, now):
    renew(policy, refresh_plus, desk, now)
    both_say(
        ask(now),
        "The drone is covered until 5 January 2028, 04:00 EST.",
        "Replacements left: 3 of 3",
        "It has been renewed; a plan is renewed only once.",
    )


def test_the_answer_about_a_cancelled_plan_keeps_the_reason_inside(ask, policy, desk, now):
    cancellation.cancel(policy, reason="Chargeback", actor=desk, now=now)
    letter = ask(now)
    both_say(letter, "The drone is not covered. This plan has been cancelled.")
    neither_says(letter, "Chargeback", "Replacements left", "Term:", "renewed")


def test_the_answer_about_a_2_year_plan(ask, policy, care_2y, now):
    policy.plan = care_2y
    policy.save()
    both_say(ask(now), "This plan cannot be renewed.")
