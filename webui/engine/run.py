"""One picture, from its recipe to its pixels: encode, start, denoise, decode, check.

The numbers are those of diffusers' own pipelines.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from webui.core.errors import NanImage
from webui.core.presets import Presets
from webui.core.prompt import schedule
from webui.core.types import Progress, Recipe, Stage
from webui.engine.attention import AttentionChoice
from webui.engine.model import Model
from webui.engine.place import at_work, place, streams_denoiser, take_off, tiles
from webui.engine.preview import Previewer
from webui.engine.samplers import build_scheduler
from webui.engine.start import LateStart, NineChannels, Start
from webui.families.base import PromptEmbeds
from webui.memory.plan import VramPlan


@dataclass
class Desk:
    """Where a picture is drawn: the device, the samplers, somebody to report to, and a check that raises to stop."""

    device: Any
    presets: Presets
    report: Callable[[Progress], None]
    check: Callable[[], None]
    preview: bool = True
    stage: Stage = "loading"
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    attention: AttentionChoice = field(default_factory=AttentionChoice)

    @contextmanager
    def at(self, stage: Stage) -> Iterator[None]:
        """Count the seconds of a stage; the last one begun is where a failure happened."""
        self.check()
        self.stage = stage
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - began


@dataclass
class Work:
    """A picture in the making. `latents` survive a failed decode, so that it alone is done again."""

    recipe: Recipe
    latents: Any = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the finished picture."""
        return self.recipe.width, self.recipe.height


def draw(work: Work, model: Model, plan: VramPlan, desk: Desk) -> bytes:
    """The picture's RGB bytes. Raises Stopped, NanImage, and whatever the device raises when its memory is full."""
    place(model, plan, desk.device)
    if work.latents is None:
        with desk.at("encoding"):
            embeds = encode(work.recipe, model, plan, desk)
        with desk.at("denoising"):
            work.latents = denoised(work.recipe, model, plan, desk, embeds)
    with desk.at("decoding"):
        desk.report(Progress("decoding", fraction=1.0))
        return decoded(work.latents, model, plan, desk)


def encode(recipe: Recipe, model: Model, plan: VramPlan, desk: Desk) -> PromptEmbeds:
    """1. Both prompts, unless they are remembered; all of them where the prompt changes on its way."""
    turns = schedule(recipe.prompt, recipe.steps)
    texts = tuple(dict.fromkeys(text for _, text in turns))
    encoded = _encoded(texts, recipe, model, plan, desk)
    if len(texts) == 1:
        return encoded[texts[0]]
    return replace(encoded[turns[0][1]], turns=tuple((last, encoded[text]) for last, text in turns))


def _encoded(
    texts: tuple[str, ...], recipe: Recipe, model: Model, plan: VramPlan, desk: Desk
) -> dict[str, PromptEmbeds]:
    negative = recipe.negative_prompt if recipe.guidance_scale > 1 else None
    found = {text: model.remembered((text, negative), _never) for text in texts if model.knows((text, negative))}
    if len(found) == len(texts):
        return found
    desk.report(Progress("encoding"))
    with at_work(model, "encoding", plan, desk.device):
        for text in texts:
            if text not in found:
                found[text] = model.remembered((text, negative), partial(_encode, text, recipe, model, desk))
    return found


def _encode(text: str, recipe: Recipe, model: Model, desk: Desk) -> PromptEmbeds:
    return model.family.encode(model.pipe, text, recipe.negative_prompt, recipe.guidance_scale, desk.check)


def _never() -> PromptEmbeds:
    raise AssertionError("remembered prompts are not encoded")


def start_latents(recipe: Recipe, model: Model, generator: Any) -> Any:
    """2. Noise (1, 4, height / 8, width / 8), drawn on the CPU in float32: the same on every device."""
    import torch

    scale = model.pipe.vae_scale_factor
    shape = (1, model.pipe.vae.config.latent_channels, recipe.height // scale, recipe.width // scale)
    return torch.randn(shape, generator=generator, dtype=torch.float32)


def denoised(
    recipe: Recipe, model: Model, plan: VramPlan, desk: Desk, embeds: PromptEmbeds, start: Start | None = None
) -> Any:
    """3. Latents without noise. Where half precision ran over into NaN, once more in float32, then NanImage.

    `start` says what of a photo they begin with; None: noise alone.
    """
    import torch

    latents = _denoise(recipe, model, plan, desk, embeds, start)
    if torch.isfinite(latents).all():
        return latents
    del latents
    unet = model.pipe.unet
    if unet.dtype != torch.float32:
        desk.notes.append("The numbers ran over, so it was drawn again with more exact ones.")
        with wider_in_place(model, plan, desk.device):
            latents = _denoise(recipe, model, plan, desk, embeds, start)
            if torch.isfinite(latents).all():
                return latents.to(model.dtype)
    raise _nan()


def _denoise(
    recipe: Recipe, model: Model, plan: VramPlan, desk: Desk, embeds: PromptEmbeds, start: Start | None
) -> Any:
    import torch

    scheduler = build_scheduler(desk.presets, recipe.sampler, model.pipe.scheduler, recipe.seed)
    if start:
        scheduler = LateStart(scheduler, start.strength)
    pipe = model.family.denoiser(model.pipe, scheduler)
    if start and start.seen is not None:
        pipe.unet = NineChannels(pipe.unet, start.seen, start.seen_mask)
    generator = torch.Generator("cpu").manual_seed(recipe.seed)
    noise = start_latents(recipe, model, generator)
    previewer = (
        Previewer(model.to_rgb, scheduler, recipe.guidance_scale) if desk.preview and model.to_rgb is not None else None
    )

    def step_done(drawing: Any, step: int, __: Any, changed: dict[str, Any]) -> dict[str, Any]:
        desk.check()
        steps = len(scheduler.timesteps)
        preview = previewer.take() if previewer else b""
        part, parts = (start.part, start.parts) if start else (0, 1)
        done = part * steps + step + 1
        desk.report(Progress("denoising", done, parts * steps, done / (parts * steps), preview))
        if there.turns:
            now = there.at((step + 1) * recipe.steps // steps + 1)
            changed = changed | model.family.midway(now, drawing.do_classifier_free_guidance)
        return changed | {"latents": start.hold(changed["latents"], noise, scheduler, step)} if start else changed

    with ExitStack() as stack:
        device = stack.enter_context(at_work(model, "denoising", plan, desk.device))
        dtype = pipe.unet.dtype
        _stop_between_blocks(stack, model.pipe.unet, desk.check)
        if previewer:
            stack.callback(pipe.unet.register_forward_hook(previewer.watch).remove)
        desk.attention.settle(model.pipe.unet, noise.shape[2], noise.shape[3], device, dtype)
        there = embeds.to(device, dtype)
        return pipe(
            **there.arguments,
            latents=(start.begin(scheduler, noise, recipe.steps, device) if start else noise).to(dtype),
            generator=generator,
            width=recipe.width,
            height=recipe.height,
            num_inference_steps=recipe.steps,
            guidance_scale=recipe.guidance_scale,
            output_type="latent",
            callback_on_step_end=step_done,
        ).images


def decoded(latents: Any, model: Model, plan: VramPlan, desk: Desk) -> bytes:
    """4. and 5. Pixels that are numbers, and not all the same; where the VAE ran over, once more in float32."""
    import torch

    vae = model.pipe.vae
    with ExitStack() as stack:
        device = stack.enter_context(at_work(model, "decoding", plan, desk.device))
        stack.enter_context(tiles(vae, plan.tiled_vae))
        _stop_between_blocks(stack, vae.decoder, desk.check)
        if vae.dtype == torch.float16 and (device.type == "cpu" or vae.config.get("force_upcast")):
            stack.enter_context(wider(vae))
        pixels = _pixels(latents.to(device), model)
        if vae.dtype != torch.float32 and (pixels is None or _flat(pixels)):
            stack.enter_context(wider(vae))
            pixels = _pixels(latents.to(device), model)
    if pixels is None:
        raise _nan()
    if _flat(pixels):
        desk.notes.append("The picture is one single color. Another seed, sampler or guidance may help.")
    return bytes(pixels.tobytes())


def _pixels(latents: Any, model: Model) -> Any:
    """(height, width, 3) uint8 on the CPU, None where there are NaNs."""
    import torch

    vae = model.pipe.vae
    config = vae.config
    raw = latents.to(vae.dtype)
    mean, std = config.get("latents_mean"), config.get("latents_std")
    if mean is not None and std is not None:
        by, plus = (torch.tensor(v).view(1, -1, 1, 1).to(raw) for v in (std, mean))
        raw = raw * by / config.scaling_factor + plus
    else:
        raw = raw / config.scaling_factor
    with torch.no_grad():
        image = vae.decode(raw, return_dict=False)[0]
    if not torch.isfinite(image).all():
        return None
    return (model.pipe.image_processor.postprocess(image, output_type="np")[0] * 255).round().astype("uint8")


def _flat(pixels: Any) -> bool:
    return bool((pixels == pixels[0, 0]).all())


@contextmanager
def wider_in_place(model: Model, plan: VramPlan, device: Any) -> Iterator[None]:
    """The denoiser in float32 for a while. Where it is streamed, it is streamed anew: its groups keep copies."""
    import torch

    if not streams_denoiser(plan):
        with wider(model.pipe.unet):
            yield
        return
    take_off(model)
    model.pipe.unet.to(torch.float32)
    place(model, plan, device)
    try:
        yield
    finally:
        take_off(model)
        place(model, plan, device)


@contextmanager
def wider(network: Any) -> Iterator[None]:
    """A network in float32 for a while; going back loses nothing."""
    import torch

    dtype = network.dtype
    network.to(torch.float32)
    try:
        yield
    finally:
        network.to(dtype)


def _stop_between_blocks(stack: ExitStack, network: Any, check: Callable[[], None]) -> None:
    """A step of a large model on a processor takes half a minute; Stop is answered at its next block."""
    for name, module in network.named_modules():
        if name.count(".") == 1 and "block" in name:
            stack.callback(module.register_forward_pre_hook(lambda *_: check()).remove)


def _nan() -> NanImage:
    return NanImage(
        "The model lost itself in numbers that are none, so there is no picture.",
        "Try another sampler or a lower guidance; if it stays, the model's file may be damaged.",
        "retry",
        "Try again",
    )
