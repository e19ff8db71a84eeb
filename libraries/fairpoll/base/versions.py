"""The versions of the software that takes part in a judgement."""

import contextlib
import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("fairpoll", "robotframework", "confluent-kafka")


def installed_versions() -> dict[str, str]:
    """Name -> version of Python and of those PACKAGES that are installed."""
    versions = {"Python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions
