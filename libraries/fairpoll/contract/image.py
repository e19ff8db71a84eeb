"""The container of a consumer under test: its image, and the variables that it gets of the run's own."""

import re
from collections.abc import Mapping

from fairpoll.base.errors import ConsumerError
from fairpoll.base.text import quoted

_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}")


def parse_image(text: str, _texts: Mapping[str, str]) -> str:
    """An image as an engine names it; "" for none. Raises ConsumerError."""
    if text and not _IMAGE.fullmatch(text):
        raise ConsumerError(
            f"IMAGE: {quoted(text)} is not the name of an image; write one such as "
            "registry.example.org/team/service:1.2"
        )
    return text


def parse_environment(text: str, texts: Mapping[str, str]) -> tuple[str, ...]:
    """The names of variables, separated by spaces or commas. Raises ConsumerError."""
    names = tuple(text.replace(",", " ").split())
    for name in names:
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise ConsumerError(
                f"ENVIRONMENT: {quoted(name)} is not the name of a variable; its value is taken from the "
                "environment of the run"
            )
    if names and not texts["image"]:
        raise ConsumerError("ENVIRONMENT is for IMAGE; a command on this machine has all variables already")
    return names


def short_name(image: str) -> str:
    """The image's name without registry, folders, tag and digest."""
    return image.rpartition("/")[2].partition("@")[0].partition(":")[0]
