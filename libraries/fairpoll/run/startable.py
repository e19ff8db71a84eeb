"""Whether a consumer can be started, checked before a cluster and a backlog are there."""

import os
import shutil
from collections.abc import Callable
from importlib import import_module
from types import ModuleType

from fairpoll.base.errors import ConsumerError
from fairpoll.base.text import quoted
from fairpoll.contract.subject import Subject


def check_can_start(consumer: Subject, progress: Callable[[str], None] = lambda _text: None) -> None:
    """Raise FairpollError if its program is not here, or for an image if no container can be made of it.

    An image that the engine does not have is pulled, of which `progress` is informed. A consumer that runs
    already need not be started.
    """
    if consumer.attach:
        return
    if not consumer.is_contained:
        if shutil.which(consumer.command[0]) is None:
            raise ConsumerError(
                f"CONSUMER: {quoted(consumer.command[0])} cannot be started: no executable file of this name "
                "is in this folder or on the PATH"
            )
        return
    if missing := [name for name in consumer.environment if name not in os.environ]:
        raise ConsumerError(f"ENVIRONMENT: {', '.join(missing)} is not set")
    if consumer.service:
        services().require_service(consumer.service, consumer.file, progress)
    else:
        containers().require_image(consumer.image, progress)


def containers() -> ModuleType:
    """The module `fairpoll.run.containers`. Raises ConsumerError if the Docker SDK is not installed."""
    return _with_docker("containers")


def services() -> ModuleType:
    """The module `fairpoll.run.services`. Raises ConsumerError if the Docker SDK is not installed."""
    return _with_docker("services")


def _with_docker(name: str) -> ModuleType:
    # Imported only here, because a command on this machine does not need the Docker SDK.
    try:
        return import_module(f"fairpoll.run.{name}")
    except ModuleNotFoundError as error:
        raise ConsumerError(f"{error}; a container needs pip install 'fairpoll[docker]'") from None
