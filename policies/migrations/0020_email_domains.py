import idna
from django.db import IntegrityError, migrations, transaction


def in_own_letters(email):
    local, at, domain = email.rpartition("@")
    try:
        return local + at + idna.decode(domain, uts46=True)
    except UnicodeError:
        return email


def respell(apps, schema_editor):
    """Chromium sent ada@müller.example as ada@xn--mller-kva.example; we look for the former."""
    for name in ("Customer", "VideoVerification"):
        rows = apps.get_model("policies", name).objects.order_by()
        for pk, email in rows.filter(email__contains="xn--").values_list("pk", "email"):
            try:
                with transaction.atomic():
                    rows.filter(pk=pk).update(email=in_own_letters(email))
            except IntegrityError:
                pass  # the same person, or the same film, is on file in the other spelling, too


class Migration(migrations.Migration):
    dependencies = [("policies", "0019_serial_corrections")]

    operations = [migrations.RunPython(respell, migrations.RunPython.noop)]
