"""Every operation, every role: allowed or refused by its address, whatever is shown."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from policies.backoffice.records import BackOfficeAdmin
from policies.shared import roles
from tests import factories

SALES, VERIFICATION, CLAIMS, MANAGER = "Sales", "Verification", "Claims", "Manager"

ALLOWED = {
    "policies_codebatch_generate": {SALES, MANAGER},
    "policies_codebatch_sell": {SALES, MANAGER},
    "policies_codebatch_void": {MANAGER},
    "policies_sale_sell": {SALES, MANAGER},
    "policies_sale_take-back": {SALES, MANAGER},
    "policies_activationcode_sell": {SALES, MANAGER},
    "policies_activationcode_bind": {SALES, MANAGER},
    "policies_activationcode_void": {SALES, MANAGER},
    "policies_activationcode_reveal": {MANAGER},
    "policies_codebatch_import-codes": {SALES, MANAGER},
    "policies_activationcode_import-codes": {SALES, MANAGER},
    "policies_order_import-orders": {SALES, MANAGER},
    "policies_drone_import-drones": {SALES, MANAGER},
    "policies_replacementfee_import-fees": {MANAGER},
    "policies_import_import-codes": {SALES, MANAGER},
    "policies_import_import-orders": {SALES, MANAGER},
    "policies_import_import-drones": {SALES, MANAGER},
    "policies_import_import-fees": {MANAGER},
    "policies_import_read-as": {SALES, MANAGER},
    "policies_import_confirm": {SALES, MANAGER},
    "policies_import_discard": {SALES, MANAGER},
    "policies_drone_register": {SALES, MANAGER},
    "policies_drone_check": {SALES, VERIFICATION, CLAIMS, MANAGER, "Auditor"},
    "policies_drone_activation": {MANAGER},
    "policies_activationstatement_correct": {MANAGER},
    "policies_drone_refurbish": {MANAGER},
    "policies_drone_permit": {VERIFICATION, CLAIMS, MANAGER},
    "policies_order_place": {SALES, MANAGER},
    "policies_order_ship": {SALES, MANAGER},
    "policies_order_correct": {SALES, MANAGER},
    "policies_order_cancel": {SALES, MANAGER},
    "policies_policy_renew": {SALES, MANAGER},
    "policies_policy_change-owner": {SALES, MANAGER},
    "policies_policy_revoke-link": {SALES, VERIFICATION, CLAIMS, MANAGER},
    "claims_claim_revoke-link": {SALES, VERIFICATION, CLAIMS, MANAGER},
    "policies_policy_cancel": {MANAGER},
    "policies_policy_correct-serial": {MANAGER},
    "claims_claim_correct-serial": {MANAGER},
    "policies_letter_send-again": {SALES, VERIFICATION, CLAIMS, MANAGER},
    "policies_videoverification_approve": {VERIFICATION, MANAGER},
    "policies_videoverification_reject": {VERIFICATION, MANAGER},
} | {
    f"claims_claim_{slug}": {CLAIMS, MANAGER}
    for slug in (
        *("accept", "overrule", "decline", "cancel", "pick-up", "receive", "miss-parts"),
        *("assess", "ask-fee", "pay", "prepare", "ship", "complete", "send-back"),
        *("hand-back", "refund", "retry-label", "undo", "record-payment", "reverse-payment"),
        "correct-address",
    )
}


def all_operations() -> list[str]:
    return [
        f"{page.url_base}_{operation.slug}"
        for page in admin.site._registry.values()
        if isinstance(page, BackOfficeAdmin)
        for operation in (*page.operations, *page.list_operations)
    ]


def test_the_table_names_every_operation_of_the_back_office():
    assert set(all_operations()) == set(ALLOWED)


@pytest.fixture
def objects(policy, house):
    """One row of each kind, so that a refusal is about the person and not about the row."""
    return {
        "policies_activationcode": factories.ActivationCodeFactory(),
        "policies_codebatch": factories.CodeBatchFactory(),
        "policies_sale": factories.SaleFactory(),
        "policies_drone": policy.drone,
        "policies_policy": policy,
        "policies_letter": factories.LetterFactory(),
        "policies_import": factories.ImportFactory(),
        "claims_claim": house.claim_at("received", policy),
    }


@pytest.mark.parametrize("role", [*roles.ALL, "anonymous"])
def test_each_role_reaches_its_own_operations_and_no_other(role, employ, objects):
    client = Client() if role == "anonymous" else employ(role)
    for name, allowed in ALLOWED.items():
        row = objects.get(name.rpartition("_")[0])
        by_address = {reverse(f"admin:{name}", args=args) for args in addresses(name, row)}
        for address in by_address:
            expected = 302 if role == "anonymous" else 200 if role in allowed else 403
            if row is None and address.rstrip("/").split("/")[-2] == "1":
                expected = {200: 404, 403: 404}.get(expected, expected)
            assert client.get(address).status_code == expected, f"{role}: {address}"


def addresses(name: str, row) -> list[list[int]]:
    """How the operation is reached: on a row, from its list, or both."""
    found = []
    for page in admin.site._registry.values():
        if not isinstance(page, BackOfficeAdmin):
            continue
        if name in {f"{page.url_base}_{one.slug}" for one in page.list_operations}:
            found.append([])
        if name in {f"{page.url_base}_{one.slug}" for one in page.operations}:
            found.append([row.pk if row else 1])
    return found
