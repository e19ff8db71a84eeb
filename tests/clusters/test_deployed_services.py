"""Services with fixed names and no line of Fairpoll in them, judged by what they leave elsewhere."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

import postgres

DEPLOYED = Path(__file__).parents[2] / "examples" / "deployed"
FAIRPOLL = str(Path(sys.executable).with_name("fairpoll"))
NOT_KNOWN = ["clock_honest", "only_while_assigned"]

pytestmark = [pytest.mark.local, pytest.mark.slow]


def judged(folder: Path, program: str, *options: str, **environment: str) -> dict[str, Any]:
    """The verdict of one run; `program` gets the names of its own variables from those of the contract."""
    names = "KAFKA_BROKERS=$FAIRPOLL_BOOTSTRAP_SERVERS SCHEMA_REGISTRY=$FAIRPOLL_SCHEMA_REGISTRY_URL"
    command = shlex.join(["sh", "-c", f"{names} exec {program}"])
    words = [FAIRPOLL, "test", "--cluster", "local", "--log-on-stdout", "yes", "--name", "shop"]
    words += ["--output-folder", str(folder / "results"), *options, command]
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout + done.stderr
    (run,) = json.loads((folder / "results" / "verdict.json").read_text("utf-8"))["runs"]
    return run


def statuses(run: dict[str, Any]) -> dict[str, str]:
    return {f["check"]: f["status"] for f in run["findings"] if f["consumer"] == "shop"}


def failing(run: dict[str, Any]) -> set[str]:
    return {name for name, status in statuses(run).items() if status != "pass"}


@pytest.mark.skipif(not shutil.which("go"), reason="no go")
@pytest.mark.skipif(not postgres.binaries(), reason="no PostgreSQL")
def test_avro_in_and_postgresql_out_starves_first_and_passes_when_mended(tmp_path: Path):
    service = tmp_path / "go-service"
    folder = DEPLOYED / "go-service"
    subprocess.run(["go", "build", "-o", str(service), "."], check=True, cwd=folder, timeout=600)
    with postgres.postgres() as url:
        dsn = url.replace("+psycopg", "").replace("judge@", f"judge:{postgres.PASSWORD}@")
        with psycopg.connect(dsn, autocommit=True) as database:
            database.execute(
                "CREATE TABLE events (id text, type text, stored timestamptz DEFAULT clock_timestamp())"
            )
        options = ("--scenario", str(DEPLOYED / "shop.yaml"), "--evidence", f"sql:{url}")
        options += ("--query", "SELECT id, stored AS time FROM events")
        secrets = {"DATABASE": dsn, "FAIRPOLL_SQL_PASSWORD": postgres.PASSWORD}
        program = f"{service} {folder / 'config.yaml'}"
        plain = judged(tmp_path, program, *options, **secrets, IN_TURN="false")
        assert "oldest_wait_at_most" in failing(plain)
        assert "nothing_lost" not in failing(plain)
        mended = judged(tmp_path, program, *options, **secrets, IN_TURN="true")
        assert failing(mended) == set()
        assert mended["not_shown"]["shop"]["lines"] == NOT_KNOWN


@pytest.mark.parametrize(
    ("framework", "start"), [("faststream", "faststream run"), ("quixstreams", "python")]
)
def test_a_framework_as_its_documentation_writes_it(framework: str, start: str, tmp_path: Path):
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True, timeout=300)
    folder = DEPLOYED / framework
    pip = [str(environment / "bin" / "pip"), "install", "-q", "-r", str(folder / "requirements.txt")]
    subprocess.run(pip, check=True, timeout=600)
    start = {
        "faststream": f"faststream run --app-dir {folder} app:app",
        "quixstreams": f"python {folder / 'app.py'}",
    }[framework]
    scenario = tmp_path / "shop.yaml"
    text = (DEPLOYED / "shop.yaml").read_text("utf-8")
    scenario.write_text(text.replace("format: avro", "format: json").replace("3000", "600"), "utf-8")
    options = ("--scenario", str(scenario), "--evidence", "topic:handled")
    run = judged(tmp_path, f"{environment}/bin/{start}", *options)
    found = statuses(run)
    for name in ("nothing_lost", "only_acked_delivered", "order_kept", "output_readable", "stays_alive"):
        assert found[name] == "pass", name
    assert run["not_shown"]["shop"]["lines"] == NOT_KNOWN
