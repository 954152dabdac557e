"""Who may import whom, and who may read the clock. `docs/architecture.md` draws this table."""

import ast
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from pathlib import Path

import pytest

from tests import ROOT, house
from tests.house import (
    TOPS,
    Rules,
    app_of,
    calls,
    dotted,
    imports,
    is_migration,
    keyword,
    name_of,
    texts,
    within,
)

rule = Rules()

# --- the table ---------------------------------------------------------------
# Room -> the rooms that it may import, beside itself. A module belongs to the room with the
# longest name that fits; "policies" and "claims" are the subjects: whatever has no room.

FACTS = ("policies.rules", "policies.models", "policies.shared")
TOOLS = ("policies.sealing", "policies.agreement", "policies.links")
WORDS = (*FACTS, *TOOLS, "policies.outbox", "policies.letters")
SUBJECTS = (*WORDS, "policies", "policies.cover", "policies.replacement")
INNER = (*SUBJECTS, "policies.backoffice", "policies.imports", "policies.reporting")
EDGES = (
    *("policies.admin", "policies.apps", "policies.demo", "policies.forms"),
    *("policies.management", "policies.templatetags", "policies.urls", "policies.views"),
)
# What claims may know of policies: its subjects little, its edges some more.
FACES = (
    *FACTS,
    *("policies.outbox", "policies.links", "policies.cover", "policies.replacement"),
)
CLAIMS_SUBJECTS = (
    *("claims", "claims.decisions", "claims.models", "claims.carriers", "claims.letters"),
)
CLAIMS = (*CLAIMS_SUBJECTS, "claims.progress_page", "claims.reporting")
CLAIMS_EDGES = (
    *("claims.admin", "claims.apps", "claims.demo", "claims.fields", "claims.forms"),
    *("claims.management", "claims.urls", "claims.views", "claims.webhooks"),
)
OPEN_TO_EDGES = (
    *FACES,
    *("policies.backoffice", "policies.reporting", "policies.management", "policies.demo"),
)

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "policies.rules": (),
    "policies.models": ("policies.rules",),
    "policies.shared": ("policies.rules", "policies.models"),
    "policies.sealing": FACTS,
    "policies.agreement": FACTS,
    "policies.links": (*FACTS, "policies.sealing", "policies.agreement"),
    "policies.outbox": (*FACTS, *TOOLS),
    "policies.letters": WORDS,
    "policies": SUBJECTS,
    "policies.cover": SUBJECTS,
    "policies.replacement": SUBJECTS,
    "policies.backoffice": FACTS,
    # What is sealed now must open for ever: a migration seals as everybody does.
    "policies.migrations": (*FACTS, "policies.sealing"),
    "policies.imports": SUBJECTS,
    "policies.reporting": SUBJECTS,
    **dict.fromkeys(EDGES, (*INNER, *EDGES)),
    "claims.decisions": ("policies.rules",),
    "claims.models": ("policies.rules", "policies.models"),
    "claims.carriers": FACTS,
    "claims.migrations": (*FACTS, "policies.sealing", "claims.models"),
    "claims.letters": (*FACES, "claims.decisions", "claims.models"),
    "claims": (*FACES, *CLAIMS_SUBJECTS),
    "claims.progress_page": (
        *(*FACTS, "policies.links", "claims", "claims.decisions", "claims.models"),
        "claims.letters",
    ),
    "claims.reporting": (*FACES, *CLAIMS, "policies.reporting"),
    **dict.fromkeys(CLAIMS_EDGES, (*OPEN_TO_EDGES, *CLAIMS, *CLAIMS_EDGES)),
    "config": (*INNER, *EDGES, *CLAIMS, *CLAIMS_EDGES),
}

# Arithmetic on plain values: no database, no clock, no files.
PURE = ("policies.rules", "claims.decisions")

# Where requests, pages and forms are known: the edges, the frame of the staff's pages, and
# five modules that the customers' pages of both apps share.
KNOWS_THE_WEB = (
    *(*EDGES, *CLAIMS_EDGES, "config", "policies.backoffice"),
    *("policies.shared.visitors", "policies.shared.fields", "policies.shared.stated_instants"),
    *("policies.shared.once", "policies.shared.serial_confirmation"),
)
THE_WEB = (
    *("django.http", "django.shortcuts", "django.views", "django.forms"),
    *("django.contrib.admin", "django.contrib.messages", "django.contrib.auth.decorators"),
    *("django.template.response", "django.core.handlers"),
)

# Where the present instant comes in. Everything else is handed it.
READS_THE_CLOCK = (*EDGES, *CLAIMS_EDGES, "config", "policies.backoffice.operations")


OF_CLAIMS = re.compile(r"^claims([.:/]\S*)?$|\bclaims_[a-z]+")


def imported_by_name(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """What import_module() and import_string() are told to import, where it is written out."""
    for call in calls(tree, "import_module", "import_string"):
        for argument in call.args:
            if isinstance(argument, ast.Constant):
                yield call, str(argument.value)


def room_of(name: str) -> str:
    """The room of a module, or of anything in it."""
    parts = name.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next(name for name in names if name in MAY_IMPORT)


def exists(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


@pytest.mark.parametrize(
    "name",
    sorted({*MAY_IMPORT, *PURE, *KNOWS_THE_WEB, *READS_THE_CLOCK}.union(*MAY_IMPORT.values())),
)
def test_every_name_in_the_table_exists(name: str):
    assert exists(name)


def test_a_name_that_has_gone_is_noticed():
    assert not exists("policies.addresses")


@rule(
    guilty=[
        # a rule of the business knows neither pages nor files of staff
        "policies/binding.py: from policies.backoffice import operations",
        "policies/binding.py: from policies.imports.spreadsheet import rows",
        "policies/binding.py: from policies.views import activate",
        "policies/binding.py: from policies import forms",
        "policies/binding.py: from policies.reporting import counts",
        # the frame and what both apps stand on know no subject
        "policies/backoffice/records.py: from policies import codes",
        "policies/backoffice/records.py: from policies.reporting import search",
        "policies/shared/fields.py: from policies import verification",
        "policies/shared/actor.py: from policies import outbox",
        # the outbox sends letters, whatever they say
        "policies/outbox.py: from policies import letters",
        # nor do the links, which claims may use
        "policies/links.py: from policies import letters",
        "policies/letters.py: from policies import binding",
        "policies/models/policy.py: from policies import letters",
        "policies/models/policy.py: from policies.shared import database",
        "policies/rules/terms.py: from policies.models import Plan",
        "policies/imports/codes.py: from policies.admin import forms",
        "policies/reporting/counts.py: from policies.backoffice import cells",
        "policies/binding.py: if TYPE_CHECKING:\n    from policies.backoffice import records",
        # claims
        "claims/intake.py: from policies import binding",
        "claims/intake.py: from policies.binding import bind",
        "claims/intake.py: import policies.renewal",
        "claims/intake.py: import policies",
        "claims/intake.py: from policies.backoffice import operations",
        "claims/progress.py: from claims.admin.claims import ClaimAdmin",
        "claims/models/claim.py: from claims import progress",
        "claims/carriers/base.py: from claims.models import Claim",
        "claims/decisions.py: from claims.models import Claim",
        "claims/admin/claims.py: from policies import transfer",
        "claims/reporting/queues.py: import claims.admin.filters",
        "claims/progress_page/timeline.py: from policies import outbox",
        "claims/progress.py: from claims.progress_page import timeline",
        # the other way round
        "policies/binding.py: from claims import intake",
        "policies/admin/policies.py: import claims.models",
        "claims/views.py: from config.settings import SITE_URL",
        "policies/outbox.py: from config import settings",
        'policies/codes.py: import_string("config.health.readyz")',
        'policies/binding.py: import_module("policies.backoffice.operations")',
        "policies/demo.py: from tests import factories",
        # nor does an old migration: it must work when the subject has changed
        "claims/migrations/0099_x.py: from policies import binding",
        "policies/migrations/0099_x.py: from config import settings",
    ],
    innocent=[
        "policies/views.py: from policies import binding, forms",
        "policies/binding.py: from policies import codes, letters",
        "policies/binding.py: from policies.rules import terms",
        "policies/letters.py: from policies import outbox",
        "policies/models/policy.py: from policies.models.drone import Drone",
        "policies/imports/codes.py: from policies import codes",
        "claims/intake.py: from policies import cover, links, outbox",
        "claims/intake.py: from policies.models import Policy",
        "claims/admin/claims.py: from policies.backoffice import operations",
        "claims/decisions.py: from policies.rules.verdict import Reason",
        "config/urls.py: from config import health",
        "config/search.py: from claims.reporting import search",
        "policies/binding.py: from django.db import transaction",
        'config/settings.py: CARRIER = "claims.carriers.in_house.InHouse"',
        'policies/backoffice/records.py: permission = "policies.view_policy"',
    ],
)
def nobody_imports_past_the_table(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    room = room_of(dotted(path))
    for node, name in chain(imports(tree), imported_by_name(tree)):
        top = name.partition(".")[0]
        if top == "tests" or (top in TOPS and room_of(name) not in {room, *MAY_IMPORT[room]}):
            yield node


@rule(
    guilty=[
        'policies/models/policy.py: key = models.ForeignKey("claims.Claim")',
        'policies/transfer.py: apps.get_app_config("claims")',
        'policies/admin/policies.py: reverse("claims:progress")',
        'policies/admin/policies.py: reverse("admin:claims_claim_changelist")',
        'policies/expiry.py: sql = "SELECT 1 FROM claims_claim"',
        "policies/migrations/0099_x.py: from claims import models",
    ],
    innocent=[
        "claims/intake.py: from claims import progress",
        'policies/binding.py: text = "He claims the drone."',
        'policies/models/clock.py: SWEEPS = ["chase_claims"]',
        'policies/views.py: """Shows no claims."""',
    ],
)
def policies_never_names_claims(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    if app_of(path) != "policies":
        return
    yield from (node for node, name in imports(tree) if within(name, ["claims"]))
    yield from (text for text in texts(tree) if OF_CLAIMS.search(text.value))


@rule(
    guilty=[
        "claims/models/claim.py: p = models.ForeignKey(Policy, on_delete=models.PROTECT)",
        'claims/models/claim.py: p = models.ForeignKey("policies.Policy", related_name="claims")',
        'claims/models/claim.py: p = OneToOneField(to=Drone, related_name="claim")',
    ],
    innocent=[
        'claims/models/claim.py: p = models.ForeignKey("policies.Policy", related_name="+")',
        'claims/models/claim.py: c = models.ForeignKey("Claim", related_name="photos")',
        "claims/models/claim.py: c = models.ForeignKey(Claim, on_delete=models.PROTECT)",
    ],
)
def a_policy_has_no_way_back_to_its_claims(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    if not path.startswith("claims/models/"):
        return
    foreign = {name.rpartition(".")[2] for _, name in imports(tree) if within(name, ["policies"])}
    for call in calls(tree, "ForeignKey", "OneToOneField", "ManyToManyField"):
        target = call.args[0] if call.args else keyword(call, "to")
        text = target.value if isinstance(target, ast.Constant) else ""
        points_there = text.startswith("policies.") or name_of(target) in foreign | {
            "Policy",
            "Drone",
        }
        back = keyword(call, "related_name")
        if points_there and not (isinstance(back, ast.Constant) and back.value == "+"):
            yield call


@rule(
    guilty=[
        "policies/binding.py: def bind():\n    from policies import codes",
        "claims/admin/claim.py: class A:\n    def run(self):\n        import json",
    ],
    innocent=[
        "policies/binding.py: from policies import codes",
        "policies/binding.py: if TYPE_CHECKING:\n    from policies import codes",
    ],
)
def no_import_hides_in_a_function(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield node


@rule(
    guilty=["claims/models/__init__.py: from claims.models.claim import *"],
    innocent=["claims/models/__init__.py: from claims.models.claim import Claim"],
)
def no_star_import(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    yield from (node for node, name in imports(tree) if name.endswith(".*"))


# --- circles -----------------------------------------------------------------


def module_named(name: str, modules: set[str]) -> str | None:
    """The module that an imported name lies in: `policies.cover.hold` lies in policies.cover."""
    parts = name.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((name for name in names if name in modules), None)


def arrows(trees: Mapping[str, ast.Module]) -> dict[str, set[str]]:
    """Module -> the modules that it imports, those for the type checker included."""
    modules = {dotted(path) for path in trees}
    return {
        dotted(path): {
            target
            for _, name in imports(tree)
            if (target := module_named(name, modules)) and target != dotted(path)
        }
        for path, tree in trees.items()
    }


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Some circle in the graph, or nothing."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other_in_a_circle():
    assert circle(arrows(house.sources())) == []


def test_a_circle_is_found_even_where_only_the_type_checker_walks_it():
    trees = {
        "policies/a.py": ast.parse("if TYPE_CHECKING:\n    from policies.b import B"),
        "policies/b.py": ast.parse("from policies import a"),
    }
    assert set(circle(arrows(trees))) == {"policies.a", "policies.b"}


def test_a_folder_holds_twenty_modules_at_most():
    """`policies/` itself shows the business and may hold more; migrations only ever grow."""
    paths = [Path(path) for path in house.sources() if not is_migration(path)]
    modules = [path for path in paths if path.stem != "__init__"]
    folders = {path.parent for path in modules} - {Path("policies")}
    counts = {folder: sum(path.parent == folder for path in modules) for folder in folders}
    assert {folder: count for folder, count in counts.items() if count > 20} == {}


# --- the web -----------------------------------------------------------------


@rule(
    guilty=[
        "policies/models/code.py: from django.http import HttpRequest",
        "policies/binding.py: from django import forms",
        "policies/shared/actor.py: from django.http import HttpRequest",
        "claims/progress.py: from django.contrib import messages",
        "policies/imports/uploads.py: from django.contrib.admin.models import LogEntry",
        "policies/outbox.py: from django.shortcuts import render",
        "policies/binding.py: from django.template.response import TemplateResponse",
    ],
    innocent=[
        "policies/views.py: from django.http import HttpRequest",
        "policies/shared/visitors.py: from django.http import HttpRequest",
        "policies/backoffice/records.py: from django.contrib import admin",
        "policies/shared/actor.py: from django.contrib.auth.models import User",
        "policies/outbox.py: from django.template.loader import render_to_string",
    ],
)
def only_the_edge_knows_the_web(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    if within(dotted(path), KNOWS_THE_WEB) or is_migration(path):
        return
    yield from (node for node, name in imports(tree) if within(name, THE_WEB))


# --- pure rules, and the clock -----------------------------------------------


@rule(
    guilty=[
        "policies/rules/terms.py: from django.db import models",
        "policies/rules/eligibility.py: from django.conf import settings",
        "claims/decisions.py: from claims.models import Claim",
        "claims/decisions.py: from policies import database",
        "policies/rules/verdict.py: import os",
        "policies/rules/terms.py: def f(policy):\n    return policy.periods.all()",
        "policies/rules/terms.py: def f(x):\n    return Plan.objects.get(pk=x)",
        "policies/rules/terms.py: def f(policy):\n    return policy.periods.first()",
        "policies/rules/terms.py: def f(policy):\n    policy.delete()",
        "policies/rules/terms.py: import sqlite3",
        'policies/rules/terms.py: open("terms.csv")',
    ],
    innocent=[
        "policies/rules/eligibility.py: from policies.rules import terms",
        "policies/rules/verdict.py: from django.utils.translation import gettext as _",
        "claims/decisions.py: from policies.rules.verdict import Reason",
        "policies/binding.py: from django.db import transaction",
        "policies/rules/verdict.py: bad = [r for r in reasons if r.objects]",
    ],
)
def pure_modules_touch_nothing(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    if not within(dotted(path), PURE):
        return
    touching = [
        *("os", "pathlib", "random", "requests", "socket", "sqlite3", "subprocess", "time"),
        *("urllib", *TOPS),
    ]
    for node, name in imports(tree):
        impure_django = within(name, ["django"]) and not within(name, ["django.utils"])
        if impure_django or (within(name, touching) and not within(name, PURE)):
            yield node
    asking = {
        *("all", "count", "delete", "exists", "filter", "first", "get_or_create", "last"),
        *("refresh_from_db", "save"),
    }
    yield from calls(tree, "open")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            through_a_class = node.attr == "objects" and name_of(node.value)[:1].isupper()
            if node.attr in asking or through_a_class:
                yield node


CLOCKS = {
    "timezone": {"now", "localdate", "localtime"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "time": {"time", "time_ns", "localtime", "gmtime"},
}


@rule(
    guilty=[
        "policies/binding.py: bought_at = timezone.now()",
        "policies/rules/terms.py: today = datetime.now(UTC)",
        "policies/rules/terms.py: today = datetime.date.today()",
        "policies/models/policy.py: at = models.DateTimeField(default=timezone.now)",
        "claims/models/claim.py: at = models.DateTimeField(auto_now_add=True)",
        "claims/chasing.py: from django.db.models.functions import Now",
        "claims/reporting/queues.py: from django.utils.timezone import now",
        "claims/fees.py: today = timezone.localdate()",
        "claims/fees.py: from django.utils import timezone as tz",
        "claims/fees.py: from datetime import datetime as Instant",
        "claims/chasing.py: old = functions.Now()",
        "policies/backoffice/times.py: words = timesince(at)",
        "policies/backoffice/reports.py: now = timezone.now()",
        "policies/shared/visitors.py: now = timezone.now()",
    ],
    innocent=[
        "policies/views.py: now = timezone.now()",
        "claims/management/commands/chase_claims.py: now = timezone.now()",
        "claims/admin/claim.py: now = timezone.now()",
        "policies/rules/terms.py: local = timezone.localtime(at, zone)",
        "policies/rules/terms.py: from django.utils import timezone",
        "policies/backoffice/times.py: words = timesince(at, now, depth=1)",
        "config/health.py: now = timezone.now()",
        "policies/backoffice/operations.py: now = timezone.now()",
    ],
)
def only_the_edge_reads_the_clock(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    if within(dotted(path), READS_THE_CLOCK) or is_migration(path):
        return
    # localtime(instant) and localdate(instant) convert; without an argument they read.
    converts = {id(call.func) for call in calls(tree, "localtime", "localdate") if call.args}
    for node in ast.walk(tree):
        reads = isinstance(node, ast.Attribute) and id(node) not in converts
        if reads and node.attr in CLOCKS.get(name_of(node.value), ()):
            yield node
        if isinstance(node, ast.keyword) and node.arg in {"auto_now", "auto_now_add"}:
            yield node.value
        # Under another name the module would read the clock unseen.
        if isinstance(node, ast.alias) and node.name in CLOCKS and node.asname:
            yield tree
    yield from calls(tree, "Now")
    yield from (call for call in calls(tree, "timesince", "timeuntil") if len(call.args) < 2)
    named = {f"django.utils.timezone.{name}" for name in CLOCKS["timezone"]}
    for node, name in imports(tree):
        if name in named or name == "django.db.models.functions.Now" or name == "time.time":
            yield node


# --- one writer of progress --------------------------------------------------


@rule(
    guilty=[
        'claims/intake.py: claim.progress = "received"',
        'claims/progress.py: claim.progress = "received"',
        'claims/chasing.py: Claim.objects.filter(pk=1).update(progress="lapsed")',
        'claims/admin/claim.py: setattr(claim, "progress", value)',
        'claims/parcels/shipping.py: Claim.objects.bulk_update(claims, ["progress"])',
        'policies/cover.py: claim.progress = "received"',
        'claims/intake.py: Claim.objects.create(progress="received")',
        'claims/intake.py: claim = Claim(progress="received")',
        'claims/progress.py: columns = {"progress": "received"}',
    ],
    innocent=[
        'claims/moves.py: claim.progress = "received"',
        'claims/chasing.py: Claim.objects.filter(progress="label_sent")',
        "claims/models/claim.py: progress = models.CharField(max_length=20)",
        'claims/intake.py: event = ClaimEvent(after="received")',
    ],
)
def only_moves_writes_progress(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    if path == "claims/moves.py":
        return
    for node in ast.walk(tree):
        written = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del)
        if written and node.attr == "progress":
            yield node
        if isinstance(node, ast.Dict) and "progress" in {
            key.value for key in node.keys if isinstance(key, ast.Constant)
        }:
            yield node
    writing = ("update", "update_or_create", "get_or_create", "create", "Claim")
    for call in calls(tree, *writing, "setattr", "bulk_update"):
        by_text = name_of(call.func) in {"setattr", "bulk_update"}
        named = {node.value for node in ast.walk(call) if isinstance(node, ast.Constant)}
        if keyword(call, "progress") or (by_text and "progress" in named):
            yield call


# --- the tests ---------------------------------------------------------------


@pytest.mark.parametrize("function", rule.all, ids=house.in_words)
def test_the_house_keeps_the_rule(function: house.Rule):
    broken = house.breaches_in_the_house(function)
    assert not broken, "\n".join(["", *broken])


@pytest.mark.parametrize(("function", "example"), rule.guilty, ids=house.in_words)
def test_the_rule_catches_the_guilty(function: house.Rule, example: str):
    assert house.breaches_in_example(function, example)


@pytest.mark.parametrize(("function", "example"), rule.innocent, ids=house.in_words)
def test_the_rule_lets_the_innocent_go(function: house.Rule, example: str):
    assert house.breaches_in_example(function, example) == []


def test_the_rules_look_at_every_app():
    assert {app_of(path) for path in house.sources()} == {"config", "policies", "claims"}
