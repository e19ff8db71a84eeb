"""The versions of the software that takes part in a judgement."""

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("fairpoll", "robotframework", "confluent-kafka")


def installed_versions() -> dict[str, str]:
    """Name -> version of Python and of those PACKAGES that are installed."""
    found = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
