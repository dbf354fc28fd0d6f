"""The processes of deploy/, as they are started there: several webs, a worker, the clock."""

from __future__ import annotations

import os
import re
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.core import audit
from portal.core.models import AuditSeal, User
from tests.services import RUNNING, Program, database_url_of_the_tests, free_port

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = pytest.mark.services


def command_of(service: str) -> list[str]:
    """Return what a systemd unit starts, without the path of the program."""
    unit = (ROOT / "deploy" / "systemd" / f"onestile-{service}.service").read_text()
    (line,) = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
    program, *arguments = line.split()
    return [Path(program).name, *arguments]


def test_compose_and_systemd_start_the_same_programs() -> None:
    compose = (ROOT / "deploy" / "compose.yaml").read_text()
    image = (ROOT / "deploy" / "Dockerfile").read_text()
    for service in ("worker", "beat"):
        words = command_of(service)[:4]
        assert '["' + '", "'.join(words) + '"' in compose
    assert '["' + '", "'.join(command_of("web")[:2]) + '"' in image


@pytest.fixture
def started(transactional_db, pytestconfig) -> Iterator:
    """A function that starts a program on the tests' database and broker."""
    folder = pytestconfig.stash[RUNNING].folder
    programs: list[Program] = []

    def start(arguments: list[str]) -> Program:
        # "python -m" finds the program wherever the environment lies.
        program = Program(
            [sys.executable, "-m", *arguments],
            log=folder / f"started{len(programs)}.log",
            options={
                "cwd": str(ROOT),
                "env": os.environ | {"DATABASE_URL": database_url_of_the_tests()},
            },
        )
        programs.append(program.start())
        return program

    yield start
    for program in programs:
        program.stop()


def answer(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.read().decode()
    except OSError as error:
        return str(error)


def test_several_web_processes_serve_one_database(started) -> None:
    ports = [free_port(), free_port()]
    for port in ports:
        words = command_of("web")
        words[words.index("--bind") + 1] = f"127.0.0.1:{port}"
        program = started(words)
        program.wait_until(lambda port=port: "ok" in answer(f"http://127.0.0.1:{port}/livez"))

    said = [answer(f"http://127.0.0.1:{port}/readyz") for port in ports]
    assert said == ['{"status": "ok"}'] * 2


@pytest.mark.full
def test_the_clock_ticks_and_a_worker_seals_the_audit_trail(worker, started, tmp_path) -> None:
    words = command_of("beat")
    words[words.index("--schedule") + 1] = str(tmp_path / "beat")
    somebody = User.objects.create_user("somebody@shop.example")
    audit.record("core.user.looked_at", somebody)

    clock = started(words)

    until = time.monotonic() + 100
    while not AuditSeal.objects.exists() and time.monotonic() < until:
        time.sleep(0.2)
    assert clock.running, clock.said()
    assert AuditSeal.objects.count() == 1
