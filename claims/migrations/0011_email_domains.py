from contextlib import suppress

import idna
from django.db import migrations


def respell(apps, schema_editor):
    """Chromium sent ada@müller.example as ada@xn--mller-kva.example; we look for the former."""
    rows = apps.get_model("claims", "Claim").objects.order_by()
    for pk, email in rows.filter(email__contains="xn--").values_list("pk", "email"):
        local, at, domain = email.rpartition("@")
        with suppress(UnicodeError):  # whatever it is, it has no other spelling
            rows.filter(pk=pk).update(email=local + at + idna.decode(domain, uts46=True))


class Migration(migrations.Migration):
    dependencies = [("claims", "0010_without_submissions")]

    operations = [migrations.RunPython(respell, migrations.RunPython.noop)]
