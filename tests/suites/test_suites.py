"""The suites as people run them: whole, by tag, one file, dry, interrupted."""

import contextlib
import json
import os
import re
import signal
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import psutil
import pytest

from brokers import LOGIN, SASL, mutual_tls
from fairpoll.base.waiting import wait_until
from fairpoll.cluster import KINDS, ClusterOptions
from fairpoll.cluster.leftovers import Registry
from fairpoll.cluster.local.cluster import LocalCluster
from fairpoll.evidence.reading.loading import load_recording
from running import running
from suite_runs import LOADABLE_SECONDS, ROOT, SUITES, command, run, traffic_seconds


@pytest.mark.slow
def test_smoke_is_a_whole_judged_run(tmp_path: Path):
    arguments = "--include smoke --variable CLUSTER:mock --variable SPEED:10 --xunit xunit.xml"
    done = run(tmp_path, *arguments.split(), str(SUITES))
    assert done.returncode == 0, done.stdout
    assert "async: high-volume delivered" in done.stdout
    (judged,) = json.loads((tmp_path / "verdict.json").read_text("utf-8"))["runs"]
    assert "mock cluster" in judged["cluster"]
    assert {finding["status"] for finding in judged["findings"]} == {"pass"}
    assert judged["figures"]["async"]["oldest_wait_seconds"]["async-test-low-volume"] < 14
    assert ET.parse(tmp_path / "xunit.xml").getroot().get("tests") == "2"
    (recorded,) = (tmp_path / "evidence").glob("specified-*")
    assert {path.name for path in (recorded / "async").iterdir()} == {
        "events.jsonl", "high_vol.json", "low_vol.json", "client.log",
    }  # fmt: skip
    assert len(load_recording(recorded).acked) == 6840
    charts = {path.name for path in (recorded / "charts").iterdir()}
    assert charts >= {"delivered-async.svg", "oldest-wait-async.svg", "oldest-wait-sync.svg"}


@pytest.mark.slow
def test_one_file_alone(tmp_path: Path):
    arguments = ["--variable", "CLUSTER:mock", "--variable", "SPEED:20"]
    done = run(tmp_path, *arguments, str(SUITES / "30__delivery.robot"))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("1%", "1", r"'1' is not a share; write it with a percent sign, for example 1%"),
        (
            "1 000            20",
            "1.5              20",
            r"'1.5' is not a number of records; write 20",
        ),
        (
            "async    1 000",
            "turbo    1 000",
            r"got value 'turbo' that cannot be converted to 'sync', 'async'",
        ),
        ("1%", "", "expected 5 arguments, got 4|missing value for argument|expected 5 non-named"),
    ],
)
def test_a_bad_cell_is_found_by_a_dry_run(tmp_path: Path, right: str, wrong: str, message: str):
    table = (SUITES / "10__expected_results.robot").read_text("utf-8")
    table = table.replace("../resources", str(ROOT / "resources"))
    suite = tmp_path / "table.robot"
    suite.write_text(table.replace(right, wrong, 1), "utf-8")
    assert suite.read_text("utf-8") != table
    done = run(tmp_path, "--dryrun", str(suite))
    assert done.returncode == 1
    assert re.search(message, done.stdout), done.stdout


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("SPEED:0", "SPEED is 0; it must be above 0, for example 10"),
        ("SPEED:1000", "SPEED is 1000; at most 24 here: less traffic proves nothing"),
        ("CLUSTER:moon", f"unknown cluster 'moon'; one of: {', '.join(KINDS)}"),
        ("BROKERS:2", "a cluster has 1 or 3 brokers, not 2"),
        ("LIVE:maybe", "got value 'maybe' that cannot be converted to 'yes' or 'no'"),
        ("CONSUMER:my 'consumer", "CONSUMER cannot be read as a command: No closing quotation"),
        ("CONSUMER:/bin/false", "false (/bin/false) ended on its own with exit code 1"),
    ],
)
def test_a_wrong_variable_gets_one_clear_message(tmp_path: Path, variable: str, message: str):
    arguments = ["--variable", "CLUSTER:mock", "--variable", "SPEED:20", "--variable", variable]
    done = run(tmp_path, "--include", "smoke", *arguments, str(SUITES))
    assert done.returncode != 0
    assert message in done.stdout


def test_a_consumer_that_cannot_be_started_is_known_before_the_cluster_is_there(tmp_path: Path):
    arguments = ["--variable", "CLUSTER:mock", "--variable", "CONSUMER:/no/such"]
    done = run(tmp_path, "--include", "smoke", *arguments, str(SUITES))
    assert done.returncode != 0
    assert "CONSUMER: '/no/such' cannot be started: no executable file of this name" in done.stdout
    assert not list(tmp_path.rglob("evidence"))


@pytest.mark.slow
def test_ctrl_c_leaves_the_evidence_and_nothing_else(tmp_path: Path):
    robot = subprocess.Popen(
        command(tmp_path, "--variable", "CLUSTER:mock", str(SUITES)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def delivering() -> bool:
        served = any(path.stat().st_size for path in tmp_path.glob("evidence/*/async/low_vol.json"))
        return served and traffic_seconds(tmp_path) > LOADABLE_SECONDS

    wait_until(delivering, 60, "low-volume records")
    children = psutil.Process(robot.pid).children(recursive=True)
    assert len(children) >= 4  # mock, producer, two consumers
    robot.send_signal(signal.SIGINT)
    code = robot.wait(60)
    assert code != 0
    assert running(children) == []
    assert (tmp_path / "log.html").exists()
    assert "Nothing was judged." in (tmp_path / "summary.html").read_text("utf-8")
    (recorded,) = tmp_path.glob("evidence/specified-*")
    recording = load_recording(recorded)
    assert not recording.complete
    assert recording.consumers["async"].delivered


@pytest.mark.slow
def test_a_killed_robot_leaves_no_process(tmp_path: Path):
    robot = subprocess.Popen(
        command(tmp_path, "--variable", "CLUSTER:mock", str(SUITES)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: list(tmp_path.glob("evidence/*/async/high_vol.json")), 60, "the consumers")
    children = psutil.Process(robot.pid).children(recursive=True)
    robot.kill()
    robot.wait()
    wait_until(lambda: not running(children), 30, "its children to end by themselves")


@pytest.mark.slow
@pytest.mark.local
def test_an_external_cluster_with_a_login_whose_password_stands_nowhere(tmp_path: Path, registry: Registry):
    real = LocalCluster(ClusterOptions(tmp_path / "broker"), registry, server_properties=SASL, login=LOGIN)
    real.start()
    password = LOGIN["sasl.password"]
    try:
        arguments = [
            "--variable", "CLUSTER:external",
            "--variable", f"BOOTSTRAP_SERVERS:{real.client_config['bootstrap.servers']}",
            "--variable", "SECURITY_PROTOCOL:SASL_PLAINTEXT",
            "--variable", "SASL_MECHANISM:PLAIN",
            "--variable", "SASL_USERNAME:u",
            "--variable", "SPEED:10",
            "--loglevel", "TRACE",
            "--debugfile", "debug.txt",
            "--xunit", "xunit.xml",
        ]  # fmt: skip
        output = tmp_path / "out"
        robot = subprocess.Popen(
            command(output, "--include", "specified", *arguments, str(SUITES)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "SASL_PASSWORD": password},
        )
        seen: set[str] = set()
        while robot.returncode is None:
            seen |= {" ".join(arguments) for arguments in arguments_below(robot.pid)}
            with contextlib.suppress(subprocess.TimeoutExpired):
                robot.wait(0.5)  # a sample takes time from the consumers that are judged
        printed, _ = robot.communicate()
        assert robot.returncode == 0, printed
        assert any("consume" in arguments for arguments in seen)
        assert any("produce" in arguments for arguments in seen)
        assert not [arguments for arguments in seen if password in arguments]
        assert password not in printed
        left = {path.name: path for path in output.rglob("*") if path.is_file()}
        assert left.keys() >= {
            "output.xml", "log.html", "report.html", "debug.txt", "xunit.xml", "verdict.json", "run.json",
            "ledger.jsonl", "samples.jsonl", "events.jsonl", "client.log",
        }  # fmt: skip
        for path in output.rglob("*"):
            assert not path.is_file() or password.encode() not in path.read_bytes(), path
    finally:
        real.stop()


@pytest.mark.slow
@pytest.mark.local
def test_an_external_cluster_that_asks_for_a_certificate(tmp_path: Path, registry: Registry):
    of_broker, of_client = mutual_tls(tmp_path)
    options = ClusterOptions(tmp_path / "broker")
    real = LocalCluster(options, registry, server_properties=of_broker, login=of_client)
    real.start()
    servers = real.client_config["bootstrap.servers"]
    # A file for all programs has the address of another cluster, too.
    mine = {name: of_client[name] for name in ("ssl.certificate.location", "ssl.key.location")}
    lines = [f"{name}={value}" for name, value in {**mine, "bootstrap.servers": "other:9093"}.items()]
    (tmp_path / "client.properties").write_text("\n".join(["# mine", *lines]), "utf-8")
    arguments = [
        "--variable", "CLUSTER:external",
        "--variable", f"BOOTSTRAP_SERVERS:{servers}",
        "--variable", "SECURITY_PROTOCOL:SSL",
        "--variable", f"SSL_CA_LOCATION:{of_client['ssl.ca.location']}",
        "--variable", "SPEED:10",
    ]  # fmt: skip
    try:
        for file, code in (("client.properties", 0), ("", 1)):
            run = subprocess.run(
                command(tmp_path / f"out{code}", "--include", "specified", *arguments, str(SUITES)),
                check=False,
                capture_output=True,
                text=True,
                cwd=tmp_path,
                env={**os.environ, "FAIRPOLL_PROPERTIES_FILE": file},
                timeout=300,
            )
            assert (run.returncode == 0) == (code == 0), run.stdout
    finally:
        real.stop()
    output = (tmp_path / "out1" / "output.xml").read_text("utf-8")
    assert f"{servers} did not answer as a Kafka broker within 6 s" in output


def arguments_below(pid: int) -> list[list[str]]:
    """The argument lists of this process and all that it has started."""
    found = []
    try:
        robot = psutil.Process(pid)
        for process in (robot, *robot.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                found.append(process.cmdline())
    except psutil.Error:
        pass  # it has just ended
    return found
