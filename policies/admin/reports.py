"""The reports about policies, codes and letters: what each shows, to whom."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from policies import renewal
from policies.admin.filters import (
    STAGE_LABELS,
    CodeStockFilters,
    LetterFilters,
    PoliciesEndingFilters,
    stage_now,
)
from policies.backoffice import date_ranges
from policies.backoffice.reports import Column, Figure, Report, Summary, Totals
from policies.models import CodeBatch, Letter, Policy
from policies.reporting import counts


class PoliciesEnding(Report):
    slug = "ending"
    label = _("Policies ending")
    explanation = _("By the day on which the term ends. Whether one may be renewed is as of now.")
    permission = "policies.view_policy"
    filterset_class = PoliciesEndingFilters
    spans_offered = date_ranges.coming_and_past
    first_span = "next-30-days"
    first_filters = {"status": "active"}
    columns = (
        Column(_("Policy"), lambda policy: policy.number, about=lambda policy: policy),
        Column(_("Ends"), lambda policy: policy.ends_at, instant=True),
        Column(_("Status"), lambda policy: STAGE_LABELS[stage_now(policy)]),
        Column(_("Plan"), lambda policy: policy.plan.name),
        Column(_("Region"), lambda policy: policy.region.name),
        Column(_("Model"), lambda policy: policy.drone.drone_model.name),
        Column(_("Serial"), lambda policy: policy.drone.serial, about=lambda policy: policy.drone),
        Column(_("Holder"), lambda policy: policy.holder.name, about=lambda policy: policy.holder),
        Column(_("E-mail"), lambda policy: policy.holder.email, for_the_file=True),
        Column(_("Replacements left"), lambda policy: policy.granted - policy.used, numeric=True),
        Column(_("Renewable"), lambda policy: _("Yes") if policy.renewable else _("No")),
    )

    def rows(self) -> QuerySet[Policy]:
        return Policy.objects.order_by("ends_at", "id")

    def with_details(self, rows: QuerySet[Policy]) -> QuerySet[Any]:
        related = rows.select_related("plan", "region", "drone__drone_model", "holder")
        return renewal.with_renewable(related, at=self.now)

    def totals(self, rows: QuerySet[Policy]) -> Totals:
        lines = counts.count_by(rows, "plan__name", "region__name")
        count = sum(line[-1] for line in lines)
        headings = [_("Plan"), _("Region"), _("Policies")]
        by_plan = Summary(_("By plan and region"), headings, [list(line) for line in lines])
        return Totals(count, [Figure(_("Policies"), count)], [by_plan])


class CodeStock(Report):
    slug = "stock"
    label = _("Stock and sell-through")
    explanation = _(
        "Sold counts every code that was sold and not voided since, redeemed or not. "
        "Sell-through is the share of sold codes among those that are not void."
    )
    permission = "policies.view_codebatch"
    filterset_class = CodeStockFilters
    columns = (
        Column(_("Batch"), lambda batch: batch.pk, about=lambda batch: batch),
        Column(_("Created"), lambda batch: batch.created_at, instant=True),
        Column(_("Plan"), lambda batch: batch.plan.name),
        Column(_("Model"), lambda batch: batch.drone_model.name),
        Column(_("Region"), lambda batch: batch.region.name),
        Column(_("Origin"), lambda batch: CodeBatch.Origin(batch.origin).label),
        Column(_("Codes"), lambda batch: batch.size, numeric=True),
        Column(_("In stock"), lambda batch: batch.in_stock, numeric=True),
        Column(_("Sold"), lambda batch: batch.sold, numeric=True),
        Column(_("Redeemed"), lambda batch: batch.redeemed, numeric=True),
        Column(_("Void"), lambda batch: batch.void, numeric=True),
        Column(
            _("Sell-through (%)"),
            lambda batch: counts.sell_through(batch.sold, batch.void, batch.size),
            numeric=True,
        ),
    )

    def rows(self) -> QuerySet[CodeBatch]:
        return CodeBatch.objects.order_by("-id")

    def with_details(self, rows: QuerySet[CodeBatch]) -> QuerySet[CodeBatch]:
        return counts.with_code_totals(rows.select_related("plan", "drone_model", "region"))

    def totals(self, rows: QuerySet[CodeBatch]) -> Totals:
        codes = counts.code_totals(rows)
        share = counts.sell_through(codes["sold"], codes["void"], codes["size"])
        figures = [
            Figure(_("Codes"), codes["size"]),
            Figure(_("In stock"), codes["in_stock"]),
            Figure(_("Sold"), codes["sold"]),
            Figure(_("Redeemed"), codes["redeemed"]),
            Figure(_("Void"), codes["void"]),
            Figure(_("Sell-through (%)"), share),
        ]
        return Totals(rows.count(), figures)


class LettersWritten(Report):
    slug = "letters"
    label = _("Letters written")
    explanation = _("By the day on which a letter was written into the outbox.")
    permission = "policies.view_letter"
    filterset_class = LetterFilters
    first_span = "last-30-days"
    columns = (
        Column(
            _("Letter"),
            lambda letter: letter.name.replace("_", " ").capitalize(),
            about=lambda letter: letter,
        ),
        Column(_("To"), lambda letter: letter.recipient),
        Column(_("State"), lambda letter: Letter.State(letter.state).label),
        Column(
            _("Policy"),
            lambda letter: letter.policy.number if letter.policy else "",
            about=lambda letter: letter.policy,
        ),
        Column(_("Reference"), lambda letter: letter.reference),
        Column(_("Written"), lambda letter: letter.created_at, instant=True),
        Column(_("Sent"), lambda letter: letter.sent_at, instant=True),
        Column(_("Attempts"), lambda letter: letter.attempts, numeric=True),
        Column(_("Last error"), lambda letter: letter.last_error),
    )

    def rows(self) -> QuerySet[Letter]:
        return Letter.objects.order_by("-created_at", "-id")

    def with_details(self, rows: QuerySet[Letter]) -> QuerySet[Letter]:
        return rows.select_related("policy")

    def totals(self, rows: QuerySet[Letter]) -> Totals:
        states = Letter.State
        by_name: dict[str, dict[str, int]] = {}
        for name, state, count in counts.count_by(rows, "name", "state"):
            by_name.setdefault(name, {})[state] = count
        lines: list[list[Any]] = [
            [name.replace("_", " ").capitalize(), *(of.get(state, 0) for state in states)]
            for name, of in by_name.items()
        ]
        sums = [sum(of.get(state, 0) for of in by_name.values()) for state in states]
        labels = [state.label for state in states]
        table = Summary(_("By letter"), [_("Letter"), *labels], lines, numeric=len(labels))
        figures = [Figure(label, count) for label, count in zip(labels, sums, strict=True)]
        return Totals(sum(sums), figures, [table])


REPORTS: dict[type[Any], tuple[type[Report], ...]] = {
    Policy: (PoliciesEnding,),
    CodeBatch: (CodeStock,),
    Letter: (LettersWritten,),
}
