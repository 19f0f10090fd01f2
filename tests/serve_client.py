"""A client of the web application in this process, without a socket."""

import asyncio
from typing import Any

import httpx
from fastapi import FastAPI


class Client:
    """Sends one request at a time to an application."""

    def __init__(self, app: FastAPI, url: str = "http://localhost") -> None:
        self.app, self.url = app, url

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=self.url) as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def delete(self, path: str) -> httpx.Response:
        return self.request("DELETE", path)
