"""What the environment may say, and that .env.example says all of it."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis
from django.conf import settings as loaded
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from redis import ConnectionPool

from portal import settings as module
from portal.core import checks

ROOT = Path(__file__).resolve().parent.parent.parent


def names_that_settings_read() -> set[str]:
    found = set()
    for node in ast.walk(ast.parse((ROOT / "portal" / "settings.py").read_text())):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called, first = node.func, node.args[0]
        of_env = (
            isinstance(called, ast.Attribute)
            and isinstance(called.value, ast.Name)
            and called.value.id == "env"
        )
        is_flag = isinstance(called, ast.Name) and called.id == "flag"
        if (of_env or is_flag) and isinstance(first, ast.Constant):
            found.add(first.value)
    return found


def test_the_example_lists_every_setting_and_no_other() -> None:
    shown = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert "DATABASE_URL" in shown
    assert sorted(shown) == sorted(names_that_settings_read())


@pytest.mark.parametrize("word", ["yes", "True", "1", " on "])
def test_a_flag_is_on_for_words_that_say_so(monkeypatch, word: str) -> None:
    monkeypatch.setenv("A_FLAG", word)
    assert module.flag("A_FLAG", default=False) is True


@pytest.mark.parametrize("word", ["no", "False", "0", "off", ""])
def test_a_flag_is_off_for_words_that_say_so(monkeypatch, word: str) -> None:
    monkeypatch.setenv("A_FLAG", word)
    assert module.flag("A_FLAG", default=True) is False


@pytest.mark.parametrize("word", ["flase", "ture", "2", "y e s"])
def test_a_misspelt_flag_is_refused_instead_of_read_as_no(monkeypatch, word: str) -> None:
    monkeypatch.setenv("A_FLAG", word)
    with pytest.raises(ImproperlyConfigured, match="A_FLAG must be yes or no"):
        module.flag("A_FLAG", default=False)


def settings_under(tmp_path: Path, expression: str, **environment: str) -> str:
    """Return what an expression over freshly loaded settings prints; no .env is near."""
    copy = tmp_path / "checkout" / "portal"
    copy.mkdir(parents=True)
    shutil.copy(ROOT / "portal" / "settings.py", copy)
    clean = {k: v for k, v in os.environ.items() if k not in names_that_settings_read()}
    done = subprocess.run(
        [sys.executable, "-c", f"from portal import settings as s; print(({expression}))"],
        cwd=copy.parent, capture_output=True, text=True, check=False,
        env=clean | {"ONESTILE_VAR": str(tmp_path / "some where #1")} | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_without_a_broker_the_worker_runs_in_process(tmp_path: Path) -> None:
    said = settings_under(
        tmp_path, "s.DATABASES['default']['NAME'], s.CELERY_BROKER_URL, s.DEMO, s.SECURE",
        DATABASE_URL=f"sqlite:///{tmp_path}/own.sqlite3",
    )  # fmt: skip
    assert said == f"('{tmp_path}/own.sqlite3', 'memory://localhost/', False, False)"


def test_the_data_folder_may_have_any_name(tmp_path: Path) -> None:
    said = settings_under(
        tmp_path,
        "s.DATABASES['default']['NAME'] == str(s.VAR_DIR / 'onestile.sqlite3'), s.VAR_DIR.name",
    )
    assert said == "(True, 'some where #1')"


def test_an_https_address_switches_the_safeguards_on(tmp_path: Path) -> None:
    said = settings_under(
        tmp_path,
        "s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_SSL_REDIRECT, "
        "s.SECURE_HSTS_SECONDS, s.ALLOWED_HOSTS[0]",
        SITE_URL="https://portal.example/",
    )
    assert said == "(True, True, True, 63072000, 'portal.example')"


def test_two_addresses_are_all_it_takes_to_scale(tmp_path: Path) -> None:
    said = settings_under(
        tmp_path,
        "s.DATABASES['default']['ENGINE'], s.DATABASES['default']['NAME'], s.CELERY_BROKER_URL",
        DATABASE_URL="postgres://a:b%23c@db.example:5433/onestile", REDIS_URL="redis://r.example/0",
    )  # fmt: skip
    assert said == "('django.db.backends.postgresql', 'onestile', 'redis://r.example/0')"


@pytest.mark.parametrize(
    ("broker", "beside"),
    [
        ("redis://r.example:6379/0", "redis://r.example:6379/1"),
        ("redis://r.example", "redis://r.example/1"),
        ("redis://:p%2Fw@r.example/7", "redis://:p%2Fw@r.example/8"),
        ("redis://r.example/15", "redis://r.example/14"),
        ("redis://r.example/?db=3", "redis://r.example/?db=4"),
        ("rediss://u:p@r.example:6380/2?ssl_cert_reqs=required",
         "rediss://u:p@r.example:6380/3?ssl_cert_reqs=required"),
        ("unix:///run/redis.sock?db=2", "unix:///run/redis.sock?db=3"),
        ("redis+socket:///run/redis.sock", "unix:///run/redis.sock?db=1"),
        ("redis+socket:///run/redis.sock?virtual_host=4", "unix:///run/redis.sock?db=5"),
        ("redis://r.example/main", "redis://r.example/main"),
        ("sentinel://a.example:26379", "sentinel://a.example:26379"),
    ],
)  # fmt: skip
def test_the_cache_has_a_database_of_its_own_beside_the_broker(broker: str, beside: str) -> None:
    assert module.cache_url(broker) == beside
    if beside.startswith(("redis", "unix")) and "main" not in beside:
        named = ConnectionPool.from_url(beside).connection_kwargs
        assert named["db"] not in (0, None)
        assert named.get("path") in (None, "/run/redis.sock")


@pytest.mark.services
def test_emptying_the_cache_leaves_the_brokers_messages() -> None:
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as broker:
        broker.set("a message", "that waits")
        cache.set("thing", 1)
        assert not broker.exists(cache.make_key("thing"))
        cache.clear()
        assert cache.get("thing") is None
        assert broker.getdel("a message") == b"that waits"


def test_stickers_without_https_are_warned_of(settings) -> None:
    settings.DEMO = settings.DEBUG = False
    settings.QR_BASE_URL = "http://q.example"
    assert [found.id for found in checks.stickers_point_to_https()] == ["onestile.W001"]

    settings.QR_BASE_URL = "https://q.example"
    assert checks.stickers_point_to_https() == []


def test_demo_stickers_may_lead_to_this_machine(settings) -> None:
    settings.DEMO, settings.QR_BASE_URL = True, "http://127.0.0.1:8000"
    assert checks.stickers_point_to_https() == []


def test_workers_apart_need_a_database_server(monkeypatch) -> None:
    half_way = SimpleNamespace(
        DEMO=False, REDIS_URL="redis://r.example/0",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3"}},
    )  # fmt: skip
    monkeypatch.setattr(checks, "settings", half_way)
    found = checks.redis_goes_with_a_server_database()
    assert [one.id for one in found] == ["onestile.E001"]

    half_way.DATABASES["default"]["ENGINE"] = "django.db.backends.postgresql"
    assert checks.redis_goes_with_a_server_database() == []


def test_the_tests_themselves_run_on_plain_settings() -> None:
    assert loaded.DEMO is False
    assert Path(os.environ["ONESTILE_VAR"]).parent.name.startswith("onestile-tests-")
