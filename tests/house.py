"""Reads the source of the house, and registers the rules that a machine can hold.

A rule is a function from a file's path and syntax tree to the places that break it. It is
registered with examples, written as "path: code": the guilty prove that it can fail.
"""

import ast
from collections.abc import Callable, Iterable, Iterator
from functools import cache

from tests import ROOT

TOPS = ("config", "policies", "claims")

Rule = Callable[[str, ast.Module], Iterator[ast.AST]]


class Rules:
    """The rules of one test file: `@rule(guilty=[...], innocent=[...])`."""

    def __init__(self) -> None:
        self.all: list[Rule] = []
        self.guilty: list[tuple[Rule, str]] = []
        self.innocent: list[tuple[Rule, str]] = []

    def __call__(self, *, guilty: list[str], innocent: list[str]) -> Callable[[Rule], Rule]:
        def register(function: Rule) -> Rule:
            self.all.append(function)
            self.guilty.extend((function, example) for example in guilty)
            self.innocent.extend((function, example) for example in innocent)
            return function

        return register


def breaches(function: Rule, path: str, tree: ast.Module) -> list[str]:
    return [f"{path}:{getattr(node, 'lineno', 1)}" for node in function(path, tree)]


def breaches_in_the_house(function: Rule) -> list[str]:
    return [place for path, tree in sources().items() for place in breaches(function, path, tree)]


def breaches_in_example(function: Rule, example: str) -> list[str]:
    path, _, code = example.partition(": ")
    return breaches(function, path, ast.parse(code))


def in_words(value: object) -> str:
    return value.__name__.replace("_", " ") if callable(value) else str(value).partition(":")[0]


# --- reading source ----------------------------------------------------------


@cache
def sources() -> dict[str, ast.Module]:
    """Every module of the project by its path below the root; each is parsed once."""
    files = sorted(path for top in TOPS for path in (ROOT / top).rglob("*.py"))
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(), filename=str(path))
        for path in files
    }


def app_of(path: str) -> str:
    return path.partition("/")[0]


def module_of(path: str) -> str:
    """`policies/models/code.py` is part of "models", `policies/codes.py` is "codes"."""
    return path.split("/")[1].removesuffix(".py")


def dotted(path: str) -> str:
    """`policies/models/code.py` is "policies.models.code", `.../__init__.py` its folder."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def is_migration(path: str) -> bool:
    return "/migrations/" in path


def imports(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Every imported name in full: `from policies import cover` gives "policies.cover"."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)


def calls(tree: ast.AST, *names: str) -> Iterator[ast.Call]:
    """Calls of a function or method with one of these names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name_of(node.func) in names:
            yield node


def name_of(node: ast.AST) -> str:
    """The last part: "ForeignKey" of `models.ForeignKey`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((each.value for each in call.keywords if each.arg == name), None)


def texts(tree: ast.Module) -> Iterator[ast.Constant]:
    """String literals, without the docstrings."""
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in docstrings:
            yield node


def within(full_name: str, packages: Iterable[str]) -> bool:
    return any(full_name == each or full_name.startswith(f"{each}.") for each in packages)
