"""The sections that ask whether to believe the run: folds, stress, luck, robustness, gates."""

import math

from fxgpt_core.backtest.stress import StressResult
from fxgpt_core.backtest.stress_measures import StressNumbers
from fxgpt_core.optimization.robustness import Told
from fxgpt_core.performance.luck import LuckTest
from fxgpt_core.registry.efforts import cheapest_told
from fxgpt_core.registry.gates import GateResult
from fxgpt_core.reports.contents import BacktestReport, FoldRow
from fxgpt_core.reports.number_text import UNKNOWN, count, held, percent_points, short
from fxgpt_core.reports.section import Row, Section, Table, Tone
from fxgpt_core.reports.stress_rows import SURVIVED

FOLD_HEADS = ("fold", "train", "test", "chosen set", "trades", "Sharpe ratio", "return", "note")
STRESS_HEADS = ("stress", "window", "trades", "return", "drawdown", "kept", "survived", "note")
STRESS_TONES = {True: Tone.GOOD, False: Tone.BAD, None: Tone.PLAIN}
LUCK_HEADS = ("test", "value", "must be", "passed", "what it asks")
ROBUSTNESS_HEADS = ("measure", "value", "what it says")
GATE_HEADS = ("gate", "value", "must be", "passed", "remedy")
SHOWN_HASH = 12
SEARCHED = "Each row is a set chosen on the train window and played on the test window, which its search had not seen."
WALKED = (
    "Each row is the one parameter set of this report, played on the test window from a fresh account and flat at its end. "
    "Nothing was searched on the train windows."
)


def folds(report: BacktestReport) -> Section:
    """The folds of a walk-forward."""
    return Section(
        "Folds",
        f"{WALKED if report.heading.parameters_sha256 else SEARCHED} Good folds among bad ones are no strategy; a fold without "
        "trades shows nothing, and is no zero.",
        (Table(FOLD_HEADS, tuple(map(_fold, report.folds)), words=("train", "test", "chosen set", "note")),)
        if report.folds
        else (),
        absent="" if report.folds else "There are no folds: one parameter set was played on one span.",
    )


def stress(report: BacktestReport) -> Section:
    """The same strategy in bad times."""
    return Section(
        "Stress",
        "The same strategy at dearer costs, in crises of the past and under shocks that were made up, each while it held a "
        "position. It survived if the equity never closed far below what it was before the window: that is kept, at its "
        "lowest. What was not judged was not survived: nothing was proved.",
        (Table(STRESS_HEADS, tuple(map(_stress, report.stress)), words=("stress", "window", "survived", "note")),)
        if report.stress
        else (),
        absent="" if report.stress else _absent(report, "There is no stress test of this run.", "fxgpt stress"),
    )


def luck(report: BacktestReport) -> Section:
    """Whether it could be luck."""
    return Section(
        "Luck",
        "Each test asks whether chance, or a long search, could have made these numbers. One that fails is enough to doubt them.",
        (Table(LUCK_HEADS, tuple(map(_luck, report.luck)), words=("test", "must be", "passed", "what it asks")),)
        if report.luck
        else (),
        absent=""
        if report.luck
        else _absent(report, "This run was not tested for luck, so its numbers can be luck.", "fxgpt luck"),
    )


def robustness(report: BacktestReport) -> Section:
    """How much of it hangs on exact numbers."""
    return Section(
        "Robustness",
        "What a search found should not hang on one fold, on one candle or on the third digit of a parameter. Shares are of 1; "
        "what is a gate stands among the gates too.",
        (Table(ROBUSTNESS_HEADS, tuple(map(_told, report.robustness)), words=("measure", "what it says")),)
        if report.robustness
        else (),
        absent="" if report.robustness else _absent(report, "It was not tested how robust this run is.", "the asset robustness"),
    )


def _absent(report: BacktestReport, untested: str, where: str) -> str:
    """What stands where this page has no such tests: gates are of tests that were made elsewhere."""
    return f"The gates below tell how these tests ended; {where} tells them in full." if report.gates else untested


def gates(report: BacktestReport) -> Section:
    """The gate board."""
    return Section(
        "Gates",
        "What a parameter set must show before it may be deployed; the vault's gate is the last, "
        "and not passed while it is closed. A set that fails a gate is not deployed; "
        f"the remedy says what to do. {cheapest_told(gate for gate in report.gates if not gate.passed)}".rstrip(),
        (Table(GATE_HEADS, tuple(map(_gate, report.gates)), words=("gate", "must be", "passed", "remedy")),)
        if report.gates
        else (),
        absent="" if report.gates else "No gate has judged this run yet.",
    )


def _fold(fold: FoldRow) -> Row:
    place = (str(fold.fold), fold.train, fold.test, fold.parameters_sha256[:SHOWN_HASH], count(fold.trades))
    if fold.sharpe is None or fold.return_pct is None:
        return Row((*place, UNKNOWN, UNKNOWN, fold.note), Tone.BAD)
    return Row((*place, held(fold.sharpe), percent_points(fold.return_pct), fold.note))


def _stress(row: StressResult) -> Row:
    cells = (row.label, str(row.window or UNKNOWN), *_left(row.numbers), SURVIVED[row.survived], row.why)
    return Row(cells, STRESS_TONES[row.survived])


def _left(numbers: StressNumbers | None) -> tuple[str, ...]:
    if numbers is None:
        return (UNKNOWN,) * 4
    return (count(numbers.trades), *map(percent_points, (numbers.return_pct, numbers.max_drawdown_pct, numbers.kept_pct)))


def _luck(row: LuckTest) -> Row:
    verdict, tone = _verdict(row.passed)
    return Row((row.name, short(row.value), f"{row.comparison} {short(row.limit)}", verdict, row.asks), tone)


def _told(row: Told) -> Row:
    return Row((row.measure, short(row.value) if math.isfinite(row.value) else UNKNOWN, row.says))


def _gate(gate: GateResult) -> Row:
    verdict, tone = _verdict(gate.passed)
    must_be = f"{gate.comparison} {short(gate.limit)}"
    return Row((gate.gate, short(gate.value), must_be, verdict, "" if gate.passed else gate.remedy), tone)


def _verdict(passed: bool) -> tuple[str, Tone]:
    return ("passed", Tone.GOOD) if passed else ("FAILED", Tone.BAD)
