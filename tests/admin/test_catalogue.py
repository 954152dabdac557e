"""The dealer's own data, through the pages where managers edit it."""

import pytest
from django.urls import reverse
from zeal import zeal_ignore

from policies.models import DroneModel, Exclusion, Plan, Region
from tests.pages import form_with


def send(browser, region: Region, **typed: str):
    page = reverse("admin:policies_region_change", args=[region.pk])
    return browser.post(page, form_with("service_centre", browser.get(page).text) | typed)


def test_a_service_centre_may_be_written_in_its_own_script(manager):
    china = Region.objects.get(code="CN")
    assert send(manager, china, service_centre="示例无人机服务中心").status_code == 302
    china.refresh_from_db()
    assert china.service_centre == "示例无人机服务中心"


def test_a_service_centre_that_no_label_can_name_is_refused_with_the_letters(manager):
    china = Region.objects.get(code="CN")
    answer = send(manager, china, line1="𠮷 Example Road 🚁", city="Shenzhen 2")
    assert answer.status_code == 200
    assert "We cannot print 𠮷 🚁 on labels and papers. Please write it another way." in answer.text
    china.refresh_from_db()
    assert china.city != "Shenzhen 2"


@pytest.mark.parametrize(
    ("table", "field"),
    [
        (Region, "name"),
        (Region, "city"),
        (DroneModel, "name"),
        (Plan, "name"),
        (Exclusion, "title"),
        (Exclusion, "text"),
    ],
)
def test_what_agreements_and_claim_sheets_name_can_be_printed(manager, table, field):
    row = table.objects.last()
    page = reverse(f"admin:policies_{table._meta.model_name}_change", args=[row.pk])
    typed = form_with(field, manager.get(page).text) | {field: "𠮷"}
    with zeal_ignore():  # Django's formset looks each country of a region up
        answer = manager.post(page, typed)
    message = "We cannot print 𠮷 on labels and papers. Please write it another way."
    assert answer.context["adminform"].form.errors[field] == [message]


def test_what_carriers_are_told_of_a_model_is_the_managers_to_say(manager):
    mavic = DroneModel.objects.get(slug="mavic-2-pro")
    page = reverse("admin:policies_dronemodel_change", args=[mavic.pk])
    form = form_with("weight_g", manager.get(page).text)
    assert (form["length_cm"], form["weight_g"], form["tariff_number"]) == ("36", "2700", "880622")
    for wrong in [{"weight_g": "0"}, {"customs_value": "0"}, {"tariff_number": "drone"}]:
        assert manager.post(page, form | wrong).status_code == 200
    typed = {"weight_g": "2950", "customs_value": "1250.00", "tariff_number": "8806220000"}
    assert manager.post(page, form | typed).status_code == 302
    mavic.refresh_from_db()
    assert (mavic.weight_g, mavic.tariff_number) == (2950, "8806220000")


def test_a_service_centre_has_a_phone_for_carriers(manager):
    china = Region.objects.get(code="CN")
    assert send(manager, china, phone="call us").status_code == 200
    assert send(manager, china, phone="+86 755 5550 0100").status_code == 302
    china.refresh_from_db()
    assert china.phone == "+86 755 5550 0100"
