"""The dealer's own data, through the pages where managers edit it."""

from django.urls import reverse

from policies.models import Region
from tests.forms import form_with


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
