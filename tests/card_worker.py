"""A worker's process that plans as on a card and computes on the processor, for tiny models: its folder of configs is
the argument.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from pathlib import Path

from tests.offers import RTX
from webui.engine.serve import protected_pipe, serve
from webui.engine.worker import Worker
from webui.families.sd import SdFamily
from webui.families.sdxl import SdxlFamily


def main(configs: Path) -> None:
    import torch

    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    pipe = protected_pipe()
    pipe.start()

    def make() -> Worker:
        torch.set_num_threads(1)
        facts = replace(RTX, dtype="float32")
        return Worker(
            families=(SdFamily(configs), SdxlFamily(configs)),
            facts=facts,
            place_on=torch.device("cpu"),
            free=lambda: facts.free,
            pulse=pipe.beat,
        )

    serve(pipe, make)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
