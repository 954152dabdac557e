"""docs/rules.md and the tests speak of the same rules."""

import ast
import re
from pathlib import Path

from claims import moves
from claims.models import Progress
from tests import ROOT

NUMBER = re.compile(r"^\*\*([A-Z]\d{1,2})\b", re.MULTILINE)
IN_PROSE = re.compile(r"(?<![A-Za-z0-9])([A-Z])(\d{1,2})(?:\s*[-–]\s*\1(\d{1,2}))?(?![A-Za-z0-9])")
IN_NAME = re.compile(r"(?<![a-z0-9])([a-z])(\d{1,2})(?=_|$)")

# How many rules each chapter of the business has.
CHAPTERS = {"P": 10, "C": 7, "B": 12, "V": 3, "R": 2, "T": 3, "E": 2, "K": 16}


def rules_in_prose(text: str) -> set[str]:
    """`B1` and `K7-K10`, as docstrings write them."""
    return {
        f"{letter}{number}"
        for letter, first, last in IN_PROSE.findall(text)
        for number in range(int(first), int(last or first) + 1)
    }


def rules_in_name(name: str) -> set[str]:
    """`test_b9_an_order…`."""
    return {f"{letter.upper()}{number}" for letter, number in IN_NAME.findall(name)}


def rules_tested() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        if path == Path(__file__):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef):
                found |= rules_in_prose(ast.get_docstring(node) or "")
            if isinstance(node, ast.FunctionDef):
                found |= rules_in_name(node.name)
    return found


def rules_page() -> str:
    return (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")


def rules_documented() -> set[str]:
    return set(NUMBER.findall(rules_page()))


def test_the_page_of_rules_covers_the_whole_business():
    expected = {
        f"{letter}{number}" for letter, count in CHAPTERS.items() for number in range(1, count + 1)
    }
    assert rules_documented() == expected


def test_every_rule_is_named_by_a_test():
    assert rules_documented() - rules_tested() == set()


def test_the_page_of_rules_shows_the_table_of_moves_as_the_program_has_it():
    rows = re.findall(r"^\| (\w+) \| ([^|]+) \| ([a-z_, ]+) \|$", rules_page(), re.MULTILINE)
    shown = {
        state: (words.partition(" (or:")[0], after.split(", "))
        for state, words, after in rows
        if state in Progress.values
    }
    expected: dict[str, tuple[str, list[str]]] = {}
    for before, afters in moves.MOVES.items():
        expected[str(before)] = (str(Progress(before).label), [str(after) for after in afters])
    assert {state: (words, sorted(after)) for state, (words, after) in shown.items()} == {
        state: (words, sorted(after)) for state, (words, after) in expected.items()
    }


def test_rules_are_read_from_prose_and_from_names():
    assert rules_in_prose("Binding (B1, B9-B11) and K7–K8, not 2B2 or B2B") == {
        *("B1", "B9", "B10", "B11", "K7", "K8"),
    }
    assert rules_in_name("test_t2_t3_nothing_moves") == {"T2", "T3"}
    assert rules_in_name("test_mavic_2_pro") == set()
