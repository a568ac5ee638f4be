"""What of a request has to do with a photo, settled: strength, size, and how it is repainted or extended."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, get_args

from webui.core.errors import InvalidRequest, TooMuchAsked
from webui.core.geometry import Size, canvas_of, drawing_size, fit_inside, passes
from webui.core.numbers import number, whole
from webui.core.types import Area, Content, Defaults, GenerationRequest, Inpainting, ModelCard, Resize, Task


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """In pixels of the photo; but the strengths are what is taken where nobody said one."""

    padding: int = 4096
    feather: int = 512
    extend: int = 16_384
    canvas: int = 64_000_000
    passes: int = 64
    restyle_strength: float = 0.6
    repaint_strength: float = 0.75


PHOTO_LIMITS = PhotoLimits()


@dataclass(frozen=True, slots=True)
class PhotoPart:
    """The part of a recipe that a photo decides; without a photo all of it is as in a plain recipe."""

    init_image: str = ""
    mask_image: str = ""
    strength: float = 1.0
    resize: Resize = "keep"
    inpaint: Inpainting = field(default_factory=Inpainting)

    @property
    def task(self) -> Task:
        if not self.init_image:
            return "text_to_image"
        return "inpaint" if self.mask_image or any(self.inpaint.extend) else "image_to_image"


def settle_photo(request: GenerationRequest, card: ModelCard, steps: int) -> PhotoPart:
    """The photo, its mask, and what is done with them. Raises InvalidRequest; whether they exist is not known here."""
    for called, upload in (("The photo", request.init_image), ("The mask", request.mask_image)):
        if not isinstance(upload, str | None):
            raise InvalidRequest(f"{called} must be one that was uploaded.")
    inpaint = _inpainting(request.inpaint)
    resize = _one_of("The way to resize", request.resize or "keep", get_args(Resize))
    strength = number("Strength", request.strength, 0.0, 1.0, silent=1.0)
    if not request.init_image:
        if request.mask_image or any(inpaint.extend):
            raise InvalidRequest("There is a mask, but no photo to repaint.", "Choose the photo first.")
        return PhotoPart()
    repaints = bool(request.mask_image) or any(inpaint.extend)
    if ("inpaint" if repaints else "image_to_image") not in card.tasks:
        verb = "repaint" if repaints else "start from"
        raise InvalidRequest(f"“{card.title}” cannot {verb} a photo.", "Choose another model.")
    if request.strength is None:
        strength = _usual_strength(request, inpaint) if repaints else PHOTO_LIMITS.restyle_strength
    strength = _at_least_a_step(strength, steps)
    if repaints:
        return PhotoPart(request.init_image, request.mask_image or "", strength, "keep", inpaint)
    return PhotoPart(request.init_image, "", strength, resize)


def photo_size(asked: Size | None, usual: Size, part: PhotoPart, photo: Size, defaults: Defaults) -> Size:
    """The size to draw at. `asked` was said by number, `usual` is what the shape or the model gives."""
    if part.task == "inpaint":
        canvas, _ = canvas_of(photo, part.inpaint.extend)
        _check_canvas(canvas)
        return asked or drawing_size(canvas[0] / canvas[1], defaults)
    if part.resize == "keep":
        return asked or drawing_size(photo[0] / photo[1], defaults)
    return fit_inside(photo, asked or usual, defaults) if part.resize == "fit" else usual


def photo_work(part: PhotoPart, photo: Size, size: Size, defaults: Defaults) -> int:
    """Pixels that are drawn, over all passes. Raises TooMuchAsked when an extension takes too many of them."""
    drawn = passes(photo, part.inpaint.extend, defaults, size[0] * size[1])
    if len(drawn) > PHOTO_LIMITS.passes:
        raise TooMuchAsked(
            f"That many pixels beyond this photo take {len(drawn)} drawings; {PHOTO_LIMITS.passes} is the most.",
            "Extend it by less at once.",
        )
    first = size[0] * size[1] if part.mask_image or not drawn else 0
    return first + sum(one.region.size[0] * one.region.size[1] for one in drawn)


def _check_canvas(canvas: Size) -> None:
    if canvas[0] * canvas[1] > PHOTO_LIMITS.canvas:
        most = PHOTO_LIMITS.canvas // 1_000_000
        message = f"{canvas[0]} × {canvas[1]} pixels is more than Easel draws: {most} megapixels is the most."
        raise TooMuchAsked(message, "Extend the photo by less.")


def _usual_strength(request: GenerationRequest, inpaint: Inpainting) -> float:
    return PHOTO_LIMITS.repaint_strength if request.mask_image and inpaint.content == "original" else 1.0


def _at_least_a_step(strength: float, steps: int) -> float:
    """The least strength from this one on with which one step of the sampler is taken."""
    strength = max(strength, 1 / steps)
    while int(steps * strength) < 1:
        strength = math.nextafter(strength, 1.0)
    return strength


def _inpainting(asked: Any) -> Inpainting:
    if asked is None:
        return Inpainting()
    if not isinstance(asked, Inpainting):
        raise InvalidRequest("How to repaint was not understood.")
    for name in ("soft", "invert"):
        if not isinstance(getattr(asked, name), bool):
            raise InvalidRequest(f"“{name}” must be on or off.")
    extend = [whole("What is drawn beyond the photo", side, 0, PHOTO_LIMITS.extend, silent=0) for side in asked.extend]
    return Inpainting(
        _one_of("The area", asked.area, get_args(Area)),
        whole("Padding", asked.padding, 0, PHOTO_LIMITS.padding, silent=0),
        _one_of("What the masked area starts from", asked.content, get_args(Content)),
        whole("Feather", asked.feather, 0, PHOTO_LIMITS.feather, silent=8),
        asked.soft,
        asked.invert,
        *extend,
    )


def _one_of(called: str, value: Any, choices: tuple[str, ...]) -> Any:
    if value not in choices:
        raise InvalidRequest(f"{called} must be one of: {', '.join(choices)}.")
    return value
