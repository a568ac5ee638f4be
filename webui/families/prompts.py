"""Prompts for CLIP text encoders: weights as A1111 counts them, and chunks where a prompt is longer than the encoder.

Without weights, and within one chunk, the embeddings are bit-equal to those of diffusers' own `encode_prompt`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from webui.core.prompt import parse_attention

Weighted = Sequence[tuple[str | None, float]]


@dataclass(frozen=True)
class Chunk:
    """What fits an encoder at once: token ids with their start and end, and one weight each."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]


def chunks(tokenizer: Any, weighted: Weighted) -> list[Chunk]:
    """At least one chunk; `(None, ...)` (BREAK) begins a new one. Each is `model_max_length` tokens long, padded."""
    room = tokenizer.model_max_length - 2
    found: list[tuple[list[int], list[float]]] = [([], [])]
    for text, weight in weighted:
        if text is None:
            found.append(([], []))
            continue
        for token in tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids:
            if len(found[-1][0]) == room:
                found.append(([], []))
            found[-1][0].append(token)
            found[-1][1].append(weight)
    return [_padded(tokenizer, ids, weights) for ids, weights in found]


def _padded(tokenizer: Any, ids: list[int], weights: list[float]) -> Chunk:
    missing = tokenizer.model_max_length - 2 - len(ids)
    whole = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id, *[tokenizer.pad_token_id] * missing]
    return Chunk(tuple(whole), (1.0, *weights, 1.0, *[1.0] * missing))


def pair(tokenizer: Any, prompt: str, negative: str | None) -> tuple[list[Chunk], list[Chunk]]:
    """Both prompts as equally many chunks: the shorter one is filled up with empty ones. None stays without any."""
    first = chunks(tokenizer, parse_attention(prompt))
    if negative is None:
        return first, []
    second = chunks(tokenizer, parse_attention(negative))
    empty = _padded(tokenizer, [], [])
    length = max(len(first), len(second))
    return first + [empty] * (length - len(first)), second + [empty] * (length - len(second))


@dataclass(frozen=True)
class Encoder:
    """One tokenizer with its network. `pick` takes the hidden states the denoiser was trained on."""

    tokenizer: Any
    network: Any
    pick: Callable[[Any], Any]

    def __call__(self, parts: Sequence[Chunk]) -> tuple[Any, Any]:
        """Hidden states (1, tokens, width) of all chunks in a row, and the pooled ones (1, width) of the first."""
        import torch

        states, pooled = [], None
        for part in parts:
            ids = torch.tensor([part.ids], device=next(self.network.parameters()).device)
            with torch.no_grad():
                output = self.network(ids, output_hidden_states=True)
            pooled = output[0] if pooled is None and output[0].ndim == 2 else pooled
            states.append(emphasised(self.pick(output), part.weights))
        return torch.cat(states, dim=1), pooled


def last(output: Any) -> Any:
    """The last layer after its norm: SD 1.x and 2.x (SD 2.x's encoder has its last layer left out already)."""
    return output[0]


def penultimate(output: Any) -> Any:
    """The layer before the last, without norm: both encoders of SDXL."""
    return output.hidden_states[-2]


def emphasised(states: Any, weights: Sequence[float]) -> Any:
    """Each token's state times its weight, then all scaled back to the mean they had (A1111's "original" emphasis)."""
    import torch

    if all(weight == 1.0 for weight in weights):
        return states
    by = torch.tensor(weights, device=states.device, dtype=torch.float32)[None, :, None]
    wide = states.float()
    louder = wide * by
    return (louder * (wide.mean() / louder.mean())).to(states.dtype)
