"""All settings, read from the environment (and `.env`, if there is one).

Every variable is described in `.env.example`. Whatever is missing or unsafe
stops the program here, with a sentence that names the variable: a back office
that starts with a public secret is worse than one that doesn't start.
"""

import base64
import binascii
import re
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from policies.shared import emails

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

env = environ.Env()
env.read_env(BASE_DIR / ".env")

DEBUG = env.bool("DEBUG", default=False)


# --- secrets ---------------------------------------------------------------
# The development values are in the repository, hence public.

DEVELOPMENT_SECRET_KEY = "development-only-" * 4
DEVELOPMENT_CODE_KEY = b"development only: not a secret!!"

MAKE_SIGNING_KEY = 'python3 -c "import secrets; print(secrets.token_urlsafe(64))"'
MAKE_CODE_KEY = (
    'python3 -c "import base64, secrets; '
    "print('k1:' + base64.b64encode(secrets.token_bytes(32)).decode())\""
)


def required_secret(name: str, how_to_make: str, development: str) -> str:
    value: str = env.str(name, default=development if DEBUG else "")
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set. Make one with: {how_to_make}"
            " (or set DEBUG=true on a developer's machine)."
        )
    return value


def read_secret_key() -> str:
    key = required_secret("SECRET_KEY", MAKE_SIGNING_KEY, DEVELOPMENT_SECRET_KEY)
    if DEBUG:
        return key
    if key == DEVELOPMENT_SECRET_KEY or key.startswith("django-insecure-"):
        raise ImproperlyConfigured(
            "SECRET_KEY is a development value that everybody knows."
            f" Make your own with: {MAKE_SIGNING_KEY}"
        )
    if len(key) < 50 or len(set(key)) < 10:
        raise ImproperlyConfigured(
            "SECRET_KEY is too short or too simple: it needs at least 50 characters,"
            f" 10 of them different. Make one with: {MAKE_SIGNING_KEY}"
        )
    return key


def code_key(entry: str) -> tuple[str, bytes]:
    key_id, colon, encoded = entry.partition(":")
    if not colon or not re.fullmatch(r"[A-Za-z0-9_-]{1,16}", key_id):
        # The entry itself may hold key material: don't print it.
        raise ImproperlyConfigured(
            "CODE_KEYS: each entry reads id:key, the id being 1 to 16 letters, digits,"
            f" dashes or underscores. Make one with: {MAKE_CODE_KEY}"
        )
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ImproperlyConfigured(
            f"CODE_KEYS: the key {key_id!r} isn't base64. Make one with: {MAKE_CODE_KEY}"
        ) from None
    if len(key) != 32:
        raise ImproperlyConfigured(
            f"CODE_KEYS: the key {key_id!r} has {len(key)} bytes, it must have 32."
            f" Make one with: {MAKE_CODE_KEY}"
        )
    return key_id, key


def read_code_keys() -> dict[str, bytes]:
    """Key ids and 32-byte keys in order; the first one seals, all of them open."""
    development = "dev:" + base64.b64encode(DEVELOPMENT_CODE_KEY).decode()
    value = required_secret("CODE_KEYS", MAKE_CODE_KEY, development)
    pairs = [code_key(entry.strip()) for entry in value.split(",") if entry.strip()]
    keys = dict(pairs)
    if not keys or len(keys) != len(pairs) or len(set(keys.values())) != len(pairs):
        raise ImproperlyConfigured("CODE_KEYS: ids and keys must all differ, and one is needed.")
    if not DEBUG and DEVELOPMENT_CODE_KEY in keys.values():
        raise ImproperlyConfigured(
            "CODE_KEYS holds the development key that everybody knows."
            f" Make your own with: {MAKE_CODE_KEY}"
        )
    if not DEBUG and any(len(set(key)) < 8 for key in keys.values()):
        raise ImproperlyConfigured(
            f"CODE_KEYS: a key is too simple to be random. Make one with: {MAKE_CODE_KEY}"
        )
    return keys


SECRET_KEY = read_secret_key()
CODE_KEYS = read_code_keys()


# --- where we are ----------------------------------------------------------


def is_local(host: str) -> bool:
    name = host.lower()
    return name in {"localhost", "127.0.0.1", "[::1]", "testserver"} or name.endswith(".localhost")


def read_allowed_hosts() -> list[str]:
    hosts = [host.strip() for host in env.list("ALLOWED_HOSTS", default=[]) if host.strip()]
    public = [host for host in hosts if not is_local(host)]
    if DEBUG and public:
        raise ImproperlyConfigured(
            f"DEBUG=true would show source code and settings to visitors of {', '.join(public)}."
            " Set DEBUG=false, or keep ALLOWED_HOSTS to localhost."
        )
    return hosts


def read_site_url() -> str:
    url: str = env.str("SITE_URL", default="http://localhost:8000").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        raise ImproperlyConfigured(
            "SITE_URL must be the address customers use, like https://care.example.com"
        )
    return url


def read_proxy_count() -> int:
    try:
        count: int = env.int("PROXY_COUNT", default=0)
    except ValueError:
        count = -1
    if not 0 <= count <= 9:
        raise ImproperlyConfigured(
            "PROXY_COUNT must be the number (0 to 9) of reverse proxies of yours"
            " between the internet and this server."
        )
    return count


ALLOWED_HOSTS = read_allowed_hosts()
SITE_URL = read_site_url()
DEALER_NAME = env.str("DEALER_NAME", default="Skyline Drones")
PROXY_COUNT = read_proxy_count()

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
LOGIN_URL = "admin:login"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TIME_ZONE = "UTC"
USE_TZ = True
LANGUAGE_CODE = "en"
USE_I18N = True


# --- the application -------------------------------------------------------

INSTALLED_APPS = [
    "config.apps.BackOfficeAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_filters",
    "django_countries",
    "django_linear_migrations",
    "policies",
    "claims",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "config.middleware.NoCodesInAddressesMiddleware",
    "config.middleware.ViewersZoneMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


# --- database --------------------------------------------------------------


def read_database() -> dict[str, Any]:
    url = env.str("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'db.sqlite3'}")
    if url.startswith(("postgres://", "postgresql://")):
        return with_postgresql_options(env.db_url_config(url))
    if url.startswith(("sqlite:///", "sqlite://:memory:")):
        return with_sqlite_options(env.db_url_config(url))
    raise ImproperlyConfigured(
        "DATABASE_URL must begin with sqlite:/// or postgres:// (see .env.example)."
    )


def with_sqlite_options(database: dict[str, Any]) -> dict[str, Any]:
    if database["NAME"] != ":memory:":
        # A relative path counts from the project, not from wherever a command was started.
        database["NAME"] = str(BASE_DIR / database["NAME"])
    database["OPTIONS"] = {
        # SQLite has no row locks (select_for_update() does nothing there). IMMEDIATE takes
        # the write lock when a transaction begins, so that what it read can't change
        # before it writes, and nobody meets "database is locked" halfway.
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        "timeout": 20,
        **database.get("OPTIONS", {}),
    }
    # A file, not memory: the threads of one test must share it.
    database["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
    return database


def with_postgresql_options(database: dict[str, Any]) -> dict[str, Any]:
    database["OPTIONS"] = {
        "pool": {"min_size": 1, "max_size": 20, "timeout": 10},
        **database.get("OPTIONS", {}),
    }
    # The pool keeps connections open; Django refuses to keep them a second time.
    database["CONN_MAX_AGE"] = 0
    return database


DATABASES = {"default": read_database()}


# --- people ----------------------------------------------------------------

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# One working day: a desk left open in the evening is closed in the morning.
SESSION_COOKIE_AGE = 12 * 60 * 60


# --- files -----------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"

# Customers' photos: handed out by views that check who asks, never by the web server.
MEDIA_ROOT = VAR_DIR / "media"
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        ),
    },
}

# A repair request brings 6 photos of 10 MB. Somebody who sends 1,000 shall read so beside
# the field and keep the form, so these limits are wider than the form's own; the handler
# below keeps what they could cost small.
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024  # without files
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000
DATA_UPLOAD_MAX_NUMBER_FILES = 2_000
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024  # a larger request goes to temporary files
FILE_UPLOAD_HANDLERS = [
    "config.uploads.FirstFilesOnly",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]


# --- letters ---------------------------------------------------------------


def read_email() -> dict[str, Any]:
    """EMAIL_URL as the names of Django's settings; None where the URL is silent."""
    email: dict[str, Any] = env.email_url("EMAIL_URL", default=f"filemail:///{VAR_DIR / 'mail'}")
    return {**email, **email.pop("OPTIONS", {})}


_email = read_email()
EMAIL_BACKEND = _email["EMAIL_BACKEND"]
EMAIL_FILE_PATH = BASE_DIR / (_email["EMAIL_FILE_PATH"] or "var/mail")
EMAIL_HOST = _email["EMAIL_HOST"] or "localhost"
EMAIL_PORT = _email["EMAIL_PORT"] or 25
EMAIL_HOST_USER = _email["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _email["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS = bool(_email.get("EMAIL_USE_TLS"))
EMAIL_USE_SSL = bool(_email.get("EMAIL_USE_SSL"))
EMAIL_TIMEOUT = 20  # seconds; a mail server that hangs must not hold the worker


def read_sender() -> str:
    """`care@example.com` or `Care <care@example.com>`, its domain as mail servers know it."""
    sender: str = env.str("DEFAULT_FROM_EMAIL", default="care@localhost")
    address = parseaddr(sender)[1]
    try:
        return sender.replace(address, emails.as_sent(address))
    except emails.BadDomain:
        raise ImproperlyConfigured(
            f"DEFAULT_FROM_EMAIL: no mail server has the domain of {address}."
        ) from None


DEFAULT_FROM_EMAIL = read_sender()
SERVER_EMAIL = DEFAULT_FROM_EMAIL


# --- customers' links ------------------------------------------------------


def read_link_days() -> int:
    try:
        days: int = env.int("LINK_DAYS", default=90)
    except ValueError:
        days = -1
    if not 0 <= days <= 3650:
        raise ImproperlyConfigured(
            "LINK_DAYS must be the number of days (0 to 3650) for which a customer's link still"
            " works when the plan and its warranty, or the claim, have ended."
        )
    return days


LINK_DAYS = read_link_days()


# --- parcels ----------------------------------------------------------------

EASYPOST = "claims.carriers.easypost.EasyPost"


def read_carrier() -> str:
    """The class that sells labels; what EasyPost needs must be there when it is chosen."""
    carrier: str = env.str("CARRIER", default="claims.carriers.in_house.InHouse")
    for name in ("EASYPOST_API_KEY", "EASYPOST_WEBHOOK_SECRET"):
        if carrier == EASYPOST and not env.str(name, default=""):
            raise ImproperlyConfigured(f"{name} is not set, and CARRIER names EasyPost.")
    return carrier


CARRIER = read_carrier()
EASYPOST_API_KEY = env.str("EASYPOST_API_KEY", default="")
EASYPOST_API_BASE = env.str("EASYPOST_API_BASE", default="https://api.easypost.com/v2")
EASYPOST_WEBHOOK_SECRET = env.str("EASYPOST_WEBHOOK_SECRET", default="")


# --- what browsers may do ------------------------------------------------

# The name and the shape of the setting of Django 6, so that moving there deletes our middleware.
SECURE_CSP = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
    "base-uri": ["'none'"],
}
PERMISSIONS_POLICY = (
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(),"
    " magnetometer=(), microphone=(), midi=(), payment=(), usb=()"
)
X_FRAME_OPTIONS = "DENY"
# Not "no-referrer": browsers then send "Origin: null" with a form, which the CSRF check refuses.
SECURE_REFERRER_POLICY = "same-origin"

if not DEBUG:
    SECURE_SSL_REDIRECT = True
    # The probes come over plain HTTP from inside the house.
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
    SECURE_HSTS_SECONDS = 30 * 24 * 60 * 60
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    if PROXY_COUNT:
        # Safe only because a proxy of ours overwrites what the visitor sends.
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# W021 asks for HSTS preloading: browsers then remember the domain for years. That is for
# whoever owns the domain to decide.
SILENCED_SYSTEM_CHECKS = ["security.W021"]

# The oldest letter that is due may wait this long before /readyz calls the worker dead.
LETTERS_LATE_AFTER_MINUTES = 15

# A file may wait this long for its worker before /readyz warns.
IMPORTS_LATE_AFTER_MINUTES = 15

# The largest file that staff may upload to be imported.
IMPORT_MAX_MB = 50


# What is mailed or shown of an error names no customer's link.
DEFAULT_EXCEPTION_REPORTER = "config.logging.MaskingReporter"


# --- log -------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"without queries": {"()": "config.logging.WithoutQueries"}},
    "formatters": {
        "line": {
            "()": "config.logging.MaskingFormatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        }
    },
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "formatter": "line",
            "filters": ["without queries"],
        },
    },
    "root": {"handlers": ["stdout"], "level": "INFO"},
    "loggers": {
        # Django's own handlers print only with DEBUG, and mail the rest to nobody.
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        # The development server's lines about requests: through our filter, too.
        "django.server": {"handlers": [], "level": "INFO", "propagate": True},
        # Guesses at host names by robots: 400 is answer enough.
        "django.security.DisallowedHost": {"handlers": [], "propagate": False},
    },
}
