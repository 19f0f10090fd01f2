"""`scan serve`: a page on which a run's model is played with, and JSON endpoints."""

import argparse

from pipelines.commands import Command, place, whole

EXTRA = "pip install '.[serve]'"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
NEEDED = ("fastapi", "uvicorn")
LARGEST_PORT = 65535
OPEN = "whoever reaches this machine can use the page, there is no password"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("run", metavar="RUN", type=place, help="a run folder, such as runs/rooms")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address to listen on (default: 127.0.0.1, reached from this machine alone)",
    )
    parser.add_argument(
        "--port",
        type=whole(LARGEST_PORT),
        default=8000,
        help="the port to listen on; 0 takes a free one (default: 8000)",
    )


def main(options: argparse.Namespace) -> None:
    """Serve the page until Ctrl-C."""
    from importlib.util import find_spec

    from pipelines.errors import UsageError

    if not all(find_spec(name) for name in NEEDED):
        raise UsageError(f"scan serve needs packages that are not installed: {EXTRA}")
    if options.port < 0:
        raise UsageError(f"--port {options.port}: expected 0 to {LARGEST_PORT}")
    _serve(options)


def _serve(options: argparse.Namespace) -> None:
    import sys

    import torch

    from pipelines.commands import finished
    from pipelines.devices import usable_cores
    from pipelines.errors import printable
    from pipelines.serve.app import create_app
    from pipelines.serve.server import listen, serve
    from pipelines.serve.session import Session

    is_local = _is_loopback(options.host)
    name = options.run.resolve().name
    with listen(options.host, options.port) as socket:
        torch.set_num_threads(max(1, usable_cores() - 1))  # one core is left to the web server
        model = finished.model(options.run)
        nats = finished.kl_per_latent(options.run, model.latents)
        session = Session(model, name, None if nats is None else nats.tolist(), run=options.run)
        app = create_app(session, hosts=(*LOOPBACK, options.host) if is_local else ())
        if not is_local:
            print(f"warning: --host {printable(options.host)}: {OPEN}", file=sys.stderr)
        shown = f"[{options.host}]" if ":" in options.host else options.host
        where = f"http://{shown}:{socket.getsockname()[1]}/"
        print(printable(f"{name}: {where} (Ctrl-C stops)"), flush=True)
        serve(app, socket)


def _is_loopback(host: str) -> bool:
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return host in LOOPBACK


COMMAND = Command(
    summary="play with a run's model on a page",
    example="scan serve runs/rooms",
    configure=configure,
    main=main,
)
