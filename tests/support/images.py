"""Images for tests, made from that of the test producer, which has Python and a Kafka client."""

import contextlib
import io
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import deployed
from fairpoll.cluster.compose.engine import engine
from fairpoll.run.containers import LABEL

BASE = "fairpoll/test-producer:0.1.0"
DOCKERFILE = f"""
FROM {BASE}
COPY deployed.py /deployed.py
ENTRYPOINT ["python3", "/deployed.py"]
CMD ["topic"]
"""


@contextlib.contextmanager
def deployed_image() -> Iterator[str]:
    """An image that runs `deployed.py` as nobody, with `topic` as its command."""
    tag = f"fairpoll/test-deployed:{uuid.uuid4().hex[:8]}"
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        files = {"Dockerfile": DOCKERFILE.encode(), "deployed.py": Path(deployed.__file__).read_bytes()}
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o644
            archive.addfile(info, io.BytesIO(content))
    context.seek(0)
    with engine() as client:
        client.images.build(fileobj=context, custom_context=True, tag=tag, rm=True)
        try:
            yield tag
        finally:
            client.images.remove(tag, force=True)


def containers(state: str = "") -> list[str]:
    """The names of all containers of runs, or of those in this state."""
    filters = {"label": LABEL, **({"status": state} if state else {})}
    with engine() as client:
        return [one.name for one in client.containers.list(all=True, filters=filters)]
