"""The text inside a picture that says how it was made, in the grammar of A1111, so that every gallery can read it.

    prompt
    Negative prompt: negative prompt
    Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 1, Size: 512x768, Model: dream, Version: …

Written is what the model read (the style worked in). Reading also understands the JSON of SwarmUI and Fooocus.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from webui.core.presets import Presets
from webui.core.prompt import extract_loras, remove_style
from webui.core.settle import find_lora, lora_tag
from webui.core.settle_photo import PHOTO_LIMITS
from webui.core.types import Content, GenerationRequest, Inpainting, LoraCard, LoraUse, ModelCard, Recipe, Task

NEGATIVE = "Negative prompt:"
EXTENDED: Mapping[str, str] = {
    "extend_left": "Extend left", "extend_top": "Extend top", "extend_right": "Extend right",
    "extend_bottom": "Extend bottom",
}  # fmt: skip
SOFT = "Soft inpainting enabled"
REPAINTING = (
    "Mask blur", "Mask mode", "Inpaint area", "Masked area padding", "Masked content", SOFT, *EXTENDED.values(),
)  # fmt: skip
NOT_MASKED = "Inpaint not masked"
ONLY_MASKED, WHOLE_PICTURE = "Only masked", "Whole picture"
CONTENTS: Mapping[Content, str] = {
    "original": "original", "fill": "fill", "noise": "latent noise", "empty": "latent nothing",
}  # fmt: skip
LONGEST = 9999
"""Pixels; what a text says beyond is no mask blur and no padding that anybody meant."""
SCHEDULES = ("Karras", "Exponential", "Polyexponential", "SGM Uniform", "Beta")

TEXT_LIMIT = 64 * 1024
"""Characters; of a longer text the end is read, where the parameters stand."""

# Each pair begins after a comma: tried at every character, a long line without pairs would take minutes.
_PAIR = re.compile(r'(?:^|(?<=,))\s{0,9}(\w[\w \-/]{1,60}):\s{0,9}("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_SIZE = re.compile(r"(\d{1,6})\s*[x×*,]\s*(\d{1,6})")


@dataclass(frozen=True, slots=True)
class Infotext:
    """What a text in a picture says: both prompts as they stand there, and the parameters by A1111's names."""

    prompt: str = ""
    negative_prompt: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def task(self) -> Task:
        """What the picture came from, as far as the text tells: it never names the photo or the mask themselves."""
        if any(name in self.parameters for name in REPAINTING):
            return "inpaint"
        enlarged = any(name.startswith("Hires ") for name in self.parameters)
        return "image_to_image" if "Denoising strength" in self.parameters and not enlarged else "text_to_image"

    def request(
        self, presets: Presets, models: Iterable[ModelCard], loras: Mapping[str, LoraCard] | Iterable[LoraCard]
    ) -> GenerationRequest:
        """The request that draws this picture again, as far as we have what it names; the rest stays unsaid (None)."""
        prompt, uses = _prompt_and_uses(self.prompt, _by_id(loras))
        negative, style_name = self.negative_prompt, None
        style = presets.style(self.parameters.get("Style", ""))
        before = remove_style(prompt, negative, style) if style else None
        if style and before:
            prompt, negative, style_name = *before, style.name
        size = _SIZE.search(self.parameters.get("Size", ""))
        return GenerationRequest(
            prompt=prompt, negative_prompt=negative, style=style_name, loras=uses, model=self._model(models),
            width=int(size[1]) if size else None, height=int(size[2]) if size else None,
            steps=_whole(self.parameters.get("Steps")), guidance_scale=_number(self.parameters.get("CFG scale")),
            sampler=self._sampler(presets), seed=_whole(self.parameters.get("Seed")),
            strength=_number(self.parameters.get("Denoising strength")), inpaint=self._inpainting(),
        )  # fmt: skip

    def _inpainting(self) -> Inpainting | None:
        """How the picture was repainted; what is left unsaid is as A1111 takes it."""
        if self.task != "inpaint":
            return None
        content = self.parameters.get("Masked content", "").strip().casefold()
        return Inpainting(
            area="masked" if self.parameters.get("Inpaint area", "").strip() == ONLY_MASKED else "whole",
            padding=self._pixels("Masked area padding", 0),
            content=next((kind for kind, name in CONTENTS.items() if name == content), "original"),
            feather=self._pixels("Mask blur", 0),
            soft=self.parameters.get(SOFT, "").strip() == "True",
            invert=self.parameters.get("Mask mode", "").strip() == NOT_MASKED,
            **{side: self._pixels(name, 0, PHOTO_LIMITS.extend) for side, name in EXTENDED.items()},
        )

    def _pixels(self, name: str, silent: int, most: int = LONGEST) -> int:
        found = _whole(self.parameters.get(name))
        return silent if found is None else min(max(found, 0), most)

    def _sampler(self, presets: Presets) -> str | None:
        name, kind = self.parameters.get("Sampler", ""), self.parameters.get("Schedule type", "")
        found = presets.sampler(f"{name} {kind}") or presets.sampler(name)
        return found.name if found else None

    def _model(self, models: Iterable[ModelCard]) -> str | None:
        wanted = self.parameters.get("Model", "").casefold()
        cards = list(models.values()) if isinstance(models, Mapping) else list(models)
        names = [(card.title, card.id, card.id.rpartition("/")[2]) for card in cards]
        for kind in range(3):
            for card, called in zip(cards, names, strict=True):
                if wanted and called[kind].casefold() == wanted:
                    return card.id
        return None


def write_infotext(recipe: Recipe, model_title: str, version: str, lora_titles: Mapping[str, str]) -> str:
    """The text for this recipe. `lora_titles` is by id; what has no title is called by the last part of its id."""
    prompt = recipe.prompt
    tags = " ".join(_tag(use, lora_titles) for use in recipe.loras)
    body = f"{prompt} {tags}".strip() if tags else prompt
    if recipe.negative_prompt:
        body += f"\n{NEGATIVE} {recipe.negative_prompt}"
    pairs = _pairs(recipe, model_title, version)
    text = f"{body}\n{_written(pairs)}".strip()
    if _is_exact(text, recipe):
        return text
    # A prompt with a line that begins with "Negative prompt:" reads as something else: say it once more, unmistakably.
    exact = {"Easel prompt": _json(prompt), "Easel negative prompt": _json(recipe.negative_prompt)}
    return f"{text}, {', '.join(f'{key}: {value}' for key, value in exact.items() if value != _json(''))}"


def read_infotext(text: str) -> Infotext:
    """Take a text apart; whatever it is, no error: text that is no infotext is a prompt without parameters."""
    text = text.strip().strip("\0")[-TEXT_LIMIT:]
    if text.startswith("{"):
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            data = None
        if isinstance(data, dict):
            return _from_json(data)
    return _from_lines(text)


def _from_lines(text: str) -> Infotext:
    *lines, last = text.strip().split("\n")
    pairs = _PAIR.findall(last)
    if len(pairs) < 3:
        lines, pairs = [*lines, last], []
    prompts: tuple[list[str], list[str]] = ([], [])
    part = 0
    for line in map(str.strip, lines):
        if line.startswith(NEGATIVE):
            part, line = 1, line[len(NEGATIVE) :].strip()
        prompts[part].append(line)
    parameters = {key.strip(): _unquoted(value) for key, value in pairs}
    prompt, negative = ("\n".join(lines) for lines in prompts)
    if "Easel prompt" in parameters or "Easel negative prompt" in parameters:
        tags = extract_loras(prompt + "\n" + negative)[1]
        prompt = parameters.pop("Easel prompt", "") + "".join(f" <lora:{name}:{weight}>" for name, weight in tags)
        negative = parameters.pop("Easel negative prompt", "")
    return Infotext(prompt, negative, parameters)


def _from_json(data: Mapping[str, Any]) -> Infotext:
    """SwarmUI's {"sui_image_params": {...}} and Fooocus' own scheme; another object gives an empty Infotext."""
    swarm = data.get("sui_image_params")
    source: Mapping[str, Any] = swarm if isinstance(swarm, dict) else data
    known = {
        "Steps": ("steps",), "CFG scale": ("cfgscale", "guidance_scale"), "Seed": ("seed",), "Sampler": ("sampler",),
        "Schedule type": ("scheduler",), "Model": ("model", "base_model"), "Size": ("resolution",),
    }  # fmt: skip
    parameters = {
        name: str(source[key])[:200]
        for name, keys in known.items()
        for key in keys
        if isinstance(source.get(key), str | int | float)
    }
    if isinstance(source.get("width"), int) and isinstance(source.get("height"), int):
        parameters["Size"] = f"{source['width']}x{source['height']}"
    if "Model" in parameters:
        parameters["Model"] = parameters["Model"].removesuffix(".safetensors")
    negative = source.get("negativeprompt", source.get("negative_prompt"))
    prompt = source.get("prompt")
    prompt, negative = (text if isinstance(text, str) else "" for text in (prompt, negative))
    return Infotext(prompt, negative, parameters)


def _pairs(recipe: Recipe, model_title: str, version: str) -> dict[str, str]:
    sampler, schedule = split_sampler(recipe.sampler)
    pairs = {
        "Steps": str(recipe.steps), "Sampler": sampler, "Schedule type": schedule,
        "CFG scale": _plain(recipe.guidance_scale), "Seed": str(recipe.seed), "Size": f"{recipe.width}x{recipe.height}",
        "Model": model_title,
        "Denoising strength": _plain(recipe.strength) if recipe.init_image else "", **_repainting(recipe),
        "Style": recipe.style, "Version": f"Easel {version}",
    }  # fmt: skip
    return {key: value for key, value in pairs.items() if value}


def _repainting(recipe: Recipe) -> dict[str, str]:
    """A1111's words for inpainting, in its order, then ours for how far the photo was extended, which it passes over.

    A padding that is chosen from the mask has no number to write.
    """
    how = recipe.inpaint
    if recipe.task != "inpaint":
        return {}
    return {
        "Mask blur": str(how.feather),
        "Mask mode": NOT_MASKED if how.invert else "",
        "Inpaint area": ONLY_MASKED if how.area == "masked" else WHOLE_PICTURE,
        "Masked area padding": str(how.padding) if how.area == "masked" and how.padding else "",
        "Masked content": CONTENTS[how.content],
        SOFT: "True" if how.soft else "",
        **{name: str(getattr(how, side) or "") for side, name in EXTENDED.items()},
    }


def split_sampler(name: str) -> tuple[str, str]:
    """A1111 keeps the spacing of the steps apart: "DPM++ 2M Karras" is ("DPM++ 2M", "Karras"); without it, Uniform."""
    for schedule in SCHEDULES:
        if name.endswith(" " + schedule):
            return name.removesuffix(" " + schedule), schedule
    return name, "Uniform"


def _written(pairs: Mapping[str, str]) -> str:
    return ", ".join(f"{key}: {_quoted(value)}" for key, value in pairs.items())


def _quoted(value: str) -> str:
    return _json(value) if any(c in value for c in ',\n:"') or value != value.strip() else value


def _unquoted(value: str) -> str:
    if value[:1] == '"' and value[-1:] == '"':
        try:
            inner = json.loads(value)
        except ValueError:
            return value
        return inner if isinstance(inner, str) else value
    return value.strip()


def _json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _plain(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _tag(use: LoraUse, titles: Mapping[str, str]) -> str:
    return f"<lora:{lora_tag(titles.get(use.id) or use.id.rpartition('/')[2])}:{_plain(use.weight)}>"


def _is_exact(text: str, recipe: Recipe) -> bool:
    found = _from_lines(text)
    return extract_loras(found.prompt)[0] == recipe.prompt and found.negative_prompt == recipe.negative_prompt


def _prompt_and_uses(text: str, loras: Mapping[str, LoraCard]) -> tuple[str, tuple[LoraUse, ...]]:
    prompt, named = extract_loras(text)
    uses: dict[str, float] = {}
    for name, weight in named:
        lora_id = find_lora(name, loras)
        if lora_id is not None:
            uses[lora_id] = 1.0 if (number := _number(weight)) is None else number
    return prompt, tuple(LoraUse(lora_id, weight) for lora_id, weight in uses.items())


def _by_id(loras: Mapping[str, LoraCard] | Iterable[LoraCard]) -> Mapping[str, LoraCard]:
    return loras if isinstance(loras, Mapping) else {lora.id: lora for lora in loras}


def _whole(text: str | None) -> int | None:
    number = _number(text)
    return int(number) if number is not None and abs(number) < 2**63 else None


def _number(text: str | None) -> float | None:
    if not text or not re.fullmatch(r"\s*[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:e[+-]?\d{1,2})?\s*", text):
        return None
    return float(text)
