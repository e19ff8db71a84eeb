"""A proxy between consumers and brokers on one machine, which injects network faults.

`python -m fairpoll.cluster.local.proxy LISTEN:TARGET ...` forwards each listening port of loopback to its
target. Each line of standard input is a command; the end of the input ends the process:

    isolate PORT           hold back all data, both ways
    drop-responses PORT    hold back the target's responses
    delay PORT MS          add this latency each way, in order
    heal PORT              end all of these

Data that is held back is delivered when the fault ends, as TCP sends lost segments again; until then neither
side notices, as with a broken network. Each command is answered by the same line on standard output.
"""

import asyncio
import contextlib
import sys
from dataclasses import dataclass, field

from fairpoll.cluster.ports import HOST

CHUNK_BYTES = 65_536


@dataclass
class Line:
    """One port and its faults. `requests` and `answers`, while not set, hold back their direction."""

    target: int
    delay_seconds: float = 0.0
    requests: asyncio.Event = field(default_factory=asyncio.Event)
    answers: asyncio.Event = field(default_factory=asyncio.Event)

    def heal(self) -> None:
        self.delay_seconds = 0.0
        self.requests.set()
        self.answers.set()

    async def serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """Forward one connection until either side ends it."""
        try:
            broker, to_broker = await asyncio.open_connection(HOST, self.target)
        except OSError:
            to_client.close()  # as a broker that is gone refuses
            return
        ways = [
            asyncio.create_task(self._forward(client, to_broker, self.requests)),
            asyncio.create_task(self._forward(broker, to_client, self.answers)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for writer in (to_broker, to_client):
            writer.close()

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event
    ) -> None:
        """Read ahead while earlier data is on its way, so that a delay costs time and not throughput."""
        loop = asyncio.get_running_loop()
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=64)

        async def deliver() -> None:
            while True:
                due, data = await under_way.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                await gate.wait()
                if not data:
                    return
                writer.write(data)
                await writer.drain()

        delivering = asyncio.create_task(deliver())
        try:
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(CHUNK_BYTES):
                    await under_way.put((loop.time() + self.delay_seconds, data))
            await under_way.put((loop.time(), b""))
            with contextlib.suppress(ConnectionError):
                await delivering
        finally:
            delivering.cancel()


def carry_out(command: str, lines: dict[int, Line]) -> None:
    """Carry out one command. Raises ValueError for an unknown one."""
    match command.split():
        case ["isolate", port]:
            lines[int(port)].requests.clear()
            lines[int(port)].answers.clear()
        case ["drop-responses", port]:
            lines[int(port)].answers.clear()
        case ["delay", port, milliseconds]:
            lines[int(port)].delay_seconds = float(milliseconds) / 1000
        case ["heal", port]:
            lines[int(port)].heal()
        case _:
            raise ValueError(f"unknown command '{command}'")


async def serve(pairs: list[str]) -> None:
    lines: dict[int, Line] = {}
    for pair in pairs:
        port, _, target = pair.partition(":")
        line = lines[int(port)] = Line(int(target))
        line.heal()
        await asyncio.start_server(line.serve, HOST, int(port))
    print("ready", flush=True)
    while command := (await asyncio.to_thread(sys.stdin.readline)).strip():
        carry_out(command, lines)
        print(command, flush=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:]))
