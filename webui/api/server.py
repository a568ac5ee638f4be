"""The web server's own routes: pictures, previews, the live stream, and what the page's buttons do."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import Body, Cookie, Depends, FastAPI, Query, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from pydantic import StringConstraints

from webui.api.guard import Guard
from webui.api.guest_door import GuestDoor, TwoDoors
from webui.api.page_door import PageDoor
from webui.api.share import Share
from webui.api.zipped import zipped
from webui.core.errors import InvalidRequest, NotFound, NotYours, UserError
from webui.core.plain import without_words
from webui.core.settings import Settings
from webui.core.visitors import is_guest, is_here, is_loopback
from webui.jobs import views
from webui.jobs.service import Service

MEDIA_TYPES = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff\xe0": "image/jpeg",
    b"\xff\xd8\xff\xe1": "image/jpeg",
    b"RIFF": "image/webp",
}
FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}
LIVE_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
PAGE_LIMIT = 200
IDS_LIMIT = 1000
PREVIEW_LEAST, PREVIEW_MOST = 64, 2048

Owner = Annotated[str, Cookie(alias="easel")]
Ids = Annotated[
    list[Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{1,64}$")]], Body(embed=True, max_length=IDS_LIMIT)
]
PreviewSide = Annotated[int, Query(ge=0, le=PREVIEW_MOST)]


def build_app(service: Service, style_previews: Path, share: Share | None = None) -> FastAPI:
    """All routes besides the page itself, which is mounted at "/" afterwards. Call `with_guests` on the result last."""

    app = FastAPI(title="Easel", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_life(service, share))
    app.add_exception_handler(UserError, _refuse)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.state.has_room = service.photos.has_room
    _add_reading_routes(app, service)
    _add_live_route(app, service, share)
    _add_acting_routes(app, service)
    _add_model_routes(app, service)
    if share is not None:
        _add_share_routes(app, share)
    app.mount("/style-preview", StaticFiles(directory=style_previews, check_dir=False))
    return app


def guarded(app: FastAPI, settings: Settings) -> Guard:
    """The app behind its guard."""
    open_to_network = not is_loopback(settings.host)
    page = PageDoor(app, app.state.has_room)
    return Guard(page, hosts=[settings.host], any_host=open_to_network, password=settings.password)


def with_guests(app: FastAPI, settings: Settings, share: Share) -> TwoDoors:
    """The app behind its guard, and behind another door for the guests of the public link; what the server runs."""
    guests = GuestDoor(Guard(PageDoor(app, app.state.has_room), any_host=True), share)
    return TwoDoors(guarded(app, settings), guests, share.door)


def _add_reading_routes(app: FastAPI, service: Service) -> None:
    @app.get("/healthz")
    def healthz() -> dict[str, Any]:
        return service.health()

    @app.get("/img/{picture_id}")
    def img(
        picture_id: str, easel: Owner, thumb: bool = False, download: bool = False, plain: bool = False
    ) -> Response:
        """A picture. `plain` is the same pixels without the prompt or any other word, inside and in the name."""
        if thumb:
            return Response(service.thumbnail_bytes(easel, picture_id), media_type="image/webp", headers=FOREVER)
        data = service.picture_bytes(easel, picture_id)
        kind = MEDIA_TYPES.get(data[:4], "application/octet-stream")
        headers = dict(FOREVER)
        if plain:
            data = without_words(data)
        if download:
            name = _named("picture" if plain else _stem(service, easel, picture_id), kind)
            headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return Response(data, media_type=kind, headers=headers)

    @app.get("/photos/{photo_id}")
    def photo(photo_id: str, easel: Owner, thumb: bool = False, side: PreviewSide = 0) -> Response:
        """The photo itself; with `side` a preview of at most that size, and the photo's own size in its headers."""
        if thumb:
            return Response(service.photos.thumbnail(easel, photo_id), media_type="image/webp", headers=FOREVER)
        if side:
            width, height = service.photos.size(easel, photo_id)
            size = {"X-Photo-Width": str(width), "X-Photo-Height": str(height)}
            small = service.photos.preview(easel, photo_id, max(side, PREVIEW_LEAST))
            return Response(small, media_type="image/webp", headers=FOREVER | size)
        data = service.photos.read(easel, photo_id)
        kind = MEDIA_TYPES.get(data[:4], "application/octet-stream")
        return Response(data, media_type=kind, headers=FOREVER)

    @app.get("/photos/{photo_id}/cutout")
    def cutout(photo_id: str, easel: Owner) -> Response:
        """The subject of a photo or picture on glass, at full size: a PNG to download."""
        name = _named(f"{_stem(service, easel, photo_id, otherwise='photo')}-cutout", "image/png")
        headers = {"Cache-Control": "private, max-age=3600", "Content-Disposition": f'attachment; filename="{name}"'}
        return Response(service.photos.cutout(easel, photo_id), media_type="image/png", headers=headers)

    @app.get("/preview/{job_id}")
    def preview(job_id: str, easel: Owner) -> Response:
        found = service.preview(easel, job_id)
        if found is None:
            raise NotFound("There is no preview now.")
        return Response(found, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=60"})

    @app.get("/pictures")
    def pictures(
        easel: Owner,
        search: Annotated[str, Query(max_length=500)] = "",
        favourites: bool = False,
        before: float | None = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 60,
    ) -> dict[str, Any]:
        found = service.pictures.page(easel, search, favourites, before, limit + 1)
        return {"pictures": [views.picture(p) for p in found[:limit]], "more": len(found) > limit}

    @app.get("/pictures.zip")
    def archive(easel: Owner, ids: Annotated[str, Query(max_length=40 * IDS_LIMIT)]) -> StreamingResponse:
        """Several pictures as one download, which begins at once."""
        headers = {"Content-Disposition": 'attachment; filename="pictures.zip"'}
        files = _files(service, easel, ids.split(","))
        return StreamingResponse(zipped(files), media_type="application/zip", headers=headers)

    @app.get("/pictures/{picture_id}")
    def picture(picture_id: str, easel: Owner) -> dict[str, Any]:
        return service.describe(easel, picture_id)


def _add_live_route(app: FastAPI, service: Service, share: Share | None) -> None:
    @app.get("/live")
    async def live(easel: Owner, request: Request) -> StreamingResponse:
        if share is not None and is_guest(request.scope):
            told = _counted(share, easel, events(service, easel, share=share, key=share.key))
        else:
            told = events(service, easel, is_here(request.scope), share)
        return StreamingResponse(told, media_type="text/event-stream", headers=LIVE_HEADERS)


def _add_acting_routes(app: FastAPI, service: Service) -> None:
    @app.post("/pictures/{picture_id}/favourite")
    def favourite(picture_id: str, easel: Owner, on: Annotated[bool, Body(embed=True)]) -> dict[str, str]:
        service.pictures.favourite(easel, picture_id, on)
        service.changed()
        return {"status": "ok"}

    @app.post("/pictures/delete")
    def delete(easel: Owner, ids: Ids) -> dict[str, str]:
        service.pictures.delete(easel, ids)
        service.changed()
        return {"status": "ok"}

    @app.post("/pictures/restore")
    def restore(easel: Owner, ids: Ids) -> dict[str, str]:
        service.pictures.restore(easel, ids)
        service.changed()
        return {"status": "ok"}

    @app.post("/photos")
    def photos(easel: Owner, photo: UploadFile) -> dict[str, Any]:
        upload = service.photos.add(easel, photo.file.read())
        return {"id": upload.id, "width": upload.width, "height": upload.height}

    @app.post("/masks")
    def masks(easel: Owner, mask: UploadFile) -> dict[str, Any]:
        upload = service.photos.add_mask(easel, mask.file.read())
        return {"id": upload.id, "width": upload.width, "height": upload.height}

    @app.post("/photos/{photo_id}/subject")
    def subject(photo_id: str, easel: Owner) -> dict[str, Any]:
        upload = service.photos.add_subject(easel, photo_id)
        return {"id": upload.id, "width": upload.width, "height": upload.height}

    @app.post("/jobs/stop")
    def stop_all(easel: Owner) -> dict[str, str]:
        service.stop_all(easel)
        return {"status": "ok"}

    @app.post("/jobs/{job_id}/stop")
    def stop(job_id: str, easel: Owner) -> dict[str, str]:
        service.stop(easel, job_id)
        return {"status": "ok"}

    @app.post("/jobs/{job_id}/fix")
    def fix(job_id: str, easel: Owner, request: Request) -> dict[str, str]:
        return {"job": service.fix(easel, job_id, is_here(request.scope))}


def _add_model_routes(app: FastAPI, service: Service) -> None:
    """Getting a model fills this computer's disk: only whoever sits at it may."""

    here = [_only_here("get models")]

    @app.post("/downloads/stop", dependencies=here)
    def stop_download() -> dict[str, str]:
        service.downloads.stop()
        return {"status": "ok"}

    @app.post("/downloads/decline", dependencies=here)
    def decline() -> dict[str, str]:
        service.decline_model()
        return {"status": "ok"}

    @app.post("/downloads/{model_id}/start", dependencies=here)
    def start_download(model_id: str) -> dict[str, str]:
        service.get_model(model_id)
        return {"status": "ok"}


def _add_share_routes(app: FastAPI, share: Share) -> None:
    """Whoever opens this Easel to others sits at it."""
    here = [_only_here("share it")]

    @app.post("/share/open", dependencies=here)
    async def open_link(hours: Annotated[int, Body(embed=True)]) -> dict[str, str]:
        share.open(hours)
        return {"status": "ok"}

    @app.post("/share/close", dependencies=here)
    async def close_link() -> dict[str, str]:
        await share.close()
        return {"status": "ok"}

    @app.get("/share/qr", dependencies=here)
    async def qr() -> Response:
        return Response(share.qr_code(), media_type="image/svg+xml", headers={"Cache-Control": "no-store"})


def _only_here(what: str) -> Any:
    """A dependency of routes for whoever sits at this computer; `what` they can do."""

    def check(request: Request) -> None:
        if not is_here(request.scope):
            raise NotYours(f"Only the person at this computer can {what}.")

    return Depends(check)


def _life(service: Service, share: Share | None) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """What goes on while the server runs."""

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        telling = None
        if share is not None and service.settings.share:
            telling = asyncio.create_task(share.open_and_tell(partial(print, flush=True)))
        yield
        if telling is not None:
            telling.cancel()
        if share is not None:
            await share.close()

    return life


async def events(
    service: Service, owner: str, here: bool = False, share: Share | None = None, key: str = ""
) -> AsyncIterator[str]:
    """The live view as server-sent events; a comment now and then shows that the line still stands.

    `key`: that of the link by which a guest came, who is told when it ends.
    """
    last = ""
    async for view in service.changes(owner, here):
        if share is not None and key and share.key != key:
            yield "event: ended\ndata: {}\n\n"
            return
        if view is None:
            yield ": quiet\n\n"
            continue
        if here and share is not None:
            view["share"] = share.view()
        text = json.dumps(view, ensure_ascii=False)
        if text != last:
            last = text
            yield f"data: {text}\n\n"


async def _counted(share: Share, guest: str, told: AsyncIterator[str]) -> AsyncIterator[str]:
    """The same, told to a guest of the link."""
    with share.guest(guest):
        async for event in told:
            yield event


def _files(service: Service, owner: str, ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Names, no two alike, and bytes; what is not theirs, or was deleted meanwhile, is left out."""
    taken: Counter[str] = Counter()
    for id in ids:
        try:
            data = service.picture_bytes(owner, id)
        except NotFound:
            continue
        name = _named(_stem(service, owner, id), MEDIA_TYPES.get(data[:4], "application/octet-stream"))
        taken[name] += 1
        stem, _, kind = name.rpartition(".")
        yield (name if taken[name] == 1 else f"{stem}-{taken[name]}.{kind}"), data


def _stem(service: Service, owner: str, picture_id: str, otherwise: str = "picture") -> str:
    """What a file with this picture is called, before its ending."""
    picture = service.pictures.get(owner, picture_id)
    words = re.findall(r"[a-z0-9]+", picture.prompt.lower()) if picture else []
    return "-".join(words)[:60].strip("-") or otherwise


def _named(stem: str, kind: str) -> str:
    return stem + "." + kind.rpartition("/")[2].replace("jpeg", "jpg")


async def _not_understood(request: Request, _error: Exception) -> JSONResponse:
    """Nothing of what was sent goes back: not all of it can be written."""
    return await _refuse(request, InvalidRequest("This request cannot be read.", "Reload the page, then try again."))


async def _refuse(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, UserError)
    fault = error.fault
    return JSONResponse(
        {
            "error": {
                "code": fault.code,
                "message": fault.message,
                "hint": fault.hint,
                "fix": fault.fix,
                "fix_label": fault.fix_label,
            }
        },
        fault.status,
    )
