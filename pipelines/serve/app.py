"""The web application: JSON endpoints under /api, the page at / and the files that it loads.

One thread computes, one request after another; the event loop reads and writes meanwhile. Errors are one line
of JSON, {"error": ...}, and point into an expression by `start` and `end`.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib import metadata
from pathlib import Path
from typing import NamedTuple, ParamSpec, TypeVar

from fastapi import FastAPI, HTTPException, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import Request

from pipelines.errors import printable, shortened
from pipelines.serve import schemas
from pipelines.serve.guard import Guard
from pipelines.serve.session import Session
from symbols import ExpressionError

P = ParamSpec("P")
R = TypeVar("R")

FOLDER = Path(__file__).parent
TEMPLATE = FOLDER / "page.html.j2"
FILES = {
    FOLDER / "page.css": "text/css",
    FOLDER / "page.js": "text/javascript",
    FOLDER / "picture.js": "text/javascript",
    FOLDER / "requests.js": "text/javascript",
}
"""What the page loads, and its media types."""
LONGEST_ERROR = 600


class Limits(NamedTuple):
    """What the server takes upon itself at a time."""

    most_bytes: int = 12 * 2**20
    """Of a request's body; base64 makes a file a third larger."""
    most_waiting: int = 64
    """Requests that wait or are computed; more are refused with 503."""


def create_app(session: Session, limits: Limits | None = None, hosts: Collection[str] = ()) -> FastAPI:
    """The application on a session, which from now on belongs to it.

    Args:
        session: The model.
        limits: By default `Limits()`.
        hosts: Names that requests may be addressed to; any where it is empty.
    """
    limits = limits or Limits()
    worker = ThreadPoolExecutor(1, "model")

    @asynccontextmanager
    async def lifespan(app: FastAPI):  # type: ignore[no-untyped-def]
        yield
        worker.shutdown(wait=False, cancel_futures=True)

    async def compute(ask: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Let the one thread answer."""
        return await asyncio.get_running_loop().run_in_executor(worker, lambda: ask(*args, **kwargs))

    app = FastAPI(
        title="scan serve",
        summary="Visual concepts: symbols to images, images to symbols",
        version=metadata.version("scan-concepts"),
        docs_url=None,  # their pages would be loaded from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        responses={
            422: {"model": schemas.Failure, "description": "a request that cannot be answered"},
            503: {"model": schemas.Failure, "description": "too many requests are waiting"},
        },
    )
    app.add_middleware(Guard, hosts=hosts, most_bytes=limits.most_bytes, most_waiting=limits.most_waiting)
    _add_errors(app)
    _add_page(app, session, limits)

    @app.get("/api/model")
    async def model() -> schemas.ModelAnswer:
        """What the model knows: words, latents, taught concepts."""
        return session.describe_model()

    @app.post("/api/parse")
    async def parse(asked: schemas.ExpressionRequest) -> schemas.ConceptAnswer:
        """What an expression means, without an image."""
        return await compute(session.read_expression, asked.expression)

    @app.post("/api/sym2img")
    async def sym2img(asked: schemas.Sym2imgRequest) -> schemas.Sym2imgAnswer:
        """Images of an expression."""
        how = {"complete": asked.complete, "mean": asked.mean}
        return await compute(session.sym2img, asked.expression, asked.n, asked.seed, **how)

    @app.post("/api/img2sym")
    async def img2sym(asked: schemas.PictureRequest) -> schemas.Reading:
        """A picture described in symbols."""
        return await compute(session.img2sym, asked.image)

    @app.post("/api/edit")
    async def edit(asked: schemas.EditRequest) -> schemas.EditAnswer:
        """A picture, changed so that an expression is true of it, and what else changed."""
        return await compute(session.edit, asked.image, asked.expression)

    @app.post("/api/decode")
    async def decode(asked: schemas.DecodeRequest) -> schemas.Reading:
        """The image of latents."""
        return await compute(session.decode, asked.latents)

    @app.post("/api/hierarchy")
    async def hierarchy(asked: schemas.ExpressionRequest) -> schemas.HierarchyAnswer:
        """A concept, and those directly above and below it."""
        return await compute(session.hierarchy, asked.expression)

    @app.post("/api/concepts", status_code=201)
    async def teach(asked: schemas.TeachRequest) -> schemas.TeachAnswer:
        """Teach a concept from pictures, kept with the run where that can be written."""
        return await compute(session.teach, asked.name, asked.images)

    @app.delete("/api/concepts/{name:path}", status_code=204)
    async def forget(name: str) -> None:
        """Forget a taught concept, in the run too."""
        try:
            await compute(session.forget, name)
        except KeyError:
            raise HTTPException(404, f"no concept {shortened(name)!r} was taught here") from None

    return app


def _add_page(app: FastAPI, session: Session, limits: Limits) -> None:
    """The page, and the files that it loads."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    files = {path.name: (path.read_text(encoding="utf-8"), kind) for path, kind in FILES.items()}
    template = environment.get_template(TEMPLATE.name)

    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(template.render(model=session.describe_model(), limits=limits))

    @app.get("/{name}", include_in_schema=False)
    async def file(name: str) -> Response:
        if name not in files:
            raise HTTPException(404, "Not Found")
        content, kind = files[name]
        return Response(content, media_type=kind)


def _add_errors(app: FastAPI) -> None:
    """Turn whatever is raised into one line of JSON."""

    @app.exception_handler(ExpressionError)
    async def of_expression(_: Request, error: ExpressionError) -> JSONResponse:
        end = max(error.end, error.start + 1)
        return _failure(422, str(error), start=error.start, end=end)

    @app.exception_handler(ValueError)  # of vocabularies, concepts, pictures, and of what a model cannot do
    async def of_value(_: Request, error: ValueError) -> JSONResponse:
        return _failure(422, str(error))

    @app.exception_handler(RequestValidationError)
    async def of_validation(_: Request, error: RequestValidationError) -> JSONResponse:
        found = error.errors()[0]
        place = ".".join(str(part) for part in found["loc"] if part != "body")
        return _failure(422, f"{place}: {found['msg']}" if place else found["msg"])

    @app.exception_handler(StarletteHTTPException)
    async def of_http(_: Request, error: StarletteHTTPException) -> JSONResponse:
        return _failure(error.status_code, str(error.detail))

    @app.exception_handler(Exception)  # the last line of defence
    async def of_anything(request: Request, error: Exception) -> JSONResponse:
        logging.getLogger("scan.serve").error("%s: %s", printable(request.url.path), type(error).__name__)
        return _failure(500, f"{type(error).__name__}: {error}")


def _failure(status: int, message: str, **place: int) -> JSONResponse:
    line = shortened(" ".join(message.split()), LONGEST_ERROR)
    return JSONResponse({"error": line, **place}, status_code=status)
