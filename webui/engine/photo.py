"""Pictures that start from a photo: image to image, repainting under a mask, and drawing beyond a photo's sides.

Crop, mask to latents, denoise, paste back: the same for every family. What is not under the feathered mask leaves as it
came, byte for byte, at the photo's own size.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageFilter

from webui.core.errors import MaskEmpty
from webui.core.geometry import Box, Region, Size, canvas_of, drawing_size, passes, place, region_around, whole
from webui.core.masks import Array, feathered, fit_mask, painted_box, pool, reach
from webui.core.types import Content, Defaults, Order, Progress, Recipe
from webui.engine import paste, run
from webui.engine.encode import encoded
from webui.engine.model import Model
from webui.engine.place import place as place_model
from webui.engine.start import USUAL_AREA, Start, comparable, shows_the_mask
from webui.memory.plan import VramPlan

LATENT = 8
ANCHOR = 4
"""Latent cells from the border of a hole within which what it was filled with is held fast for a while."""
UNTOUCHED = "Everything outside your painting is untouched, byte for byte."
SEED_STRIDE = 0x9E3779B1
"""Far from the seeds of a batch, which count up: each pass of an extension has noise of its own."""


@dataclass(frozen=True)
class Drawing:
    """One drawing of a picture. `alpha` (float32, of the box's size) is how much of it is seen where; None: all.

    `fresh` (bool) is where nothing was before. `change` is the same as `alpha`, but for image to image with free bands.
    """

    region: Region
    alpha: Array | None
    change: Array | None
    fresh: Array | None
    content: Content
    strength: float
    soft: bool = False


@dataclass
class PhotoWork(run.Work):
    """A picture from a photo in the making. The canvas and the latents survive a failure: nothing is drawn twice.

    `photo` is the canvas as it came, where a promise is to be checked against it.
    """

    canvas: Array = field(default_factory=lambda: np.zeros((0, 0, 3), np.uint8))
    drawings: tuple[Drawing, ...] = ()
    done: int = 0
    photo: Array | None = None

    @property
    def size(self) -> tuple[int, int]:
        return self.canvas.shape[1], self.canvas.shape[0]


def photo_work(order: Order) -> PhotoWork:
    """What an order with a photo asks for. Raises MaskEmpty when nothing is to be repainted."""
    recipe = order.recipe
    photo = _opened(order.init_image, "RGB")
    if recipe.task == "image_to_image":
        return _restyling(recipe, photo)
    size, box = canvas_of(photo.size, recipe.inpaint.extend)
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    canvas[box[1] : box[3], box[0] : box[2]] = np.asarray(photo)
    drawings = (*_repainting(order, photo.size, box), *_extending(recipe, photo.size, order.model.defaults))
    return PhotoWork(recipe, None, canvas, drawings, photo=canvas.copy())


def draw_photo(work: PhotoWork, model: Model, plan: VramPlan, desk: run.Desk) -> memoryview:
    """The picture's RGB bytes, a view of the canvas, of the size of the canvas. Raises like `run.draw`."""
    place_model(model, plan, desk.device)
    while work.done < len(work.drawings):
        drawing = work.drawings[work.done]
        before = _before(work.canvas, drawing)
        if work.latents is None:
            work.latents = _denoised(work, drawing, before, model, plan, desk)
        with desk.at("decoding"):
            desk.report(Progress("decoding", fraction=(work.done + 1) / len(work.drawings)))
            pixels = np.frombuffer(run.decoded(work.latents, model, plan, desk), np.uint8)
        width, height = drawing.region.size
        _put(work.canvas, drawing, pixels.reshape(height, width, 3), before)
        work.latents, work.done = None, work.done + 1
    if _untouched(work):
        desk.notes.append(UNTOUCHED)
    return work.canvas.data.cast("B")


def _untouched(work: PhotoWork) -> bool:
    """Whether no byte differs from the photo where no drawing is seen: of the finished canvas, whatever was intended.

    Asked once, at the end: it overwrites `work.photo`.
    """
    if work.photo is None:
        return False
    expected = work.photo
    for drawing in work.drawings:
        left, top, right, bottom = drawing.region.box
        seen = np.ones((bottom - top, right - left), bool) if drawing.alpha is None else drawing.alpha > 0
        np.copyto(expected[top:bottom, left:right], work.canvas[top:bottom, left:right], where=seen[..., None])
    return _same_bytes(expected, work.canvas)


def _same_bytes(one: Array, other: Array) -> bool:
    """Eight at a time: of a large photo this is many times quicker than one by one."""
    flat, flat_other = one.reshape(-1), other.reshape(-1)
    whole = len(flat) // 8 * 8
    eights = np.array_equal(flat[:whole].view(np.uint64), flat_other[:whole].view(np.uint64))
    return eights and bool(np.array_equal(flat[whole:], flat_other[whole:]))


def _opened(data: bytes, mode: str) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert(mode)


def _restyling(recipe: Recipe, photo: Image.Image) -> PhotoWork:
    """Image to image: one drawing of everything. Where the photo leaves bands free, these are drawn from nothing."""
    placed = place(photo.size, (recipe.width, recipe.height), recipe.resize)
    left, top, right, bottom = placed.target
    inner = photo.resize((right - left, bottom - top), Image.Resampling.LANCZOS, placed.source, reducing_gap=3.0)
    canvas = np.zeros((recipe.height, recipe.width, 3), np.uint8)
    canvas[top:bottom, left:right] = np.asarray(inner)
    region = whole(placed.size, placed.size)
    if placed.covers:
        drawing = Drawing(region, None, None, None, "original", recipe.strength)
    else:
        fresh = np.ones(canvas.shape[:2], bool)
        fresh[top:bottom, left:right] = False
        change = np.where(fresh, np.float32(1), np.float32(recipe.strength))
        drawing = Drawing(region, None, change, fresh, "fill", 1.0, soft=True)
    return PhotoWork(recipe, None, canvas, (drawing,))


def _repainting(order: Order, photo: Size, at: Box) -> Iterator[Drawing]:
    """What is under the mask, if there is one. `at` is where the photo lies in the canvas."""
    recipe, inpaint = order.recipe, order.recipe.inpaint
    if not order.mask_image:
        return
    mask = fit_mask(_opened(order.mask_image, "L"), photo, inpaint.invert)
    painted = painted_box(mask)
    if painted is None:
        raise MaskEmpty("Nothing is painted, so nothing is to change.", "Paint over what should become different.")
    size = recipe.width, recipe.height
    seen = reach(painted, inpaint.feather, photo)
    if inpaint.area == "whole":
        shape = drawing_size(photo[0] / photo[1], order.model.defaults, size[0] * size[1])
        region = whole(photo, shape if any(inpaint.extend) else size)  # the size is that of the extended canvas
    else:
        region = region_around(seen, photo, inpaint.padding, order.model.defaults, size[0] * size[1])
    alpha = feathered(np.asarray(mask.crop(region.box)), inpaint.feather, inpaint.soft)
    left, top, right, bottom = region.box
    moved = Region((left + at[0], top + at[1], right + at[0], bottom + at[1]), region.size)
    yield Drawing(moved, _shown(alpha, inpaint.soft), alpha, None, inpaint.content, recipe.strength, inpaint.soft)


def _shown(alpha: Array, soft: bool) -> Array:
    """How much of what was drawn is seen: nearly all of what was drawn softly, which holds on to the photo itself."""
    shown: Array = np.minimum(alpha * 4.0, 1.0) if soft else alpha
    return shown


def _extending(recipe: Recipe, photo: Size, defaults: Defaults) -> Iterator[Drawing]:
    """What is beyond the photo's sides."""
    content = "fill" if recipe.inpaint.content == "original" else recipe.inpaint.content
    for step in passes(photo, recipe.inpaint.extend, defaults, recipe.width * recipe.height):
        left, top, right, bottom = step.region.box
        fresh = np.zeros((bottom - top, right - left), bool)
        for box in step.fresh:
            fresh[max(box[1] - top, 0) : max(box[3] - top, 0), max(box[0] - left, 0) : max(box[2] - left, 0)] = True
        alpha = fresh.astype(np.float32)  # no feather: the photo stays whole, and what is new is made to go on from it
        yield Drawing(step.region, alpha, alpha, fresh, content, 1.0)


@dataclass(frozen=True)
class Before:
    """A region at the size it is drawn at: the photo, what drawing starts from, where the photo will stay (bool)."""

    photo: Array
    base: Array
    kept: Array


def _before(canvas: Array, drawing: Drawing) -> Before:
    left, top, right, bottom = drawing.region.box
    crop, size = canvas[top:bottom, left:right], drawing.region.size
    if drawing.change is None:
        photo = paste.scaled(crop, size)
        return Before(photo, photo, np.zeros((size[1], size[0]), bool))
    if drawing.fresh is not None:
        photo, there = paste.scaled_beyond(crop, ~drawing.fresh, size)
        return Before(photo, photo, there)
    photo = paste.scaled(crop, size)
    if drawing.content == "original":
        return Before(photo, photo, paste.known_at(drawing.change == 0, size))
    return Before(photo, *paste.scaled_around(crop, drawing.change == 0, size))


def _denoised(work: PhotoWork, drawing: Drawing, before: Before, model: Model, plan: VramPlan, desk: run.Desk) -> Any:
    width, height = drawing.region.size
    seed = (work.recipe.seed + work.done * SEED_STRIDE) % 2**32
    recipe = replace(work.recipe, width=width, height=height, seed=seed)
    with desk.at("encoding"):
        embeds = run.encode(recipe, model, plan, desk)
    with desk.at("decoding"):  # the autoencoder's stage: what helps it there when memory is short helps it here
        start = _start(work, drawing, before, model, plan, desk)
    with desk.at("denoising"):
        return run.denoised(recipe, model, plan, desk, embeds, start)


def _start(work: PhotoWork, drawing: Drawing, before: Before, model: Model, plan: VramPlan, desk: run.Desk) -> Start:
    width, height = drawing.region.size
    change = None
    if drawing.change is not None:
        pooled = pool(drawing.change, (width // LATENT, height // LATENT))
        change = torch.from_numpy(pooled if drawing.soft else _anchored(pooled, drawing.content))[None, None]
        if drawing.fresh is not None and drawing.soft:  # the photo between free bands: its share is a strength
            change = _as_strong(change, drawing, model)
    clean = encoded(before.base, model, plan, desk)
    strength = _as_strong(torch.tensor(drawing.strength, dtype=torch.float64), drawing, model).item()
    start = Start(strength, clean, _content(clean, change, drawing.content, work), change)
    start.part, start.parts = work.done, len(work.drawings)
    if shows_the_mask(model.pipe.unet):
        start.seen_mask = torch.ones_like(clean[:, :1]) if change is None else (change > 0).to(clean)
        hidden = np.kron(start.seen_mask[0, 0].numpy(), np.ones((LATENT, LATENT), np.float32)) > 0
        blanked = np.where(hidden[..., None], np.uint8(128), before.photo)
        start.seen = encoded(blanked, model, plan, desk)
    return start


def _as_strong(strength: torch.Tensor, drawing: Drawing, model: Model) -> torch.Tensor:
    """What a strength comes to on a model that is at home on fewer pixels than most."""
    own = model.card.defaults
    if own.width * own.height >= USUAL_AREA:
        return strength
    width, height = drawing.region.size
    return comparable(strength, model.pipe.scheduler.alphas_cumprod, width * height)


def _anchored(pooled: Array, content: Content) -> Array:
    """The change map of a hard mask: 1 where anything of it falls.

    What is grown from the surroundings is held fast for a while near them (half the steps at a straight border),
    so that what is drawn further in has something to go on from, and no seam shows.
    """
    hard = (pooled > 0).astype(np.float32)
    if content != "fill":
        return hard
    padded = np.pad(hard, ANCHOR, mode="edge")
    blurred = np.asarray(
        Image.fromarray((padded * 255).astype(np.uint8)).filter(ImageFilter.BoxBlur(ANCHOR)), np.float32
    )
    return hard * np.clip(blurred[ANCHOR:-ANCHOR, ANCHOR:-ANCHOR] / 255.0, 0.5, 1.0)


def _content(clean: torch.Tensor, change: torch.Tensor | None, content: Content, work: PhotoWork) -> torch.Tensor:
    """Under the mask the photo's latents, or its surroundings', or noise, or nothing."""
    if change is None or content in ("original", "fill"):
        return clean
    if content == "empty":
        return torch.where(change > 0, torch.zeros_like(clean), clean)
    generator = torch.Generator("cpu").manual_seed((work.recipe.seed + 1 + work.done * SEED_STRIDE) ^ 0x5EED)
    return torch.where(change > 0, torch.randn(clean.shape, generator=generator), clean)


def _put(canvas: Array, drawing: Drawing, drawn: Array, before: Before) -> None:
    """What was drawn, into the canvas."""
    if drawing.alpha is None:
        canvas[...] = drawn
        return
    fit = paste.matched if drawing.fresh is None else paste.continued
    fitting = fit(drawn, before.photo, before.kept)
    paste.paste(canvas, fitting, drawing.region, drawing.alpha)
