"""One address, one order: that of its country, wherever it is shown."""

from dataclasses import dataclass

import pytest

from policies.rules import addresses


@dataclass(frozen=True)
class Place:
    country: str
    line1: str
    city: str
    state: str = ""
    postal_code: str = ""
    line2: str = ""


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (Place("US", "12 Elm St", "Albany", "NY", "12207"), "Ann / 12 Elm St / Albany NY 12207"),
        (Place("PR", "Calle 1", "Ponce", "", "00716"), "Ann / Calle 1 / Ponce 00716"),
        (Place("CA", "2 Bay", "Toronto", "ON", "M5V 2T6"), "Ann / 2 Bay / Toronto ON M5V 2T6"),
        (Place("AU", "3 Bay", "Perth", "WA", "6000"), "Ann / 3 Bay / Perth WA 6000"),
        (Place("DE", "Weg 3", "Leipzig", "", "04109"), "Ann / Weg 3 / 04109 Leipzig"),
        (Place("CH", "Weg 4", "Winterthur", "ZH", "8400"), "Ann / Weg 4 / 8400 Winterthur ZH"),
        (Place("NO", "Vei 5", "Oslo", "", "0150"), "Ann / Vei 5 / 0150 Oslo"),
        (Place("GR", "Εγνατία 5", "Βόλος", "", "382 21"), "Ann / Εγνατία 5 / 382 21 Βόλος"),
        (Place("IT", "Via 6", "Assisi", "PG", "06081"), "Ann / Via 6 / 06081 Assisi PG"),
        (Place("LV", "Iela 7", "Rīga", "", "LV-1050"), "Ann / Iela 7 / Rīga LV-1050"),
        (Place("MT", "Triq 8", "Mdina", "", "MDN 1000"), "Ann / Triq 8 / Mdina MDN 1000"),
        (Place("GB", "9 Oak Rd", "Leeds", "", "LS1 4AP"), "Ann / 9 Oak Rd / Leeds / LS1 4AP"),
        (Place("IE", "1 Quay", "Ennis", "Clare", "V95 X1"), "Ann / 1 Quay / Ennis / Clare / V95 X1"),
        (Place("HU", "Fő utca 2", "Eger", "", "3300"), "Ann / Eger / Fő utca 2 / 3300"),
        (Place("HK", "3 Nathan Rd", "Kowloon"), "Ann / 3 Nathan Rd / Kowloon"),
        (Place("HK", "彌敦道3號", "旺角", "九龍"), "九龍旺角 / 彌敦道3號 / Ann"),
        (Place("CN", "4 Test Rd", "Shenzhen", "", "518000"), "Ann / 4 Test Rd / Shenzhen 518000"),
        (Place("CN", "示例路4号", "深圳市", "广东省", "518000"), "518000 / 广东省深圳市 / 示例路4号 / Ann"),
        (Place("TW", "中山路1號", "臺北市", "", "100"), "100 / 臺北市 / 中山路1號 / Ann"),
        (Place("JP", "神南1-1", "渋谷区", "東京都", "150-0041"), "150-0041 / 東京都渋谷区 / 神南1-1 / Ann"),
        (Place("JP", "1-1 Jinnan", "Tokyo", "", "150-0041"), "Ann / 1-1 Jinnan / Tokyo 150-0041"),
        (Place("KR", "세종대로 1", "중구", "서울", "04524"), "서울 중구 / 세종대로 1 / Ann / 04524"),
        (Place("BR", "Rua 9", "Recife", "PE", "50030"), "Ann / Rua 9 / Recife PE 50030"),
    ],
    ids=lambda value: value.country if isinstance(value, Place) else "",
)  # fmt: skip
def test_an_address_is_written_as_its_country_writes_it(place, expected):
    assert " / ".join(addresses.lines(place, name="Ann")) == expected


@pytest.mark.parametrize("country", ["US", "DE", "GB", "HU", "HK", "CN", "TW", "JP", "KR", "BR"])
@pytest.mark.parametrize("line1", ["{city} | 1", "中山 | 1"])
def test_no_field_is_left_out_and_each_stands_once(country, line1):
    place = Place(country, line1, "Town", "State", "C0DE", "Floor 2")
    written = addresses.lines(place, name="Ann", country="LAND")
    assert written[-1] == "LAND"
    for field in ["Ann", line1, "Floor 2", "Town", "State", "C0DE"]:
        assert "\n".join(written).count(field) == 1, field
