"""The habits of the house that a machine can hold; `tests/test_architecture.py` has its walls."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import house
from tests.house import Rules, calls, imports, keyword, module_of, name_of, texts, within

rule = Rules()

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
        "claims/progress.py: def complete(claim):\n    moves.lock(claim).move(P.COMPLETED)",
        "claims/progress.py: def complete(claim):\n    with atomic(): pass\n    moves.lock(claim)",
        "claims/photos.py: with opened(photo):\n    moves.lock(claim)",
    ],
    innocent=[
        "claims/progress.py: with transaction.atomic():\n    moves.lock(claim).move(P.COMPLETED)",
        "claims/progress.py: lock(claim)",
    ],
)
def a_step_of_a_claim_is_one_transaction(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    whole = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.With)
        and any(True for item in block.items for _ in calls(item, "atomic"))
        for node in ast.walk(block)
    }
    for call in calls(tree, "lock"):
        is_step = isinstance(call.func, ast.Attribute) and name_of(call.func.value) == "moves"
        if is_step and id(call) not in whole:
            yield call


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
        "claims/parcels/shipping.py: try:\n    f()\nexcept:\n    log()",
        "claims/parcels/shipping.py: try:\n    f()\nexcept (ValueError, Exception):\n    log()",
        "policies/letters.py: with suppress(Exception):\n    f()",
    ],
    innocent=[
        "claims/parcels/shipping.py: try:\n    f()\nexcept CarrierError:\n    log()",
        "claims/parcels/shipping.py: try:\n    f()\nexcept Exception:\n    undo()\n    raise",
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
