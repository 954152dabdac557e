import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import load_handler
from django.http import HttpRequest
from django.test import RequestFactory


@pytest.fixture
def sent():
    """The request that a browser makes with these files; closed at the end, as Django does."""
    requests = []

    def send(files: list[SimpleUploadedFile]) -> HttpRequest:
        requests.append(RequestFactory().post("/repair/", {"serial": "1ABC", "photos": files}))
        return requests[-1]

    yield send
    for request in requests:
        request.close()


def photos(count: int, size: int = 10) -> list[SimpleUploadedFile]:
    return [SimpleUploadedFile(f"{number}.jpg", b"x" * size) for number in range(count)]


def test_a_few_files_arrive_whole(sent):
    request = sent(photos(6, size=100_000))
    assert [len(each.read()) for each in request.FILES.getlist("photos")] == [100_000] * 6


def test_of_a_thousand_files_a_form_sees_more_than_it_takes_and_no_server_drowns(sent):
    request = sent(photos(1_000))
    assert len(request.FILES.getlist("photos")) == 20
    assert request.POST["serial"] == "1ABC"


def test_a_thousand_large_files_do_not_stay_open(sent):
    request = sent(photos(1_000, size=3_000))
    received = request.FILES.getlist("photos")
    assert {type(each).__name__ for each in received} == {"TemporaryUploadedFile"}
    assert len(received) == 20


def test_the_handlers_of_the_settings_exist(settings):
    for name in settings.FILE_UPLOAD_HANDLERS:
        assert load_handler(name, HttpRequest())
