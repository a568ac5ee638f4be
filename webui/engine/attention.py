"""Which attention computes: torch's own, or xformers where it is installed and measured to be faster on this card."""

from __future__ import annotations

import logging
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

log = logging.getLogger(__name__)

_worth_it = 0.95
_calls = 8
_failures = (ImportError, OSError, RuntimeError, ValueError, AttributeError, NotImplementedError)

Shape = tuple[int, int, int, int]


def xformers_wins(own: Sequence[float], theirs: Sequence[float]) -> bool:
    """Whether xformers' times are the better ones: by 5 %, so that chance does not decide how a picture comes out."""
    if not own or not theirs or not all(math.isfinite(t) and t > 0 for t in (*own, *theirs)):
        return False
    return statistics.median(theirs) < _worth_it * statistics.median(own)


@dataclass
class AttentionChoice:
    """One process's choice, measured once for each kind of attention head."""

    measure: Callable[[Shape, Any, Any], tuple[list[float], list[float]]] = field(default=lambda *a: _measured(*a))
    _known: dict[tuple[int, int], bool] = field(default_factory=dict, init=False)

    def settle(self, unet: Any, height: int, width: int, device: Any, dtype: Any) -> bool:
        """Give a UNet the faster attention before it draws latents of height x width; True: it is xformers'.

        Never on a processor. That xformers cannot be imported or run is a line in the log.
        """
        if device.type != "cuda" or find_spec("xformers") is None:
            return False
        shape = attention_shape(unet, height, width)
        if shape is None:
            return False
        heads = (shape[1], shape[3])
        if heads not in self._known:
            self._known[heads] = self._probe(shape, device, dtype)
        if self._known[heads]:
            self._known[heads] = _enabled(unet)
        return self._known[heads]

    def _probe(self, shape: Shape, device: Any, dtype: Any) -> bool:
        try:
            own, theirs = self.measure(shape, device, dtype)
        except _failures as error:
            log.warning("xformers is installed but cannot be used: %s", str(error).partition("\n")[0])
            return False
        wins = xformers_wins(own, theirs)
        log.info(
            "attention over %s: torch %s s, xformers %s s; %s", shape, own, theirs, "xformers" if wins else "torch"
        )
        return wins


def attention_shape(unet: Any, height: int, width: int) -> Shape | None:
    """(batch with guidance, heads, tokens, width of a head) of the UNet's attention over the most tokens, for latents
    of height x width; None for a UNet without any."""
    kinds = unet.config.down_block_types
    level = next((k for k, kind in enumerate(kinds) if "CrossAttn" in kind), None)
    if level is None:
        return None
    attention = unet.down_blocks[level].attentions[0].transformer_blocks[0].attn1
    tokens = math.ceil(height / 2**level) * math.ceil(width / 2**level)
    return 2, attention.heads, tokens, attention.inner_dim // attention.heads


def _enabled(unet: Any) -> bool:
    try:
        unet.enable_xformers_memory_efficient_attention()
    except _failures as error:
        unet.disable_xformers_memory_efficient_attention()
        log.warning("xformers was not taken by this model: %s", str(error).partition("\n")[0])
        return False
    return True


def _measured(shape: Shape, device: Any, dtype: Any) -> tuple[list[float], list[float]]:
    """Seconds of some calls each, in turns, of torch's attention and of xformers'."""
    import torch
    from xformers.ops import memory_efficient_attention

    batch, heads, tokens, width = shape
    ours = torch.randn(batch, heads, tokens, width, device=device, dtype=dtype)
    theirs = torch.randn(batch, tokens, heads, width, device=device, dtype=dtype)
    runs: tuple[Callable[[], object], ...] = (
        lambda: torch.nn.functional.scaled_dot_product_attention(ours, ours, ours),
        lambda: memory_efficient_attention(theirs, theirs, theirs),
    )
    times: tuple[list[float], list[float]] = ([], [])
    with torch.no_grad():
        for turn in range(_calls + 2):
            for taken, run in zip(times, runs, strict=True):
                began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                began.record()
                run()
                ended.record()
                torch.cuda.synchronize(device)
                if turn >= 2:  # the first two choose kernels
                    taken.append(began.elapsed_time(ended) / 1e3)
    return times
