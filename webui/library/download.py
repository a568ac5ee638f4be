"""Fetches the file of a model: into a part file beside its place, checked, and then renamed in one step.

What has arrived stays when the line breaks, and the next try asks for the rest only. This module loads httpx; whoever
may never fetch anything imports it when a download starts.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import shutil
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx

from webui.core.errors import (
    DiskFull,
    FolderUnusable,
    Gated,
    Gone,
    HubBusy,
    NotTrusted,
    Offline,
    Stalled,
    UserError,
    WrongContent,
)
from webui.core.model_presets import ModelPreset
from webui.library.arrival import Headway, arrived, forget, part_file, tag_file

REDIRECTS = 6
KEPT_FREE = 2**29
"""Bytes that stay free on the disk, for the pictures that are drawn meanwhile."""
MUCH = 2**26
"""Bytes after which the room on the disk is looked at again, and a broken line is forgiven."""
REPORT_SECONDS = 0.5
SPEED_SECONDS = 8.0
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_AGAIN = ("retry", "Try again")

Report = Callable[[Headway], None]


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: to wait for a connection, for the next bytes, and before each new try after the line broke midway."""

    connect: float = 20.0
    silence: float = 40.0
    pauses: tuple[float, ...] = (1.0, 4.0, 15.0)


async def fetch(model: ModelPreset, folder: Path, report: Report, patience: Patience | None = None) -> Path:
    """Brings `model` into `folder` and returns its path. Cancel the task to stop; what has arrived stays.

    Raises:
        Offline, Gated, Gone, HubBusy, NotTrusted, Stalled: the way there; the part file stays.
        DiskFull: before the start, or midway (the part file stays). FolderUnusable.
        WrongContent: what arrived is not this model; nothing of it stays.
    """
    patience = patience or Patience()
    target = folder / model.file
    with _disk_in_words(model):
        if _lies_there(target):
            await _check_own_file(model, target, report)
            return target
        _make_ready(model, folder)
        await _all_of_it(model, folder, report, patience)
        part = part_file(folder, model)
        if not await _is_whole(part, model, report):
            forget(folder, model)
            raise _wrong(model)
        part.replace(target)
        forget(folder, model)
    return target


async def _all_of_it(model: ModelPreset, folder: Path, report: Report, patience: Patience) -> None:
    """Asks until every byte has arrived. A try that brought something is worth another one."""
    pauses = iter(patience.pauses)
    wait = httpx.Timeout(patience.silence, connect=patience.connect)
    while (before := arrived(folder, model)) < model.bytes:
        try:
            async with _client(wait) as client:
                with _network_in_words(model):
                    await _stream(client, model, folder, report)
            if arrived(folder, model) < model.bytes:
                raise _broken(model)
        except (Offline, Stalled):
            brought = arrived(folder, model) - before
            pauses = iter(patience.pauses) if brought >= MUCH else pauses
            pause = next(pauses, None)
            if pause is None or brought <= 0:
                raise
            await asyncio.sleep(pause)


def _client(wait: httpx.Timeout) -> httpx.AsyncClient:
    """A client as the environment asks for: proxies and certificates are looked at here."""
    try:
        return httpx.AsyncClient(timeout=wait, follow_redirects=False)
    except (OSError, ValueError, ImportError, httpx.InvalidURL) as error:
        names = "SSL_CERT_FILE, SSL_CERT_DIR, HTTPS_PROXY, ALL_PROXY or NO_PROXY"
        raise Offline(
            f"One of the network settings of this computer cannot be used: {names}.",
            "Correct or unset it, then start Easel again.",
        ) from error


async def _stream(client: httpx.AsyncClient, model: ModelPreset, folder: Path, report: Report) -> None:
    tag = _tag(folder, model)
    have = arrived(folder, model) if tag else 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": tag}
    async with _opened(client, model, headers) as answer:
        start = _start(answer, have, model, folder)
        tag_file(folder, model).write_text(answer.headers.get("etag", ""), "utf-8")
        with part_file(folder, model).open("r+b" if start else "wb") as part:
            part.seek(start)
            async with _metered(start, model.bytes, report) as meter:
                await _pour(answer, part, meter, model, folder)
            part.flush()
            os.fsync(part.fileno())


async def _pour(answer: httpx.Response, part: BinaryIO, meter: _Meter, model: ModelPreset, folder: Path) -> None:
    looked = meter.done
    async for chunk in answer.aiter_raw():
        if meter.done + len(chunk) > model.bytes:
            forget(folder, model)
            raise _wrong(model)
        part.write(chunk)
        meter.done += len(chunk)
        if meter.done - looked >= MUCH:
            looked = meter.done
            _check_room(model, folder)


@asynccontextmanager
async def _opened(
    client: httpx.AsyncClient, model: ModelPreset, headers: dict[str, str]
) -> AsyncIterator[httpx.Response]:
    """The answer that has the content, after redirects, each of which is looked at."""
    url = httpx.URL(model.address)
    for _ in range(REDIRECTS):
        _check_protected(url, model)
        answer = await client.send(client.build_request("GET", url, headers=headers), stream=True)
        try:
            if not answer.has_redirect_location:
                yield answer
                return
            url = url.join(answer.headers["location"])
        finally:
            await answer.aclose()
    raise Gone(f"The address of {model.title} leads in a circle.", "Try again another day.", *_AGAIN)


def _check_protected(url: httpx.URL, model: ModelPreset) -> None:
    """TLS only. A model whose own address is on this computer (a test's) may come from there without."""
    home = httpx.URL(model.address)
    local = home.scheme == url.scheme == "http" and home.host == url.host == "127.0.0.1"
    if url.scheme != "https" and not local:
        raise NotTrusted(
            f"{_host(model)} leads to an address without protection, so {model.title} was not fetched.",
            "Try again in another network: this one may be changing what you load.",
            *_AGAIN,
        )


def _start(answer: httpx.Response, have: int, model: ModelPreset, folder: Path) -> int:
    """The byte that the answer begins with. Raises the sentence for an answer without content."""
    if answer.status_code == 206 and have:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("content-range", ""))
        if match and int(match[1]) == have and match[2] in ("*", str(model.bytes)):
            return have
    elif answer.status_code == 200:
        length = answer.headers.get("content-length")
        page = answer.headers.get("content-type", "").startswith("text/") and arrived(folder, model) > 0
        if length == str(model.bytes) or (length is None and not page):
            return 0
        raise _wrong(model)  # a hotspot's log-in page, say: what has arrived before is still good
    elif answer.status_code >= 400 and answer.status_code != 416:
        raise _refused(answer.status_code, model)
    forget(folder, model)
    raise _wrong(model)


def _tag(folder: Path, model: ModelPreset) -> str:
    """A strong ETag of what has arrived; "" when there is none, for then nothing can be resumed safely."""
    try:
        tag = tag_file(folder, model).read_text("utf-8").strip()
    except (OSError, ValueError):
        return ""
    return tag if re.fullmatch(r'"[\x21\x23-\x7e]*"', tag) else ""


def _lies_there(target: Path) -> bool:
    return target.exists()


def _make_ready(model: ModelPreset, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if arrived(folder, model) > model.bytes:
        forget(folder, model)
    _check_room(model, folder)


async def _check_own_file(model: ModelPreset, target: Path, report: Report) -> None:
    """A file that lies at the place already: fine if it is this model, else the person's, and it stays."""
    if not await _is_whole(target, model, report):
        raise FolderUnusable(
            f"There is another file called {model.file} already.", "Move it out of the checkpoints folder.", *_AGAIN
        )


async def _is_whole(file: Path, model: ModelPreset, report: Report) -> bool:
    """Whether what lies on the disk is the model, to the last bit."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(2**22):
            digest.update(block)
            report(Headway(stream.tell(), max(model.bytes, stream.tell()), checking=True))
            await asyncio.sleep(0)  # here it can be stopped
    return digest.hexdigest() == model.sha256


def _check_room(model: ModelPreset, folder: Path) -> None:
    missing = model.bytes - arrived(folder, model)
    free = shutil.disk_usage(folder).free
    if free < missing + KEPT_FREE:
        raise DiskFull(
            f"The disk has too little room for {model.title}: {_gigabytes(missing + KEPT_FREE)} are needed,"
            f" {_gigabytes(free)} are free.",
            "Make room, then try again.",
            *_AGAIN,
        )


class _Meter:
    """Tells a few times a second how far it is, also while nothing comes, with the speed of the last seconds."""

    def __init__(self, done: int, total: int, report: Report) -> None:
        self.done = done
        self._total, self._report = total, report
        self._seen = deque([(time.monotonic(), done)])

    async def run(self) -> None:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            self.tell()

    def tell(self) -> None:
        now = time.monotonic()
        self._seen.append((now, self.done))
        while self._seen[0][0] < now - SPEED_SECONDS:
            self._seen.popleft()
        began, first = self._seen[0]
        known = now - began >= REPORT_SECONDS
        self._report(Headway(self.done, self._total, (self.done - first) / (now - began) if known else 0.0))


@asynccontextmanager
async def _metered(start: int, total: int, report: Report) -> AsyncIterator[_Meter]:
    meter = _Meter(start, total, report)
    telling = asyncio.create_task(meter.run())
    try:
        yield meter
        meter.tell()
    finally:
        telling.cancel()


@contextmanager
def _network_in_words(model: ModelPreset) -> Iterator[None]:
    host = _host(model)
    try:
        yield
    except (httpx.ReadTimeout, httpx.WriteTimeout) as error:
        raise Stalled(
            f"{host} has stopped sending.", "What has arrived is kept. Try again in a while.", *_AGAIN
        ) from error
    except (httpx.TransportError, httpx.InvalidURL) as error:
        if _is_mistrust(error):
            raise NotTrusted(
                f"{host} could not prove that it is {host}, so nothing was fetched.",
                "Is this computer's clock right? Networks of companies and hotels may stand in between.",
                *_AGAIN,
            ) from error
        if isinstance(error, httpx.ReadError | httpx.RemoteProtocolError):
            raise _broken(model) from error
        raise Offline(f"{host} cannot be reached.", "Is this computer connected to the internet?", *_AGAIN) from error


@contextmanager
def _disk_in_words(model: ModelPreset) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(
                f"The disk became full while {model.title} arrived.",
                "What has arrived is kept. Make room, then try again.",
                *_AGAIN,
            ) from error
        raise FolderUnusable(
            f"{model.title} cannot be written ({error.strerror}).", "Look at the models folder.", *_AGAIN
        ) from error


def _refused(status: int, model: ModelPreset) -> UserError:
    host = _host(model)
    match status:
        case 401 | 403:
            return Gated(f"{host} gives {model.title} only to people with an account there.", "Choose another model.")
        case 404 | 410:
            return Gone(f"{model.title} is not at {host} any more.", "A newer Easel may know where it went.")
        case 429:
            return HubBusy(f"Too many people are loading from {host} just now.", "Wait some minutes.", *_AGAIN)
    return HubBusy(f"{host} has trouble of its own ({status}).", "Try again in a while.", *_AGAIN)


def _broken(model: ModelPreset) -> Offline:
    return Offline(f"The line to {_host(model)} broke.", "What has arrived is kept. Try again.", *_AGAIN)


def _wrong(model: ModelPreset) -> WrongContent:
    return WrongContent(
        f"What {_host(model)} sent is not {model.title}.",
        "It was thrown away. If this network asks for a log-in, log in first.",
        *_AGAIN,
    )


def _is_mistrust(error: BaseException) -> bool:
    """Whether TLS said no, somewhere down the chain of causes; a line that just ended is no mistrust."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            return not isinstance(seen, ssl.SSLEOFError | ssl.SSLZeroReturnError)
        seen = seen.__cause__ or seen.__context__
    return False


def _host(model: ModelPreset) -> str:
    return httpx.URL(model.address).host


def _gigabytes(n: int) -> str:
    return f"{n / 1e9:.1f} GB"
