"""The shapes that flow through Easel, all frozen.

    GenerationRequest -> Recipe -> [worker process] -> GeneratedImage -> SavedImage

Only `Progress` flows backwards. `Fault` is a failure on its way to a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, Self

Task = Literal["text_to_image", "image_to_image", "inpaint"]
JobState = Literal["queued", "loading", "running", "done", "stopped", "error"]
Stage = Literal["loading", "encoding", "denoising", "decoding"]
Area = Literal["masked", "whole"]
Content = Literal["original", "fill", "noise", "empty"]
Resize = Literal["keep", "crop", "fit", "fill"]

FINISHED: frozenset[JobState] = frozenset({"done", "stopped", "error"})


@dataclass(frozen=True, slots=True)
class LoraUse:
    """One LoRA of a recipe: its catalog id and its weight (-4 to 4, 1 as trained)."""

    id: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Inpainting:
    """How a photo is repainted where its mask is white, and how far it is extended. Lengths are pixels of the photo.

    `area`: "masked" draws only the surroundings of the mask, at full detail; "whole" the whole picture, scaled down.
    `padding`: how much of the surroundings is drawn along with the masked area; 0: chosen from the mask.
    `content`: what the masked area starts from: the photo itself, its surroundings grown inwards, noise, or nothing.
    `feather`: how wide the change fades out around the mask; nothing beyond is touched. `soft`: greys of the mask say
    how much is changed, step by step (differential diffusion, Levin & Fried 2023). `invert`: repaint what is black.
    `extend_*`: how many pixels are drawn beyond the photo's sides (outpainting); it needs no mask.
    """

    area: Area = "masked"
    padding: int = 0
    content: Content = "original"
    feather: int = 8
    soft: bool = False
    invert: bool = False
    extend_left: int = 0
    extend_top: int = 0
    extend_right: int = 0
    extend_bottom: int = 0

    @property
    def extend(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom."""
        return self.extend_left, self.extend_top, self.extend_right, self.extend_bottom


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What somebody asked for. None means: not said, choose for me. Nothing in here is trusted; `settle` checks it."""

    prompt: str = ""
    negative_prompt: str = ""
    style: str | None = None
    model: str | None = None
    loras: tuple[LoraUse, ...] = ()
    shape: str | None = None
    width: int | None = None
    height: int | None = None
    count: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    sampler: str | None = None
    seed: int | None = None
    init_image: str | None = None
    mask_image: str | None = None
    strength: float | None = None
    resize: str | None = None
    inpaint: Inpainting | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides one picture; nothing is open. It is what the metadata holds and what a re-run repeats.

    `prompt` and `negative_prompt` are what the model reads, the style worked in; `style` only remembers its name.
    Sizes are pixels, multiples of 8. `guidance_scale` is classifier-free guidance (Ho & Salimans 2022), 1 = off.
    `seed` is 0 to 2**32 - 1. `init_image` and `mask_image` are upload ids, "" where there is none; `strength` is 0 to 1
    and 1 without an `init_image`. `resize` is how a photo becomes width x height in image to image: "keep" its shape,
    "crop" it, "fit" it into the size (both of them already decided width and height), or "fill" what it leaves free.
    For inpainting width x height is the size that is drawn at; the result has the photo's own size, extended.
    """

    model: str
    prompt: str
    negative_prompt: str
    width: int
    height: int
    steps: int
    guidance_scale: float
    sampler: str
    seed: int
    style: str = ""
    loras: tuple[LoraUse, ...] = ()
    init_image: str = ""
    mask_image: str = ""
    strength: float = 1.0
    resize: Resize = "keep"
    inpaint: Inpainting = Inpainting()

    @property
    def task(self) -> Task:
        """The task follows from what is present; there is no flag that could disagree."""
        if self.mask_image or (self.init_image and any(self.inpaint.extend)):
            return "inpaint"
        return "image_to_image" if self.init_image else "text_to_image"

    def picture(self, index: int) -> Self:
        """The recipe of picture `index` of a batch: the same with the seed counted on (it wraps at 2**32)."""
        return replace(self, seed=(self.seed + index) % 2**32)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`; keys it does not know are left out, so that newer databases open."""
        kept = _known(cls, data)
        kept["loras"] = tuple(LoraUse(**_known(LoraUse, lora)) for lora in kept.get("loras", ()))
        kept["inpaint"] = Inpainting(**_known(Inpainting, kept.get("inpaint", {})))
        return cls(**kept)


def _known(cls: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """What a dataclass has a field for."""
    return {f.name: data[f.name] for f in fields(cls) if f.name in data}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a picture has come. `preview` is a small JPEG of the current guess, or b"" when there is no new one.

    `step` of `steps` counts denoising steps done (`steps` is the scheduler's real number, Heun counts twice).
    `fraction` is 0 to 1 within the stage.
    """

    stage: Stage
    step: int = 0
    steps: int = 0
    fraction: float = 0.0
    preview: bytes = b""


@dataclass(frozen=True, slots=True)
class GeneratedImage:
    """A finished picture as it leaves the worker: raw RGB bytes (height * width * 3), and how it came about.

    `seconds` holds seconds per stage ("loading", "encoding", "denoising", "decoding"). `notes` are for the person
    ("Memory ran out, so it was drawn in a slower way."). `rung` is the memory plan's rung that was used in the end.
    """

    recipe: Recipe
    width: int
    height: int
    pixels: bytes | memoryview = field(repr=False)
    seconds: Mapping[str, float] = field(default_factory=dict)
    rung: str = "resident"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SavedImage:
    """A picture on disk and in the database. `path` is relative to the data folder. `created` is seconds since 1970."""

    id: str
    owner: str
    job: str
    index: int
    recipe: Recipe
    path: str
    width: int
    height: int
    bytes: int
    created: float
    favourite: bool = False
    prompt: str = ""
    seconds: float = 0.0
    model_title: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure told to a person: one sentence, what to do, and, where we can do it, a `fix` that a button applies.

    `code` names the kind ("out_of_memory"). `fix` is an action's name with its argument after a colon
    ("retry", "size:512x512", "model:starter", "refresh"), "" when there is none.
    """

    code: str
    message: str
    hint: str = ""
    fix: str = ""
    fix_label: str = ""
    status: int = 400


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What the worker knows of its device. Bytes. `total` and `free` are system memory on a CPU."""

    kind: Literal["cpu", "cuda", "mps"]
    name: str
    total: int
    free: int
    dtype: Literal["float32", "bfloat16", "float16"]
    index: int = 0
    threads: int = 1
    capability: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class ComponentSizes:
    """Bytes of weights per component, as if each were stored like the file on average, and the bytes of one stored
    parameter there (2 for fp16).
    """

    text_encoders: int
    denoiser: int
    vae: int
    bytes_per_parameter: float = 2.0

    @property
    def total(self) -> int:
        return self.text_encoders + self.denoiser + self.vae


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a model does best: used by `settle` wherever the request is silent.

    A photo is redrawn with as many pixels as a square of `photo_side` has; 0: with as many as any other picture.
    """

    width: int
    height: int
    steps: int
    guidance_scale: float
    sampler: str
    min_side: int
    max_side: int
    negative_prompt: str = ""
    photo_side: int = 0


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model on disk that can draw. `id` is stable and free of paths' secrets: "starter", or the path below its models
    folder with forward slashes and no ending ("checkpoints/anime/dream"). `title` is what a person reads and what the
    metadata names (no comma, colon or quote). `problem` says why it cannot be used. `path` never leaves this computer.
    """

    id: str
    title: str
    family: str
    path: str
    layout: Literal["folder", "single_file"]
    sizes: ComponentSizes
    defaults: Defaults
    tasks: frozenset[Task] = frozenset({"text_to_image"})
    prediction: Literal["epsilon", "v_prediction"] | None = None
    variant: str = ""
    modified: float = 0.0
    problem: Fault | None = None


@dataclass(frozen=True, slots=True)
class LoraCard:
    """A LoRA on disk. `family` is the family it was made for ("" unknown)."""

    id: str
    title: str
    family: str
    path: str
    bytes: int
    variant: str = ""
    trigger: str = ""
    modified: float = 0.0
    problem: Fault | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One picture to draw, as it goes to the worker: the recipe, the files it names, and its photos (encoded bytes)."""

    recipe: Recipe
    model: ModelCard
    loras: tuple[LoraCard, ...] = ()
    init_image: bytes = field(default=b"", repr=False)
    mask_image: bytes = field(default=b"", repr=False)
    preview: bool = True


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a click would cost, said before it. `seconds` is None until this machine has been measured."""

    fits: bool
    rung: str
    bytes_needed: int
    bytes_free: int
    seconds: float | None
    sentence: str
