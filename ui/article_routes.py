"""What the list of articles on the page asks the server for, beside Gradio: a list, files, a report, a removal.

    GET  /articles          ?search=&source=&since=&until=&offset=   a page of the list
    POST /articles/file     ?name=       the bytes of one file       {"file": TOKEN}
    POST /articles/text     {title, url, published, text}            {"file": TOKEN}
    POST /articles/add      {"files": [TOKEN, ...]}                  a line of JSON for each step, and the report
    POST /articles/remove   {"articles": [ID, ...]}                  {removed, kept}

The guard (`ui.guard`) stands in front: it has compared host and origin, and cut bodies at their lengths. Nothing that
comes in is opened as a path; what cannot be done is `{"error": LINE}`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import queue
import re
import threading
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, Router

from index.articles import SUFFIXES
from index.errors import CitewellError
from index.outlet import web_address
from index.scope import Scope
from ui.exchange import Refused
from ui.library import ReadOnly
from ui.text import visible
from ui.uploads import MOST_FILE_BYTES, MOST_FILES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from index.build import Progress
    from ui.exchange import App, Receive, Send
    from ui.exchange import Scope as Asked
    from ui.library import Library

__all__ = ["ArticleRoutes", "pasted_record"]

logger = logging.getLogger(__name__)

_PAGE = 50
_SOURCES = 300
_LOOK_AGAIN = 0.2
_LONGEST = {"search": 200, "title": 500, "url": 2000, "published": 100, "name": 400}
_BROKEN = "Something went wrong. The terminal that runs citewell says what."
_TOKEN = re.compile(r"[0-9a-f]{32}", re.ASCII)
_MOST_REMOVED = 500


class ArticleRoutes:
    """ASGI middleware: answers what is asked below `/articles`, and hands everything else on.

    Args:
        app: what comes behind.
        library: the articles.
    """

    def __init__(self, app: App, *, library: Library) -> None:
        self._app = app
        self._library = library
        post = ["POST"]
        self._router = Router(
            [
                Route("/articles", self._answering(self._list), methods=["GET"]),
                Route("/articles/file", self._answering(self._file), methods=post),
                Route("/articles/text", self._answering(self._text), methods=post),
                Route("/articles/add", self._answering(self._add), methods=post),
                Route("/articles/remove", self._answering(self._remove), methods=post),
            ],
            redirect_slashes=False,
        )

    async def __call__(self, scope: Asked, receive: Receive, send: Send) -> None:
        """Answers, or hands on."""
        own = scope["type"] == "http" and scope["path"].split("/")[1:2] == ["articles"]
        await (self._router if own else self._app)(scope, receive, send)

    def _answering(self, act: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Any]]:
        """Whatever an action raises, as one line and a status."""

        async def answer(request: Request) -> Any:
            try:
                found = await act(request)
            except ReadOnly as error:
                return _problem(str(error), 403)
            except (CitewellError, ValueError) as error:
                return _problem(str(error), 400)
            except Refused:  # the guard's, of a body that is too long
                raise
            except ClientDisconnect:
                return _problem("the file broke off", 400)
            except Exception:
                logger.exception("%s %s", request.method, request.url.path)
                return _problem(_BROKEN, 500)
            return JSONResponse(found) if isinstance(found, dict) else found

        return answer

    async def _list(self, request: Request) -> dict[str, Any]:
        query = request.query_params
        search = _short(query.get("search", ""), "search")
        scope = Scope(
            frozenset(query.getlist("source")[:_SOURCES]), query.get("since") or None, query.get("until") or None
        )
        offset = query.get("offset", "0")
        if not offset.isascii() or not offset.isdigit() or len(offset) > 9:
            raise ValueError("offset must be a number")
        while self._library.loading:  # with no thread that waits: pages come before the models
            await asyncio.sleep(_LOOK_AGAIN)
        return await run_in_threadpool(self._listed, search, scope, int(offset))

    def _listed(self, search: str, scope: Scope, offset: int) -> dict[str, Any]:
        library = self._library
        page = library.articles(search=search, scope=scope, limit=_PAGE, offset=offset)
        sources = library.sources()
        return {
            "articles": [
                {
                    "id": each.article.id,
                    "title": visible(each.article.title),
                    "outlet": each.outlet,
                    "published": visible(each.article.published or ""),
                    "day": each.day,
                    "url": web_address(each.article.url or ""),
                }
                for each in page.articles
            ],
            "total": page.total,
            "all": sum(each.articles for each in sources),
            "page": _PAGE,
            "sources": [{"outlet": each.outlet, "articles": each.articles} for each in sources[:_SOURCES]],
            "changeable": library.changeable,
            "sample": library.sample,
            "place": library.place,
            "suffixes": list(SUFFIXES),
            "most": {"files": MOST_FILES, "bytes": MOST_FILE_BYTES},
        }

    async def _file(self, request: Request) -> dict[str, Any]:
        uploads = self._library.uploads
        incoming = await run_in_threadpool(uploads.begin, _short(request.query_params.get("name", ""), "name"))
        try:
            async for chunk in request.stream():
                await run_in_threadpool(uploads.write, incoming, chunk)
            return {"file": uploads.finish(incoming)}
        except BaseException:
            uploads.forget(incoming.token)
            raise

    async def _text(self, request: Request) -> dict[str, Any]:
        uploads = self._library.uploads
        name, record = pasted_record(await _json(request))
        incoming = await run_in_threadpool(uploads.begin, name)
        try:
            await run_in_threadpool(uploads.write, incoming, record)
            return {"file": uploads.finish(incoming)}
        except BaseException:
            uploads.forget(incoming.token)
            raise

    async def _add(self, request: Request) -> Any:
        _ = self._library.uploads
        tokens = _texts(await _json(request), "files", _TOKEN, MOST_FILES)
        return StreamingResponse(self._adding(tokens), media_type="application/x-ndjson")

    def _adding(self, tokens: list[str]) -> Iterator[bytes]:
        """The steps of adding files, and its report, a line of JSON each. It goes on when nobody listens any more."""
        steps: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

        def progress(step: Progress) -> None:
            steps.put({"stage": step.stage, "done": step.done, "total": step.total})

        def work() -> None:
            try:
                steps.put({"report": _shown(self._library.add(tokens, progress))})
            except CitewellError as error:
                steps.put({"error": visible(str(error))})
            except Exception:
                logger.exception("files could not be added")
                steps.put({"error": _BROKEN})
            finally:
                steps.put(None)

        threading.Thread(target=work, name="citewell-add", daemon=True).start()
        while (step := steps.get()) is not None:
            yield json.dumps(step).encode() + b"\n"

    async def _remove(self, request: Request) -> dict[str, Any]:
        _ = self._library.uploads
        articles = _texts(await _json(request), "articles", _TOKEN, _MOST_REMOVED)
        found: dict[str, Any] = _shown(await run_in_threadpool(self._library.remove, articles))
        return found


def pasted_record(given: Mapping[str, Any]) -> tuple[str, bytes]:
    """A name and the content of a JSON Lines file for a text that was pasted, verbatim.

    Args:
        given: `text`, and `title`, `url` and `published`, each of which may be missing or blank.

    Raises:
        ValueError: with what is wrong with one of them.
    """
    record = {}
    for key in ("url", "title", "published", "text"):
        value = given.get(key)
        if value is None or value == "":
            continue
        if not isinstance(value, str):
            raise ValueError(f"the {key} is no text")  # noqa: TRY004 - what a browser sent, not how this was called
        record[key] = value if key == "text" else _short(value, key).strip()
    if not record.get("text", "").strip():
        raise ValueError("there is no text: paste the article's text")
    if record.get("url") and web_address(record["url"]) is None:
        raise ValueError("the URL is no web address; expected one that begins with https:// or http://, or none")
    words = re.findall(r"\w+", record.get("title") or record["text"][:200])
    name = f"pasted {'-'.join(words[:8])[:60].lower() or 'article'}.jsonl"
    try:
        return name, json.dumps(record, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError as error:
        raise ValueError("the text holds half of a surrogate pair, which cannot be stored") from error


def _problem(message: str, status: int) -> JSONResponse:
    return JSONResponse({"error": visible(message)}, status)


def _short(value: str, name: str) -> str:
    if len(value) > _LONGEST[name]:
        raise ValueError(f"the {name} is longer than {_LONGEST[name]} characters")
    return value


async def _json(request: Request) -> dict[str, Any]:
    """The JSON object that is the request's body."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        found = json.loads(await request.body()) if kind == "application/json" else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError("expected a JSON object")  # noqa: TRY004
    return found


def _texts(given: Mapping[str, Any], name: str, form: re.Pattern[str], most: int) -> list[str]:
    found = given.get(name)
    if not isinstance(found, list) or not 0 < len(found) <= most:
        raise ValueError(f"expected 1 to {most} {name}")
    if not all(isinstance(each, str) and form.fullmatch(each) for each in found):
        raise ValueError(f"one of the {name} is not named as this page names them")
    return found


def _shown(value: Any) -> Any:
    """The same values, with nothing in their texts that a page would obey."""
    if isinstance(value, dict):
        return {key: _shown(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_shown(each) for each in value]
    return visible(value) if isinstance(value, str) else value
