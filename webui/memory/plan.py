"""Where the parts of a model are while it draws: a ladder from fastest to smallest, and the first rung that fits.

Pure: the same sizes on the same device give the same plan, and more memory never gives a slower one. The ladder:

    resident              everything stays on the device
    text_encoder_leaves   the text encoders go back to system memory when the prompt is encoded
    model_offload         one part at a time is on the device
    group_offload_block   the denoiser comes block by block while the last one computes
    group_offload_leaf    everything comes layer by layer
    cpu                   nothing is on the device

On each rung the VAE works on the whole picture, or in tiles where it would not fit otherwise, or at the very end on the
CPU.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from webui.core.errors import NotEnoughMemory
from webui.core.types import ComponentSizes, DeviceFacts, Stage
from webui.memory.estimate import GIB, Activations, Dtype, Needs, estimate

Rung = Literal["resident", "text_encoder_leaves", "model_offload", "group_offload_block", "group_offload_leaf", "cpu"]
LADDER: tuple[Rung, ...] = get_args(Rung)

MARGIN = 1.1
WORKSPACE = GIB // 2
CONTEXT = GIB // 2
SMALLEST_SIDE = 256


# What a person is told of a rung, "" where nobody notices it.
SLOWER: Mapping[Rung, str] = {
    "resident": "",
    "text_encoder_leaves": "",
    "model_offload": "a bit slower, because the parts of the model take turns",
    "group_offload_block": "slower, because the model comes in pieces",
    "group_offload_leaf": "much slower, because the model comes in small pieces",
    "cpu": "on the processor and very slow, because this card is too small for the model",
}


@dataclass(frozen=True, slots=True)
class VramPlan:
    """`peak_bytes` on the device with workspace, without the margin.

    `device` is the kind it is for: only a card with memory of its own has lower rungs; moving parts out of a CPU's or a
    Mac's memory moves them nowhere.
    """

    rung: Rung
    tiled_vae: bool
    dtype: Dtype
    peak_bytes: int
    device: Literal["cpu", "cuda", "mps"] = "cuda"
    vae_on_cpu: bool = False


def plan(
    sizes: ComponentSizes,
    device: DeviceFacts,
    width: int,
    height: int,
    *,
    cfg: bool = True,
    activations: Activations,
    vram_cap: int | None = None,
) -> VramPlan:
    """The fastest way that fits into `device.free`, or into a card of `vram_cap` bytes if that is less.

    `device.free` counts what the asker holds itself and would give back. Raises NotEnoughMemory with the size that
    fits; on a card where no size fits the rung is "cpu".
    """
    budget = budget_of(device, vram_cap)
    needs = estimate(sizes, activations, device.dtype, width, height, cfg=cfg)
    found = _first_that_fits(needs, device, budget)
    if found is not None:
        return found
    fitting = size_that_fits(sizes, device, width, height, cfg=cfg, activations=activations, vram_cap=vram_cap)
    if fitting is None and device.kind == "cuda":
        return VramPlan("cpu", True, device.dtype, 0)
    raise refusal(_smallest_need(needs, device), budget, fitting)


def next_rung(plan: VramPlan, stage: Stage) -> VramPlan | None:
    """What to try after memory ran out in `stage`, None when nothing is left.

    In "decoding" the latents are kept and only the VAE is done differently: in tiles, then on the CPU. `peak_bytes`
    stays as the bound it is; "cpu" holds nothing on the device.
    """
    if not plan.tiled_vae and (stage == "decoding" or plan.device != "cuda"):
        return replace(plan, tiled_vae=True)
    if plan.device != "cuda" or plan.rung == "cpu":
        return None
    if stage == "decoding":
        return None if plan.vae_on_cpu else replace(plan, vae_on_cpu=True)
    rung = LADDER[LADDER.index(plan.rung) + 1]
    lower = replace(plan, rung=rung, tiled_vae=True)
    return replace(lower, peak_bytes=0) if rung == "cpu" else lower


def size_that_fits(
    sizes: ComponentSizes,
    device: DeviceFacts,
    width: int,
    height: int,
    *,
    cfg: bool = True,
    activations: Activations,
    vram_cap: int | None = None,
    below: bool = False,
) -> tuple[int, int] | None:
    """The largest size of about this shape, in steps of 64 px, that has a plan; None when not even 256 px have one.

    `below`: only sizes smaller than this one, for when memory ran out although the plan said it would do.
    """
    budget = budget_of(device, vram_cap)
    for w, h in _smaller(width, height):
        if below and w * h >= width * height:
            continue
        needs = estimate(sizes, activations, device.dtype, w, h, cfg=cfg)
        if _first_that_fits(needs, device, budget) is not None:
            return w, h
    return None


def refusal(needed: int, budget: int, fitting: tuple[int, int] | None) -> NotEnoughMemory:
    """The words for a picture that does not fit, with the size that does as the fix."""
    message = f"This needs about {gigabytes(needed)} of memory, and {gigabytes(budget)} are free."
    if needed <= budget:  # it should have fitted, and did not
        message = (
            f"Memory ran out: this needs about {gigabytes(needed)}, and not all of {gigabytes(budget)} could be had."
        )
    if fitting is None:
        hint = "Close other programs, or choose a smaller model."
        return NotEnoughMemory(message, hint, "model:starter", "Use the small model")
    w, h = fitting
    return NotEnoughMemory(message, f"{w} × {h} would fit.", f"size:{w}x{h}", f"Make it {w} × {h}")


def budget_of(device: DeviceFacts, vram_cap: int | None) -> int:
    """Bytes that a plan may use. A cap means a card of that size, on which the driver's context lies already."""
    if vram_cap is None or device.kind != "cuda":
        return device.free
    return max(0, min(device.free, vram_cap - CONTEXT))


def cap_bytes(vram: float | None) -> int | None:
    """Bytes of the cap that a person sets in GB as cards are sold (2**30); None: no cap."""
    return None if vram is None else int(vram * GIB)


def gigabytes(n: int) -> str:
    """ "6.5 GB", as cards are sold (2**30)."""
    return f"{n / GIB:.1f} GB"


def peak(needs: Needs, rung: Rung, tiled_vae: bool, vae_on_cpu: bool = False) -> int:
    """Bytes on the device at the worst moment, with workspace. `vae_on_cpu` counts on the lower rungs only."""
    vae = 0 if vae_on_cpu else needs.vae + (needs.vae_work_tiled if tiled_vae else needs.vae_work)
    work = max(needs.denoiser_work, vae - needs.vae)
    text, unet = needs.text_encoders + needs.text_work, needs.denoiser + needs.denoiser_work
    kept = needs.denoiser + needs.vae
    highest = {
        "resident": needs.text_encoders + kept + max(work, needs.text_work),
        "text_encoder_leaves": max(text + kept, kept + work),
        "model_offload": max(text, unet, vae),
        "group_offload_block": max(text, min(needs.denoiser_blocks + needs.denoiser_work, unet), vae),
        "group_offload_leaf": max(
            needs.text_layers + needs.text_work, needs.denoiser_layers + needs.denoiser_work, vae
        ),
        "cpu": 0,
    }[rung]
    return highest + WORKSPACE if rung != "cpu" else 0


def _first_that_fits(needs: Needs, device: DeviceFacts, budget: int) -> VramPlan | None:
    for rung, tiled, vae_on_cpu in _ladder(device):
        bytes_needed = peak(needs, rung, tiled, vae_on_cpu)
        if bytes_needed * MARGIN <= budget:
            return VramPlan(rung, tiled, device.dtype, bytes_needed, device.kind, vae_on_cpu)
    return None


def _ladder(device: DeviceFacts) -> Iterator[tuple[Rung, bool, bool]]:
    """Rung, whether the VAE works in tiles, whether it stays on the CPU."""
    rungs = LADDER[:-1] if device.kind == "cuda" else LADDER[:1]
    for rung in rungs:
        yield rung, False, False
        yield rung, True, False
    if device.kind == "cuda":
        yield rungs[-1], True, True


def _smallest_need(needs: Needs, device: DeviceFacts) -> int:
    return int(MARGIN * min(peak(needs, *step) for step in _ladder(device)))


def _smaller(width: int, height: int) -> Iterator[tuple[int, int]]:
    """The size itself and smaller ones of about its shape, largest first, down to 256 px on the shorter side."""
    yield width, height
    shorter = min(width, height)
    for side in range((shorter - 1) // 64 * 64, SMALLEST_SIDE - 1, -64):
        scale = side / shorter
        yield max(64, round(width * scale / 64) * 64), max(64, round(height * scale / 64) * 64)
