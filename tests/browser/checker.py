"""The Nu HTML checker, a Java program."""

import json
import subprocess
from pathlib import Path

from tests.browser.npm import Tool

NU = Tool(
    name="vnu-jar",
    version="26.9.27",
    sha256="5970d3ffca91a627cf0965e5d91bb2e4242307c29292998de0b419d6a901b2b7",
    member="build/dist/vnu.jar",
)


def errors(folder: Path) -> list[str]:
    """What is wrong with the HTML files of a folder: page, line and sentence."""
    command = [
        "java",
        "-Xmx512m",
        "-jar",
        str(NU.path(needs="java")),
        "--format",
        "json",
        "--errors-only",
    ]
    ran = subprocess.run(
        [*command, *map(str, sorted(folder.glob("*.html")))], capture_output=True, timeout=600
    )
    found = json.loads(ran.stderr)["messages"]
    return [
        f"{Path(one['url']).stem}, line {one.get('lastLine', '?')}: {one['message']}"
        for one in found
    ]
