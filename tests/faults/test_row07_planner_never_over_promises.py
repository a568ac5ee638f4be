"""Row 7: families x cards x sizes: a plan fits, more memory is never slower, the same question has one answer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webui.core.errors import NotEnoughMemory
from webui.core.types import ComponentSizes, DeviceFacts
from webui.memory.estimate import GIB, STABLE_DIFFUSION, STABLE_DIFFUSION_XL, Activations
from webui.memory.plan import LADDER, MARGIN, VramPlan, plan

# GiB of text encoders, denoiser and VAE at two bytes a number, of models that people draw with
# (sums of their networks' parameters on the meta device).
FAMILIES: dict[str, tuple[float, float, float]] = {
    "SD 1.5": (0.23, 1.60, 0.16),
    "SD 2.1": (0.63, 1.61, 0.16),
    "SDXL": (1.52, 4.78, 0.16),
    "SDXL refiner": (1.29, 4.22, 0.16),
    "SD 3 medium": (10.4, 3.88, 0.16),
    "SD 3.5 large": (10.4, 15.0, 0.16),
    "FLUX.1": (9.1, 22.2, 0.16),
    "FLUX.2": (44.0, 60.0, 0.16),
    "Chroma": (8.87, 16.6, 0.16),
    "Z-Image": (7.5, 11.5, 0.16),
    "Qwen-Image": (14.2, 38.1, 0.24),
    "Lumina 2": (4.9, 4.9, 0.16),
    "AuraFlow": (2.3, 12.7, 0.16),
    "Krea 2": (9.1, 23.9, 0.16),
    "Ideogram 4": (9.1, 17.3, 0.16),
    "Sana": (4.9, 3.0, 0.6),
    "PixArt": (8.87, 1.1, 0.16),
    "Kolors": (11.6, 4.8, 0.16),
    "starter": (0.03, 0.05, 0.01),
    "SDXL in fp8": (0.76, 2.39, 0.08),
}
SIZES = st.integers(4, 40).map(lambda n: 64 * n)
KINDS = st.sampled_from(["cuda", "cuda", "cuda", "cpu", "mps"])
DTYPES = st.sampled_from(["float16", "bfloat16", "float32"])


def sizes_of(family: str) -> ComponentSizes:
    text, denoiser, vae = (int(gib * GIB) for gib in FAMILIES[family])
    return ComponentSizes(text, denoiser, vae, 1.0 if "fp8" in family else 2.0)


def activations_of(family: str) -> Activations:
    return STABLE_DIFFUSION_XL if "SDXL" in family else STABLE_DIFFUSION


def facts(kind: str, free_mib: int, dtype: str) -> DeviceFacts:
    return DeviceFacts(kind, "d", 2 * free_mib * 2**20, free_mib * 2**20, dtype)  # type: ignore[arg-type]


def ask(
    family: str, device: DeviceFacts, width: int, height: int, cfg: bool, cap: int | None = None
) -> VramPlan | NotEnoughMemory:
    try:
        return plan(sizes_of(family), device, width, height, cfg=cfg, activations=activations_of(family), vram_cap=cap)
    except NotEnoughMemory as refused:
        return refused


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=60, deadline=None)
@given(kind=KINDS, free=st.integers(500, 24 * 1024), dtype=DTYPES, width=SIZES, height=SIZES, cfg=st.booleans())
def test_row07_a_plan_fits_and_a_refusal_names_what_does(
    family: str, kind: str, free: int, dtype: str, width: int, height: int, cfg: bool
) -> None:
    device = facts(kind, free, dtype)
    answer = ask(family, device, width, height, cfg)
    if isinstance(answer, VramPlan):
        assert answer.peak_bytes * MARGIN <= device.free
        assert answer == ask(family, device, width, height, cfg)
    elif answer.fix.startswith("size:"):
        w, h = map(int, answer.fix.removeprefix("size:").split("x"))
        assert w * h < width * height
        assert isinstance(ask(family, device, w, h, cfg), VramPlan)
    else:
        assert answer.fix == "model:starter"
        assert kind != "cuda"


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=60, deadline=None)
@given(
    kind=KINDS, free=st.integers(500, 24 * 1024), more=st.integers(1, 8 * 1024), dtype=DTYPES, width=SIZES, height=SIZES
)
def test_row07_more_memory_is_never_slower(
    family: str, kind: str, free: int, more: int, dtype: str, width: int, height: int
) -> None:
    small = ask(family, facts(kind, free, dtype), width, height, True)
    large = ask(family, facts(kind, free + more, dtype), width, height, True)
    if isinstance(small, VramPlan) and small.rung != "cpu":
        assert isinstance(large, VramPlan)
        assert _depth(large) <= _depth(small)


def _depth(plan: VramPlan) -> tuple[int, bool, bool]:
    """How far down the ladder; within a rung tiles come first, then the VAE on the CPU."""
    return LADDER.index(plan.rung), plan.vae_on_cpu, plan.tiled_vae


@pytest.mark.parametrize("gb", [4, 6, 8, 10, 12, 16, 20, 24])
@pytest.mark.parametrize("family", FAMILIES)
def test_row07_a_cap_is_kept(family: str, gb: int) -> None:
    for side in (512, 1024, 2048):
        answer = ask(family, facts("cuda", 80 * 1024, "bfloat16"), side, side, True, cap=gb * GIB)
        if isinstance(answer, VramPlan):
            assert answer.peak_bytes * MARGIN <= gb * GIB
