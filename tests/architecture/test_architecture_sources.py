"""What every source file keeps to: size, names, and what is never written."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("fxgpt_core", "fxgpt_pipelines")
SOURCES = sorted(path for package in PACKAGES for path in (PROJECT / package).rglob("*.py"))
TESTS = sorted((PROJECT / "tests").rglob("*.py"))
FILE_LINES = 300
FUNCTION_LINES = 50
ARGUMENTS = 6
BANNED = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "handler", "processor"}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"}
SQL = re.compile(r"^\s*(select|insert|update|delete|create|drop|alter)\s+(from|into|table|\w+|\*)", re.IGNORECASE)
EXECUTES = {"execute", "executemany", "exec_driver_sql", "text", "read_sql", "sql"}
CHECKS = {"raises", "warns", "fail", "assert_frame_equal", "assert_series_equal", "assert_allclose", "assert_array_equal"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def _name(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def _functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""


def long_functions(tree: ast.AST) -> list[str]:
    """Names of functions of more than `FUNCTION_LINES` lines."""
    return [f.name for f in _functions(tree) if (f.end_lineno or f.lineno) - f.lineno + 1 > FUNCTION_LINES]


def argument_walls(tree: ast.AST) -> list[str]:
    """Names of functions that take more than `ARGUMENTS` arguments, self and cls not counted."""
    found = []
    for function in _functions(tree):
        taken = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        if len([argument for argument in taken if argument.arg not in ("self", "cls")]) > ARGUMENTS:
            found.append(function.name)
    return found


def forbidden_calls(tree: ast.AST) -> list[str]:
    """Imports and calls that can run code from a file: pickle and its like, torch.load, numpy with allow_pickle."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.partition(".")[0] in FORBIDDEN_MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in FORBIDDEN_MODULES:
            found.append(node.module or "")
        elif isinstance(node, ast.Call):
            if ast.unparse(node.func) in ("torch.load", "torch.save", "eval", "exec"):
                found.append(ast.unparse(node.func))
            found += ["allow_pickle" for keyword in node.keywords if keyword.arg == "allow_pickle"]
    return found


def _is_built(node: ast.expr) -> bool:
    """A text put together: an f-string with values, a % or + of a text, or .format."""
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(part, ast.FormattedValue) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
        sides = (node.left, node.right)
        return any(isinstance(side, ast.Constant) and isinstance(side.value, str) for side in sides) or _is_built(node.left)
    return isinstance(node, ast.Call) and _called(node) == "format"


def _first_text(node: ast.AST) -> str:
    texts = [part for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return str(min(texts, key=lambda part: (part.lineno, part.col_offset)).value) if texts else ""


def built_sql(tree: ast.AST) -> list[str]:
    """SQL put together from values and handed to a database; PRAGMA cannot take parameters and is not meant."""
    return [
        ast.unparse(call.args[0])
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and _called(call) in EXECUTES
        and call.args
        and _is_built(call.args[0])
        and SQL.match(_first_text(call.args[0]))
    ]


def unasserting_tests(tree: ast.Module) -> list[str]:
    """Test functions in which nothing can fail: no assert, no pytest.raises, no call of a function that asserts."""
    asserting = {f.name for f in _functions(tree) if not f.name.startswith("test_") and _asserts(f, set())}
    return [f.name for f in _functions(tree) if f.name.startswith("test_") and not _asserts(f, asserting)]


def _asserts(function: Function, asserting: set[str]) -> bool:
    return any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and (_called(node) in CHECKS | asserting or _called(node).startswith("assert_")))
        # A program that is run with check=True and ends badly fails its test.
        or (isinstance(node, ast.keyword) and node.arg == "check" and ast.unparse(node.value) == "True")
        for node in ast.walk(function)
    )


def raises_without_match(tree: ast.AST) -> list[int]:
    """Lines of pytest.raises that would accept any message."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "pytest.raises"
        and "match" not in {keyword.arg for keyword in node.keywords}
    ]


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_a_file_fits_on_a_few_screens_and_its_functions_on_one(path):
    tree = _tree(path)
    assert len(path.read_text().splitlines()) <= FILE_LINES
    assert long_functions(tree) == []
    # A verb of the command line has one argument for each of its options.
    assert argument_walls(tree) == [] or "cli" in path.parts


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_no_file_or_room_has_a_name_that_says_nothing(path):
    words = {word for part in path.relative_to(PROJECT).with_suffix("").parts for word in part.split("_")}
    assert words & BANNED == set()


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_no_file_unpickles_evaluates_or_builds_sql(path):
    tree = _tree(path)
    assert forbidden_calls(tree) == []
    assert built_sql(tree) == []


@pytest.mark.parametrize("path", [path for path in SOURCES if "cli" not in path.parts], ids=_name)
def test_only_programs_print(path):
    printed = [call.lineno for call in ast.walk(_tree(path)) if isinstance(call, ast.Call) and ast.unparse(call.func) == "print"]
    # demo and ui of the skin are programs: they speak to a person.
    assert printed == [] or path.stem in ("demo", "ui", "web") or "demo" in path.parts


@pytest.mark.parametrize("path", [path for path in SOURCES if path.name == "__init__.py"], ids=_name)
def test_the_init_of_a_room_is_one_docstring(path):
    body = _tree(path).body
    assert len(body) == 1
    assert ast.get_docstring(_tree(path))


@pytest.mark.parametrize("path", TESTS, ids=_name)
def test_every_test_can_fail_and_names_the_message_it_expects(path):
    assert unasserting_tests(_tree(path)) == []
    assert raises_without_match(_tree(path)) == []


def test_names_of_test_files_are_unique():
    names = [path.name for path in TESTS if path.name not in ("conftest.py", "__init__.py")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("detector", "source"),
    [
        (long_functions, "def long():\n" + "    x = 1\n" * 50),
        (argument_walls, "def wall(a, b, c, d, e, *, f, g): ..."),
        (forbidden_calls, "import pickle"),
        (forbidden_calls, "from joblib import load"),
        (forbidden_calls, "import torch\ntorch.load('model.pt')"),
        (forbidden_calls, "np.load(path, allow_pickle=True)"),
        (built_sql, "connection.execute(f'SELECT * FROM orders WHERE id = {order}')"),
        (built_sql, "connection.execute(text('delete from orders where id = %s' % order))"),
        (built_sql, "connection.execute('INSERT INTO orders VALUES (' + order + ')')"),
        (unasserting_tests, "def test_nothing():\n    run()"),
        (raises_without_match, "with pytest.raises(ValueError):\n    run()"),
    ],
)
def test_each_detector_catches_its_planted_defect(detector, source):
    assert detector(ast.parse(source)) != []
