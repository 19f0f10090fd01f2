"""Many people at the page of `scan serve` at once: `python tests/serve_load.py RUN --users 50 --seconds 300`.

It starts the server on a free port of this machine. Each user asks, waits for the answer, thinks for a while
(exponentially distributed, one second on average), and asks again: mostly for 16 images, sometimes for what
else the page offers. Printed are, for each kind of request, how many there were and the milliseconds that
half of them and 95 % of them took at most, as one line of JSON; the exit code is 1 where a request failed.
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

import httpx

KINDS = {"sym2img": 12, "parse": 3, "img2sym": 1, "edit": 1, "decode": 2, "hierarchy": 1}
"""How often each endpoint is asked, relative to the others."""
SAMPLES = 16


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


async def load(url: str, *, users: int, seconds: float, think: float) -> dict[str, Any]:
    """Let users ask for some seconds; returns what is printed."""
    times: dict[str, list[float]] = defaultdict(list)
    errors: list[str] = []
    limits = httpx.Limits(max_connections=users, max_keepalive_connections=users)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=30) as client:
        model = (await client.get("api/model")).json()
        first = await client.post("api/sym2img", json={"expression": "", "n": 1})
        picture = first.json()["images"][0]
        end = time.monotonic() + seconds

        async def use(number: int) -> None:
            rng = random.Random(number)
            while True:
                await asyncio.sleep(rng.expovariate(1 / think))
                if time.monotonic() > end:
                    return
                (kind,) = rng.choices(list(KINDS), list(KINDS.values()))
                body = question(kind, model, picture, rng)
                began = time.perf_counter()
                try:
                    answer = await client.post(f"api/{kind}", json=body)
                    if answer.status_code != 200:
                        errors.append(f"{kind}: {answer.status_code} {answer.text[:200]}")
                except httpx.HTTPError as error:
                    errors.append(f"{kind}: {type(error).__name__}: {error}")
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
