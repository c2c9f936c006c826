"""The documents tell the truth: commands exist, links lead somewhere, every room and setting is named."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from fxgpt_core import settings
from fxgpt_core.cli.main import app

PROJECT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(PROJECT.glob("*.md")), *sorted((PROJECT / "docs").rglob("*.md"))]
DECISIONS = sorted((PROJECT / "docs" / "decisions").glob("*.md"))
MAKEFILE = (PROJECT / "Makefile").read_text()


def _commands(page: Path, program: str) -> list[str]:
    blocks = re.findall(r"^```\w*\n(.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.startswith(f"{program} ")]


def _inline(page: Path, program: str) -> list[str]:
    return re.findall(rf"`({program} [^`]+)`", page.read_text())


def _verb(words: list[str]) -> tuple[object, list[str]]:
    command = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_a_page_names_exists(page):
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, flags=re.MULTILINE))
    named = {word for line in _commands(page, "make") + _inline(page, "make") for word in line.split()[1:] if "=" not in word}
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_fxgpt_command_a_page_names_is_accepted_with_its_options(page):
    for line in _commands(page, "fxgpt") + [text for text in _inline(page, "fxgpt") if "|" not in text]:
        command, rest = _verb(shlex.split(line)[1:])
        accepted = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        assert not hasattr(command, "commands") or rest in ([], ["--help"]), line
        assert {word for word in rest if word.startswith("--")} <= accepted, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_to_one(page):
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_the_readme_names_every_room_and_no_other():
    named = set(re.findall(r"`fxgpt_core/(\w+)`", (PROJECT / "README.md").read_text()))
    assert named == {path.parent.name for path in (PROJECT / "fxgpt_core").glob("*/__init__.py")}


def test_the_page_of_features_names_every_one():
    from fxgpt_core.features.intermarket import INTERMARKET
    from fxgpt_core.features.matrix import FEATURES

    text = (PROJECT / "docs" / "features.md").read_text()
    table = re.findall(r"`(\w+)`", "".join(line for line in text.splitlines() if line.startswith("| `")))
    assert table == list(dict.fromkeys(table))
    assert set(table) == set(FEATURES)
    assert [name for name in INTERMARKET if f"`{name}`" not in text] == []


def test_the_readme_names_every_setting():
    variables = set(re.findall(r"\b(FXGPT_[A-Z_]+|DAGSTER_HOME)\b", str(settings.__doc__)))
    assert variables <= set(re.findall(r"`(\w+)`", (PROJECT / "README.md").read_text()))


def test_every_verb_is_in_the_readme():
    text = (PROJECT / "README.md").read_text()
    verbs = [name for name, verb in typer.main.get_command(app).commands.items() if not hasattr(verb, "commands")]
    assert [verb for verb in verbs if f"fxgpt {verb}" not in text] == []


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name)
def test_a_decision_says_its_context_what_was_decided_and_what_follows(page):
    text = page.read_text()
    assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", page.name)
    assert [part for part in ("Context", "Decision", "Consequence") if part not in text] == []


def test_decisions_are_numbered_once():
    numbers = [page.name[:4] for page in DECISIONS]
    assert len(numbers) == len(set(numbers))


def test_the_lock_is_plain_sorted_and_holds_what_the_project_asks_for():
    lines = (PROJECT / "requirements.lock").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!]+", line)] == []
    assert lines == sorted(lines, key=str.lower)
    locked = {line.partition("==")[0].lower().replace("_", "-") for line in lines}
    asked = re.findall(r'^    "([A-Za-z0-9._-]+)[=<>~]', (PROJECT / "pyproject.toml").read_text(), flags=re.MULTILINE)
    assert {name.lower().replace("_", "-") for name in asked} <= locked
