"""Runs a program for as long as whoever started this is there: when standard input ends, so does the program.

Run by its path and without anything of ours: `python tunnel_keeper.py PROGRAM ARGUMENTS`. Without it a tunnel would
outlive an Easel that was killed, and lead into whatever takes its port next.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

PATIENCE = 3.0  # seconds


def main(command: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: None)  # whoever ends Easel ends our input; the program hears it as ever
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)

    def end_with_input() -> None:
        try:
            while os.read(0, 4096):  # not through sys.stdin, whose lock would be held when this process ends
                pass
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()

    threading.Thread(target=end_with_input, daemon=True).start()
    return process.wait()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except OSError as error:
        sys.exit(f"cannot run: {error.strerror}")
