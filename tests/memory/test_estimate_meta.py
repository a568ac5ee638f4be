"""The planner's figures against full-size networks on the meta device: every live tensor counted, nothing computed.

Attention is counted as flash-like kernels do it: its output only, never the S x S matrix.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from webui.core.types import ComponentSizes
from webui.memory.estimate import STABLE_DIFFUSION, STABLE_DIFFUSION_XL, Activations, estimate

TOLERANCE = 0.10  # of the measured peak; the plan's margin covers it


class FlashLike(TorchFunctionMode):
    """Attention that returns its output without the matrix in between."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.nn.functional.scaled_dot_product_attention:
            return torch.empty_like(args[0] if args else kwargs["query"])
        return func(*args, **kwargs)


class LiveBytes(TorchDispatchMode):
    """The peak of bytes that are alive together, weights not counted."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._seen = {t.untyped_storage()._cdata for t in (*model.parameters(), *model.buffers())}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor.untyped_storage())
        return out

    def _count(self, storage: Any) -> None:
        key, nbytes = storage._cdata, storage.nbytes()
        if key in self._seen:
            return
        self._seen.add(key)
        self.live += nbytes
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._free, key, nbytes)

    def _free(self, key: int, nbytes: int) -> None:
        self.live -= nbytes
        self._seen.discard(key)


def peak_of(model: torch.nn.Module, run: Callable[[], object]) -> int:
    counter = LiveBytes(model)
    with torch.no_grad(), counter, FlashLike():
        run()
    return counter.peak


def empty(*shape: int) -> torch.Tensor:
    return torch.empty(*shape, dtype=torch.float16, device="meta")


@pytest.fixture(scope="module")
def sd() -> Iterator[Any]:
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        yield UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8).half().eval()


@pytest.fixture(scope="module")
def xl() -> Iterator[Any]:
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        yield UNet2DConditionModel(
            sample_size=128,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            block_out_channels=(320, 640, 1280),
            transformer_layers_per_block=[1, 2, 10],
            cross_attention_dim=2048,
            attention_head_dim=[5, 10, 20],
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=2816,
        ).half().eval()  # fmt: skip


@pytest.fixture(scope="module")
def vae() -> Iterator[Any]:
    from diffusers import AutoencoderKL

    with torch.device("meta"):
        yield AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
        ).half().eval()  # fmt: skip


def weights(*models: torch.nn.Module) -> ComponentSizes:
    return ComponentSizes(0, sum(p.numel() * 2 for m in models for p in m.parameters()), 0)


def test_sd_denoiser(sd: Any) -> None:
    def run() -> object:
        return sd(empty(2, 4, 96, 96), torch.zeros((), device="meta"), empty(2, 77, 768))

    check(peak_of(sd, run), estimate(weights(sd), STABLE_DIFFUSION, "float16", 768, 768).denoiser_work)


def test_sdxl_denoiser(xl: Any) -> None:
    def run() -> object:
        added = {"text_embeds": empty(2, 1280), "time_ids": empty(2, 6)}
        return xl(empty(2, 4, 128, 128), torch.zeros((), device="meta"), empty(2, 77, 2048), added_cond_kwargs=added)

    check(peak_of(xl, run), estimate(weights(xl), STABLE_DIFFUSION_XL, "float16", 1024, 1024).denoiser_work)


def test_vae(vae: Any) -> None:
    need = estimate(ComponentSizes(0, 0, 0), STABLE_DIFFUSION, "float16", 512, 512)
    decode = peak_of(vae, lambda: vae.decode(empty(1, 4, 64, 64)))
    encode = peak_of(vae, lambda: vae.encode(empty(1, 3, 512, 512)))
    assert decode > encode
    check(decode, need.vae_work)


def test_vae_in_tiles(vae: Any) -> None:
    vae.enable_tiling()
    vae.tile_sample_min_size, vae.tile_latent_min_size = 512, 64
    tiled = peak_of(vae, lambda: vae.decode(empty(1, 4, 128, 128)))
    vae.disable_tiling()
    check(tiled, estimate(ComponentSizes(0, 0, 0), STABLE_DIFFUSION, "float16", 1024, 1024).vae_work_tiled)


@pytest.mark.parametrize("name, activations", [("sd", STABLE_DIFFUSION), ("xl", STABLE_DIFFUSION_XL)])
def test_two_neighbouring_blocks_and_layers_are_no_more_than_assumed(
    request: pytest.FixtureRequest, name: str, activations: Activations
) -> None:
    unet = request.getfixturevalue(name)
    whole = parameters(unet)
    blocks = [parameters(b) for b in (*unet.down_blocks, unet.mid_block, *unet.up_blocks)]
    pairs = max(a + b for a, b in pairwise(blocks)) + whole - sum(blocks)
    layers = max(parameters(m) for m in unet.modules() if not list(m.children()))
    assert 0.9 * activations.largest_blocks <= pairs / whole <= activations.largest_blocks
    assert activations.largest_layers / 2 <= 2 * layers / whole <= activations.largest_layers


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def check(measured: int, estimated: int) -> None:
    assert measured * (1 - TOLERANCE) <= estimated <= measured * (1 + TOLERANCE), (measured / 2**30, estimated / 2**30)
