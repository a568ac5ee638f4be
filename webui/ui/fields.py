"""Between the page's fields and a GenerationRequest, both ways, by name. Pure; nothing here knows Gradio."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from webui.core.errors import NotFound
from webui.core.presets import Presets
from webui.core.prompt import remove_style
from webui.core.settle import shape_size
from webui.core.types import GenerationRequest, Inpainting, LoraUse, ModelCard, Task

CUSTOM_SIZE = re.compile(r"(\d{2,5})x(\d{2,5})")


def request_from(values: Mapping[str, Any]) -> GenerationRequest:
    """What the fields ask for. Values come from the browser; `settle` checks what passes through here."""
    shape = values.get("shape") or None
    custom = CUSTOM_SIZE.fullmatch(shape) if isinstance(shape, str) else None
    return GenerationRequest(
        prompt=values.get("prompt") or "",
        negative_prompt=values.get("negative_prompt") or "",
        style=values.get("style") or None,
        model=values.get("model") or None,
        loras=tuple(_lora(use) for use in _rows(values.get("loras"))),
        shape=None if custom else shape,
        width=int(custom[1]) if custom else None,
        height=int(custom[2]) if custom else None,
        count=said(values.get("count")),
        steps=said(values.get("steps")),
        guidance_scale=said(values.get("guidance_scale")),
        sampler=values.get("sampler") or None,
        seed=_seed(values.get("seed")),
    )


def with_style(request: GenerationRequest, presets: Presets, style: str) -> GenerationRequest:
    """The request that names its style again, with the style taken out of the prompts.

    Unchanged when the style is unknown or its words have changed since: the prompts stay as the model read them.
    """
    known = presets.style(style) if style and not request.style else None
    before = remove_style(request.prompt, request.negative_prompt, known) if known else None
    if not known or not before:
        return request
    return replace(request, prompt=before[0], negative_prompt=before[1], style=known.name)


def fields_from(request: GenerationRequest, presets: Presets, card: ModelCard | None) -> dict[str, Any]:
    """The fields that ask for `request`; `card` is its model, None where we do not have it."""
    fields: dict[str, Any] = {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "style": request.style or "",
        "steps": request.steps,
        "guidance_scale": request.guidance_scale,
        "sampler": request.sampler or "",
        "seed": request.seed,
        "loras": [{"id": use.id, "weight": use.weight} for use in request.loras],
        "count": request.count or 1,
    }
    if request.model:
        fields["model"] = request.model
    shape = _shape(request, presets, card)
    return fields | ({"shape": shape} if shape else {})


def photo_fields(request: GenerationRequest, task: Task, size_of: Callable[[str], tuple[int, int]]) -> dict[str, Any]:
    """What the fields of the photo tabs hold besides: the photo itself too, while `size_of` still knows it.

    Without the photo, how far it was extended is kept for the one that is chosen in its place.
    `size_of` gives width and height of an upload and raises NotFound.
    """
    photo = _upload(request.init_image, size_of)
    if task == "image_to_image":
        said: dict[str, Any] = {"task": "", "resize": request.resize or "keep"}
        return said | {name: value for name, value in (("strength", request.strength), ("photo", photo)) if value}
    how = request.inpaint or Inpainting()
    fields: dict[str, Any] = {"task": "", "strength": request.strength}
    fields |= {name: getattr(how, name) for name in ("area", "content", "soft", "invert", "feather", "padding")}
    if not photo:
        fields["extend"] = list(how.extend)
    else:
        mask = _upload(request.mask_image, size_of)
        fields["canvas"] = {"photo": photo, "mask": mask["id"] if mask else "", "extend": list(how.extend)}
    return fields


def _upload(upload: str | None, size_of: Callable[[str], tuple[int, int]]) -> dict[str, Any] | None:
    try:
        width, height = size_of(upload or "")
    except NotFound:
        return None
    return {"id": upload, "width": width, "height": height}


def _shape(request: GenerationRequest, presets: Presets, card: ModelCard | None) -> str:
    """The shape's name where the size is just that of a shape, else "WxH"."""
    if not request.width or not request.height:
        return request.shape or ""
    size = (request.width, request.height)
    shapes = presets.shapes.values() if card else ()
    named = (shape.name for shape in shapes if card and shape_size(shape.ratio_w / shape.ratio_h, card) == size)
    return next(named, f"{size[0]}x{size[1]}")


def said(value: Any) -> Any:
    """A part of the page that was never touched says "" where it means nothing."""
    return None if value == "" else value


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _lora(row: Mapping[str, Any]) -> LoraUse:
    return LoraUse(str(row.get("id")), row.get("weight", 1.0))


def _seed(value: Any) -> Any:
    """A seed counts only while it is locked; a bare number is taken as said."""
    if isinstance(value, Mapping):
        return value.get("seed") if value.get("locked") else None
    return value
