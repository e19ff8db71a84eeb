"""Java and Apache Kafka's jars: found where they are, or resolved once through Maven into a cache."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from fairpoll.base.errors import ClusterUnavailableError
from fairpoll.cluster.base import Tell

OLDEST_JAVA = 17  # Apache Kafka 4's brokers need it
MAVEN_SECONDS = 600.0
# In full: by its short name alone, a failed download is reported as a plugin that does not exist.
COPY_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
WAYS_OUT = "or set KAFKA_HOME to an unpacked Apache Kafka 4, or run with CLUSTER:mock"


@dataclass(frozen=True)
class KafkaInstallation:
    """A Java that can run it, and the class path of a broker."""

    java: Path
    java_version: int
    class_path: str
    kafka_version: str


def find_kafka(progress: Tell) -> KafkaInstallation:
    """Java and the jars, resolving these once if need be. Raises ClusterUnavailableError."""
    java, version = find_java()
    home = os.environ.get("KAFKA_HOME")
    folder = _libs_of(Path(home)) if home else _cached_jars(progress)
    return KafkaInstallation(java, version, f"{folder}/*", _kafka_version(folder))


def find_java() -> tuple[Path, int]:
    """The program and its major version. Raises ClusterUnavailableError without Java, or for an old one."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin" if home else None)
    if not found:
        where = f"in JAVA_HOME ({home})" if home else "on the PATH"
        raise ClusterUnavailableError(
            f"no Java {where}; install Java {OLDEST_JAVA} or later, on Debian with "
            f"'apt-get install default-jre-headless', or run with CLUSTER:mock"
        )
    printed = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    match = re.search(r'version "(\d+)', printed)
    version = int(match[1]) if match else 0
    if version < OLDEST_JAVA:
        raise ClusterUnavailableError(
            f"{found} is Java {version or 'of an unknown version'}, Apache Kafka 4 needs {OLDEST_JAVA} or "
            f"later; on Debian 'apt-get install default-jre-headless', or run with CLUSTER:mock"
        )
    return Path(found), version


def _libs_of(home: Path) -> Path:
    libs = home / "libs"
    version = _kafka_version(libs)
    if not version:
        raise ClusterUnavailableError(
            f"KAFKA_HOME is {home}, but there is no libs/kafka_2.13-*.jar "
            "in it; point it to an unpacked Apache Kafka 4, or unset it to have the jars fetched"
        )
    if int(version.split(".")[0]) < 4:
        raise ClusterUnavailableError(
            f"KAFKA_HOME is Apache Kafka {version}; the suites need 4.0 or later: "
            "unset it to have one fetched, or run with CLUSTER:mock"
        )
    return libs


def _kafka_version(folder: Path) -> str:
    for jar in sorted(folder.glob("kafka_2.13-*.jar")):
        if match := re.fullmatch(r"kafka_2\.13-(\d[\d.]*)\.jar", jar.name):
            return match[1]
    return ""


def cache_folder() -> Path:
    """Where resolved jars are kept; `XDG_CACHE_HOME` is honoured."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fairpoll"


def _cached_jars(progress: Tell) -> Path:
    """The jars of our pom.xml, from the cache; another pom, another folder."""
    pom = files("fairpoll.cluster.local").joinpath("kafka-pom.xml").read_bytes()
    folder = cache_folder() / f"kafka-{hashlib.sha256(pom).hexdigest()[:12]}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        # Two runs at once: the second waits, and then finds the jars there.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _resolve(pom, folder, progress)
    return folder


def _resolve(pom: bytes, folder: Path, progress: Tell) -> None:
    maven = shutil.which("mvn")
    if not maven:
        raise ClusterUnavailableError(
            "Apache Kafka's jars are not here yet and there is no Maven (mvn) to fetch them; on Debian "
            f"'apt-get install maven', {WAYS_OUT}"
        )
    progress("fetching Apache Kafka's jars through Maven, once (about 45 MB)")
    draft = folder.with_suffix(".part")  # the lock is held here: a draft was left by a killed run
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    try:
        pom_file = draft / "pom.xml"
        pom_file.write_bytes(pom)
        command = [maven, "-B", "-f", str(pom_file), COPY_GOAL]
        command += [f"-DoutputDirectory={draft}", "-DincludeScope=runtime"]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=MAVEN_SECONDS,
            check=False,
        )
        if done.returncode != 0 or not _kafka_version(draft):
            reason = _first_error(done.stdout) or _first_error(done.stderr) or f"exit code {done.returncode}"
            raise ClusterUnavailableError(
                f"Maven could not fetch Apache Kafka's jars: {reason}; "
                f"try again with the network up, {WAYS_OUT}"
            )
        draft.rename(folder)
    except subprocess.TimeoutExpired:
        raise ClusterUnavailableError(
            f"Maven did not fetch Apache Kafka's jars within {MAVEN_SECONDS:g} s; try again, {WAYS_OUT}"
        ) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _first_error(output: str) -> str:
    """The first thing Maven calls an error, without its marks; it repeats and explains at length."""
    for line in output.splitlines():
        if match := re.match(r"\[ERROR\] (.+?)(?: -> \[Help \d+\])?$", line):
            return match[1][:500]
    return ""
