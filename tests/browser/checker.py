"""The Nu HTML checker: one Java program of an npm package, fetched once."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest
from django.conf import settings

VERSION = "26.9.27"
SHA256 = "5970d3ffca91a627cf0965e5d91bb2e4242307c29292998de0b419d6a901b2b7"
FILE = settings.VAR_DIR / "vnu" / f"vnu-{VERSION}.jar"
HOW = f"Fetch it with `npm pack vnu-jar@{VERSION}` in reach of a registry, or put it at {FILE}."


def program() -> Path:
    """The checker. Where it cannot be had: a failure in CI, and a skipped test elsewhere."""
    reason = "" if FILE.exists() else fetch()
    if shutil.which("java") is None:
        reason = "there is no Java to run it with."
    if reason:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up(f"The Nu HTML checker {VERSION} is missing: {reason} {HOW}")
    return FILE


def fetch() -> str:
    """Downloads the package through npm; returns what went wrong, or nothing."""
    npm = shutil.which("npm")
    if npm is None:
        return "there is no npm to fetch it with."
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--silent", f"vnu-jar@{VERSION}"]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)
        except (subprocess.SubprocessError, OSError) as error:
            return f"npm could not fetch it ({error})."
        [package] = Path(folder).glob("*.tgz")
        content = package.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        return "npm delivered another file than expected."
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        member = archive.extractfile("package/build/dist/vnu.jar")
        assert member is not None
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_bytes(member.read())
    return ""


def errors(folder: Path) -> list[str]:
    """What is wrong with the HTML files of a folder: page, line and sentence."""
    command = ["java", "-Xmx512m", "-jar", str(program()), "--format", "json", "--errors-only"]
    ran = subprocess.run(
        [*command, *map(str, sorted(folder.glob("*.html")))], capture_output=True, timeout=600
    )
    found = json.loads(ran.stderr)["messages"]
    return [
        f"{Path(one['url']).stem}, line {one.get('lastLine', '?')}: {one['message']}"
        for one in found
    ]
