"""Many people at the page of `scan serve` at once: `python tests/serve_load.py RUN --users 50 --seconds 300`.

It starts the server on a free port of this machine. Each user asks, waits for the answer, thinks for a while
(exponentially distributed, one second on average), and asks again: mostly for 16 images, sometimes for what
else the page offers. Printed are, for each kind of request, how many there were and the milliseconds that
half of them and 95 % of them took at most, as one line of JSON; the exit code is 1 where a request failed.
`--users 1 --think 0` sends one request after another.

Each user writes HTTP to a connection of their own, in 0.6 ms of processor time for a request rather than the
3.8 ms of httpx, since the server shares the processor with all of them here.
"""

import argparse
import asyncio
import json
import random
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

KINDS = {"sym2img": 12, "parse": 3, "img2sym": 1, "edit": 1, "decode": 2, "hierarchy": 1}
"""How often each endpoint is asked, relative to the others."""
SAMPLES = 16
LONGEST = 30.0
"""Seconds that a user waits for an answer."""


@contextmanager
def serving(run: Path) -> Iterator[str]:
    """The address of `scan serve` on a run, for as long as the context lasts."""
    command = [sys.executable, "-m", "pipelines", "serve", str(run), "--port", "0"]
    root = Path(__file__).parent.parent
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            found = re.search(r"http://\S+", line)
            assert found, f"the server said {line!r}"
            yield found[0]
        finally:
            server.terminate()


def question(kind: str, model: dict[str, Any], picture: str, rng: random.Random) -> dict[str, Any]:
    """The body of a request."""
    chosen = rng.sample(model["attributes"], rng.randint(1, len(model["attributes"])))
    words = [a["name"] if a["binary"] else f"{a['name']}: {rng.choice(a['values'])}" for a in chosen]
    expression = ", ".join(words)
    match kind:
        case "sym2img":
            return {"expression": expression, "n": SAMPLES, "seed": rng.randrange(2**31)}
        case "parse" | "hierarchy":
            return {"expression": expression}
        case "img2sym":
            return {"image": picture}
        case "edit":
            return {"image": picture, "expression": words[0]}
        case "decode":
            return {"latents": [rng.gauss(0, 1) for _ in range(model["latent_count"])]}
    raise AssertionError(kind)


class User:
    """Asks one thing at a time over a connection that is kept open.

    Args:
        url: The server's address.
    """

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        assert place.hostname, url
        assert place.port, url
        self.host, self.port = place.hostname, place.port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Send a request, on a new connection where the server closed the last; returns status and answer."""
        if self.streams is None or self.streams[0].at_eof():
            self.close()
            self.streams = await asyncio.open_connection(self.host, self.port)
        reader, writer = self.streams
        content = b"" if body is None else json.dumps(body).encode()
        head = [
            f"{method} {path} HTTP/1.1",
            f"host: {self.host}:{self.port}",
            "content-type: application/json",
            f"content-length: {len(content)}",
        ]
        writer.write("\r\n".join([*head, "", ""]).encode() + content)
        answered = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = re.search(r"content-length: (\d+)", answered)
        assert length, answered
        return int(answered.split()[1]), await reader.readexactly(int(length[1]))

    def close(self) -> None:
        """Close the connection."""
        if self.streams is not None:
            self.streams[1].close()
            self.streams = None


async def load(url: str, *, users: int, seconds: float, think: float) -> dict[str, Any]:
    """Let users ask for some seconds; returns what is printed."""
    times: dict[str, list[float]] = defaultdict(list)
    errors: list[str] = []
    first = User(url)
    model = json.loads((await first.ask("GET", "/api/model"))[1])
    _, answer = await first.ask("POST", "/api/sym2img", {"expression": "", "n": 1})
    picture = json.loads(answer)["images"][0]
    first.close()
    end = time.monotonic() + seconds

    async def use(number: int) -> None:
        rng, user = random.Random(number), User(url)
        while True:
            await asyncio.sleep(rng.expovariate(1 / think) if think else 0)
            if time.monotonic() > end:
                user.close()
                return
            (kind,) = rng.choices(list(KINDS), list(KINDS.values()))
            body = question(kind, model, picture, rng)
            began = time.perf_counter()
            try:
                async with asyncio.timeout(LONGEST):
                    status, answer = await user.ask("POST", f"/api/{kind}", body)
                if status != 200:
                    errors.append(f"{kind}: {status} {answer[:200]!r}")
            except (OSError, EOFError) as error:  # TimeoutError is an OSError
                errors.append(f"{kind}: {type(error).__name__}: {error}")
                user.close()
            times[kind].append(1000 * (time.perf_counter() - began))

    await asyncio.gather(*(use(number) for number in range(users)))
    measured = {kind: summary(sorted(times[kind])) for kind in KINDS if times[kind]}
    total = sum(map(len, times.values()))
    return {
        "users": users,
        "seconds": seconds,
        "requests": total,
        "errors": len(errors),
        "first_errors": errors[:3],
        "milliseconds": measured,
    }


def summary(times: list[float]) -> dict[str, float]:
    """Of sorted times."""
    n = len(times)
    return {"n": n, "median": round(times[n // 2], 1), "p95": round(times[int(0.95 * n)], 1)}


def main() -> int:
    """Read the command line, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument(
        "--think", type=float, default=1.0, help="mean seconds between an answer and the next"
    )
    options = parser.parse_args()
    with serving(options.run) as url:
        found = asyncio.run(load(url, users=options.users, seconds=options.seconds, think=options.think))
    print(json.dumps(found))
    return 1 if found["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
