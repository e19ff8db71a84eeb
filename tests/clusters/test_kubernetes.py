"""The manifests of kubernetes/: built by kustomize, checked against the API's schemas, run as containers."""

import functools
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from docker.models.containers import Container

from brokers import opened
from fairpoll.cli.main import COMMANDS, command
from fairpoll.cluster.compose.engine import engine, is_here
from fairpoll.cluster.leftovers import Registry

kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="requirements-dev.txt has it")

ROOT = Path(__file__).parents[2] / "kubernetes"
FOLDERS = ["base", "own-scenario"]
# The oldest that clouds still offered, and the newest that the schemas are of.
VERSIONS = ["1.29", "1.37"]
Document = dict[str, Any]


@functools.cache
def built(folder: str) -> list[Document]:
    """The documents that kustomize makes of it; the test is skipped where there is none."""
    commands = {"kustomize": ["kustomize", "build"], "kubectl": ["kubectl", "kustomize"]}
    command = next((words for name, words in commands.items() if shutil.which(name)), None)
    if command is None:
        pytest.skip("neither kustomize nor kubectl is on the PATH")
    done = subprocess.run([*command, str(ROOT / folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def jobs(folder: str) -> dict[str, Document]:
    return {one["metadata"]["name"]: one for one in built(folder) if one["kind"] == "Job"}


def container_of(job: Document) -> Document:
    (container,) = job["spec"]["template"]["spec"]["containers"]
    return dict(container)


def test_each_file_is_valid_where_it_stands_alone():
    """Without kustomize as well: what is laid over the Jobs is a Job in itself, but for its container."""
    for path in (ROOT / "base").glob("*.yaml"):
        if path.name in ("kustomization.yaml", "pod.yaml"):
            continue
        for document in yaml.safe_load_all(path.read_text("utf-8")):
            kubernetes_validate.validate(document, VERSIONS[0], strict=True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("folder", FOLDERS)
def test_what_kustomize_makes_of_it_is_valid(folder: str, version: str):
    documents = built(folder)
    assert {document["kind"] for document in documents} == {"ConfigMap", "Job"}
    for document in documents:
        kubernetes_validate.validate(document, version, strict=True)


def test_a_mistake_would_be_found():
    (job,) = list(yaml.safe_load_all((ROOT / "base" / "plan.yaml").read_text("utf-8")))
    job["spec"]["backofLimit"] = 1
    with pytest.raises(kubernetes_validate.ValidationError, match="backofLimit"):
        kubernetes_validate.validate(job, VERSIONS[0], strict=True)


def settings() -> dict[str, str]:
    lines = (ROOT / "base" / "run.env").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_as_many_producers_as_shards():
    (job,) = yaml.safe_load_all((ROOT / "base" / "producers.yaml").read_text("utf-8"))
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == int(settings()["FAIRPOLL_SHARDS"])
    assert job["spec"]["completionMode"] == "Indexed"


def test_every_command_and_setting_is_one_of_ours():
    known = {parameter.name for name in COMMANDS for parameter in command(name).params}
    assert {name.removeprefix("FAIRPOLL_").lower() for name in settings()} <= known
    for path in ("plan", "producers", "consumers"):
        for job in yaml.safe_load_all((ROOT / "base" / f"{path}.yaml").read_text("utf-8")):
            assert container_of(job)["args"][0] in COMMANDS
    consumers = [
        job["metadata"]["name"]
        for job in yaml.safe_load_all((ROOT / "base" / "consumers.yaml").read_text("utf-8"))
    ]
    assert consumers == settings()["FAIRPOLL_CONSUMERS"].split()


def test_every_pod_is_kept_within_bounds():
    for job in jobs("own-scenario").values():
        pod = job["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        assert container_of(job)["securityContext"]["readOnlyRootFilesystem"]
        assert container_of(job)["resources"]["limits"]["memory"]
        assert job["spec"]["activeDeadlineSeconds"]


@pytest.fixture
def network(tmp_path: Path, registry: Registry) -> Iterator[str]:
    """The network of a broker in a container, in which it is kafka:29092."""
    cluster, _ = opened("compose", tmp_path, registry)
    yield f"{cluster.project}_default"
    cluster.stop()


@pytest.mark.docker
@pytest.mark.slow
def test_the_pods_run_as_containers(network: str, tmp_path: Path):
    """Not a cluster: each Job's pods, as Docker can run them, with their environment and their bounds."""
    common = {
        **next(one for one in built("own-scenario") if "FAIRPOLL_RUN_ID" in one.get("data", {}))["data"],
        "FAIRPOLL_BOOTSTRAP_SERVERS": "kafka:29092",
    }
    (scenario,) = [one["data"] for one in built("own-scenario") if "scenario.yaml" in one.get("data", {})]
    (tmp_path / "scenario.yaml").write_text(scenario["scenario.yaml"], "utf-8")
    tmp_path.chmod(0o755)
    with engine() as client:
        started: dict[str, list[Container]] = {}
        try:
            for name, job in jobs("own-scenario").items():
                container = container_of(job)
                if not is_here(client, container["image"]):
                    pytest.skip(f"image {container['image']} is not here")
                own = {one["name"]: one["value"] for one in container.get("env", [])}
                mounts = {one["mountPath"] for one in container["volumeMounts"]} - {"/tmp"}
                for index in range(job["spec"].get("completions", 1)):
                    number = {"JOB_COMPLETION_INDEX": str(index)} if "completions" in job["spec"] else {}
                    pod = client.containers.run(
                        container["image"],
                        container["args"],
                        entrypoint=container.get("command"),
                        environment={**common, **own, **number},
                        network=network,
                        read_only=True,
                        tmpfs={"/tmp": "mode=1777"},
                        user="65534",
                        cap_drop=["ALL"],
                        security_opt=["no-new-privileges:true"],
                        mem_limit="1g",
                        volumes={str(tmp_path): {"bind": mount, "mode": "ro"} for mount in mounts},
                        detach=True,
                    )
                    started.setdefault(name, []).append(pod)
            codes = {
                name: [pod.wait(timeout=150)["StatusCode"] for pod in pods] for name, pods in started.items()
            }
            said = started["judge"][0].logs().decode()
            assert codes == {name: [0] * len(pods) for name, pods in started.items()}, said
            assert "6 of 6 parts" in said
            assert re.search(r"sync: low-volume oldest wait +at least 4 s .*PASS", said), said
        finally:
            for pod in (pod for pods in started.values() for pod in pods):
                pod.remove(force=True)
