"""Listen on an address, and serve an application there until it is told to stop."""

import socket
from contextlib import suppress

import uvicorn
from fastapi import FastAPI

from pipelines.errors import UsageError

BACKLOG = 256
"""Connections that the system keeps until they are accepted."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        host: A name or an address of this machine.
        port: 0 takes a free one.

    Raises:
        UsageError: When the host is unknown, or the port is taken or not allowed.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise UsageError(f"--host {host}: {error.strerror or 'no such address'}") from error
    try:
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}, port {port}: {error.strerror}; --port 0 takes a free one"
        ) from error


def serve(app: FastAPI, on: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM; requests that are under way get three seconds."""
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=3
    )
    with suppress(KeyboardInterrupt):  # the way to end it
        uvicorn.Server(config).run(sockets=[on])
