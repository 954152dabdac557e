"""Who did what, when, from where: events and Django's log as one list, and what goes into it."""

import csv
import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse

from claims.models import Claim, ClaimEvent, Deadline
from policies import codes, sealing
from policies.backoffice import history, log_entries
from policies.models import (
    CodeEvent,
    Customer,
    DroneModel,
    Plan,
    Policy,
    PolicyEvent,
    ReplacementFee,
)
from policies.shared import roles
from tests import factories

HISTORY = reverse("admin:admin_logentry_changelist")
EVERYTHING = f"{HISTORY}?first_day=2000-01-01"


def text(response) -> str:
    return " ".join(response.content.decode().split())


def lines(response) -> list[history.Line]:
    return response.context["lines"]


def told(response) -> list[tuple[str, str, str, str]]:
    """Who, on what, what, and what changed."""
    return [(one.who, one.about, one.what, "; ".join(one.changes)) for one in lines(response)]


def change_page(row) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def history_page(row) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_history", args=[row.pk])


def last_log() -> log_entries.Message:
    return log_entries.read(LogEntry.objects.latest("pk"))


@pytest.fixture
def boss(db) -> Client:
    user = User.objects.create_superuser("boss", password="x")
    client = Client(REMOTE_ADDR="203.0.113.9")
    client.force_login(user)
    return client


@pytest.fixture
def clerk_edited_by_another(employ, settings) -> User:
    """Who is logged in and whose page it is are two look-ups, of users and sessions, not many."""
    settings.ZEAL_ALLOWLIST = [{"model": "auth.User"}, {"model": "sessions.Session"}]
    employ(roles.SALES)
    return User.objects.get(username="sales")


# --- who may look ---------------------------------------------------------------------


@pytest.mark.parametrize("role", [*roles.ALL, "anonymous"])
def test_only_managers_and_auditors_see_the_history_of_everything(role, employ, db):
    client = Client() if role == "anonymous" else employ(role)
    expected = 302 if role == "anonymous" else 200 if role in {"Manager", "Auditor"} else 403
    for query in ("", "?export=csv"):
        assert client.get(HISTORY + query).status_code == expected


def test_nobody_edits_or_deletes_a_line(boss, policy):
    entry = LogEntry.objects.create(user=User.objects.get(), action_flag=CHANGE, object_repr="x")
    for page in (f"{HISTORY}add/", f"{HISTORY}{entry.pk}/change/", f"{HISTORY}{entry.pk}/delete/"):
        assert boss.get(page).status_code == 404
    assert boss.post(HISTORY, {"action": "delete_selected"}).status_code in {200, 405}
    assert LogEntry.objects.exists()


# --- what is in it --------------------------------------------------------------------


def test_events_and_the_log_are_one_list_newest_first(auditor, policy, house):
    factories.PolicyEventFactory(
        policy=policy, at=datetime(2026, 3, 1, tzinfo=UTC), address="198.51.100.7"
    )
    code = factories.CodeEventFactory(at=datetime(2026, 3, 2, tzinfo=UTC)).code
    LogEntry.objects.create(
        user=User.objects.get(),
        content_type=ContentType.objects.get_for_model(Policy),
        object_id=policy.pk,
        object_repr="POL",
        action_flag=CHANGE,
        change_message="Renewed by hand.",
        action_time=datetime(2026, 3, 3, tzinfo=UTC),
    )
    page = auditor.get(HISTORY)
    assert told(page) == [
        ("auditor", "POL", "Renewed by hand.", ""),
        ("clerk", str(code), "Sold", ""),
        ("customer", policy.number, "Bound to a drone", ""),
    ]
    assert "198.51.100.7" in text(page)
    assert f'href="{change_page(policy)}"' in text(page)


def test_every_event_table_of_every_app_is_in_it():
    names = {table.name for table in history.tables()}
    assert names >= {
        "policies_policyevent",
        "policies_codeevent",
        "policies_orderevent",
        "claims_claimevent",
        "claims_decision",
        "django_admin_log",
    }


def test_a_claims_steps_say_from_where_to_where(auditor, house, policy):
    claim = house.claim_at("received", policy)
    changes = {one.what: one.changes for one in lines(auditor.get(history_page(claim)))}
    assert changes["From the request"] == ["Covered by the care plan"]
    moved = [
        one.changes for one in lines(auditor.get(history_page(claim))) if one.what == "Progress"
    ]
    assert moved[0] == ["Shipping label sent → Arrived at the service centre"]


def test_a_change_of_owner_says_from_whom_to_whom(auditor, policy):
    factories.PolicyEventFactory(policy=policy, kind="transferred", data={"from": 3, "to": 5})
    factories.PolicyEventFactory(policy=policy, kind="moved", data={"from": "0AA1", "to": "0BB2"})
    changes = [one.changes for one in lines(auditor.get(history_page(policy)))]
    assert changes == [["0AA1 → 0BB2"], ["customer 3 → customer 5"]]


# --- narrowed down --------------------------------------------------------------------


@pytest.fixture
def busy_week(policy, house) -> Claim:
    factories.PolicyEventFactory(
        policy=policy, at=datetime(2026, 3, 1, 12, tzinfo=UTC), actor="expire_policies"
    )
    factories.PolicyEventFactory(
        policy=policy, at=datetime(2026, 3, 5, tzinfo=UTC), address="198.51.100.7"
    )
    factories.CodeEventFactory(at=datetime(2026, 3, 6, tzinfo=UTC), actor="sales")
    return house.request(factories.PolicyFactory())


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("who=sales", ["Activation code"]),
        ("who=expire_policies", ["Policy"]),
        ("kind=policies.activationcode", ["Activation code"]),
        ("first_day=2026-03-01&last_day=2026-03-01", ["Policy"]),
        ("first_day=2026-03-06&last_day=2026-03-06", ["Activation code"]),
        ("address=203.0.113.77", []),
        ("who=nobody", []),
        ("reference=POL-NNNNNNNN", []),
        ("reference=0ANNSDRONE1", ["Policy", "Policy"]),
        ("reference=0annsdrone1&who=customer", ["Policy"]),
        ("kind=claims.deadline", []),
    ],
)
def test_the_history_is_narrowed_down(query, kinds, auditor, busy_week):
    assert [one.kind for one in lines(auditor.get(f"{HISTORY}?{query}"))] == kinds


def test_a_claims_number_finds_its_own_lines_only(auditor, busy_week):
    found = lines(auditor.get(f"{HISTORY}?reference={busy_week.number}"))
    assert {one.about for one in found} == {busy_week.number}
    assert len(found) == 2


def test_an_address_finds_events_and_the_log(boss, policy):
    boss.post(
        change_page(Deadline.objects.get(kind="fee")),
        {"remind_after_days": 9, "ends_after_days": 30},
    )
    factories.PolicyEventFactory(
        policy=policy, address="203.0.113.9", at=datetime(2026, 3, 1, tzinfo=UTC)
    )
    factories.PolicyEventFactory(policy=policy, address="203.0.113.10")
    found = lines(boss.get(f"{HISTORY}?address=203.0.113.9"))
    assert [one.address for one in found] == ["203.0.113.9", "203.0.113.9"]


@pytest.mark.parametrize(
    "query",
    [
        "first_day=soon",
        "last_day=0000-00-00",
        "who=%00",
        "who=" + "x" * 500,
        "kind=auth.permission",
        "kind=%00",
        "address=here",
        "address=%00",
        "reference=%00",
        "reference=" + "x" * 500,
    ],
)
def test_rubbish_gets_a_sentence_at_its_field(query, auditor, db):
    for asked in (query, f"{query}&export=csv", f"{query}&before=~"):
        response = auditor.get(f"{HISTORY}?{asked}")
        assert response.status_code == 200
        assert list(response.context["form"].errors) == [query.partition("=")[0]]


@pytest.mark.parametrize(
    "before",
    [
        "x",
        "~~",
        "2026-03-01~policies_policyevent~1",
        "2026-03-01T00:00:00+00:00~auth_user~1",
        "2026-03-01T00:00:00+00:00~policies_policyevent~99999999999999999999",
        "2026-03-01T00:00:00+00:00~policies_policyevent~-1",
        "2026-03-01T00:00:00+00:00~policies_policyevent~%00",
        "0001-01-01T00:00:00+14:00~policies_policyevent~1",
    ],
)
def test_a_made_up_position_is_no_error(before, auditor, busy_week):
    response = auditor.get(HISTORY, {"before": before, "first_day": "2026-03-01"})
    assert response.status_code == 200


# --- pages ----------------------------------------------------------------------------


def test_all_lines_are_met_once_on_the_way_to_the_oldest(auditor, policy):
    code = factories.ActivationCodeFactory(sold=True)
    start = datetime(2026, 3, 1, tzinfo=UTC)
    for number in range(40):
        # Three tables, and instants that several rows share.
        at = start + timedelta(minutes=number // 3)
        factories.PolicyEventFactory(policy=policy, at=at, note=f"p{number}")
        factories.CodeEventFactory(code=code, at=at, note=f"c{number}")
        LogEntry.objects.create(
            user=User.objects.get(),
            action_flag=CHANGE,
            object_repr="x",
            change_message=f"l{number}",
            action_time=at,
        )
    met, address = [], EVERYTHING
    while address:
        response = auditor.get(address)
        met += lines(response)
        address = response.context["older"] and HISTORY + response.context["older"]
    assert len(met) == 120
    assert len({one.position for one in met}) == 120
    assert [one.at for one in met] == sorted((one.at for one in met), reverse=True)


def test_the_number_of_queries_does_not_depend_on_the_number_of_rows(
    auditor, policy, house, django_assert_max_num_queries, django_assert_num_queries
):
    def more() -> None:
        factories.CodeEventFactory(at=datetime(2026, 3, 2, tzinfo=UTC))
        house.request(factories.PolicyFactory())

    more()
    with django_assert_max_num_queries(20) as first:
        auditor.get(EVERYTHING)
    for _ in range(5):
        more()
    with django_assert_num_queries(len(first)):
        auditor.get(EVERYTHING)
    with django_assert_max_num_queries(12):
        auditor.get(history_page(policy))


def test_the_file_holds_every_line_that_is_asked_for(auditor, policy):
    at = datetime(2026, 3, 1, tzinfo=UTC)
    for number in range(60):
        factories.PolicyEventFactory(policy=policy, at=at, note=f"=note {number}")
    factories.CodeEventFactory(at=at)
    address = f"{HISTORY}?kind=policies.policy&export=csv"
    rows = list(csv.reader(StringIO(auditor.get(address).getvalue().decode("utf-8-sig"))))
    assert rows[0][:4] == ["When (UTC)", "Who", "From where", "Kind"]
    assert len(rows) == 61
    assert rows[1][0] == "2026-03-01T00:00:00+00:00"
    assert rows[1][-1].startswith("'=note")


def test_a_list_taken_out_of_the_house_is_told(sales, auditor, policy):
    address = reverse("admin:policies_policy_report_ending")
    sales.get(f"{address}?plan=care-1y&export=csv").getvalue()
    sales.get(f"{address}?plan=nonsense&export=csv")
    [line] = lines(auditor.get(HISTORY))
    assert (line.who, line.about, line.url) == ("sales", "Policies ending", "")
    assert (line.what, line.address) == ("Exported as CSV: plan=care-1y", "127.0.0.1")


def test_what_people_typed_is_harmless(auditor, policy):
    factories.PolicyEventFactory(
        policy=policy, at=datetime(2026, 3, 1, tzinfo=UTC), note="<script>x</script>"
    )
    assert "&lt;script&gt;" in text(auditor.get(HISTORY))
    assert "<script>x" not in text(auditor.get(history_page(policy)))


# --- what plain admin pages write -----------------------------------------------------


def test_a_changed_fee_is_logged_with_old_and_new_amount_and_the_address(boss):
    fee = ReplacementFee.objects.select_related("drone_model", "region").first()
    was = fee.amount
    edited = {
        "drone_model": fee.drone_model_id,
        "region": fee.region_id,
        "ordinal": fee.ordinal,
        "amount": "1234.00",
        "valid_from": fee.valid_from.isoformat(),
    }
    assert boss.post(change_page(fee), edited).status_code == 302
    said = last_log()
    assert said == log_entries.Message("Changed", [f"Amount: {was} → 1234.00"], "203.0.113.9")
    fee.refresh_from_db()
    [line] = told(boss.get(history_page(fee)))
    assert line == ("boss", str(fee), "Changed", f"Amount: {was} → 1234.00")


def test_choices_rows_and_inlines_are_logged_in_words(boss, us):
    model = DroneModel.objects.get(slug="mavic-2-pro")
    page = boss.get(change_page(model))
    form = page.context["adminform"].form
    data = {name: form.initial[name] for name in form.fields}
    for one in page.context["inline_admin_formsets"]:
        prefix = one.formset.prefix
        data |= {
            f"{prefix}-TOTAL_FORMS": 1,
            f"{prefix}-INITIAL_FORMS": 0,
            f"{prefix}-0-part": "gimbal",
        }
    spark = model.series.__class__.objects.get(slug="spark")
    assert boss.post(change_page(model), data | {"series": spark.pk}).status_code == 302
    assert last_log().changes == [
        f"Series: {model.series} → {spark}",
        f"covered part “{model}: Gimbal”: Part: – → Gimbal",
    ]


def test_a_new_customer_is_logged_with_what_was_typed(boss):
    page = reverse("admin:policies_customer_add")
    typed = {"name": "Bo Chen", "email": "bo@example.com", "phone": "", "country": "US"}
    response = boss.get(page)
    for one in response.context["inline_admin_formsets"]:
        typed |= {f"{one.formset.prefix}-TOTAL_FORMS": 0, f"{one.formset.prefix}-INITIAL_FORMS": 0}
    assert boss.post(page, typed).status_code == 302, response.context
    assert Customer.objects.filter(email="bo@example.com").exists()
    assert last_log().what == "Added"
    assert "Name: – → Bo Chen" in last_log().changes


def test_a_new_password_is_logged_without_itself(boss, clerk_edited_by_another):
    clerk = clerk_edited_by_another
    secret = "a quite unlikely secret 77"
    address = reverse("admin:auth_user_password_change", args=[clerk.pk])
    assert boss.post(address, {"password1": secret, "password2": secret}).status_code == 302
    typed = {
        "username": "newclerk",
        "usable_password": "true",
        "password1": secret,
        "password2": secret,
    }
    assert boss.post(reverse("admin:auth_user_add"), typed).status_code == 302
    everything = json.dumps(list(LogEntry.objects.values_list("change_message", flat=True)))
    assert LogEntry.objects.count() == 2
    assert secret not in everything
    assert "md5" not in everything
    assert last_log().address == "203.0.113.9"


def test_a_new_role_is_logged_with_the_old_ones(boss, clerk_edited_by_another):
    clerk = clerk_edited_by_another
    page = boss.get(change_page(clerk))
    data = {
        "username": "sales",
        "first_name": "",
        "last_name": "",
        "email": "",
        "is_active": "on",
        "is_staff": "on",
        "groups": [Group.objects.get(name="Claims").pk],
    }
    assert page.status_code == 200
    assert boss.post(change_page(clerk), data).status_code == 302
    assert last_log().changes == ["Groups: Sales → Claims"]


def test_nobody_is_deleted_with_all_that_the_log_says_about_them(boss, clerk_edited_by_another):
    address = reverse("admin:auth_user_delete", args=[clerk_edited_by_another.pk])
    assert boss.post(address, {"post": "yes"}).status_code == 403
    assert User.objects.filter(username="sales").exists()


def test_a_deletion_is_logged_with_its_address(boss):
    plan = Plan.objects.create(code="trial", name="Trial", months=1, replacements=1)
    address = reverse("admin:policies_plan_delete", args=[plan.pk])
    assert boss.post(address, {"post": "yes"}).status_code == 302
    assert (last_log().what, last_log().address) == ("Deleted", "203.0.113.9")
    [line] = lines(boss.get(HISTORY))
    assert (line.about, line.url) == ("Trial", "")


def test_an_operation_is_logged_with_its_address(claims_desk, house, policy):
    claim = house.claim_at("in_transit", policy)
    claims_desk.post(reverse("admin:claims_claim_receive", args=[claim.pk]))
    assert last_log().address == "127.0.0.1"
    assert ClaimEvent.objects.filter(actor="claims").count() == 1


def test_what_an_operation_did_is_told_once_by_its_event(claims_desk, house, policy, auditor):
    claim = house.claim_at("in_transit", policy)
    claims_desk.post(reverse("admin:claims_claim_receive", args=[claim.pk]))
    entry = LogEntry.objects.get(user__username="claims")
    event = ClaimEvent.objects.get(actor="claims")
    assert entry.action_time == event.at
    for page in (history_page(claim), EVERYTHING):
        [line] = [one for one in lines(auditor.get(page)) if one.who == "claims"]
        assert line.what == event.what


def test_no_line_is_lost_behind_many_operations_of_one_instant(auditor, policy):
    """Their log lines are left out of the page, and must not use up its room."""
    clerk = User.objects.get()
    policies = ContentType.objects.get_for_model(Policy)

    def log(at: datetime, *, has_event: bool) -> None:
        LogEntry.objects.create(
            user=clerk,
            content_type=policies,
            object_id=policy.pk,
            object_repr="POL",
            action_flag=CHANGE,
            action_time=at,
            change_message=json.dumps(log_entries.operation("Done", has_event=has_event)),
        )

    at = datetime(2026, 3, 5, tzinfo=UTC)
    for _operation in range(60):
        factories.PolicyEventFactory(policy=policy, at=at)
        log(at, has_event=True)
    for minutes in range(1, 121):
        log(at - timedelta(minutes=minutes), has_event=False)
    seen: list[history.Line] = []
    older = EVERYTHING.partition("?")[2]
    while older:
        page = auditor.get(f"{HISTORY}?{older.removeprefix('?')}")
        seen += lines(page)
        older = page.context["older"]
    assert len(seen) == len({line.position for line in seen}) == 60 + 120


def test_showing_a_whole_code_is_told_and_the_code_is_not(manager, auditor, db):
    [whole] = codes.new_codes(1)
    code = factories.ActivationCodeFactory(seal=sealing.seal(whole), sold=True)
    address = reverse("admin:policies_activationcode_reveal", args=[code.pk])
    manager.post(address, {"reason": "The printer ate the card."})
    page = auditor.get(history_page(code))
    assert [one.what for one in lines(page)] == ["Whole code shown"]
    assert whole not in text(page)
    assert CodeEvent.objects.filter(kind="revealed").count() == 1


def test_old_messages_of_djangos_own_are_still_understood(db, boss):
    def read(message: str) -> log_entries.Message:
        return log_entries.read(LogEntry(action_flag=CHANGE, change_message=message))

    assert read("Sold to Ann.").what == "Sold to Ann."
    assert read("").what == "Changed"
    assert read('[{"changed": {"fields": ["Amount"]}}]').what == "Changed"
    assert read("[not json").what == "[not json"
    assert read("[1, 2]").what == "[1, 2]"
    inline = '[{"added": {"name": "country", "object": "France"}}]'
    assert read(inline).changes == ["country “France”: Added"]


def test_the_history_of_a_missing_object_is_not_found(auditor, db):
    assert auditor.get(reverse("admin:policies_policy_history", args=[999])).status_code == 404
    assert PolicyEvent.objects.count() == 0
