"""Down the memory plan's ladder, with the same seed, when the device's memory is full."""

from __future__ import annotations

import logging
from collections.abc import Callable

from webui.core.types import DeviceFacts, Stage
from webui.engine.device import sweep
from webui.memory.plan import VramPlan, next_rung

log = logging.getLogger(__name__)

slower_note = "Memory ran out, so it was drawn in a slower way that needs less."


def climb_down(
    plan: VramPlan,
    attempt: Callable[[VramPlan], bytes | memoryview],
    stage: Callable[[], Stage],
    facts: DeviceFacts,
) -> tuple[bytes | memoryview, VramPlan] | None:
    """The first attempt that fits and its plan; None when none did. `stage` tells where an attempt failed.

    The retry runs outside the except block: until it is left, the traceback keeps the failed try's tensors alive.
    """
    rung: VramPlan | None = plan
    while rung is not None:
        try:
            return attempt(rung), rung
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            log.warning("memory ran out on the rung %s while %s: %s", rung.rung, stage(), str(error).splitlines()[:1])
        sweep(facts)
        rung = next_rung(rung, stage())
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """torch's own class, and the plain RuntimeErrors that its CPU allocator, cuBLAS and cuDNN raise."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    words = ("out of memory", "can't allocate memory", "not enough memory", "STATUS_ALLOC_FAILED")
    return isinstance(error, RuntimeError) and any(word in str(error) for word in words)
