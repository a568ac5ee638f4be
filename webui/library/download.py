"""Fetches a file, mostly a model's: into a part file beside its place, checked, and then renamed in one step.

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
from typing import Any, BinaryIO

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
from webui.library.arrival import Headway, Remote, Wanted, arrived, forget, part_file, tag_file

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
class Answer:
    """What a service says at an address: a source that becomes no file."""

    title: str
    address: str


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: to wait for a connection, for the next bytes, and before each new try after the line broke midway."""

    connect: float = 20.0
    silence: float = 40.0
    pauses: tuple[float, ...] = (1.0, 4.0, 15.0)


async def fetch(wanted: Wanted, folder: Path, report: Report, patience: Patience | None = None) -> Path:
    """Brings `wanted` into `folder` and returns its path. Cancel the task to stop; what has arrived stays.

    Raises:
        Offline, Gated, Gone, HubBusy, NotTrusted, Stalled: the way there; the part file stays.
        DiskFull: before the start, or midway (the part file stays). FolderUnusable.
        WrongContent: what arrived is not what was wanted; nothing of it stays.
    """
    patience = patience or Patience()
    target = folder / wanted.file
    with disk_in_words(wanted, folder):
        if target.exists():
            await _check_own_file(wanted, target, report)
            return target
        _make_ready(wanted, folder)
        await _all_of_it(wanted, folder, report, patience)
        part = part_file(folder, wanted)
        if not await _is_whole(part, wanted, report):
            forget(folder, wanted)
            raise _wrong(wanted)
        part.replace(target)
        forget(folder, wanted)
    return target


async def _all_of_it(wanted: Wanted, folder: Path, report: Report, patience: Patience) -> None:
    """Asks until every byte has arrived. A try that brought something is worth another one."""
    pauses = iter(patience.pauses)
    wait = httpx.Timeout(patience.silence, connect=patience.connect)
    while (before := arrived(folder, wanted)) < wanted.bytes:
        try:
            async with _client(wait) as client:
                with _network_in_words(wanted):
                    await _stream(client, wanted, folder, report)
            if arrived(folder, wanted) < wanted.bytes:
                raise _broken(wanted)
        except (Offline, Stalled):
            brought = arrived(folder, wanted) - before
            pauses = iter(patience.pauses) if brought >= MUCH else pauses
            pause = next(pauses, None)
            if pause is None or brought <= 0:
                raise
            await asyncio.sleep(pause)


async def ask(service: str, address: str, patience: Patience | None = None) -> Any:
    """What an address of this service answers, as JSON. Raises as `fetch` does on the way there."""
    patience = patience or Patience()
    source = Answer(f"the answer of {service}", address)
    try:
        async with _client(httpx.Timeout(patience.silence, connect=patience.connect)) as client:
            with _network_in_words(source):
                answer = await client.get(address)
        if answer.status_code >= 400:
            raise _busy(source) if answer.status_code == 429 else _troubled(answer.status_code, source)
        return answer.json()
    except (ValueError, RecursionError, httpx.DecodingError) as error:  # a hotspot's log-in page, say
        raise _wrong(source) from error


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


async def _stream(client: httpx.AsyncClient, wanted: Wanted, folder: Path, report: Report) -> None:
    tag = _tag(folder, wanted)
    have = arrived(folder, wanted) if tag else 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": tag}
    async with _opened(client, wanted, headers) as answer:
        start = _start(answer, have, wanted, folder)
        tag_file(folder, wanted).write_text(answer.headers.get("etag", ""), "utf-8")
        with part_file(folder, wanted).open("r+b" if start else "wb") as part:
            part.seek(start)
            async with _metered(start, wanted.bytes, report) as meter:
                await _pour(answer, part, meter, wanted, folder)
            part.flush()
            os.fsync(part.fileno())


async def _pour(answer: httpx.Response, part: BinaryIO, meter: _Meter, wanted: Wanted, folder: Path) -> None:
    looked = meter.done
    async for chunk in answer.aiter_raw():
        if meter.done + len(chunk) > wanted.bytes:
            forget(folder, wanted)
            raise _wrong(wanted)
        part.write(chunk)
        meter.done += len(chunk)
        if meter.done - looked >= MUCH:
            looked = meter.done
            _check_room(wanted, folder)


@asynccontextmanager
async def _opened(client: httpx.AsyncClient, wanted: Wanted, headers: dict[str, str]) -> AsyncIterator[httpx.Response]:
    """The answer that has the content, after redirects, each of which is looked at."""
    url = httpx.URL(wanted.address)
    for _ in range(REDIRECTS):
        _check_protected(url, wanted)
        answer = await client.send(client.build_request("GET", url, headers=headers), stream=True)
        try:
            if not answer.has_redirect_location:
                yield answer
                return
            url = url.join(answer.headers["location"])
        finally:
            await answer.aclose()
    raise Gone(f"The address of {wanted.title} leads in a circle.", "Try again another day.", *_AGAIN)


def _check_protected(url: httpx.URL, wanted: Wanted) -> None:
    """TLS only. A file whose own address is on this computer (a test's) may come from there without."""
    home = httpx.URL(wanted.address)
    local = home.scheme == url.scheme == "http" and home.host == url.host == "127.0.0.1"
    if url.scheme != "https" and not local:
        raise NotTrusted(
            f"{_host(wanted)} leads to an address without protection, so {wanted.title} was not fetched.",
            "Try again in another network: this one may be changing what you load.",
            *_AGAIN,
        )


def _start(answer: httpx.Response, have: int, wanted: Wanted, folder: Path) -> int:
    """The byte that the answer begins with. Raises the sentence for an answer without content."""
    if answer.status_code == 206 and have:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("content-range", ""))
        if match and int(match[1]) == have and match[2] in ("*", str(wanted.bytes)):
            return have
    elif answer.status_code == 200:
        length = answer.headers.get("content-length")
        page = answer.headers.get("content-type", "").startswith("text/") and arrived(folder, wanted) > 0
        if length == str(wanted.bytes) or (length is None and not page):
            return 0
        raise _wrong(wanted)  # a hotspot's log-in page, say: what has arrived before is still good
    elif answer.status_code >= 400 and answer.status_code != 416:
        raise _refused(answer.status_code, wanted)
    forget(folder, wanted)
    raise _wrong(wanted)


def _tag(folder: Path, wanted: Wanted) -> str:
    """A strong ETag of what has arrived; "" when there is none, for then nothing can be resumed safely."""
    try:
        tag = tag_file(folder, wanted).read_text("utf-8").strip()
    except (OSError, ValueError):
        return ""
    return tag if re.fullmatch(r'"[\x21\x23-\x7e]*"', tag) else ""


def _make_ready(wanted: Wanted, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if arrived(folder, wanted) > wanted.bytes:
        forget(folder, wanted)
    _check_room(wanted, folder)


async def _check_own_file(wanted: Wanted, target: Path, report: Report) -> None:
    """A file that lies at the place already: fine if it is what is wanted, else the person's, and it stays."""
    if not await _is_whole(target, wanted, report):
        raise FolderUnusable(
            f"There is another file called {wanted.file} already.",
            f"Move it out of the {target.parent.name} folder.",
            *_AGAIN,
        )


async def _is_whole(file: Path, wanted: Wanted, report: Report) -> bool:
    """Whether what lies on the disk is what is wanted, to the last bit."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(2**22):
            digest.update(block)
            report(Headway(stream.tell(), max(wanted.bytes, stream.tell()), checking=True))
            await asyncio.sleep(0)  # here it can be stopped
    return digest.hexdigest() == wanted.sha256


def _check_room(wanted: Wanted, folder: Path) -> None:
    missing = wanted.bytes - arrived(folder, wanted)
    free = shutil.disk_usage(folder).free
    if free < missing + KEPT_FREE:
        raise DiskFull(
            f"The disk has too little room for {wanted.title}: {_gigabytes(missing + KEPT_FREE)} are needed,"
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
def _network_in_words(source: Remote) -> Iterator[None]:
    host = _host(source)
    try:
        yield
    except (httpx.ReadTimeout, httpx.WriteTimeout) as error:
        raise Stalled(f"{host} has stopped sending.", f"{_kept(source)}Try again in a while.", *_AGAIN) from error
    except (httpx.TransportError, httpx.InvalidURL) as error:
        if _is_mistrust(error):
            raise NotTrusted(
                f"{host} could not prove that it is {host}, so nothing was fetched.",
                "Is this computer's clock right? Networks of companies and hotels may stand in between.",
                *_AGAIN,
            ) from error
        if isinstance(error, httpx.ReadError | httpx.RemoteProtocolError):
            raise _broken(source) from error
        raise Offline(f"{host} cannot be reached.", "Is this computer connected to the internet?", *_AGAIN) from error


@contextmanager
def disk_in_words(wanted: Remote, folder: Path) -> Iterator[None]:
    """Troubles of the disk while something that was fetched is written into `folder`."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(
                f"The disk became full while {wanted.title} arrived.",
                f"{_kept(wanted)}Make room, then try again.",
                *_AGAIN,
            ) from error
        raise FolderUnusable(
            f"{_first_word(wanted)} cannot be written ({error.strerror}).",
            f"Look at the {folder.name} folder.",
            *_AGAIN,
        ) from error


def _refused(status: int, source: Remote) -> UserError:
    host = _host(source)
    match status:
        case 401 | 403:
            return Gated(f"{host} gives {source.title} only to people with an account there.", "Choose another one.")
        case 404 | 410:
            return Gone(f"{_first_word(source)} is not at {host} any more.", "A newer Easel may know where it went.")
        case 429:
            return _busy(source)
    return _troubled(status, source)


def _busy(source: Remote) -> HubBusy:
    return HubBusy(f"Too many people are loading from {_host(source)} just now.", "Wait some minutes.", *_AGAIN)


def _troubled(status: int, source: Remote) -> HubBusy:
    return HubBusy(f"{_host(source)} has trouble of its own ({status}).", "Try again in a while.", *_AGAIN)


def _broken(source: Remote) -> Offline:
    return Offline(f"The line to {_host(source)} broke.", f"{_kept(source)}Try again.", *_AGAIN)


def _kept(source: Remote) -> str:
    return "" if isinstance(source, Answer) else "What has arrived is kept. "


def _wrong(source: Remote) -> WrongContent:
    return WrongContent(
        f"What {_host(source)} sent is not {source.title}.",
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


def _first_word(source: Remote) -> str:
    """The title as a sentence begins with it."""
    return source.title[:1].upper() + source.title[1:]


def _host(source: Remote) -> str:
    return httpx.URL(source.address).host


def _gigabytes(n: int) -> str:
    return f"{n / 1e9:.1f} GB"
