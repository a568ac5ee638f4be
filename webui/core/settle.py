"""The one place where defaults are chosen and limits enforced, for page and API alike: GenerationRequest -> Recipe."""

from __future__ import annotations

import math
import random
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from webui.core.errors import InvalidRequest, TooMuchAsked, UserError, WrongFamily
from webui.core.geometry import Size, canvas_of
from webui.core.numbers import number, whole
from webui.core.presets import NO_STYLE, Presets, Style
from webui.core.prompt import apply_style, extract_loras
from webui.core.settle_photo import PhotoPart, photo_size, photo_work, settle_photo
from webui.core.types import Fault, GenerationRequest, LoraCard, LoraUse, ModelCard, Recipe


@dataclass(frozen=True, slots=True)
class Limits:
    """What anybody may ask for. `work` is pixels x steps x pictures: sixteen pictures of a megapixel in sixty steps.

    `kept` is pixels of all finished pictures: a repainted photo comes back at its own size, however little was drawn.
    """

    prompt_characters: int = 10_000
    steps: tuple[int, int] = (1, 150)
    count: tuple[int, int] = (1, 16)
    guidance: tuple[float, float] = (1.0, 30.0)
    lora_weight: tuple[float, float] = (-4.0, 4.0)
    loras: int = 12
    work: int = 16 * 1024 * 1024 * 60
    kept: int = 256_000_000


LIMITS = Limits()


def settle(
    request: GenerationRequest,
    card: ModelCard,
    loras: Mapping[str, LoraCard],
    presets: Presets,
    rng: random.Random,
    photo: Size | None = None,
) -> tuple[Recipe, int]:
    """The recipe of picture 0, and how many pictures. Where the request is silent, the model's defaults speak.

    `photo` is the size of the photo that the request names; None: not known, taken to be of the model's own.
    Nothing in the request is trusted. Raises InvalidRequest, TooMuchAsked (with the nearest size that is allowed),
    WrongFamily, or the model's own problem, each with a sentence for the person.
    """
    if card.problem:
        raise _refusal(card.problem)
    defaults = card.defaults
    steps = whole("Steps", request.steps, *LIMITS.steps, silent=defaults.steps)
    count = whole("How many", request.count, *LIMITS.count, silent=1)
    guidance = number("Guidance", request.guidance_scale, *LIMITS.guidance, silent=defaults.guidance_scale)
    part = settle_photo(request, card, steps)
    if part.task == "image_to_image" and defaults.photo_side:
        defaults = replace(defaults, width=defaults.photo_side, height=defaults.photo_side)
        card = replace(card, defaults=defaults)
    width, height = _size(request, card, presets)
    pixels = width * height
    if part.init_image:
        photo = photo or (width, height)
        asked = (width, height) if request.width and request.height else None
        width, height = photo_size(asked, (width, height), part, photo, defaults)
        pixels = photo_work(part, photo, (width, height), defaults)
        _check_kept(part, photo, count)
    if pixels * steps * count > LIMITS.work:
        raise _too_much_work(part, (width, height), pixels * steps * count, steps, count, card)
    sampler = _sampler(request.sampler, card, presets, steps)
    style = _style(request.style, presets)
    prompt, uses = _prompt_and_loras(request, style, card, loras)
    negative = clean_text("Negative prompt", request.negative_prompt) or defaults.negative_prompt
    if style:
        prompt, negative = (clean_text("Prompt", text, limit=0) for text in apply_style(prompt, negative, style))
    recipe = Recipe(
        model=card.id, prompt=prompt, negative_prompt=negative, width=width, height=height, steps=steps,
        guidance_scale=guidance, sampler=sampler, seed=_seed(request.seed, rng),
        style=style.name if style else "", loras=uses, init_image=part.init_image, mask_image=part.mask_image,
        strength=part.strength, resize=part.resize, inpaint=part.inpaint,
    )  # fmt: skip
    return recipe, count


def clean_text(called: str, text: Any, limit: int = LIMITS.prompt_characters) -> str:
    """A prompt as the recipe keeps it: lines without spaces around them, and no control characters.

    Raises InvalidRequest for what is not text (NUL, half of a surrogate pair), or longer than `limit` (0: no limit).
    """
    if text is None:
        return ""
    if not isinstance(text, str):
        raise InvalidRequest(f"{called} must be text.")
    if limit and len(text) > limit:
        raise InvalidRequest(f"{called} has {len(text):,} characters; {limit:,} is the most.", "Make it shorter.")
    for place, character in enumerate(text):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            message = f"{called} holds something that is not text, at character {place + 1}."
            raise InvalidRequest(message, "Type it anew there.")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(_visible(line) for line in lines).strip()


def _visible(line: str) -> str:
    return "".join(" " if unicodedata.category(c) == "Cc" else c for c in line).strip()


def _named(name: Any) -> str:
    """What somebody gave for a name, fit to be shown: short, and only what can be written."""
    return name[:60].encode("utf-8", "replace").decode() if isinstance(name, str) else "?"


def _seed(value: Any, rng: random.Random) -> int:
    if value is None or (value == -1 and not isinstance(value, bool)):
        return rng.randrange(2**32)
    return whole("Seed", value, 0, 2**32 - 1, silent=0)


def _size(request: GenerationRequest, card: ModelCard, presets: Presets) -> tuple[int, int]:
    """Width and height: as said (rounded to multiples of 8), else of the shape, else the model's own."""
    low, high = card.defaults.min_side, card.defaults.max_side
    width, height = card.defaults.width, card.defaults.height
    if request.shape:
        shape = presets.shape(request.shape) if isinstance(request.shape, str) else None
        if not shape:
            raise InvalidRequest(f"There is no shape called “{_named(request.shape)}”.", "Choose one of the list.")
        width, height = shape_size(shape.ratio_w / shape.ratio_h, card)
    width = whole("Width", request.width, low, high, silent=width)
    height = whole("Height", request.height, low, high, silent=height)
    return _to_eight(width, low, high), _to_eight(height, low, high)


def _to_eight(side: int, low: int, high: int) -> int:
    return min(max((side + 4) // 8 * 8, -(-low // 8) * 8), high // 8 * 8)


def shape_size(ratio: float, card: ModelCard) -> tuple[int, int]:
    """Width and height in this ratio with about the model's own area: multiples of 64, of 32 for small models.

    The UNet halves its latents (1/8 of the pixels) up to three times, and draws best where that comes out even.
    """
    defaults = card.defaults
    grid = 64 if max(defaults.width, defaults.height) >= 512 else 32
    area = defaults.width * defaults.height
    width = math.sqrt(area * ratio)
    sides = [side for side in range(grid, defaults.max_side + 1, grid) if side >= defaults.min_side] or [defaults.width]
    near_widths = sorted(sides, key=lambda side: abs(side - width))[:3]
    choices = [(w, h) for w in near_widths for h in sorted(sides, key=lambda side: abs(side - w / ratio))[:2]]
    return min(choices, key=lambda wh: 4 * abs(math.log(wh[0] / wh[1] / ratio)) + abs(math.log(wh[0] * wh[1] / area)))


def _check_kept(part: PhotoPart, photo: Size, count: int) -> None:
    wide, high = canvas_of(photo, part.inpaint.extend)[0] if part.task == "inpaint" else (0, 0)
    if wide * high * count > LIMITS.kept:
        message = f"{count} pictures of {wide} × {high} are more than Easel draws at once."
        most = LIMITS.kept // (wide * high)
        if not most:
            raise TooMuchAsked(f"A picture of {wide} × {high} is more than Easel draws.", "Widen the photo less.")
        raise TooMuchAsked(message, "Draw fewer.", f"count:{most}", f"Draw {most}")


def _too_much_work(part: PhotoPart, size: Size, work: int, steps: int, count: int, card: ModelCard) -> TooMuchAsked:
    """With the nearest that is allowed: smaller, unless the photo gives the size; else fewer, else in fewer steps."""
    width, height = size
    scale = math.sqrt(LIMITS.work / work)
    smaller = int(width * scale) // 8 * 8, int(height * scale) // 8 * 8
    message = f"{count} × {width}×{height} in {steps} steps is more than Easel draws at once."
    if part.task != "inpaint" and min(smaller) >= card.defaults.min_side:
        fix, label = "size:{}x{}".format(*smaller), "Draw at {} × {}".format(*smaller)
        return TooMuchAsked(message, "Draw smaller, fewer, or with fewer steps.", fix, label)
    hint = "Draw fewer pictures at once, or with fewer steps."
    if fewer := count * LIMITS.work // work:
        return TooMuchAsked(message, hint, f"count:{fewer}", f"Draw {fewer}")
    if quicker := steps * LIMITS.work // work:
        return TooMuchAsked(message, hint, f"steps:{quicker}", f"Draw in {quicker} steps")
    return TooMuchAsked(message, hint)


def _style(name: Any, presets: Presets) -> Style | None:
    if not name or name == NO_STYLE:
        return None
    style = presets.style(name) if isinstance(name, str) else None
    if not style:
        raise InvalidRequest(f"There is no style called “{_named(name)}”.", "Choose one of the cards, or none.")
    return style


def _sampler(name: Any, card: ModelCard, presets: Presets, steps: int) -> str:
    sampler = presets.sampler(name or card.defaults.sampler) if isinstance(name, str | None) else None
    if sampler:
        most = sampler.most_steps or steps
        if steps > most:
            message = f"The sampler “{sampler.name}” draws in {most} steps at most."
            raise TooMuchAsked(
                message, "Draw in fewer, or choose another one.", f"steps:{most}", f"Draw in {most} steps"
            )
        return sampler.name
    if not name:
        return card.defaults.sampler
    raise InvalidRequest(f"There is no sampler called “{_named(name)}”.", "Choose one of the list.")


def _prompt_and_loras(
    request: GenerationRequest, style: Style | None, card: ModelCard, loras: Mapping[str, LoraCard]
) -> tuple[str, tuple[LoraUse, ...]]:
    """The prompt without its <lora:...>, and all LoRAs to use, the style's first: one named twice counts once, as said
    last.
    """
    prompt, named = extract_loras(clean_text("Prompt", request.prompt))
    uses: dict[str, float] = {}
    for name, weight in style.loras if style else ():
        uses[_lora_named(name, loras, "The style needs it.")] = _lora_weight(_as_number(weight))
    for use in request.loras or ():
        if not isinstance(use, LoraUse) or use.id not in loras:
            called = _named(getattr(use, "id", use))
            raise InvalidRequest(f"There is no LoRA called “{called}”.", "Choose one of the list.")
        uses[use.id] = _lora_weight(use.weight)
    for name, weight in named:
        uses[_lora_named(name, loras)] = _lora_weight(_as_number(weight))
    if len(uses) > LIMITS.loras:
        raise InvalidRequest(f"{len(uses)} LoRAs are too many; {LIMITS.loras} is the most.")
    for lora_id in uses:
        _check_lora(loras[lora_id], card)
    return clean_text("Prompt", prompt), tuple(LoraUse(lora_id, weight) for lora_id, weight in uses.items())


def _lora_weight(value: Any) -> float:
    return number("The LoRA's weight", value, *LIMITS.lora_weight, silent=1.0)


def _as_number(text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        message = f"The LoRA's weight must be a number, not “{text[:20]}”."
        raise InvalidRequest(message, "For example <lora:name:0.8>.") from None


def find_lora(name: str, loras: Mapping[str, LoraCard]) -> str | None:
    """The id of the LoRA with this title, id, or last part of an id, whatever the case."""
    wanted = name.strip().casefold()
    for called in (lambda c: c.id, lambda c: c.title, lambda c: c.id.rpartition("/")[2], lambda c: lora_tag(c.title)):
        for card in loras.values():
            if called(card).casefold() == wanted:
                return card.id
    return None


def lora_tag(title: str) -> str:
    """A title as it can stand within <lora:...>."""
    return "".join("_" if character in ":<>," else character for character in title).strip()


def _lora_named(name: str, loras: Mapping[str, LoraCard], why: str = "Take it out of the prompt.") -> str:
    lora_id = find_lora(name, loras)
    if lora_id is None:
        raise InvalidRequest(f"There is no LoRA called “{name[:60]}”.", f"{why} Its file belongs into models/loras.")
    return lora_id


def _check_lora(lora: LoraCard, card: ModelCard) -> None:
    if lora.problem:
        raise _refusal(lora.problem)
    if lora.family and lora.family != card.family:
        raise WrongFamily(
            f"The LoRA “{lora.title}” was made for {lora.family}, and “{card.title}” is {card.family}.",
            "Choose another LoRA, or a model it was made for.",
        )


def _refusal(fault: Fault) -> UserError:
    """The fault of a card as an error to raise."""
    error = UserError(fault.message, fault.hint, fault.fix, fault.fix_label)
    error.code, error.status = fault.code, fault.status
    return error
