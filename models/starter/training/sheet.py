"""Sample pictures with their words beneath, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

PROMPTS: tuple[str, ...] = (
    "a red apple",
    "3d render of a cat",
    "a dog on the beach at sunset",
    "a castle in the snow",
    "flat emoji of a rocket",
    "a blue car on a country road",
    "photo of snowy mountains",
    "a cat and a dog",
    "pixel art of a sword",
    "a yellow star on a dark blue background",
    "watercolor of a tree",
    "a smiling face",
    "neon sign of a heart",
    "a house at night under the stars",
    "pencil sketch of a fish",
    "a slice of pizza",
    "photo of a forest",
    "a robot in the city",
    "a butterfly on a pink background",
    "a green frog in the rain",
    "oil painting of a sunflower",
    "a whale under water",
    "portrait illustration of a woman",
    "an astronaut in space",
)


def page(images: Sequence[Image.Image], words: Sequence[str], columns: int = 8) -> Image.Image:
    """Cells as large as the largest picture."""
    width, height = max(i.width for i in images) + 4, max(i.height for i in images) + 16
    rows = -(-len(images) // columns)
    out = Image.new("RGB", (columns * width, rows * height), "white")
    pen = ImageDraw.Draw(out)
    for k, (image, text) in enumerate(zip(images, words, strict=True)):
        x, y = k % columns * width, k // columns * height
        out.paste(image, (x, y))
        pen.text((x, y + image.height + 2), text[: width // 6], fill="black")
    return out


def draw(
    pipe: StableDiffusionPipeline,
    prompts: Sequence[str],
    width: int,
    height: int,
    *,
    steps: int = 12,
    guidance: float = 4.0,
    seed: int = 7,
    batch: int = 8,
    bf16: bool = False,
    negative: Sequence[str] | None = None,
) -> list[Image.Image]:
    """One picture a prompt, `negative` one for each; picture k of a seed is the same whatever the batch."""
    import torch

    pipe.set_progress_bar_config(disable=True)
    kind = pipe.unet.device.type
    images: list[Image.Image] = []
    for start in range(0, len(prompts), batch):
        some, unwanted = list(prompts[start : start + batch]), negative and list(negative[start : start + batch])
        dice = [torch.Generator().manual_seed(seed + start + k) for k in range(len(some))]
        with torch.no_grad(), torch.autocast(kind, torch.bfloat16, enabled=bf16):
            images += pipe(
                some,
                negative_prompt=unwanted,
                width=width,
                height=height,
                num_inference_steps=steps,
                guidance_scale=guidance,
                generator=dice,
            ).images
    return images


def sheet(folder: Path, to: Path, size: int, shape: str, steps: int, guidance: float, seed: int, bf16: bool) -> None:
    """PROMPTS drawn by the model in `folder`."""
    from models.starter.training.config import pixels
    from models.starter.training.export import load

    pipe = load(folder)
    width, height = pixels(size, shape)
    images = draw(pipe, PROMPTS, width, height, steps=steps, guidance=guidance, seed=seed, bf16=bf16)
    to.parent.mkdir(parents=True, exist_ok=True)
    page(images, PROMPTS).save(to)
