"""Staff's pages of a dealer who withdraws something and takes it back (P10)."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from zeal import zeal_ignore

from policies.models import DroneModel, Plan, Region, Series
from tests import factories
from tests.pages import form_with


def page(name: str, *args) -> str:
    return reverse(f"admin:policies_{name}", args=args)


@pytest.mark.parametrize("table", [Plan, DroneModel, Series, Region])
def test_p10_managers_withdraw_and_take_back_and_the_history_says_so(manager, table):
    row = table.objects.order_by("pk").first()
    address = page(f"{table._meta.model_name}_change", row.pk)
    for answer in ("on", None):
        typed = form_with("name", manager.get(address).text) | {"is_withdrawn": answer}
        if answer is None:
            del typed["is_withdrawn"]
        with zeal_ignore():  # Django's formset looks each row of an inline up
            assert manager.post(address, typed).status_code == 302
        row.refresh_from_db()
        assert row.is_withdrawn is bool(answer)
        assert "ithdrawn" in LogEntry.objects.order_by("pk").last().change_message


def test_p10_the_sales_desk_does_not_withdraw(sales):
    plan = Plan.objects.get(code="care-1y")
    assert sales.post(page("plan_change", plan.pk), {"is_withdrawn": "on"}).status_code == 403


@pytest.mark.parametrize(
    ("form", "needs"),
    [
        ("activationcode_sell", "plan drone_model region"),
        ("activationcode_import-codes", "plan drone_model region"),
        ("codebatch_generate", "plan drone_model region"),
        ("order_place", "plan drone_model"),
        ("drone_register", "drone_model"),
    ],
)
def test_p10_forms_for_something_new_leave_out_what_is_withdrawn(manager, form, needs):
    rows = {
        "plan": Plan.objects.get(code="care-1y"),
        "drone_model": DroneModel.objects.get(slug="mavic-2-pro"),
        "region": Region.objects.get(code="US"),
    }

    def choices() -> dict[str, list]:
        fields = manager.get(page(form)).context["form"].fields
        return {name: list(fields[name].queryset) for name in needs.split()}

    assert all(rows[name] in found for name, found in choices().items())
    for row in rows.values():
        type(row).objects.filter(pk=row.pk).update(is_withdrawn=True)
    assert not any(rows[name] in found for name, found in choices().items())


def test_p10_a_withdrawn_renewal_is_not_sold_from_a_policy(manager, policy):
    address = page("policy_change", policy.pk)
    assert page("policy_renew", policy.pk) in manager.get(address).text
    Plan.objects.filter(code="refresh-plus").update(is_withdrawn=True)
    assert page("policy_renew", policy.pk) not in manager.get(address).text


def test_p10_filters_still_name_what_is_withdrawn(manager, policy):
    Plan.objects.update(is_withdrawn=True)
    Region.objects.update(is_withdrawn=True)
    listing = manager.get(page("policy_changelist")).text
    assert "1-Year" in listing
    assert "United States" in listing


def test_p10_the_desk_binds_a_sold_code_of_a_withdrawn_model(sales):
    code = factories.ActivationCodeFactory(sold=True)
    DroneModel.objects.update(is_withdrawn=True)
    address = page("activationcode_bind", code.pk)
    shown = sales.get(address).text
    assert '<option value="mavic-2-pro">' in shown
    assert '<option value="mini-2">' not in shown
    typed = {"serial": "0AXCNEW1234", "drone_model": "mavic-2-pro", "activated": "no"}
    assert sales.post(address, form_with("serial", shown) | typed).status_code == 302


def test_p10_a_code_in_stock_of_a_withdrawn_plan_is_not_sold_and_the_page_says_why(sales):
    code = factories.ActivationCodeFactory()
    Plan.objects.filter(code="care-1y").update(is_withdrawn=True)
    address = page("activationcode_sell", code.pk)
    buyer = {"name": "Ann Lee", "email": "ann@example.com", "country": "US"}
    answer = sales.post(address, form_with("name", sales.get(address).text) | buyer)
    assert "The plan 1-Year is withdrawn: it is not sold any more." in answer.text
    code.refresh_from_db()
    assert code.state == "in_stock"
