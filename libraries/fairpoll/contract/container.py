"""The container of a consumer under test: of an image, or of a service in a Compose file of the user."""

import re
from collections.abc import Mapping

from fairpoll.base.errors import ConsumerError
from fairpoll.base.text import quoted
from fairpoll.contract.attribute import Attribute

_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}")


def _image(text: str, _texts: Mapping[str, str]) -> str:
    """An image as an engine names it; "" for none. Raises ConsumerError."""
    if text and not _IMAGE.fullmatch(text):
        raise ConsumerError(
            f"IMAGE: {quoted(text)} is not the name of an image; write one such as "
            "registry.example.org/team/service:1.2"
        )
    return text


def _environment(text: str, texts: Mapping[str, str]) -> tuple[str, ...]:
    """The names of variables, separated by spaces or commas. Raises ConsumerError."""
    names = tuple(text.replace(",", " ").split())
    for name in names:
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise ConsumerError(
                f"ENVIRONMENT: {quoted(name)} is not the name of a variable; its value is taken from the "
                "environment of the run"
            )
    if names and not is_contained(texts):
        raise ConsumerError(
            "ENVIRONMENT is for IMAGE and SERVICE; a command on this machine has all variables already"
        )
    return names


def _service(text: str, texts: Mapping[str, str]) -> str:
    """The name of a service, "" for none. Raises ConsumerError."""
    if text and not _SERVICE.fullmatch(text):
        raise ConsumerError(f"SERVICE: {quoted(text)} is not the name of a service")
    if bool(text) != bool(texts["file"]):
        raise ConsumerError("SERVICE and FILE go together: the service, and the Compose file that has it")
    if text and texts["image"]:
        raise ConsumerError("SERVICE and IMAGE exclude each other: the service has an image of its own")
    return text


CONTAINER: Mapping[str, Attribute] = {
    "image": Attribute(
        "The image of its container, which a Docker engine on this machine runs beside the cluster.",
        "IMAGE",
        "image",
        "none: the command runs on this machine",
        _image,
    ),
    "service": Attribute(
        "Its service in a Compose file of yours; what the service depends on is started too.",
        "SERVICE",
        "service",
        "",
        _service,
    ),
    "file": Attribute(
        "The Compose file that has the service.", "FILE", "file", "", lambda text, _texts: text
    ),
    "environment": Attribute(
        "The names of variables of this environment that the container gets too, such as `DATABASE_URL`.",
        "ENVIRONMENT",
        "environment",
        "",
        _environment,
    ),
}


def is_contained(texts: Mapping[str, str]) -> bool:
    """Whether the consumer with these attributes runs in a container."""
    return bool(texts.get("image") or texts.get("service"))


def name_of_container(texts: Mapping[str, str]) -> str:
    """The service's name, or the image's without registry, folders, tag and digest."""
    return texts["service"] or texts["image"].rpartition("/")[2].partition("@")[0].partition(":")[0]
