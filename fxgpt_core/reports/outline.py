"""The whole report as sections, in the order they are read."""

from fxgpt_core.reports import evidence_sections, run_sections
from fxgpt_core.reports.contents import BacktestReport
from fxgpt_core.reports.heading import heading
from fxgpt_core.reports.key_numbers import key_numbers
from fxgpt_core.reports.section import Section

ORDER = (
    heading,
    key_numbers,
    run_sections.equity,
    run_sections.price,
    run_sections.months,
    run_sections.costs,
    run_sections.breakdown,
    run_sections.drawdowns,
    evidence_sections.folds,
    evidence_sections.stress,
    evidence_sections.luck,
    evidence_sections.robustness,
    evidence_sections.gates,
)


def outline(report: BacktestReport) -> tuple[Section, ...]:
    """Every section, always all of them: one without data says so. Raises as the measures do."""
    return tuple(section(report) for section in ORDER)
