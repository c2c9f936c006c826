"""Further processes of the same call, which share its run."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def workers_beside(n: int, arguments: Sequence[str]) -> Iterator[list[str]]:
    """`n` processes of the program with these arguments, as long as the block lasts and until they end.

    Gives a list that holds, behind the block, the last words of those that failed. What stops the block stops them.
    """
    command = [sys.executable, "-m", "fxgpt_core.cli.main", *arguments]
    beside = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603 (our own program)
        for _ in range(n)
    ]
    failed: list[str] = []
    try:
        yield failed
        said = [each.communicate()[0] for each in beside]
        failed += [text.strip()[-500:] for each, text in zip(beside, said, strict=True) if each.returncode]
    finally:
        for each in beside:
            if each.poll() is None:
                each.terminate()
                each.communicate()
