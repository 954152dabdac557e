"""What the environment may say, and what stops the program.

The settings file is run on its own, in a folder without `.env`, with an environment that a
test spells out in full.
"""

import base64
import os
import re
import runpy
import shutil
import subprocess
import sys
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests import ROOT

GOOD_SECRET = "x7Jq-V0bN3mKfPz9RtYw2LcHs5GdAe8Ui4Oo6TgBv1Mn_CkXjZy"
GOOD_KEY = "k1:" + base64.b64encode(bytes(range(32))).decode()
OTHER_KEY = "k0:" + base64.b64encode(bytes(range(50, 82))).decode()
PRODUCTION = {
    "SECRET_KEY": GOOD_SECRET,
    "CODE_KEYS": GOOD_KEY,
    "ALLOWED_HOSTS": "care.example.com",
    "SITE_URL": "https://care.example.com",
    "PROXY_COUNT": "1",
}


@pytest.fixture
def start(tmp_path):
    """Starts the settings in `tmp_path`, returns their values."""
    (tmp_path / "config").mkdir()
    copy = shutil.copy(ROOT / "config" / "settings.py", tmp_path / "config")

    def start(**environment: str) -> dict:
        # Put back afterwards: reading .env writes into os.environ.
        with mock.patch.dict(os.environ, environment, clear=True):
            return runpy.run_path(str(copy))

    return start


# --- production --------------------------------------------------------------


def test_production_starts_with_its_own_secrets(start):
    settings = start(**PRODUCTION)
    assert settings["DEBUG"] is False
    assert settings["SECRET_KEY"] == GOOD_SECRET
    assert settings["ALLOWED_HOSTS"] == ["care.example.com"]


def test_production_speaks_only_https(start):
    settings = start(**PRODUCTION)
    assert settings["SECURE_SSL_REDIRECT"] is True
    assert settings["SECURE_HSTS_SECONDS"] >= 30 * 24 * 60 * 60
    assert settings["SESSION_COOKIE_SECURE"] is True
    assert settings["CSRF_COOKIE_SECURE"] is True


def test_the_proxy_is_believed_only_where_there_is_one(start):
    assert start(**PRODUCTION)["SECURE_PROXY_SSL_HEADER"] == ("HTTP_X_FORWARDED_PROTO", "https")
    assert "SECURE_PROXY_SSL_HEADER" not in start(**PRODUCTION | {"PROXY_COUNT": "0"})


def test_debug_is_off_unless_asked_for(start):
    assert start(**PRODUCTION)["DEBUG"] is False
    assert start(DEBUG="true")["DEBUG"] is True


@pytest.mark.parametrize("name", ["SECRET_KEY", "CODE_KEYS"])
@pytest.mark.parametrize("value", [None, ""])
def test_production_refuses_to_start_without_a_secret(start, name, value):
    environment = {k: v for k, v in PRODUCTION.items() if k != name}
    if value is not None:
        environment[name] = value
    with pytest.raises(ImproperlyConfigured, match=rf"^{name} is not set\. Make one with: python3"):
        start(**environment)


def test_production_refuses_the_development_secret(start):
    development = start(DEBUG="true")["SECRET_KEY"]
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is a development value"):
        start(**PRODUCTION | {"SECRET_KEY": development})


@pytest.mark.parametrize("value", ["django-insecure-" + GOOD_SECRET])
def test_production_refuses_a_generated_development_secret(start, value):
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is a development value"):
        start(**PRODUCTION | {"SECRET_KEY": value})


@pytest.mark.parametrize("value", ["secret", GOOD_SECRET[:49], "ab" * 40])
def test_production_refuses_a_simple_secret(start, value):
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is too short or too simple"):
        start(**PRODUCTION | {"SECRET_KEY": value})


def test_production_refuses_the_development_code_key_even_as_an_old_one(start):
    [development] = start(DEBUG="true")["CODE_KEYS"].values()
    keys = f"{GOOD_KEY},dev:{base64.b64encode(development).decode()}"
    with pytest.raises(ImproperlyConfigured, match="CODE_KEYS holds the development key"):
        start(**PRODUCTION | {"CODE_KEYS": keys})


# --- code keys ---------------------------------------------------------------


def test_code_keys_keep_their_order_the_first_one_seals(start):
    keys = start(**PRODUCTION | {"CODE_KEYS": f"{GOOD_KEY}, {OTHER_KEY}"})["CODE_KEYS"]
    assert list(keys.items()) == [("k1", bytes(range(32))), ("k0", bytes(range(50, 82)))]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (base64.b64encode(bytes(range(32))).decode(), "id:key"),
        (":" + GOOD_KEY[3:], "id:key"),
        ("two words" + GOOD_KEY[2:], "id:key"),
        ("k1:not base64!", "isn't base64"),
        ("k1:" + base64.b64encode(bytes(range(31))).decode(), "has 31 bytes, it must have 32"),
        ("k1:" + base64.b64encode(bytes(range(33))).decode(), "has 33 bytes, it must have 32"),
        ("k1:", "has 0 bytes"),
        ("k1:" + base64.b64encode(bytes(32)).decode(), "too simple to be random"),
        (f"{GOOD_KEY},k1{OTHER_KEY[2:]}", "must all differ"),
        (f"{GOOD_KEY},k2{GOOD_KEY[2:]}", "must all differ"),
        (",", "one is needed"),
    ],
)
def test_broken_code_keys_are_refused(start, value, reason):
    with pytest.raises(ImproperlyConfigured, match=f"^CODE_KEYS.*{re.escape(reason)}"):
        start(**PRODUCTION | {"CODE_KEYS": value})


def test_a_refusal_does_not_print_the_key(start):
    encoded = GOOD_KEY[3:]
    with pytest.raises(ImproperlyConfigured) as refusal:
        start(**PRODUCTION | {"CODE_KEYS": encoded})
    assert encoded[:20] not in str(refusal.value)


# --- development -------------------------------------------------------------


def test_development_starts_with_an_empty_environment_but_debug(start):
    settings = start(DEBUG="true")
    assert settings["DATABASES"]["default"]["ENGINE"] == "django.db.backends.sqlite3"
    assert settings["EMAIL_BACKEND"] == "django.core.mail.backends.filebased.EmailBackend"
    assert "SECURE_SSL_REDIRECT" not in settings


@pytest.mark.parametrize("hosts", ["care.example.com", "*", "localhost,192.168.1.5", ".com"])
def test_debug_refuses_a_host_that_others_can_reach(start, hosts):
    with pytest.raises(ImproperlyConfigured, match="DEBUG=true would show"):
        start(DEBUG="true", ALLOWED_HOSTS=hosts)


def test_debug_allows_local_hosts(start):
    hosts = "localhost,127.0.0.1,[::1],shop.localhost,.localhost,testserver"
    assert start(DEBUG="true", ALLOWED_HOSTS=hosts)["ALLOWED_HOSTS"] == hosts.split(",")


def test_dot_env_is_read_and_the_environment_wins_over_it(start, tmp_path):
    (tmp_path / ".env").write_text("DEBUG=true\nDEALER_NAME=From the file\nPROXY_COUNT=2\n")
    settings = start(DEALER_NAME="From outside")
    assert settings["DEBUG"] is True
    assert settings["DEALER_NAME"] == "From outside"
    assert settings["PROXY_COUNT"] == 2


# --- the other variables -----------------------------------------------------


def test_site_url_has_no_slash_at_its_end(start):
    assert start(DEBUG="true", SITE_URL="http://localhost:9/")["SITE_URL"] == "http://localhost:9"


@pytest.mark.parametrize("url", ["care.example.com", "ftp://care.example.com", "https://", "/x"])
def test_site_url_must_be_an_address(start, url):
    with pytest.raises(ImproperlyConfigured, match="SITE_URL must be the address"):
        start(DEBUG="true", SITE_URL=url)


@pytest.mark.parametrize("count", ["-1", "10", "one", "1.5"])
def test_proxy_count_must_be_a_small_number(start, count):
    with pytest.raises(ImproperlyConfigured, match="PROXY_COUNT must be the number"):
        start(DEBUG="true", PROXY_COUNT=count)


def test_sqlite_takes_its_lock_when_a_transaction_begins(start, tmp_path):
    database = start(DEBUG="true", DATABASE_URL="sqlite:///some/file.sqlite3")["DATABASES"][
        "default"
    ]
    assert database["NAME"] == str(tmp_path / "some" / "file.sqlite3")
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]


def test_postgresql_is_pooled(start):
    url = "postgres://care:s3cret@db.example.com:5433/care?sslmode=require"
    database = start(DEBUG="true", DATABASE_URL=url)["DATABASES"]["default"]
    assert database["HOST"] == "db.example.com"
    assert database["OPTIONS"]["pool"]["max_size"] == 20
    assert database["OPTIONS"]["sslmode"] == "require"
    assert database["CONN_MAX_AGE"] == 0


@pytest.mark.parametrize("url", ["mysql://localhost/care", "care.sqlite3", ""])
def test_another_database_is_refused(start, url):
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL must begin with"):
        start(DEBUG="true", DATABASE_URL=url)


def test_a_mail_server_is_named_by_its_url(start):
    url = "smtp+tls://care%40example.com:s3cret@mail.example.com:587"
    settings = start(DEBUG="true", EMAIL_URL=url)
    assert settings["EMAIL_BACKEND"] == "django.core.mail.backends.smtp.EmailBackend"
    assert settings["EMAIL_HOST"] == "mail.example.com"
    assert settings["EMAIL_PORT"] == 587
    assert settings["EMAIL_HOST_USER"] == "care@example.com"
    assert settings["EMAIL_HOST_PASSWORD"] == "s3cret"
    assert settings["EMAIL_USE_TLS"] is True


def test_the_senders_domain_is_written_as_mail_servers_know_it(start):
    for sender, sent in [
        ("care@example.com", "care@example.com"),
        ("care@straße.example", "care@xn--strae-oqa.example"),
        ("Straße 1 <care@straße.example>", "Straße 1 <care@xn--strae-oqa.example>"),
    ]:
        assert start(DEBUG="true", DEFAULT_FROM_EMAIL=sender)["DEFAULT_FROM_EMAIL"] == sent
    with pytest.raises(ImproperlyConfigured, match="no mail server has the domain of care@"):
        start(DEBUG="true", DEFAULT_FROM_EMAIL="care@☕.example")


# --- parcels -----------------------------------------------------------------

EASYPOST = {
    "CARRIER": "claims.carriers.easypost.EasyPost",
    "EASYPOST_API_KEY": "EZAK-of-this-dealer",
    "EASYPOST_WEBHOOK_SECRET": "secret of the webhook",
}


def test_the_house_carries_parcels_itself_unless_told_otherwise(start):
    settings = start(**PRODUCTION)
    assert settings["CARRIER"] == "claims.carriers.in_house.InHouse"
    assert settings["EASYPOST_WEBHOOK_SECRET"] == ""


def test_easypost_starts_with_its_key_and_its_secret(start):
    settings = start(**PRODUCTION | EASYPOST)
    assert settings["CARRIER"] == "claims.carriers.easypost.EasyPost"
    assert settings["EASYPOST_API_BASE"] == "https://api.easypost.com/v2"


@pytest.mark.parametrize("name", ["EASYPOST_API_KEY", "EASYPOST_WEBHOOK_SECRET"])
@pytest.mark.parametrize("value", [None, ""])
def test_easypost_does_not_start_without(start, name, value):
    environment = {k: v for k, v in (PRODUCTION | EASYPOST).items() if k != name}
    if value is not None:
        environment[name] = value
    with pytest.raises(ImproperlyConfigured, match=f"^{name} is not set, and CARRIER names Easy"):
        start(**environment)


# --- .env.example ------------------------------------------------------------


def example() -> dict[str, str]:
    text = (ROOT / ".env.example").read_text()
    return dict(re.findall(r"^#?([A-Z_]+)=(.*)$", text, flags=re.MULTILINE))


def test_the_example_describes_every_variable_and_no_other():
    source = (ROOT / "config" / "settings.py").read_text()
    read = set(re.findall(r'(?:env\.\w+|required_secret)\(\s*"([A-Z_]+)"', source))
    assert set(example()) == read


def test_the_example_shows_the_defaults(start):
    shown = {k: v for k, v in example().items() if k not in {"DEBUG", "ALLOWED_HOSTS"} and v}
    names = ["DATABASES", "SITE_URL", "DEALER_NAME", "DEFAULT_FROM_EMAIL", "PROXY_COUNT"]
    names += ["EMAIL_BACKEND", "EMAIL_FILE_PATH"]
    written, silent = start(DEBUG="true", **shown), start(DEBUG="true")
    assert {name: written[name] for name in names} == {name: silent[name] for name in names}


# --- the whole program -------------------------------------------------------


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_production_settings_pass_djangos_deployment_check():
    done = manage("check", "--deploy", "--fail-level", "WARNING", DEBUG="false", **PRODUCTION)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


def test_the_program_stops_with_the_variables_name_on_a_public_secret():
    done = manage("check", DEBUG="false", **PRODUCTION | {"SECRET_KEY": "secret"})
    assert done.returncode != 0
    assert "SECRET_KEY is too short or too simple" in done.stderr
