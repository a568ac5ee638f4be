"""What the tunnel's program does, as far as Easel sees it: dials a server, says its address, and carries bytes.

It takes the same arguments and says the same words as frpc 0.3; what it speaks with its server is the test's own.
"""

from __future__ import annotations

import argparse
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path


def pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def carry(a: socket.socket, b: socket.socket) -> None:
    threading.Thread(target=pump, args=(a, b), daemon=True).start()
    pump(b, a)
    a.close()
    b.close()


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["http"])
    for name in ("--proxy_name", "--sd", "--local_ip", "--local_port", "--server_addr", "--tls_trusted_ca_file"):
        parser.add_argument(name, required=True)
    for name in ("--uc", "--ue", "--disable_log_color", "--tls_enable"):
        parser.add_argument(name, action="store_true", required=True)
    told = parser.parse_args(argv)
    host, _, port = told.server_addr.partition(":")
    server = (host, int(port))
    assert "BEGIN CERTIFICATE" in Path(told.tls_trusted_ca_file).read_text()
    try:
        control = socket.create_connection(server, 10)
    except OSError as error:
        print(f"[W] [service.go:132] login to server failed: {error}", flush=True)
        return 1
    control.settimeout(None)
    control.sendall(b"open\n")
    for line in control.makefile():
        what, _, value = line.strip().partition(" ")
        if what == "address":
            print(f"[I] [control.go:181] [{told.proxy_name}] start proxy success: {value}", flush=True)
        elif what == "refused":
            print(f"[W] [control.go:179] [{told.proxy_name}] start error: {value}", flush=True)
        elif what == "lose":
            print("[I] [service.go:209] [1] try to reconnect to server...", flush=True)
        elif what == "chat":
            print("x" * int(value), flush=True)
        elif what == "dial":
            far = socket.create_connection(server)
            far.sendall(f"work {value}\n".encode())
            near = socket.create_connection((told.local_ip, int(told.local_port)))
            threading.Thread(target=carry, args=(near, far), daemon=True).start()
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
