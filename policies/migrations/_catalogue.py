"""The catalogue that the first data migration seeds: regions, models, plans, fees.

Plain data, no imports from the project. Everything here becomes rows that staff edit in the
admin; changing this file later changes nothing in a database that is already seeded.

Marks used below:
  # source: <page>   the figure stands on that public page (as the page stood when it was stored)
  # demo             invented for this product; not a real price, address or term
"""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

# --- Service regions -----------------------------------------------------------------------
# Which regions exist: source: "DJI Care Refresh FAQ's" (Southern Sun Drones).
# 48 hours, and 72 hours after an approved film: source: "DJI Care Refresh" info page (dji.com).
# Every service-centre address is invented (# demo) and says so in its second line.
# "name" is what a customer reads in "this code is for ...".

_DEMO_LINE = "DEMO ADDRESS - NOT A REAL PLACE"

REGIONS = [
    {
        "code": "US",
        "name": "United States",
        "currency": "USD",
        "time_zone": "America/New_York",
        "binding_window_hours": 48,
        "permit_hours": 72,
        # ISO lists the inhabited territories separately.
        "countries": ["US", "PR", "GU", "VI", "AS", "MP"],
        "service_centre": {  # demo
            "name": "Demo Drone Service Center US",
            "line1": "100 Example Avenue",
            "line2": _DEMO_LINE,
            "city": "Albany",
            "state": "NY",
            "postal_code": "12207",
            "country": "US",
        },
    },
    {
        "code": "CA",
        "name": "Canada",
        "currency": "CAD",
        "time_zone": "America/Toronto",
        "binding_window_hours": 48,
        "permit_hours": 72,
        "countries": ["CA"],
        "service_centre": {  # demo
            "name": "Demo Drone Service Centre Canada",
            "line1": "200 Example Street",
            "line2": _DEMO_LINE,
            "city": "Toronto",
            "state": "ON",
            "postal_code": "M5V 2T6",
            "country": "CA",
        },
    },
    {
        "code": "EU",
        "name": "European Union",
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
        "binding_window_hours": 48,
        "permit_hours": 72,
        # fmt: off
        "countries": [
            "AT",
            "BE",
            "BG",
            "CY",
            "CZ",
            "DE",
            "DK",
            "EE",
            "ES",
            "FI",
            "FR",
            "GR",
            "HR",
            "HU",
            "IE",
            "IT",
            "LT",
            "LU",
            "LV",
            "MT",
            "NL",
            "PL",
            "PT",
            "RO",
            "SE",
            "SI",
            "SK",
        ],
        # fmt: on
        "service_centre": {  # demo
            "name": "Demo Drone Service Centre EU",
            "line1": "Beispielweg 30",
            "line2": _DEMO_LINE,
            "city": "Leipzig",
            "state": "",
            "postal_code": "04109",
            "country": "DE",
        },
    },
    {
        "code": "UK",
        "name": "United Kingdom",
        "currency": "GBP",
        "time_zone": "Europe/London",
        "binding_window_hours": 48,
        "permit_hours": 72,
        "countries": ["GB", "GG", "JE", "IM"],
        "service_centre": {  # demo
            "name": "Demo Drone Service Centre UK",
            "line1": "40 Example Road",
            "line2": _DEMO_LINE,
            "city": "Leeds",
            "state": "",
            "postal_code": "LS1 4AP",
            "country": "GB",
        },
    },
    {
        "code": "CH",
        "name": "Switzerland and Liechtenstein",
        "currency": "CHF",
        "time_zone": "Europe/Zurich",
        "binding_window_hours": 48,
        "permit_hours": 72,
        "countries": ["CH", "LI"],
        "service_centre": {  # demo
            "name": "Demo Drone Service Centre Switzerland",
            "line1": "Musterstrasse 50",
            "line2": _DEMO_LINE,
            "city": "Winterthur",
            "state": "",
            "postal_code": "8400",
            "country": "CH",
        },
    },
    {
        "code": "NO",
        "name": "Norway",
        "currency": "NOK",
        "time_zone": "Europe/Oslo",
        "binding_window_hours": 48,
        "permit_hours": 72,
        "countries": ["NO"],
        "service_centre": {  # demo
            "name": "Demo Drone Service Centre Norway",
            "line1": "Eksempelveien 60",
            "line2": _DEMO_LINE,
            "city": "Oslo",
            "state": "",
            "postal_code": "0150",
            "country": "NO",
        },
    },
    {
        "code": "AU",
        "name": "Australia and New Zealand",
        "currency": "AUD",
        "time_zone": "Australia/Sydney",
        "binding_window_hours": 48,
        "permit_hours": 72,
        "countries": ["AU", "NZ"],
        "service_centre": {  # demo
            "name": "Demo Drone Service Centre Australia",
            "line1": "70 Example Parade",
            "line2": _DEMO_LINE,
            "city": "Sydney",
            "state": "NSW",
            "postal_code": "2000",
            "country": "AU",
        },
    },
    {
        "code": "HK",
        "name": "Hong Kong and Macao",
        "currency": "HKD",
        "time_zone": "Asia/Hong_Kong",
        "binding_window_hours": 48,
        "permit_hours": 72,
        "countries": ["HK", "MO"],
        "service_centre": {  # demo
            "name": "Demo Drone Service Centre Hong Kong",
            "line1": "Unit 8, 80 Example Road",
            "line2": _DEMO_LINE,
            "city": "Kowloon",
            "state": "",
            "postal_code": "",  # Hong Kong has no postal codes
            "country": "HK",
        },
    },
    {
        "code": "TW",
        "name": "Taiwan",
        "currency": "TWD",
        "time_zone": "Asia/Taipei",
        "binding_window_hours": 48,
        "permit_hours": 72,
        "countries": ["TW"],
        "service_centre": {  # demo
            "name": "Demo Drone Service Centre Taiwan",
            "line1": "No. 90, Example Road",
            "line2": _DEMO_LINE,
            "city": "Taipei",
            "state": "",
            "postal_code": "100",
            "country": "TW",
        },
    },
    {
        "code": "JP",
        "name": "Japan",
        "currency": "JPY",
        "time_zone": "Asia/Tokyo",
        # Japanese dealers differ: 48 hours ("DJI Care Refresh", stdrone.jp) or 96
        # ("DJI Care Refresh-FAQ", AIRSTAGE, for the Mavic 2). The usual window is seeded.
        "binding_window_hours": 48,
        "permit_hours": 72,
        "countries": ["JP"],
        "service_centre": {  # demo
            "name": "Demo Drone Service Centre Japan",
            "line1": "1-2-3 Example-cho",
            "line2": _DEMO_LINE,
            "city": "Chiyoda-ku",
            "state": "Tokyo",
            "postal_code": "100-0001",
            "country": "JP",
        },
    },
    {
        "code": "KR",
        "name": "South Korea",
        "currency": "KRW",
        "time_zone": "Asia/Seoul",
        "binding_window_hours": 48,
        "permit_hours": 72,
        "countries": ["KR"],
        "service_centre": {  # demo
            "name": "Demo Drone Service Centre Korea",
            "line1": "110 Example-ro, Jung-gu",
            "line2": _DEMO_LINE,
            "city": "Seoul",
            "state": "",
            "postal_code": "04524",
            "country": "KR",
        },
    },
    {
        "code": "CN",
        "name": "Mainland China",
        "currency": "CNY",
        "time_zone": "Asia/Shanghai",
        "binding_window_hours": 48,
        "permit_hours": 72,
        "countries": ["CN"],
        "service_centre": {  # demo
            "name": "Demo Drone Service Centre China",
            "line1": "120 Example Road, Nanshan District",
            "line2": _DEMO_LINE,
            "city": "Shenzhen",
            "state": "Guangdong",
            "postal_code": "518000",
            "country": "CN",
        },
    },
]

# --- Series and the parts they cover (P6) ----------------------------------------------------

_WITH_BATTERY = ["aircraft", "gimbal", "camera", "battery", "propellers"]

SERIES = [
    {"slug": "mavic", "name": "Mavic", "parts": list(_WITH_BATTERY)},
    {"slug": "spark", "name": "Spark", "parts": list(_WITH_BATTERY)},
    {
        "slug": "phantom",
        "name": "Phantom",
        "parts": ["aircraft", "gimbal", "camera", "propellers"],
    },
    {"slug": "inspire", "name": "Inspire", "parts": ["aircraft", "gimbal", "camera"]},
    {"slug": "fpv", "name": "FPV", "parts": list(_WITH_BATTERY)},
]

# --- Models ----------------------------------------------------------------------------------
# The Air and Mini families live under Mavic. No model needs parts of its own today (None = the
# parts of its series). Warranty: 12 months each (P8).

MODELS = [
    {"slug": slug, "name": name, "series": series, "warranty_months": 12, "parts": None}
    for series, slug, name in [
        ("mavic", "mavic-pro", "Mavic Pro"),
        ("mavic", "mavic-pro-platinum", "Mavic Pro Platinum"),
        ("mavic", "mavic-air", "Mavic Air"),
        ("mavic", "mavic-2-pro", "Mavic 2 Pro"),
        ("mavic", "mavic-2-zoom", "Mavic 2 Zoom"),
        ("mavic", "mavic-mini", "Mavic Mini"),
        ("mavic", "mavic-air-2", "Mavic Air 2"),
        ("mavic", "mini-2", "DJI Mini 2"),
        ("mavic", "air-2s", "DJI Air 2S"),
        ("mavic", "mini-se", "DJI Mini SE"),
        ("mavic", "mavic-3", "DJI Mavic 3"),
        ("mavic", "mavic-3-cine", "DJI Mavic 3 Cine"),
        ("mavic", "mini-3-pro", "DJI Mini 3 Pro"),
        ("mavic", "mavic-3-classic", "DJI Mavic 3 Classic"),
        ("mavic", "mini-3", "DJI Mini 3"),
        ("mavic", "mini-2-se", "DJI Mini 2 SE"),
        ("mavic", "mavic-3-pro", "DJI Mavic 3 Pro"),
        ("mavic", "mavic-3-pro-cine", "DJI Mavic 3 Pro Cine"),
        ("mavic", "air-3", "DJI Air 3"),
        ("mavic", "mini-4-pro", "DJI Mini 4 Pro"),
        ("spark", "spark", "DJI Spark"),
        ("phantom", "phantom-3-standard", "Phantom 3 Standard"),
        ("phantom", "phantom-3-4k", "Phantom 3 4K"),
        ("phantom", "phantom-3-advanced", "Phantom 3 Advanced"),
        ("phantom", "phantom-3-professional", "Phantom 3 Professional"),
        ("phantom", "phantom-3-se", "Phantom 3 SE"),
        ("phantom", "phantom-4", "Phantom 4"),
        ("phantom", "phantom-4-advanced", "Phantom 4 Advanced"),
        ("phantom", "phantom-4-pro", "Phantom 4 Pro"),
        ("phantom", "phantom-4-pro-v2", "Phantom 4 Pro V2.0"),
        ("inspire", "inspire-1-v2", "Inspire 1 V2.0"),
        ("inspire", "inspire-1-pro", "Inspire 1 Pro"),
        ("inspire", "inspire-1-raw", "Inspire 1 RAW"),
        ("inspire", "inspire-2", "Inspire 2"),
        ("inspire", "inspire-3", "DJI Inspire 3"),
        ("fpv", "dji-fpv", "DJI FPV"),
        ("fpv", "dji-avata", "DJI Avata"),
        ("fpv", "dji-avata-2", "DJI Avata 2"),
    ]
]

# --- Plans (P1) ------------------------------------------------------------------------------
# "months", "replacements" and "warranty_months" are what the plan adds; "renews" is the plan
# it renews (None: a plan of its own).

PLANS = [
    {
        "code": "care-1y",
        "name": "1-Year",
        "months": 12,
        "replacements": 2,
        "warranty_months": 0,
        "renews": None,
    },
    {
        "code": "care-2y",
        "name": "2-Year",
        "months": 24,
        "replacements": 3,
        "warranty_months": 0,
        "renews": None,
    },
    {
        "code": "refresh-plus",
        "name": "Refresh +",
        "months": 12,
        "replacements": 1,
        "warranty_months": 12,
        "renews": "care-1y",
    },
]

# --- Exclusions (P7) -------------------------------------------------------------------------

EXCLUSIONS = [
    {
        "cause": "lost_or_stolen",
        "title": "Lost or stolen",
        "text": (
            "To replace a drone we need the damaged one back. If yours was stolen, or was lost or "
            "flew away and you cannot send it to us, the plan does not cover it."
        ),
    },
    {
        "cause": "unsuitable_conditions",
        "title": "Flown in unsuitable conditions",
        "text": (
            "Damage from flying where or when the manual says not to, for example in strong "
            "wind, rain, snow or icing, or outside the stated temperatures, is not covered."
        ),
    },
    {
        "cause": "deliberate",
        "title": "Deliberate damage",
        "text": "The plan is for accidents. Damage that was caused on purpose is not covered.",
    },
    {
        "cause": "third_party",
        "title": "Third-party accessories or software",
        "text": (
            "Damage caused by parts, batteries, accessories, modifications or software that do "
            "not come from the manufacturer is not covered."
        ),
    },
]

# --- What the verification film must show, in this order (V1) --------------------------------

INSTRUCTIONS = [
    {
        "slug": "serial-number-plate",
        "title": "Serial number plate",
        "text": "Start close up on the serial number of the drone until every character is sharp.",
    },
    {
        "slug": "power-on",
        "title": "Power on",
        "text": (
            "Without cutting the film, switch on the drone and the remote controller and wait "
            "until the two are connected."
        ),
    },
    {
        "slug": "gimbal",
        "title": "Gimbal moving",
        "text": "Show the gimbal's self-test, then tilt the camera all the way down and back up.",
    },
    {
        "slug": "camera-picture",
        "title": "Camera picture",
        "text": (
            "Show the live picture in the app while the camera moves. It must be clear and free "
            "of error messages."
        ),
    },
    {
        "slug": "take-off-and-hover",
        "title": "Take-off and hover",
        "text": (
            "Where flying is allowed and safe, take off, hover at eye level for at least 10 "
            "seconds, move forward, back, left and right, and land."
        ),
    },
    {
        "slug": "airframe-sides",
        "title": "Each side of the airframe",
        "text": (
            "Show the drone slowly from the front, back, left, right, top and bottom, including "
            "arms, propellers and landing gear."
        ),
    },
]

# --- Replacement fees (P5) -------------------------------------------------------------------
# FEES: model slug -> {region code: (first, second, third)}, as strings in the region's currency.

FEES_VALID_FROM = date(2024, 1, 1)

WHOLE_UNIT_CURRENCIES = {"JPY", "KRW", "TWD"}

# First and second fee are on the named page; no page found gives a third fee, so every third
# figure is # demo. The pages are older than FEES_VALID_FROM: real figures of their day.
_SOURCED_FEES = {
    # source: "DJI Care Refresh (DJI Mavic 3)", product page (Advexure)
    ("mavic-3", "US"): ("159.00", "199.00", "229.00"),  # third: demo
    # source: "DJI Care Refresh", news article on the launch of the Mavic Pro (dreidrohnen.de)
    ("mavic-pro", "EU"): ("99.00", "139.00", "159.00"),  # third: demo
    # source: "MAVIC AIR 2 Care Refresh", dealer's own plan (OTG, on suburban.com.hk)
    ("mavic-air-2", "HK"): ("569.00", "669.00", "769.00"),  # third: demo
    # source: article on DJI Care Refresh, price of the Mini 2 plan (drone-journey.com)
    ("mini-2", "JP"): ("5990", "6990", "7990"),  # third: demo
}

# demo: invented US dollars per model; all other rows below are computed from this table.
_DEMO_USD = {
    "mavic-pro": (99, 129, 159),
    "mavic-pro-platinum": (109, 139, 169),
    "mavic-air": (89, 109, 129),
    # Figures handed to the project as typical; not found on any public page.
    "mavic-2-pro": (119, 139, 139),
    "mavic-2-zoom": (109, 129, 129),
    "mavic-mini": (39, 49, 59),
    "mavic-air-2": (79, 89, 99),
    "mini-2": (49, 59, 69),
    "air-2s": (99, 119, 129),
    "mini-se": (39, 49, 59),
    "mavic-3": (159, 199, 229),  # the row of the US itself is sourced, see above
    "mavic-3-cine": (399, 449, 499),
    "mini-3-pro": (69, 89, 99),
    "mavic-3-classic": (139, 169, 199),
    "mini-3": (59, 69, 79),
    "mini-2-se": (49, 59, 69),
    "mavic-3-pro": (189, 219, 249),
    "mavic-3-pro-cine": (429, 479, 529),
    "air-3": (109, 129, 149),
    "mini-4-pro": (79, 89, 109),
    "spark": (49, 69, 79),
    "phantom-3-standard": (89, 109, 129),
    "phantom-3-4k": (99, 119, 139),
    "phantom-3-advanced": (119, 139, 159),
    "phantom-3-professional": (139, 169, 199),
    "phantom-3-se": (89, 109, 129),
    "phantom-4": (149, 179, 209),
    "phantom-4-advanced": (169, 199, 229),
    "phantom-4-pro": (189, 219, 249),
    "phantom-4-pro-v2": (189, 229, 259),
    "inspire-1-v2": (299, 359, 419),
    "inspire-1-pro": (399, 459, 519),
    "inspire-1-raw": (499, 579, 659),
    "inspire-2": (359, 429, 499),
    "inspire-3": (1499, 1699, 1899),
    "dji-fpv": (149, 179, 199),
    "dji-avata": (99, 119, 139),
    "dji-avata-2": (79, 99, 119),
}

# demo: region -> (factor from dollars, round to this step, take off this much), so that 119
# dollars become 119.00 in euros and 15490 in yen. No exchange rates, only believable amounts.
_DEMO_RULES = {
    "US": ("1", 10, 1),
    "CA": ("1.35", 10, 1),
    "EU": ("1", 10, 1),
    "UK": ("0.85", 10, 1),
    "CH": ("1.05", 10, 1),
    "NO": ("10.5", 50, 1),
    "AU": ("1.5", 10, 1),
    "HK": ("7.8", 10, 1),
    "TW": ("31", 100, 10),
    "JP": ("130", 500, 10),
    "KR": ("1300", 1000, 0),
    "CN": ("6.8", 10, 1),
}


def _demo_fee(dollars, region):
    factor, step, less = _DEMO_RULES[region["code"]]
    steps = (dollars * Decimal(factor) / step).quantize(Decimal(1), ROUND_HALF_UP)
    amount = int(steps) * step - less
    return f"{amount}" if region["currency"] in WHOLE_UNIT_CURRENCIES else f"{amount}.00"


FEES = {
    slug: {
        region["code"]: _SOURCED_FEES.get((slug, region["code"]))
        or tuple(_demo_fee(dollars, region) for dollars in row)
        for region in REGIONS
    }
    for slug, row in _DEMO_USD.items()
}
