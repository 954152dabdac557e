"""What holds for every template and style sheet; each check is shown to be able to fail."""

import ast
import re
from pathlib import Path

import pytest
from django.contrib import admin
from django.views import csrf, defaults

from tests import ROOT

LONGEST = 120

# Sources by their path.
Sources = dict[str, str]

NAME = re.compile(r"""["']([\w/.-]+\.(?:html|txt|xml))["']""")
TAG = re.compile(r"\{%\s*(?:include|extends)\b.*?%\}")
INLINE = re.compile(r"""[\s"'}](?:style|on[a-z]+)=["']|<style\b|<script\b(?![^>]*\ssrc=)""")
# Of a declaration: a selector may look the same (`a:hover #add`).
COLOUR = re.compile(r":[^;{}]*?(#[0-9a-fA-F]{3,8}\b|\b(?:rgb|hsl)a?\()(?=[^{}]*[;}])")

PARTS_OF_A_LETTER = {"subject.txt", "body.txt", "body.html"}
# What Django looks for by itself: the pages of errors, and its admin's, which ours replace.
PAGES_OF_ERRORS = {
    defaults.ERROR_400_TEMPLATE_NAME,
    defaults.ERROR_403_TEMPLATE_NAME,
    defaults.ERROR_404_TEMPLATE_NAME,
    defaults.ERROR_500_TEMPLATE_NAME,
    csrf.CSRF_FAILURE_TEMPLATE_NAME,
}
ADMIN_S_TEMPLATES = Path(admin.__file__).parent / "templates"


def read(folder: Path, *patterns: str) -> Sources:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for pattern in patterns
        for path in sorted(folder.rglob(pattern))
    }


def templates() -> Sources:
    return read(ROOT / "templates", "*.html", "*.txt", "*.xml")


def in_apps(pattern: str) -> Sources:
    return {
        f"{app}/{path}": source
        for app in ("config", "policies", "claims")
        for path, source in read(ROOT / app, pattern).items()
    }


# --- the checks --------------------------------------------------------------


def long_lines(source: str) -> list[int]:
    lines = enumerate(source.splitlines(), start=1)
    return [number for number, line in lines if len(line) > LONGEST]


def inline_code(source: str) -> list[str]:
    """Styles and scripts in the page itself, which its Content-Security-Policy refuses."""
    return [code.strip() for code in INLINE.findall(source)]


def posts_without_key(source: str) -> list[str]:
    """Forms that a browser would post without their one-time key."""
    forms = re.findall(r"<form\b[^>]*method=.post.*?</form>", source, re.DOTALL)
    return [form for form in forms if "policies/_once.html" not in form]


def colours(style_sheet: str) -> list[str]:
    return COLOUR.findall(style_sheet)


def names_in_template(source: str) -> set[str]:
    return {name for tag in TAG.findall(source) for name in NAME.findall(tag)}


def names_in_python(source: str) -> set[str]:
    names = {text for text in strings(source) if NAME.fullmatch(f'"{text}"')}
    return names - PARTS_OF_A_LETTER


def letters_in_python(source: str) -> set[str]:
    """The outbox finds a letter's templates by the name of their folder."""
    return {f"letters/{text}/{part}" for text in strings(source) for part in PARTS_OF_A_LETTER}


def strings(source: str) -> set[str]:
    constants = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return {node.value for node in constants if isinstance(node.value, str)}


def is_found_by_django(name: str) -> bool:
    return name in PAGES_OF_ERRORS or (ADMIN_S_TEMPLATES / name).exists()


def unused(ours: Sources, modules: Sources) -> set[str]:
    used: set[str] = set()
    for source in ours.values():
        used |= names_in_template(source)
    for source in modules.values():
        used |= names_in_python(source) | letters_in_python(source)
    return {name for name in ours if name not in used and not is_found_by_django(name)}


def missing(ours: Sources, modules: Sources) -> set[tuple[str, str]]:
    """Pairs of the file that names a template and the template that does not exist."""
    named = {path: names_in_template(source) for path, source in ours.items()}
    named |= {path: names_in_python(source) for path, source in modules.items()}
    return {
        (path, name)
        for path, names in named.items()
        for name in names
        if name not in ours and not is_found_by_django(name)
    }


# --- what holds --------------------------------------------------------------


def test_no_line_of_a_template_is_too_long_to_read_in_a_diff():
    long = {name: lines for name, source in templates().items() if (lines := long_lines(source))}
    assert long == {}


def test_no_page_needs_inline_styles_or_scripts():
    # Mail programs read no style sheet: a letter must carry its looks in its tags.
    pages = {name: text for name, text in templates().items() if not name.startswith("letters/")}
    assert {name: code for name, text in pages.items() if (code := inline_code(text))} == {}


# They change nothing: one carries along what was typed, two look something up.
QUESTIONS = {"policies/_verdict.html", "claims/lookup.html", "admin/_find_code.html"}


def test_every_form_that_changes_something_carries_its_one_time_key():
    without = {name for name, source in templates().items() if posts_without_key(source)}
    assert without == QUESTIONS


def test_every_template_is_used():
    assert unused(templates(), in_apps("*.py")) == set()


def test_every_template_that_is_named_exists():
    assert missing(templates(), in_apps("*.py")) == set()


def test_a_colour_stands_in_tokens_css_and_nowhere_else():
    sheets = [path for path, sheet in in_apps("*.css").items() if colours(sheet)]
    assert sheets == ["policies/static/policies/tokens.css"]


@pytest.mark.parametrize(("page", "sheet"), [("base", "site"), ("admin/base_site", "backoffice")])
def test_the_tokens_come_before_the_styles_that_use_them(page, sheet):
    source = templates()[f"{page}.html"]
    assert source.index("policies/tokens.css") < source.index(f"policies/{sheet}.css")


# --- each check can fail -----------------------------------------------------


def test_a_long_line_is_reported():
    assert long_lines(f"<p>\n<p>{'x' * (LONGEST - 3)}\n<p>{'x' * (LONGEST - 2)}\n") == [3]


@pytest.mark.parametrize(
    "guilty",
    [
        '<p class="x" style="color: red">',
        '<td{% if odd %} class="odd"{% endif %}style="color: red">',
        "<button onclick='go()'>",
        "<style>p { color: red }</style>",
        '<script defer type="module">go()</script>',
    ],
)
def test_inline_code_is_reported(guilty):
    assert inline_code(guilty)


@pytest.mark.parametrize(
    "innocent",
    [
        '<p class="style">on=</p>',
        "<script src=\"{% static 'policies/backoffice.js' %}\" defer></script>",
        '<link rel="stylesheet" href="x.css">',
    ],
)
def test_what_is_no_inline_code_passes(innocent):
    assert not inline_code(innocent)


def test_a_form_without_a_key_is_reported():
    with_key = '<form method="post">{% include "policies/_once.html" %}</form>'
    without = '<form\nmethod="post" class="x">{% csrf_token %}</form>'
    assert posts_without_key(f"{with_key}<form method=get></form>{without}") == [without]


@pytest.mark.parametrize(
    "guilty",
    ["#add { color: #fff }", "p { border: 1px solid #0B5C6B; }", "p { color: rgb(0 0 0 / 20%) }"],
)
def test_a_colour_is_reported(guilty):
    assert colours(guilty)


@pytest.mark.parametrize("innocent", ["a:hover #add { color: var(--ink); }", "#face { top: 0 }"])
def test_what_only_looks_like_a_colour_passes(innocent):
    assert not colours(innocent)


def test_a_template_that_nobody_uses_is_reported():
    ours = {
        "page.html": '{% extends layout|default:"base.html" %}{% include "_a.html" with x="b.html" %}',
        **dict.fromkeys(["base.html", "_a.html", "b.html", "404.html", "admin/base_site.html"], ""),
        "letters/sold/body.txt": "",
        "_old.html": '{% static "_old.html" %}',
    }
    modules = {"views.py": 'render("page.html")\nqueue("sold")\n# "_old.html"'}
    assert unused(ours, modules) == {"_old.html"}


def test_a_template_that_is_not_there_is_reported():
    ours = {"page.html": '{% include "_gone.html" %}{% extends "admin/change_form.html" %}'}
    assert missing(ours, {"views.py": 'render("pgae.html")'}) == {
        ("page.html", "_gone.html"),
        ("views.py", "pgae.html"),
    }
