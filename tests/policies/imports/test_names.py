"""Names in files: as codes, as our pages show them, and as people write them."""

import pytest

from policies.imports import names
from policies.imports.cells import BadRow
from policies.models import DroneModel


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("de", "DE"),
        ("DEU", "DE"),
        ("Germany", "DE"),
        ("Deutschland", "DE"),
        ("UK", "GB"),
        ("U.K.", "GB"),
        ("Great Britain", "GB"),
        ("USA", "US"),
        ("South Korea", "KR"),
        ("Côte d'Ivoire", "CI"),
        ("Türkiye", "TR"),
        ("HONG KONG", "HK"),
    ],
)
def test_a_country_goes_by_code_name_or_usual_abbreviation(text, code):
    assert names.country(text) == code


@pytest.mark.parametrize("text", ["", "ZZ", "Atlantis", "Germany or so", "x" * 5_000])
def test_what_is_no_country_asks_for_its_code(text):
    with pytest.raises(BadRow) as error:
        names.country(text)
    assert str(error.value.message) == (
        "Please give the two-letter code of the country, such as DE."
    )


def test_every_name_that_our_pages_show_is_taken(db):
    known = names.models()
    for model in DroneModel.objects.all():
        assert names.model(model.name, known) == model
        assert names.model(model.slug.upper(), known) == model


def test_a_name_that_two_have_means_neither(mavic_2_pro):
    DroneModel.objects.filter(slug="mini-2").update(name="Mavic 2 Pro")
    known = names.models()
    assert names.model("mavic-2-pro", known) == mavic_2_pro
    with pytest.raises(BadRow):
        names.model("Mavic (2) Pro (2)", known)
