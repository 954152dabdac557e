"""Activation codes as the staff's pages show them: their last four, and how they really stand."""

from typing import Any

from django.db.models import QuerySet
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from policies.backoffice.cells import link, pill
from policies.models import ActivationCode
from policies.models.code import ActivationCodeQuerySet
from policies.rules.text import Text

HEADINGS: list[Text] = [_("Code"), _("State"), _("Plan"), _("Model")]


def with_all_that_is_shown(codes: QuerySet[ActivationCode]) -> ActivationCodeQuerySet:
    """The codes with their goods, and `redeemed` from `with_redeemed`."""
    rows: ActivationCodeQuerySet = codes  # type: ignore[assignment]
    return rows.with_redeemed().select_related("batch__plan", "batch__drone_model")


def state(code: Any) -> Text:
    """The state in words: a code is redeemed because a policy holds it."""
    label: Text = _("Redeemed") if code.redeemed else code.get_state_display()
    return label


def state_pill(code: Any) -> SafeString:
    kind = {"in_stock": "busy", "sold": "good", "void": "bad"}[code.state]
    return pill("quiet" if code.redeemed else kind, state(code))


def row(code: Any) -> list[Any]:
    """The cells under HEADINGS."""
    batch = code.batch
    return [link(code), state_pill(code), batch.plan.name, batch.drone_model.name]
