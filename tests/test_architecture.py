"""The house rules that a machine can hold, each with guilty lines that prove it can fail.

A rule is a function from a file's path and source to the places that break it. `@rule`
registers it together with examples, written as "path: code".
"""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests import ROOT

TOPS = ("config", "policies", "claims")

# What claims may know of policies: its models, its faces, and what both stand on.
OPEN_TO_CLAIMS = {
    *("models", "cover", "rules", "shared", "outbox", "backoffice", "reporting"),
    "management",  # the bases of sweeps and workers
    "demo",  # the demo command tells one story through both apps
}

# Arithmetic on plain values: no database, no clock.
PURE = {
    "policies.rules.terms",
    "policies.backoffice.date_ranges",
    "policies.rules.verdict",
    "policies.rules.eligibility",
    "claims.decisions",
}

# Where a request, a person or a timer comes in.
EDGE = {"admin", "filters", "forms", "management", "templatetags", "urls", "views", "webhooks"}
READS_THE_CLOCK = {
    *("admin", "backoffice", "forms", "management", "templatetags", "views", "webhooks"),
}

# A module imports what stands on its own step or below. What isn't named here is a subject
# (binding, fees, reports ...); the edge stands above the subjects.
STEPS = {
    **dict.fromkeys(["rules", "decisions", "sealing"], 0),
    "models": 1,
    "shared": 2,
    **dict.fromkeys(["agreement", "outbox"], 3),
    "letters": 4,
    **dict.fromkeys(EDGE, 6),
}
SUBJECT = 5

Rule = Callable[[str, ast.Module], Iterator[ast.AST]]
RULES: list[Rule] = []
GUILTY: list[tuple[Rule, str]] = []
INNOCENT: list[tuple[Rule, str]] = []


def rule(*, guilty: list[str], innocent: list[str]) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        RULES.append(function)
        GUILTY.extend((function, example) for example in guilty)
        INNOCENT.extend((function, example) for example in innocent)
        return function

    return register


def breaches(function: Rule, path: str, source: str) -> list[str]:
    tree = ast.parse(source, filename=path)
    return [f"{path}:{getattr(node, 'lineno', 1)}" for node in function(path, tree)]


# --- reading source ----------------------------------------------------------


def app_of(path: str) -> str:
    return path.partition("/")[0]


def module_of(path: str) -> str:
    """`policies/models/code.py` is part of "models", `policies/codes.py` is "codes"."""
    return path.split("/")[1].removesuffix(".py")


def dotted(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


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


# --- who may import whom -----------------------------------------------------


@rule(
    guilty=[
        "policies/binding.py: from claims import intake",
        "policies/binding.py: import claims.models",
        'policies/models/policy.py: key = models.ForeignKey("claims.Claim")',
        'policies/transfer.py: apps.get_app_config("claims")',
        'policies/admin/policy.py: reverse("claims:progress")',
    ],
    innocent=[
        "claims/intake.py: from claims import progress",
        'policies/binding.py: text = "He claims the drone."',
        'policies/views.py: """Shows no claims."""',
    ],
)
def policies_has_never_heard_of_claims(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    if app_of(path) != "policies":
        return
    yield from (node for node, name in imports(tree) if within(name, ["claims"]))
    yield from (text for text in texts(tree) if re.fullmatch(r"claims([.:/]\S*)?", text.value))


@rule(
    guilty=[
        "claims/intake.py: from policies import binding",
        "claims/intake.py: from policies.binding import bind",
        "claims/intake.py: import policies.renewal",
        "claims/intake.py: import policies",
    ],
    innocent=[
        "claims/intake.py: from policies import cover, outbox",
        "claims/intake.py: from policies.models import Policy",
        "policies/transfer.py: from policies import binding",
    ],
)
def claims_sees_only_the_faces_of_policies(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    if app_of(path) != "claims":
        return
    faces = [f"policies.{face}" for face in OPEN_TO_CLAIMS]
    for node, name in imports(tree):
        if within(name, ["policies"]) and not within(name, faces):
            yield node


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
        "policies/letters.py: from config import settings",
        "claims/views.py: from config.settings import SITE_URL",
        'policies/codes.py: import_string("config.health.readyz")',
    ],
    innocent=["config/urls.py: from config import health"],
)
def nobody_imports_config(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    if app_of(path) == "config":
        return
    yield from (node for node, name in imports(tree) if within(name, ["config"]))
    yield from (text for text in texts(tree) if re.fullmatch(r"config(\.\w+)+", text.value))


@rule(
    guilty=[
        "policies/binding.py: from policies.views import activate",
        "policies/binding.py: from policies import forms",
        "claims/progress.py: from claims.admin.claim import ClaimAdmin",
        "claims/reporting/queues.py: import claims.filters",
        "policies/letters.py: from policies import binding",
        "policies/outbox.py: from policies import letters",
        "policies/models/policy.py: from policies import letters",
        "policies/rules/terms.py: from policies.models import Plan",
    ],
    innocent=[
        "policies/views.py: from policies import binding, forms",
        "policies/binding.py: from policies import codes, letters",
        "policies/letters.py: from policies import outbox",
        "policies/models/policy.py: from policies.models.drone import Drone",
        "claims/progress.py: from policies import outbox",
    ],
)
def nobody_imports_upwards(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    app = app_of(path)
    if app == "config" or is_migration(path):
        return
    own_step = STEPS.get(module_of(path), SUBJECT)
    for node, name in imports(tree):
        inside = within(name, [app]) and "." in name
        if inside and STEPS.get(name.split(".")[1], SUBJECT) > own_step:
            yield node


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
    if dotted(path) not in PURE:
        return
    touching = ["os", "pathlib", "random", "requests", "socket", "time", "urllib", *TOPS]
    for node, name in imports(tree):
        impure_django = within(name, ["django"]) and not within(name, ["django.utils"])
        if impure_django or (within(name, touching) and not within(name, PURE)):
            yield node
    asking = {"all", "count", "exists", "filter", "get_or_create", "refresh_from_db", "save"}
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
    ],
    innocent=[
        "policies/views.py: now = timezone.now()",
        "claims/management/commands/chase_claims.py: now = timezone.now()",
        "claims/admin/claim.py: now = timezone.now()",
        "policies/rules/terms.py: local = timezone.localtime(at, zone)",
        "policies/rules/terms.py: from django.utils import timezone",
        "config/health.py: now = timezone.now()",
    ],
)
def only_the_edge_reads_the_clock(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    if app_of(path) == "config" or is_migration(path) or module_of(path) in READS_THE_CLOCK:
        return
    # localtime(instant) and localdate(instant) convert; without an argument they read.
    converts = {id(call.func) for call in calls(tree, "localtime", "localdate") if call.args}
    for node in ast.walk(tree):
        reads = isinstance(node, ast.Attribute) and id(node) not in converts
        if reads and node.attr in CLOCKS.get(name_of(node.value), ()):
            yield node
        if isinstance(node, ast.keyword) and node.arg in {"auto_now", "auto_now_add"}:
            yield node.value
    named = {f"django.utils.timezone.{name}" for name in CLOCKS["timezone"]}
    for node, name in imports(tree):
        if name in named or name == "django.db.models.functions.Now" or name == "time.time":
            yield node


# --- one writer of progress --------------------------------------------------


@rule(
    guilty=[
        'claims/intake.py: claim.progress = "received"',
        'claims/chasing.py: Claim.objects.filter(pk=1).update(progress="lapsed")',
        'claims/admin/claim.py: setattr(claim, "progress", value)',
        'claims/shipping.py: Claim.objects.bulk_update(claims, ["progress"])',
        'policies/cover.py: claim.progress = "received"',
    ],
    innocent=[
        'claims/progress.py: claim.progress = "received"',
        'claims/chasing.py: Claim.objects.filter(progress="label_sent")',
        "claims/models/claim.py: progress = models.CharField(max_length=20)",
    ],
)
def only_progress_moves_a_claim(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    if path == "claims/progress.py":
        return
    for node in ast.walk(tree):
        written = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del)
        if written and node.attr == "progress":
            yield node
    for call in calls(tree, "update", "update_or_create", "setattr", "bulk_update"):
        by_text = name_of(call.func) in {"setattr", "bulk_update"}
        named = {node.value for node in ast.walk(call) if isinstance(node, ast.Constant)}
        if keyword(call, "progress") or (by_text and "progress" in named):
            yield call


# --- refused here ------------------------------------------------------------


@rule(
    guilty=[
        "policies/codes.py: from django.db.models.signals import post_save",
        "claims/apps.py: from django.dispatch import receiver",
    ],
    innocent=["policies/codes.py: import signal"],
)
def no_signals(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    for node, name in imports(tree):
        if within(name, ["django.dispatch"]) or ".signals" in f".{name}":
            yield node


@rule(
    guilty=[
        "policies/models/policy.py: class Policy:\n    def save(self, **kw): ...",
        "claims/models/claim.py: class Claim:\n    def delete(self): ...",
    ],
    innocent=["policies/forms.py: class PolicyForm:\n    def save(self): ..."],
)
def saving_a_row_only_saves_it(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    if module_of(path) != "models":
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in {"save", "delete"}:
            yield node


@rule(
    guilty=[
        "policies/forms.py: class F:\n    def clean_code(self):\n        code.save()",
        "claims/forms.py: def validate_photo(x):\n    Photo.objects.create(x=x)",
        "policies/models/code.py: class C:\n    def clean(self):\n        C.objects.update(x=1)",
    ],
    innocent=[
        "policies/forms.py: class F:\n    def clean(self):\n        data.update(x=1)",
        "policies/forms.py: class F:\n    def save(self):\n        code.save()",
    ],
)
def validation_does_not_write(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    writes = ("save", "create", "get_or_create", "update_or_create", "bulk_create", "delete")
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and re.match(
            r"(full_)?clean(_|$)|validate", function.name
        ):
            yield from calls(function, *writes)
            for call in calls(function, "update"):
                if any(name_of(node) in {"objects", "filter"} for node in ast.walk(call.func)):
                    yield call


@rule(
    guilty=[
        "claims/carriers/in_house.py: try:\n    f()\nexcept Exception:\n    pass",
        "claims/shipping.py: try:\n    f()\nexcept:\n    log()",
        "claims/shipping.py: try:\n    f()\nexcept (ValueError, Exception):\n    log()",
        "policies/letters.py: with suppress(Exception):\n    f()",
    ],
    innocent=[
        "claims/shipping.py: try:\n    f()\nexcept CarrierError:\n    log()",
        "claims/shipping.py: try:\n    f()\nexcept Exception:\n    undo()\n    raise",
    ],
)
def nobody_catches_everything_and_goes_on(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    everything = {"Exception", "BaseException"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = {name_of(each) for each in ast.walk(node.type)} if node.type else everything
            raises = any(isinstance(each, ast.Raise) for each in ast.walk(node))
            if caught & everything and not raises:
                yield node
    for call in calls(tree, "suppress"):
        if everything & {name_of(argument) for argument in call.args}:
            yield call


@rule(
    guilty=[
        "policies/utils.py: pass",
        "claims/services.py: pass",
        "claims/admin/helpers.py: pass",
        "policies/codes.py: class CodeService: ...",
        "policies/models/code.py: class CodeManager(models.Manager): ...",
    ],
    innocent=["policies/codes.py: class CodeRefused(Exception): ..."],
)
def every_module_and_class_has_a_subject(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    if Path(path).stem in {"utils", "util", "services", "service", "helpers", "helper", "common"}:
        yield tree
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and re.search(r"(Manager|Service|Helper)s?$", node.name):
            yield node


TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]*(\s[^<>]*)?/?>")


@rule(
    guilty=[
        "policies/admin/code.py: from django.utils.safestring import mark_safe",
        'policies/admin/code.py: x = safestring.mark_safe("x")',
        "policies/admin/code.py: x = f'<b class=\"x\">{name}</b>'",
        'claims/letters.py: body = "Hello<br>" + name',
        'claims/letters.py: x = SafeString("x")',
        "claims/letters.py: class X:\n    def __html__(self): ...",
    ],
    innocent=[
        "policies/admin/code.py: x = format_html('<b class=\"x\">{}</b>', name)",
        'policies/admin/code.py: x = format_html_join("", "<li>{}</li>", rows)',
        'claims/fees.py: text = "a < b and c > d"',
        "claims/letters.py: message_id = f'<{name}@{host}>'",
    ],
)
def html_lives_in_templates(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    formatted = {
        id(argument)
        for call in calls(tree, "format_html", "format_html_join")
        for argument in call.args
    }
    yield from (
        text for text in texts(tree) if id(text) not in formatted and TAG.search(text.value)
    )
    yield from (node for node, name in imports(tree) if name.endswith(".mark_safe"))
    yield from calls(tree, "mark_safe", "SafeString", "SafeText")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == "__html__":
            yield node


@rule(
    guilty=['policies/models/code.py: models.CheckConstraint(check=Q(a=1), name="x")'],
    innocent=['policies/models/code.py: models.CheckConstraint(condition=Q(a=1), name="x")'],
)
def a_check_constraint_has_a_condition(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    yield from (call for call in calls(tree, "CheckConstraint") if keyword(call, "check"))


@rule(
    guilty=[
        "policies/models/code.py: class State(models.IntegerChoices):\n    SOLD = 1",
        'policies/models/code.py: class State(models.TextChoices):\n    SOLD = "s", _("Sold")',
        'claims/models/claim.py: class State(TextChoices):\n    SOLD = "Sold"',
    ],
    innocent=[
        'policies/models/code.py: class State(TextChoices):\n    STOCK = "in_stock", _("In stock")',
        'policies/models/drone.py: class Source(TextChoices):\n    UNKNOWN = "", _("Not known")',
    ],
)
def a_state_is_a_lower_case_word(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        bases = {name_of(base) for base in node.bases}
        if "IntegerChoices" in bases:
            yield node
        if "TextChoices" in bases:
            yield from (item for item in node.body if not is_word_member(item))


def is_word_member(item: ast.stmt) -> bool:
    if not isinstance(item, ast.Assign):
        return True
    value = item.value.elts[0] if isinstance(item.value, ast.Tuple) else item.value
    word = value.value if isinstance(value, ast.Constant) else None
    return isinstance(word, str) and bool(re.fullmatch(r"|[a-z][a-z0-9]+(_[a-z0-9]+)*", word))


@rule(
    guilty=[
        "policies/models/code.py: note = models.TextField(null=True)",
        "claims/models/claim.py: email = models.EmailField(null=True, blank=True)",
    ],
    innocent=[
        "policies/models/code.py: note = models.TextField(blank=True)",
        "policies/models/code.py: sold_at = models.DateTimeField(null=True)",
    ],
)
def text_is_never_null(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    text_fields = ("CharField", "TextField", "EmailField", "SlugField", "URLField")
    for call in calls(tree, *text_fields, "CountryField"):
        null = keyword(call, "null")
        if module_of(path) == "models" and isinstance(null, ast.Constant) and null.value:
            yield call


@rule(
    guilty=[
        "policies/admin/policy.py: class PolicyPages(admin.ModelAdmin): ...",
        "claims/admin/claim.py: from claims.models import Photo\nclass Photo(TabularInline): ...",
    ],
    innocent=[
        "policies/admin/policy.py: class PolicyAdmin(admin.ModelAdmin): ...",
        "claims/admin/claim.py: from claims.models import Photo\nclass Photos(TabularInline): ...",
    ],
)
def an_admin_class_is_not_named_like_its_model(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    imported = {name.rpartition(".")[2] for _, name in imports(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            is_admin = any(name_of(base).endswith("Admin") for base in node.bases)
            if node.name in imported or (is_admin and not node.name.endswith("Admin")):
                yield node


# --- the tests ---------------------------------------------------------------


def sources() -> dict[str, str]:
    files = [path for top in TOPS for path in (ROOT / top).rglob("*.py")]
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in sorted(files)}


def in_words(value: object) -> str:
    return value.__name__.replace("_", " ") if callable(value) else str(value).partition(":")[0]


@pytest.mark.parametrize("function", RULES, ids=in_words)
def test_the_house_keeps_the_rule(function: Rule):
    found = [
        place for path, source in sources().items() for place in breaches(function, path, source)
    ]
    assert not found, "\n".join(["", *found])


@pytest.mark.parametrize(("function", "example"), GUILTY, ids=in_words)
def test_the_rule_catches_the_guilty(function: Rule, example: str):
    path, _, code = example.partition(": ")
    assert breaches(function, path, code)


@pytest.mark.parametrize(("function", "example"), INNOCENT, ids=in_words)
def test_the_rule_lets_the_innocent_go(function: Rule, example: str):
    path, _, code = example.partition(": ")
    assert breaches(function, path, code) == []


def test_the_rules_look_at_every_app():
    assert {app_of(path) for path in sources()} == {"config", "policies", "claims"}
