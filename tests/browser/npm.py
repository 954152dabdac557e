"""Checkers of pages that come as one file of an npm package: fetched once, kept below var/."""

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings


@dataclass(frozen=True)
class Tool:
    """`member` of the package `name` at `version`, whose archive has this hash."""

    name: str
    version: str
    sha256: str
    member: str

    @property
    def file(self) -> Path:
        return settings.VAR_DIR / "tools" / self.version / Path(self.member).name

    def path(self, *, needs: str = "") -> Path:
        """The file. Where it can't be had or used: a failure in CI, and a skipped test elsewhere."""
        reason = "" if self.file.exists() else self._fetch()
        if needs and shutil.which(needs) is None:
            reason = f"there is no {needs} to run it with."
        if reason:
            give_up = pytest.fail if os.environ.get("CI") else pytest.skip
            how = f"Fetch it with `npm pack {self.name}@{self.version}`, or put it at {self.file}."
            give_up(f"{self.name} {self.version} is missing: {reason} {how}")
        return self.file

    def _fetch(self) -> str:
        """Downloads the package through npm; returns what went wrong, or nothing."""
        npm = shutil.which("npm")
        if npm is None:
            return "there is no npm to fetch it with."
        with tempfile.TemporaryDirectory() as folder:
            command = [npm, "pack", "--silent", f"{self.name}@{self.version}"]
            try:
                subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)
            except (subprocess.SubprocessError, OSError) as error:
                return f"npm could not fetch it ({error})."
            [package] = Path(folder).glob("*.tgz")
            content = package.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.sha256:
            return "npm delivered another file than expected."
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            member = archive.extractfile(f"package/{self.member}")
            assert member is not None
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_bytes(member.read())
        return ""
