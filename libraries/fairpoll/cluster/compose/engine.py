"""The Docker engine through its SDK: whether it answers, and the resources of a Compose project."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from fairpoll.base.errors import ClusterError, ClusterUnavailableError

# The engine answers in milliseconds; one that is being stopped or is swapping may need longer.
REQUEST_SECONDS = 30
PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
# An image made by .ci/images/build in place of the real one.
STAND_IN_LABEL = "fairpoll.stand-in"
OTHER_WAYS = "or run with CLUSTER:local, which needs no Docker"


@contextlib.contextmanager
def engine(instead: str = OTHER_WAYS) -> Iterator[Any]:
    """A client of the engine that DOCKER_HOST names, or of this machine's.

    Raises ClusterUnavailableError if none answers or this user may not use it, which ends with the way out
    `instead`, and ClusterError if the engine refuses a request in the block.
    """
    try:
        client = docker.from_env(timeout=REQUEST_SECONDS)
    except DockerException as error:
        raise ClusterUnavailableError(_why_no_answer(error, instead)) from None
    try:
        client.ping()
        yield client
    except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
        raise ClusterUnavailableError(_why_no_answer(error, instead)) from None
    except DockerException as error:
        raise ClusterError(f"the Docker engine refused: {reason_of(error)}") from None
    finally:
        client.close()


def containers_of(client: Any, project: str) -> list[Any]:
    """The project's containers, stopped ones too, in the order of their services' names."""
    found = client.containers.list(all=True, filters={"label": f"{PROJECT_LABEL}={project}"})
    return sorted(found, key=service_of)


def service_of(container: Any) -> str:
    return str(container.labels.get(SERVICE_LABEL, container.name))


def is_here(client: Any, image: str) -> bool:
    """Whether the engine has the image."""
    try:
        client.images.get(image)
    except ImageNotFound:
        return False
    return True


def is_stand_in(client: Any, image: str) -> bool:
    """Whether it is one of our images, which are built if no registry can be reached."""
    try:
        return STAND_IN_LABEL in (client.images.get(image).labels or {})
    except ImageNotFound:
        return False


def publisher_of(client: Any, port: int) -> str:
    """The container that publishes the port on this machine, as `container x of project y`, or ""."""
    for container in client.containers.list():
        bindings = [b for some in container.ports.values() for b in some or ()]
        if any(binding.get("HostPort") == str(port) for binding in bindings):
            project = container.labels.get(PROJECT_LABEL)
            return f"container {container.name}" + (f" of project {project}" if project else "")
    return ""


def remove_project(project: str) -> bool:
    """Remove a project's containers, networks and volumes; False when it has none. Raises ClusterError."""
    label = {"label": f"{PROJECT_LABEL}={project}"}
    with engine() as client:
        found = [
            *client.containers.list(all=True, filters=label),
            *client.networks.list(filters=label),
            *client.volumes.list(filters=label),
        ]
        for resource in found:
            with contextlib.suppress(NotFound):
                if hasattr(resource, "image"):
                    resource.remove(v=True, force=True)
                else:
                    resource.remove()
    return bool(found)


def remove_container(name: str) -> bool:
    """Remove a container with its anonymous volumes; False when there is none. Raises ClusterError."""
    with engine() as client:
        try:
            client.containers.get(name).remove(v=True, force=True)
        except NotFound:
            return False
    return True


def reason_of(error: DockerException) -> str:
    """The engine's own message."""
    return str(error.explanation) if isinstance(error, APIError) and error.explanation else str(error)


def _why_no_answer(error: BaseException, instead: str) -> str:
    where = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    text = str(error)
    if "Permission denied" in text or "PermissionError" in text:
        return (
            f"this user may not use the Docker engine (permission denied at {where}); add it to the group "
            "with 'sudo usermod -aG docker $USER' and log in again, " + instead
        )
    return (
        f"the Docker daemon does not answer at {where}; start it, on Debian with 'sudo systemctl start "
        "docker' (Docker Desktop: open it), " + instead
    )
