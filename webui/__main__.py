"""Starts Easel: `python -m webui [flags]`. The one place where the page's wing and the engine's wing meet."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from webui.core.errors import UserError
from webui.core.presets import load_presets
from webui.core.settings import Settings, load_settings
from webui.core.tunnel_preset import TunnelPreset, load_tunnel
from webui.engine.link import WorkerLink
from webui.families import all_families
from webui.jobs.service import Service
from webui.library.catalog import Catalog
from webui.library.lock import only_one

HOME = Path(__file__).resolve().parent.parent
PRESETS = HOME / "presets"
PORTS_TRIED = 50
WAITING = 2048
"""Connections that the system keeps until the server takes them."""


def main(argv: Sequence[str]) -> int:
    """Runs until it is told to stop; returns the exit code."""
    try:
        settings = load_settings(argv, os.environ, HOME)
        logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log signed addresses
        signal.signal(signal.SIGTERM, _end)
        with only_one(settings.data):
            run(settings)
    except UserError as error:
        print(f"Easel: {error.message} {error.hint}".rstrip(), file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # Ctrl+C, which uvicorn raises once more after it has closed
        return 0
    return 0


def _end(*_: object) -> None:
    """SIGTERM, which service managers send, ends Easel in order, as Ctrl+C does."""
    raise KeyboardInterrupt


def run(settings: Settings) -> None:
    """Builds everything, serves, and closes again."""
    door = open_door(settings.host, settings.port)
    service = build_service(settings)
    for warning in (*settings.warnings, *service.presets.warnings):
        print(f"Easel: {warning}", file=sys.stderr)
    try:
        serve(service, settings, door, load_tunnel(PRESETS / "tunnel.json"))
    finally:
        service.close()


def build_service(settings: Settings) -> Service:
    """The service with one worker for each device."""
    families = all_families()
    catalog = Catalog(settings.models, families)
    catalog.refresh()
    links = [WorkerLink(device, vram=settings.vram) for device in settings.devices]
    return Service(settings, load_presets(PRESETS, settings.data / "styles"), catalog, families, links)


def serve(service: Service, settings: Settings, door: socket.socket, tunnel: TunnelPreset) -> None:
    """Opens the page first and loads torch meanwhile; blocks until the server ends."""
    import uvicorn

    from webui.api.server import build_app, with_guests
    from webui.api.share import Share
    from webui.ui.app import mount_page

    os.environ["GRADIO_TEMP_DIR"] = str(_emptied(settings.data / "temp"))
    guests = open_door("127.0.0.1", 0)
    share = Share(tunnel, settings.data / "tunnel", guests.getsockname(), service.changed, settings.offline)
    app = mount_page(build_app(service, PRESETS / "styles" / "previews", share), service)
    address = address_of(door)
    served = with_guests(app, settings, share)
    server = uvicorn.Server(uvicorn.Config(served, log_level="warning", timeout_graceful_shutdown=2, access_log=False))
    service.start()  # not earlier: loading torch would delay the page by 3 s on two busy cores
    print(f"Easel is at {address}", flush=True)
    if settings.open_browser:
        threading.Timer(0.5, webbrowser.open, [address]).start()
    server.run(sockets=[door, guests])


def _emptied(folder: Path) -> Path:
    """A folder for what visitors bring until it is read: photos still tell there where they were taken."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def address_of(door: socket.socket) -> str:
    """Where a browser on this computer finds it."""
    host, port = door.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def open_door(host: str, port: int) -> socket.socket:
    """A listening socket on the port, or on the next free one.

    Raises:
        UserError: when none of the next fifty is free, or the address cannot be used here.
    """
    ports = range(port, min(port + PORTS_TRIED, 65536))
    reasons: set[int | None] = set()
    for candidate in ports:
        try:
            return _listening(host, candidate)
        except (socket.gaierror, UnicodeError) as error:
            raise UserError(f"The address {host} is not known here.", "Start Easel without --host.") from error
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                raise UserError(f"This computer does not have the address {host}.", "Choose another --host.") from error
            reasons.add(error.errno)
    which = f"{ports[0]} to {ports[-1]}"
    if reasons == {errno.EACCES}:
        raise UserError(f"The system does not let Easel use the ports {which}.", "Choose one above 1023 with --port.")
    raise UserError(f"No port from {which} is free.", "Choose another one with --port.")


def _listening(host: str, port: int) -> socket.socket:
    door = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name != "nt":  # on Windows this option would let two servers share a port
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((host, port))
        door.listen(WAITING)  # at once: two sockets that are only bound can share a port
    except (OSError, UnicodeError):
        door.close()
        raise
    return door


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
