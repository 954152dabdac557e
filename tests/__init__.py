"""The environment of every test, set before Django reads its settings.

pytest imports this package before `conftest.py`, so nothing of the shell's environment or of
a developer's `.env` decides about a test. Only DATABASE_URL may come from outside.
"""

import base64
import os
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parent.parent

os.environ.update(
    DJANGO_SETTINGS_MODULE="config.settings",
    DEBUG="false",
    SECRET_KEY="only-for-tests-" + "0123456789abcdef" * 3,
    CODE_KEYS=",".join(
        [
            "t2:" + base64.b64encode(b"tests only: the current key 0002").decode(),
            "t1:" + base64.b64encode(b"tests only: the former key 00001").decode(),
        ]
    ),
    ALLOWED_HOSTS="localhost,127.0.0.1,testserver",
    SITE_URL="http://testserver",
    DEALER_NAME="Skyline Drones",
    EMAIL_URL="memorymail://",
    DEFAULT_FROM_EMAIL="care@skyline.example",
    PROXY_COUNT="0",
    CARRIER="claims.carriers.in_house.InHouse",
    EASYPOST_API_KEY="",
    EASYPOST_WEBHOOK_SECRET="",
)
os.environ.setdefault("DATABASE_URL", "sqlite:///var/db.sqlite3")

django.setup()
