"""axe-core, the checker of accessibility: one file of the npm package, fetched once."""

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Page

VERSION = "4.14.1"
SHA256 = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
FILE = settings.VAR_DIR / "axe" / f"axe-{VERSION}.min.js"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# WCAG 2.2 at level AA, and axe's own advice beyond it (which is about pages, not e-mails).
EVERYTHING = [*WCAG, "best-practice"]
HOW = f"Fetch it with `npm pack axe-core@{VERSION}` in reach of a registry, or put it at {FILE}."

RUN = """
async (tags) => {
  const found = await axe.run(document, {runOnly: tags, resultTypes: ["violations"], iframes: false, preload: false});
  return found.violations.flatMap(rule => rule.nodes.map(node =>
    `${rule.id} (${rule.impact}): ${node.target.join(" ")}: ${node.failureSummary}`
      .replace(/\\s+/g, " ")));
}
"""


def source() -> str:
    """The script. Where it cannot be had: a failure in CI, and a skipped test elsewhere."""
    if not FILE.exists():
        reason = fetch()
        if reason:
            give_up = pytest.fail if os.environ.get("CI") else pytest.skip
            give_up(f"axe-core {VERSION} is missing: {reason} {HOW}")
    return FILE.read_text(encoding="utf-8")


def fetch() -> str:
    """Downloads the package through npm; returns what went wrong, or nothing."""
    npm = shutil.which("npm")
    if npm is None:
        return "there is no npm to fetch it with."
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--silent", f"axe-core@{VERSION}"]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
        except (subprocess.SubprocessError, OSError) as error:
            return f"npm could not fetch it ({error})."
        [package] = Path(folder).glob("*.tgz")
        content = package.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        return "npm delivered another file than expected."
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        member = archive.extractfile("package/axe.min.js")
        assert member is not None
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_bytes(member.read())
    return ""


def findings(page: Page, tags: list[str] = EVERYTHING) -> list[str]:
    found: list[str] = page.evaluate(RUN, tags)
    return found
