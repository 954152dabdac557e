"""FACE: the roles of staff as Django groups, given their permissions by migrations.

A dealer may change the groups in the admin afterwards; a later migration only adds.
"""

from collections.abc import Mapping
from typing import Any

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions

SALES = "Sales"
VERIFICATION = "Verification"
CLAIMS = "Claims"
MANAGER = "Manager"
AUDITOR = "Auditor"
ALL = [SALES, VERIFICATION, CLAIMS, MANAGER, AUDITOR]


def grant(apps: Any, app_label: str, permissions: Mapping[str, list[str]]) -> None:
    """Gives groups permissions of one app: `{role: [codename …]}`. For use in a migration.

    Raises LookupError for a codename that the app does not have, so that a typing error
    stops the migration instead of leaving a role without its button.
    """
    # Django makes permissions after all migrations; a role needs them now.
    create_permissions(installed.get_app_config(app_label), verbosity=0, apps=apps)
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    known = {
        permission.codename: permission
        for permission in Permission.objects.filter(content_type__app_label=app_label)
    }
    for role, codenames in permissions.items():
        missing = set(codenames) - known.keys()
        if missing:
            raise LookupError(f"{app_label} has no permission {', '.join(sorted(missing))}")
        group, _created = Group.objects.get_or_create(name=role)
        group.permissions.add(*(known[codename] for codename in codenames))
