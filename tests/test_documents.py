"""The documents speak of what is there: paths, make targets, commands, variables, links.

Each check is a function from text to what is wrong with it, with guilty texts that prove
that it can fail. CHANGELOG.md tells of what was, so only its links are looked at.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from tests import ROOT

FOLDERS = ("config", "policies", "claims", "templates", "tests", "docs", ".ci")
SUFFIXES = {".css", ".html", ".js", ".md", ".png", ".py", ".svg", ".toml", ".txt", ".xml"}
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
WITH_LINKS = [*DOCUMENTS, ROOT / "CHANGELOG.md"]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
OPERATING = ROOT / "docs" / "operating.md"
DEPENDENCIES = ROOT / "docs" / "decisions" / "dependencies.md"


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


# --- reading Markdown --------------------------------------------------------

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FIRST_CELL = re.compile(r"^\| `([A-Z][A-Z_]+)` \|", re.MULTILINE)


def spans(text: str) -> list[str]:
    """Code within sentences and tables."""
    return SPAN.findall(FENCE.sub("", text))


def code_lines(text: str) -> list[str]:
    """The same, and the lines of blocks of code, without their comments."""
    blocks = [line for block in FENCE.findall(text) for line in block.splitlines()]
    return [line.partition(" #")[0].strip() for line in [*spans(text), *blocks]]


# --- paths -------------------------------------------------------------------


def is_path(span: str) -> bool:
    """A path of ours; what is made at run time (var/, .venv/) and addresses are none."""
    if not re.fullmatch(r"[\w.*<>-]+(/[\w.*<>-]+)*/?", span):
        return False
    first = span.partition("/")[0]
    if first in {"var", ".venv"}:
        return False
    return (first in FOLDERS and "/" in span) or span.endswith("/") or Path(span).suffix in SUFFIXES


@cache
def names_of_files() -> set[str]:
    folders = [path for top in FOLDERS for path in (ROOT / top).rglob("*")]
    return {path.name for path in [*folders, *ROOT.iterdir()] if path.is_file()}


def exists(path: str) -> bool:
    """`<name>` stands for anything; a bare name of a file is one that some folder has."""
    if "/" not in path:
        return path in names_of_files()
    return any(ROOT.glob(re.sub(r"<[^>]+>", "*", path)))


def missing_paths(text: str) -> list[str]:
    return sorted({span for span in spans(text) if is_path(span) and not exists(span)})


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_path_that_a_document_names_exists(document: Path):
    assert missing_paths(read(document)) == []


@pytest.mark.parametrize(
    "text",
    [
        "See `policies/no_such_module.py`.",
        "See `no_such_module.py`.",
        "| `claims/no_such_room/` | it |",
        "`polices/binding.py` (`bind`)",
        "A folder `templates/no_such_letters/<name>/` for each.",
    ],
)
def test_a_path_that_is_gone_is_found(text: str):
    assert missing_paths(text)


@pytest.mark.parametrize(
    "text",
    [
        "`policies/binding.py`, `policies/rules/`, `binding.py`, `templates/letters/<name>/`",
        "The worker writes into `var/mail/`, the page is `/admin/`, the key `policy_bound/17`.",
        "`manage.py migrate`, `care-1y`, `config`, `application/pdf`, `smtp.example.com`",
        "```\npolicies/no_such_module.py\n```",
    ],
)
def test_what_is_there_or_is_no_path_is_left_alone(text: str):
    assert missing_paths(text) == []


# --- make --------------------------------------------------------------------


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", read(ROOT / "Makefile"), re.MULTILINE))


def unknown_targets(text: str) -> set[str]:
    named = re.compile(r"(?:^|&& )(?:[A-Z_]+=\S+ )*make ([a-z-]+)")
    return {one for line in code_lines(text) for one in named.findall(line)} - targets()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_make_target_that_a_document_names_is_in_the_makefile(document: Path):
    assert unknown_targets(read(document)) == set()


@pytest.mark.parametrize(
    "text", ["Try `make coffee`.", "```\nmake coffee   # and wait\n```", "`A=1 make coffee B=2`"]
)
def test_a_target_that_is_gone_is_found(text: str):
    assert unknown_targets(text) == {"coffee"}


def test_targets_are_read_from_code_alone():
    assert unknown_targets("Please make coffee. `make run PORT=8001`, `make`") == set()


# --- manage.py ---------------------------------------------------------------

INVOCATION = re.compile(r"manage\.py ([a-z_]+)([^&|>]*)")


def unknown_commands(text: str) -> list[str]:
    """Commands that are not there, and options that a command does not have."""
    wrong = []
    for line in code_lines(text):
        for command, rest in INVOCATION.findall(line):
            known = options_of(command)
            given = re.findall(r"--[a-z][a-z-]*", rest)
            wrong += (
                [command] if known is None else [f"{command} {o}" for o in given if o not in known]
            )
    return wrong


@cache
def options_of(command: str) -> set[str] | None:
    app = get_commands().get(command)
    if app is None:
        return None
    loaded = load_command_class(app, command) if isinstance(app, str) else app
    return set(loaded.create_parser("manage.py", command)._option_string_actions)


def commands_of_ours() -> set[str]:
    found = (ROOT.glob(f"{app}/management/commands/[a-z]*.py") for app in ("policies", "claims"))
    return {path.stem for paths in found for path in paths}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_command_that_a_document_names_exists_with_its_options(document: Path):
    assert unknown_commands(read(document)) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Run `manage.py mend_policies`.", ["mend_policies"]),
        ("```\n.venv/bin/python manage.py run_sweeps --hard && ls --x\n```", ["run_sweeps --hard"]),
        ("`manage.py migrate --check --perhaps`", ["migrate --perhaps"]),
    ],
)
def test_a_command_or_option_that_is_gone_is_found(text: str, wrong: list[str]):
    assert unknown_commands(text) == wrong


def test_every_command_of_ours_is_in_the_document_for_operators():
    named = {word for line in code_lines(read(OPERATING)) for word in re.findall(r"[a-z_]+", line)}
    assert commands_of_ours() - named == set()
    assert "send_letters" in commands_of_ours()


# --- variables ---------------------------------------------------------------


def variables_read(source: str) -> set[str]:
    """The names that settings read, as in `env.str("X")` or `required_secret("X", ...)`."""
    return {
        call.args[0].value
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call)
        and re.fullmatch(r"env\.\w+|required_secret", ast.unparse(call.func))
        and isinstance(call.args[0], ast.Constant)
    }


def variables_in_table(text: str) -> set[str]:
    return set(FIRST_CELL.findall(text))


def test_the_table_of_variables_is_what_the_settings_read():
    settings = read(ROOT / "config" / "settings.py")
    assert variables_in_table(read(OPERATING)) == variables_read(settings)


def test_variables_are_found_on_both_sides():
    source = 'A = env.str("ONE", default="")\nB = required_secret("TWO", x, y)\nC = f("THREE")'
    assert variables_read(source) == {"ONE", "TWO"}
    assert variables_in_table("| `ONE` | – | it |\n| `two` | `TWO` | it |") == {"ONE"}


# --- links -------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """The names of a document's headings, as GitHub makes them."""
    plain = (
        re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(FENCE.sub("", text))
    )
    return {heading.strip().replace(" ", "-") for heading in plain}


def broken_links(text: str, folder: Path) -> list[str]:
    """Links to other sites are left alone: the suite asks nobody outside."""
    links = [link for link in LINK.findall(FENCE.sub("", text)) if not re.match(r"[a-z]+:", link)]
    return [link for link in links if not leads_somewhere(link, text, folder)]


def leads_somewhere(link: str, text: str, folder: Path) -> bool:
    place, _hash, anchor = link.partition("#")
    target = folder / place
    if not target.exists():
        return False
    return not anchor or anchor in anchors(read(target) if place else text)


@pytest.mark.parametrize("document", WITH_LINKS, ids=name_of)
def test_every_link_leads_somewhere(document: Path):
    assert broken_links(read(document), document.parent) == []


@pytest.mark.parametrize(
    "text",
    [
        "[a](no-such-page.md)",
        "![a](screenshots/no-such-picture.png)",
        "[a](rules.md#no-such-heading)",
        "# Here\n\n[a](#there)",
    ],
)
def test_a_link_that_leads_nowhere_is_found(text: str):
    assert broken_links(text, ROOT / "docs")


def test_a_link_that_leads_somewhere_is_left_alone():
    text = "# What's here?\n\n[a](#whats-here) [b](rules.md#binding) [c](https://example.com/x.md)"
    assert broken_links(text, ROOT / "docs") == []


def test_every_document_is_linked_from_another():
    linked = {
        (document.parent / link.partition("#")[0]).resolve()
        for document in WITH_LINKS
        for link in LINK.findall(read(document))
    }
    unlinked = {name_of(path) for path in WITH_LINKS if path.resolve() not in linked}
    assert unlinked == set()


# --- nothing is left out -----------------------------------------------------


def modules() -> set[str]:
    """Every module of the house; a command stands in the document for operators."""
    paths = (
        path for app in ("config", "policies", "claims") for path in (ROOT / app).rglob("*.py")
    )
    found = {path.relative_to(ROOT) for path in paths if path.name != "__init__.py"}
    return {one.as_posix() for one in found if not {"migrations", "commands"} & {*one.parts}}


def test_every_module_has_a_line_in_the_description_of_the_architecture():
    named = set(spans(read(ARCHITECTURE)))
    assert modules() - named == set()
    assert {"policies/binding.py", "claims/carriers/base.py", "config/health.py"} <= modules()


def chosen_packages(requirements: str) -> set[str]:
    """What we chose; what it pulls in follows below a line that says so."""
    ours = requirements.partition("# pulled in")[0]
    return set(re.findall(r"^([\w-]+)(?:\[[\w,]+\])?==", ours, re.MULTILINE))


@pytest.mark.parametrize("file", sorted(ROOT.glob("requirements*.txt")), ids=name_of)
def test_every_package_has_its_reason(file: Path):
    packages = chosen_packages(read(file))
    assert packages
    assert packages - set(spans(read(DEPENDENCIES))) == set()


def test_chosen_packages_are_told_from_what_they_pull_in():
    text = "# ours\n-r other.txt\nDjango==5.2\npsycopg[binary,pool]==3\n\n# pulled in\ncffi==2\n"
    assert chosen_packages(text) == {"Django", "psycopg"}
