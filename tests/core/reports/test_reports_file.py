"""The report as a file: by the ending of its name, whole or not at all, and the same in every process."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from report_examples import three_trades

from fxgpt_core.errors import BadInputError
from fxgpt_core.reports import html_page
from fxgpt_core.reports.report_file import write_report

HERE = Path(__file__).parent
CHILD = """
import sys
from pathlib import Path
from report_examples import three_trades
from fxgpt_core.reports.report_file import write_report
for name in ("report.pdf", "report.html"):
    write_report(three_trades(), Path(sys.argv[1]) / name)
"""


def _hashes(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_another_process_writes_the_same_bytes(tmp_path):
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    for name in ("report.html", "report.pdf"):
        write_report(three_trades(), mine / name)
    path = os.pathsep.join([str(HERE), str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONHASHSEED": "1", "PYTHONPATH": path}
    subprocess.run([sys.executable, "-c", CHILD, theirs], env=environment, check=True)
    assert _hashes(mine) == _hashes(theirs)
    assert (mine / "report.html").read_bytes().startswith(b"<!DOCTYPE html>")
    assert (mine / "report.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize("name", ["report.txt", "report", "report.HTML.gz"])
def test_another_ending_is_refused_and_nothing_is_written(tmp_path, name):
    with pytest.raises(BadInputError, match=r"\.html .* and \.pdf are known; name it so"):
        write_report(three_trades(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_cannot_be_made_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("the old one")

    def broken(_):
        raise RuntimeError("planted")

    monkeypatch.setattr(html_page, "as_html", broken)
    with pytest.raises(RuntimeError, match="planted"):
        write_report(three_trades(), path)
    assert path.read_text() == "the old one"
    assert len(list(tmp_path.iterdir())) == 1
