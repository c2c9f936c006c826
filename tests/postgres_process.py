"""A real PostgreSQL for the tests: the one in the `pgserver` wheel, or the machine's own `pg_ctl`."""

import atexit
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_TIMEOUT_S = 60
INSTALLED = Path("/usr/lib/postgresql")
NONE_FOUND = (
    "no PostgreSQL for the tests: pgserver failed ({error}) and there is no pg_ctl on PATH or below {folder}. "
    "Install `pip install pgserver` or `apt-get install postgresql`"
)


@contextmanager
def running_postgres() -> Iterator[str]:
    """The URL of a fresh server on a socket of its own; stopped and deleted afterwards."""
    # Not below pytest's own folder: every start of pytest closes that one to other users, and PostgreSQL runs as one.
    folder = Path(tempfile.mkdtemp(prefix="fxgpt-pg-"))
    folder.chmod(0o755)
    try:
        try:
            server = _wheel_server(folder)
        except (ImportError, OSError, AssertionError, subprocess.SubprocessError) as error:
            with _installed_server(folder, error) as url:
                yield url
        else:
            try:
                yield server.get_uri().replace("postgresql://", "postgresql+psycopg2://", 1)
            finally:
                server.cleanup()
                # It would clean up once more when Python ends, and make its lock folder anew for that.
                atexit.unregister(server._cleanup)
    finally:
        shutil.rmtree(folder)


def _wheel_server(folder: Path):
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    before = os.environ.get("XDG_RUNTIME_DIR")
    # pgserver asks for it while it is imported, and warns without it.
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    try:
        import pgserver

        return pgserver.get_server(folder / "data", cleanup_mode="stop")
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before


@contextmanager
def _installed_server(folder: Path, error: Exception) -> Iterator[str]:
    on_path = shutil.which("pg_ctl")
    found = [Path(on_path)] if on_path else sorted(INSTALLED.glob("*/bin/pg_ctl"))
    if not found:
        raise RuntimeError(NONE_FOUND.format(error=error, folder=INSTALLED)) from error
    pg_ctl, data = found[-1], folder / "own"
    data.mkdir()
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        os.chown(data, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)

    def call(*arguments: str) -> None:
        command = [str(pg_ctl), "-D", str(data), *arguments]
        subprocess.run(command, check=True, user=user, timeout=START_TIMEOUT_S, stdout=subprocess.DEVNULL, cwd="/")

    call("initdb", "-o", "--auth=trust --encoding=utf8 -U postgres")
    call("-w", "-l", str(data / "log"), "-o", f"-h '' -k {data}", "start")
    try:
        yield f"postgresql+psycopg2://postgres@/postgres?host={data}"
    finally:
        call("-m", "fast", "-w", "stop")
