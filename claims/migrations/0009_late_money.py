import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q

WITHOUT_REPLACEMENT = ["returning", "returned", "declined", "cancelled", "lapsed"]


def find_spare_payments(apps, schema_editor):
    """What was paid and pays no fee: that of a claim without a replacement, or without a fee."""
    FeePayment = apps.get_model("claims", "FeePayment")
    needed = FeePayment.objects.exclude(claim__progress__in=WITHOUT_REPLACEMENT).filter(
        amount=F("claim__fee_amount"), currency=F("claim__fee_currency")
    )
    live = FeePayment.objects.filter(refunded_at__isnull=True)
    live.exclude(pk__in=needed.values("pk")).update(is_spare=True)


class Migration(migrations.Migration):
    dependencies = [("claims", "0008_late_parcels_and_payments")]

    operations = [
        migrations.RemoveConstraint(model_name="feepayment", name="payment_reference_once"),
        migrations.AddField(
            model_name="feepayment",
            name="is_spare",
            field=models.BooleanField(default=False, verbose_name="not needed for the fee"),
        ),
        migrations.AddField(
            model_name="feepayment",
            name="reversal_reason",
            field=models.CharField(blank=True, max_length=500, verbose_name="reason"),
        ),
        migrations.AddField(
            model_name="feepayment",
            name="reversed_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="reversed"),
        ),
        migrations.AlterField(
            model_name="feepayment",
            name="claim",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="payments",
                to="claims.claim",
            ),
        ),
        migrations.RunPython(find_spare_payments, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="feepayment",
            index=models.Index(
                condition=Q(is_spare=True, refunded_at__isnull=True, reversed_at__isnull=True),
                fields=["claim"],
                name="payment_due_idx",
            ),
        ),
        migrations.AddConstraint(
            model_name="feepayment",
            constraint=models.UniqueConstraint(
                condition=Q(reversed_at__isnull=True),
                fields=("reference",),
                name="payment_reference_once",
                violation_error_message="A payment with this reference is on file already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="feepayment",
            constraint=models.UniqueConstraint(
                condition=Q(is_spare=False, refunded_at__isnull=True, reversed_at__isnull=True),
                fields=("claim",),
                name="payment_one_pays_the_fee",
            ),
        ),
        migrations.AddConstraint(
            model_name="feepayment",
            constraint=models.CheckConstraint(
                condition=Q(reversed_at__isnull=True, reversal_reason="")
                | Q(reversed_at__isnull=False, reversed_at__gte=F("received_at"))
                & Q(refunded_at__isnull=True)
                & ~Q(reversal_reason=""),
                name="payment_reversed_has_reason",
            ),
        ),
    ]
