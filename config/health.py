"""Two probes for those who watch the server: is the process up, and can it serve?"""

from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from policies.reporting import counts


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    trouble = what_is_wrong()
    if trouble:
        return JsonResponse({"status": "not ready", "reason": trouble}, status=503)
    # Late sweeps are for a person to look into; the pages answer rightly without them.
    late = counts.overdue_sweeps(now=timezone.now())
    warnings = [f"the sweep {name} has not run for a day" for name in late]
    if imports_are_late():
        warnings.append("files are waiting: the import worker is not running")
    return JsonResponse({"status": "ok"} | ({"warnings": warnings} if warnings else {}))


def what_is_wrong() -> str:
    """One sentence without names of hosts or tables: anybody may ask."""
    try:
        if unapplied_migrations():
            return "migrations are not applied"
        if letters_are_late():
            return "letters are waiting: the letter worker is not running"
    except DatabaseError:
        return "the database does not answer"
    return ""


def unapplied_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def letters_are_late() -> bool:
    now = timezone.now()
    due_since = counts.oldest_due_letter(now=now)
    patience = timedelta(minutes=settings.LETTERS_LATE_AFTER_MINUTES)
    return due_since is not None and now - due_since > patience


def imports_are_late() -> bool:
    now = timezone.now()
    due_since = counts.oldest_due_import(now=now)
    patience = timedelta(minutes=settings.IMPORTS_LATE_AFTER_MINUTES)
    return due_since is not None and now - due_since > patience
