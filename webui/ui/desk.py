"""A desk: a tab that draws. The stage in the middle, the prompt dock under it, the choices beside it.

`key` names the desk in element ids and in what the browser remembers; each tab that draws has its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from webui.core.errors import InvalidRequest
from webui.core.imaging import read_picture_text
from webui.core.infotext import read_infotext
from webui.core.larger import larger
from webui.core.types import GenerationRequest, ModelCard, Task
from webui.jobs.service import Service
from webui.ui import choices, components
from webui.ui.fields import fields_from, photo_fields, request_from, with_style
from webui.ui.replies import QUIET, Reply, answering, comes_from_here, once_of, owner_of, reply

SUBJECTS = (
    "a rainbow",
    "a green tree",
    "a red heart",
    "a strawberry",
    "a pumpkin",
    "a yellow star",
    "a panda",
    "a purple balloon",
    "a red apple",
    "a blue diamond",
    "a cactus",
    "a sunflower",
    "a red mushroom",
    "a pink tulip",
    "a rocket",
    "a lemon",
    "a pine tree",
    "a penguin",
)
PLACES = (
    "on the beach at sunset",
    "in the snow",
    "in the city at night",
    "in the forest",
    "in the mountains",
    "in the desert",
    "at night under the stars",
    "in a meadow",
    "by the seaside",
)
TABS: Mapping[Task, str] = {"image_to_image": "image", "inpaint": "inpaint"}
AS_PHOTO = ("photo:image", "Use it in Image to image")
PICTURE_TYPES = [".png", ".jpg", ".jpeg", ".webp"]


ONWARD = (
    {"tab": "image", "label": "Image to image", "icon": "image"},
    {"tab": "inpaint", "label": "Inpaint", "icon": "brush"},
)


def _nothing() -> dict[str, Component]:
    return {}


@dataclass(frozen=True)
class Plan:
    """What sets a tab's desk apart.

    The callables build widgets where they are called and return them by name: `above` what is worked on before there
    is a result, `choices` the first of the side, `more` the first below "More options". `ask` makes the request of
    all values. `onward` are the tabs that a finished picture can be taken to. `shape_when` = (field, values): asks
    for the shape only then. `offers`: a line under the dock may offer a better model.
    """

    above: Callable[[], dict[str, Component]] | None = None
    choices: Callable[[], dict[str, Component]] = _nothing
    more: Callable[[], dict[str, Component]] = _nothing
    ask: Callable[[Mapping[str, Any]], GenerationRequest] = request_from
    onward: Sequence[Mapping[str, str]] = ONWARD
    placeholder: str = "Describe the picture you want…"
    shapes: bool = True
    shape_when: tuple[str, Sequence[str]] | None = None
    offers: bool = False


PLAIN = Plan()


@dataclass(frozen=True)
class Desk:
    """A built desk: its widgets by the names of GenerationRequest, and the parts that handlers answer to."""

    key: str
    widgets: Mapping[str, Component]
    stage: gr.HTML
    reply: gr.HTML
    go: gr.Button
    restore: gr.UploadButton
    offer: gr.HTML | None = None


def build_desk(service: Service, key: str, ideas: Sequence[str], note: str, plan: Plan = PLAIN) -> Desk:
    """Lays the desk out inside the current tab and connects it to the service."""
    above: dict[str, Component] = {}
    with gr.Row(elem_id=f"{key}-desk", elem_classes=["desk"]):
        with gr.Column(elem_id=f"{key}-main", elem_classes=["deskmain"]):
            if plan.above:
                above = _above(key, plan.above)
                with gr.Column(elem_id=f"{key}-resultview", elem_classes=["photoview", "away"]):
                    stage = _stage(key, ideas, note, plan)
                    components.part("aftermath", elem_id=f"{key}-aftermath", elem_classes=["slim", "unseen"], desk=key)
            else:
                stage = _stage(key, ideas, note, plan)
            with gr.Column(elem_id=f"{key}-dock", elem_classes=["dock"]):
                events = ["use", "refresh"]
                plain = not plan.above
                answer = components.part(
                    "reply", None, events=events, elem_id=f"{key}-reply", desk=key, tab=key, plain=plain
                )
                dock, go = _dock(service, key, plan)
            offer = _offer(key) if plan.offers else None
        with gr.Column(elem_id=f"{key}-side", elem_classes=["deskside"]):
            side, restore = _side(service, key, plan)
    desk = Desk(key, above | dock | side, stage, answer, go, restore, offer)
    _connect(service, desk, plan)
    return desk


def _stage(key: str, ideas: Sequence[str], note: str, plan: Plan) -> gr.HTML:
    onward = [dict(way) for way in plan.onward]
    return components.part(
        "stage",
        None,
        events=["again"],
        elem_id=f"{key}-stage",
        desk=key,
        ideas=list(ideas),
        note=note,
        onward=onward,
        kept=bool(plan.above),
    )


def _offer(key: str) -> gr.HTML:
    return components.part("offer", events=["refresh"], elem_id=f"{key}-offer", elem_classes=["offerplace"], desk=key)


def _above(key: str, build: Callable[[], dict[str, Component]]) -> dict[str, Component]:
    """What is worked on, and the switch between that and the result."""
    components.part("views", elem_id=f"{key}-views", elem_classes=["slim"], desk=key)
    with gr.Column(elem_id=f"{key}-photoview", elem_classes=["photoview"]):
        return build()


def _dock(service: Service, key: str, plan: Plan) -> tuple[dict[str, Component], gr.Button]:
    prompt = gr.Textbox(
        label="Prompt",
        show_label=False,
        container=False,
        lines=1,
        max_lines=6,
        elem_id=f"{key}-prompt",
        placeholder=plan.placeholder,
    )
    components.remembered_text(key, "prompt", f"#{key}-prompt")
    components.part("chosen", elem_id=f"{key}-chosen", desk=key, words=not plan.above)
    with gr.Row(elem_id=f"{key}-acts", elem_classes=["acts"]):
        components.part("surprise", elem_id=f"{key}-surprise", desk=key, subjects=list(SUBJECTS), places=list(PLACES))
        model = components.pick(key, "model", "Model", "models", choices.first_model(service))
        gr.Button("Stop", elem_id=f"{key}-stop", elem_classes=["stop", "idle"])
        go = gr.Button("Generate", variant="primary", elem_id=f"{key}-go", elem_classes=["go"])
    return {"prompt": prompt, "model": model}, go


def _side(service: Service, key: str, plan: Plan) -> tuple[dict[str, Component], gr.UploadButton]:
    presets = service.presets
    widgets = plan.choices()
    if plan.shapes and plan.shape_when:
        widgets["shape"] = _shape(service, key, plan)
    widgets["style"] = components.cards(key, "style", "Style", choices.styles(presets))
    if plan.shapes and not plan.shape_when:
        widgets["shape"] = _shape(service, key, plan)
    widgets["count"] = components.choice(key, "count", "How many", choices.counts(), 1, kind="counts", numbers=True)
    components.part("fold", desk=key, target=f"{key}-more", label="More options")
    with gr.Column(elem_id=f"{key}-more", elem_classes=["more", "folded"]):
        widgets |= plan.more()
        widgets["negative_prompt"] = gr.Textbox(
            label="Negative prompt",
            lines=2,
            max_lines=6,
            elem_id=f"{key}-negative",
            placeholder="What should not be in it",
        )
        components.remembered_text(key, "negative_prompt", f"#{key}-negative")
        widgets["steps"] = components.slide(
            key, "steps", "Steps", 1, 150, 1, 20, words="Steps", term="more is finer and slower"
        )
        widgets["guidance_scale"] = components.slide(
            key,
            "guidance_scale",
            "Guidance",
            1,
            30,
            0.5,
            7,
            words="How closely to follow the prompt",
            term="guidance / CFG",
        )
        widgets["sampler"] = components.pick(
            key, "sampler", "Sampler", choices.samplers(presets), "", term="how noise becomes a picture"
        )
        widgets["seed"] = components.seed(key, "seed", "Seed")
        widgets["loras"] = components.loras(key, "loras")
        restore = gr.UploadButton(
            "Use the settings of a picture…",
            file_types=PICTURE_TYPES,
            elem_id=f"{key}-restore",
            elem_classes=["restore"],
        )
    return widgets, restore


def _shape(service: Service, key: str, plan: Plan) -> gr.HTML:
    first = next(iter(service.presets.shapes), "")
    shape = components.choice(key, "shape", "Shape", choices.shapes(service.presets), first, kind="shapes", custom=True)
    if plan.shape_when:
        field, values = plan.shape_when
        target = f"{key}-shape"
        components.part(
            "when", elem_classes=["unseen"], desk=key, field=field, values=list(values), target=target, first=""
        )
    return shape


def _connect(service: Service, desk: Desk, plan: Plan) -> None:
    names = {widget: name for name, widget in desk.widgets.items()}

    @answering
    def generate(values: dict[Component, Any], request: gr.Request) -> Reply:
        asked = plan.ask({names[widget]: value for widget, value in values.items()})
        return reply(job=service.submit(owner_of(request), asked, comes_from_here(request), once_of(request)))

    @answering
    def again(event: gr.EventData, request: gr.Request) -> Reply:
        told, owner, here, sent = _told(event), owner_of(request), comes_from_here(request), once_of(request)
        asked = _asked(service, owner, told)
        if told.get("larger"):
            return reply(job=service.submit(owner, _larger(service, owner, asked, str(told["id"])), here, sent))
        once = replace(asked, count=1, seed=None if told.get("vary") else asked.seed)
        return reply(job=service.submit(owner, once, here, sent))

    @answering
    def use(event: gr.EventData, request: gr.Request) -> Reply:
        return reply(**_settings_of(service, owner_of(request), str(_told(event).get("id", ""))))

    @answering
    def restore(path: str | None, request: gr.Request) -> Reply:
        return reply(**_read_settings(service, owner_of(request), path, () if plan.above else AS_PHOTO))

    go: Any = desk.go
    go.click(generate, set(names), desk.reply, trigger_mode="multiple", **QUIET)
    desk.stage.again(again, None, desk.reply, trigger_mode="multiple", **QUIET)
    desk.reply.use(use, None, desk.reply, **QUIET)
    desk.restore.upload(restore, desk.restore, desk.reply, **QUIET)


def _told(event: gr.EventData) -> dict[str, Any]:
    """What the browser said with an event."""
    data = event._data
    return data if isinstance(data, dict) else {}


def _card(service: Service, model: str | None) -> ModelCard | None:
    return next((card for card in service.catalog.models() if card.id == model), None)


def _asked(service: Service, owner: str, told: Mapping[str, Any]) -> GenerationRequest:
    """What was asked for the picture that an event names, its style by name.

    Raises:
        NotFound
    """
    return _asked_for(service, owner, str(told.get("id", "")))


def _asked_for(service: Service, owner: str, picture_id: str) -> GenerationRequest:
    asked = service.request_of(owner, picture_id)
    picture = service.pictures.get(owner, picture_id)
    return with_style(asked, service.presets, picture.recipe.style) if picture else asked


def _larger(service: Service, owner: str, asked: GenerationRequest, picture_id: str) -> GenerationRequest:
    card = service.model_for(asked.model)
    return larger(asked, picture_id, service.photos.size(owner, picture_id), card.defaults)


def _settings_of(service: Service, owner: str, picture_id: str) -> dict[str, Any]:
    """The fields that draw one of the owner's pictures again, and the tab that has them; its photo, if it is there.

    Raises:
        NotFound
    """
    asked = _asked_for(service, owner, picture_id)
    picture = service.pictures.get(owner, picture_id)
    return _restored(service, asked, picture.recipe.task if picture else "text_to_image", owner)


def _restored(service: Service, asked: GenerationRequest, task: Task, owner: str) -> dict[str, Any]:
    fields = fields_from(asked, service.presets, _card(service, asked.model))
    said = "The settings of the picture are in the fields."
    if task == "text_to_image":
        return {"fields": fields, "said": said}
    found = photo_fields(asked, task, lambda upload: service.photos.size(owner, upload))
    kept = found.get("photo") or found.get("canvas")
    said = said if kept else "The settings are in the fields. The photo is not here any more: choose it again."
    left_out = {"shape"} if task == "inpaint" or asked.resize in (None, "keep") else set()
    fields = {name: value for name, value in fields.items() if name not in left_out} | found
    return {"fields": fields, "said": said, "tab": TABS[task]}


def _read_settings(service: Service, owner: str, path: str | None, otherwise: tuple[str, ...]) -> dict[str, Any]:
    """The fields that a picture's own text asks for; the picture's bytes are read and not kept.

    A text never names the photo that a picture came from. One of the owner's own pictures is known by it, though.
    `otherwise` = (fix, label) is offered where there is nothing to read: most likely it is a photo.

    Raises:
        InvalidRequest: when there is nothing in it.
        PictureBroken
    """
    if not path:
        raise InvalidRequest("No picture arrived.", "Choose it again.")
    file = Path(path)
    try:
        text = read_picture_text(file.read_bytes())
    finally:
        file.unlink(missing_ok=True)
    if not text.strip():
        raise InvalidRequest(
            "There are no settings in this picture.",
            "Only pictures as they were saved by an image generator carry them.",
            *otherwise,
        )
    told = read_infotext(text)
    if told.task != "text_to_image" and (own := service.picture_that_tells(owner, text)):
        return _settings_of(service, owner, own)
    asked = told.request(service.presets, service.catalog.models(), service.catalog.loras())
    return _restored(service, asked, told.task, owner)
