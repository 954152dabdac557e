"""The reports about claims: what each shows, to whom."""

from typing import Any

from django.db.models import QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from claims.admin.filters import FeesTakenFilters, TurnaroundFilters
from claims.models import Claim, FeePayment, Outcome, Progress
from claims.reporting import fee_totals, turnaround
from policies.backoffice.reports import Column, Figure, Money, Report, Summary, Totals
from policies.models import Cause
from policies.rules.text import Text


class Turnaround(Report):
    slug = "turnaround"
    label = _("Claims and turnaround")
    explanation = _(
        "Claims by the day of the request. Turnaround is the time from the request until the "
        "replacement was shipped, in days; claims not shipped yet have none. Half of the shipped "
        "claims took no longer than the median, nine in ten no longer than the 90th percentile."
    )
    # Those who handle claims; who only looks a claim up for a customer has no such question.
    permission = "claims.view_shipment"
    filterset_class = TurnaroundFilters
    first_span = "last-90-days"
    columns = (
        Column(_("Claim"), lambda claim: claim.number, about=lambda claim: claim),
        Column(_("Requested"), lambda claim: claim.submitted_at, instant=True),
        Column(_("Shipped"), lambda claim: claim.shipped_at, instant=True),
        Column(_("Turnaround (days)"), lambda claim: turnaround.in_days(claim.wait), numeric=True),
        Column(_("Progress"), lambda claim: Progress(claim.progress).label),
        Column(_("Decision"), lambda claim: Outcome(claim.outcome).label),
        Column(_("Region"), lambda claim: claim.policy.region.name),
        Column(_("Model"), lambda claim: claim.drone.drone_model.name),
        Column(_("Serial"), lambda claim: claim.drone.serial, about=lambda claim: claim.drone),
        Column(_("Policy"), lambda claim: claim.policy.number, for_the_file=True),
        Column(_("Cause"), lambda claim: Cause(claim.cause).label, for_the_file=True),
    )

    def rows(self) -> QuerySet[Claim]:
        return Claim.objects.order_by("-submitted_at", "-id")

    def with_details(self, rows: QuerySet[Claim]) -> QuerySet[Any]:
        related = rows.select_related("policy__region", "drone__drone_model")
        return turnaround.with_wait(related)

    def totals(self, rows: QuerySet[Claim]) -> Totals:
        count = rows.count()
        figures = [Figure(_("Claims"), count), *self._waits_of_all(rows)]
        return Totals(
            count,
            figures,
            [
                self._summary(_("By region"), rows, _("Region"), "policy__region__name"),
                self._summary(_("By model"), rows, _("Model"), "drone__drone_model__name"),
            ],
        )

    def _waits_of_all(self, rows: QuerySet[Claim]) -> list[Figure]:
        return [
            figure
            for waits in turnaround.waits(rows)
            for figure in (
                Figure(_("Shipped"), waits.shipped),
                Figure(_("Median (days)"), turnaround.in_days(waits.median)),
                Figure(_("90th percentile (days)"), turnaround.in_days(waits.ninetieth)),
            )
        ]

    def _summary(self, title: Text, rows: QuerySet[Claim], what: Text, column: str) -> Summary:
        headings = [what, _("Shipped"), _("Median (days)"), _("90th percentile (days)")]
        lines = [
            [
                *waits.group,
                waits.shipped,
                turnaround.in_days(waits.median),
                turnaround.in_days(waits.ninetieth),
            ]
            for waits in turnaround.waits(rows, column)
        ]
        return Summary(title, headings, lines, numeric=3)


class FeesTaken(Report):
    slug = "fees"
    label = _("Replacement fees taken")
    explanation = _(
        "By the day on which a fee was recorded; a refund counts where its fee does. "
        "Amounts of different currencies are never added."
    )
    permission = "claims.view_feepayment"
    filterset_class = FeesTakenFilters
    first_span = "last-90-days"
    columns = (
        Column(_("Claim"), lambda paid: paid.claim.number, about=lambda paid: paid.claim),
        Column(_("Recorded"), lambda paid: paid.received_at, instant=True),
        Column(_("Region"), lambda paid: paid.claim.policy.region.name),
        Column(_("Model"), lambda paid: paid.claim.drone.drone_model.name),
        Column(_("Replacement no."), lambda paid: paid.claim.ordinal, numeric=True),
        Column(_("Currency"), lambda paid: paid.currency, for_the_file=True),
        Column(
            _("Amount"),
            lambda paid: paid.amount,
            shown=lambda paid: Money(paid.amount, paid.currency),
            numeric=True,
        ),
        Column(_("Method"), lambda paid: FeePayment.Method(paid.method).label),
        Column(_("Reference"), lambda paid: paid.reference),
        Column(_("Refunded"), lambda paid: paid.refunded_at, instant=True),
        Column(_("Refund reference"), lambda paid: paid.refund_reference),
    )

    def rows(self) -> QuerySet[FeePayment]:
        # What was recorded on the wrong claim never was taken.
        taken = FeePayment.objects.filter(reversed_at__isnull=True)
        return taken.order_by("-received_at", "-id")

    def with_details(self, rows: QuerySet[FeePayment]) -> QuerySet[FeePayment]:
        return rows.select_related("claim__policy__region", "claim__drone__drone_model")

    def totals(self, rows: QuerySet[FeePayment]) -> Totals:
        by_month = fee_totals.by_month(rows)
        headings = [
            *(_("Month"), _("Region"), _("Fees")),
            *(_("Taken"), _("Refunded"), _("Kept")),
        ]
        table = Summary(
            _("By month and region"), headings, [self._line(one) for one in by_month], numeric=4
        )
        totals = fee_totals.by_currency(by_month)
        in_all = Summary(
            _("By currency"),
            [_("Currency"), *headings[2:]],
            [[one.currency, *self._amounts(one)] for one in totals],
            numeric=4,
        )
        count = sum(one.count for one in totals)
        return Totals(count, [Figure(_("Fees"), count)], [in_all, table])

    def _line(self, one: fee_totals.FeeTotal) -> list[Any]:
        month = date_format(one.month, "YEAR_MONTH_FORMAT") if one.month else ""
        return [month, one.region, *self._amounts(one)]

    def _amounts(self, one: fee_totals.FeeTotal) -> list[Any]:
        amounts = (one.taken, one.refunded, one.kept)
        return [one.count, *(Money(amount, one.currency) for amount in amounts)]


REPORTS: dict[type[Any], tuple[type[Report], ...]] = {
    Claim: (Turnaround, FeesTaken),
}
