"""Ready-made tasks for one tap: what to do with a photo, as data in `presets/tasks`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

from webui.core.types import GenerationRequest, Inpainting

Tab = Literal["image_to_image", "inpaint"]
Needs = Literal["nothing", "mask", "mask_of_rest", "extend", "sketch"]

_SETTINGS = frozenset({"strength", "resize", "shape", "steps", "guidance_scale", "style", "inpaint", "extend_to"})
_INPAINT = frozenset(f.name for f in fields(Inpainting))


@dataclass(frozen=True, slots=True)
class TaskPreset:
    """A task. `needs` says what the person does first: paint a mask, paint what stays, sketch, or nothing.

    `prompt` may hold {prompt}; `alone` is used when nothing was typed, and `ask` is what the empty box shows.
    `settings` are fields of a request; of them "inpaint" holds fields of an Inpainting, and "extend_to" a ratio that
    the photo grows to.
    """

    name: str
    sentence: str
    tab: Tab
    needs: Needs = "nothing"
    prompt: str = "{prompt}"
    alone: str = ""
    negative_prompt: str = ""
    ask: str = ""
    icon: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def inpaint(self) -> Inpainting:
        return Inpainting(**self.settings.get("inpaint", {}))

    def worded(self, base: GenerationRequest) -> GenerationRequest:
        """`base` with the words that this task adds."""
        typed = base.prompt.strip()
        return replace(
            base,
            prompt=self.prompt.replace("{prompt}", typed) if typed else self.alone,
            negative_prompt=base.negative_prompt or self.negative_prompt,
        )

    def request(self, base: GenerationRequest) -> GenerationRequest:
        """What `base` asks for, done as this task does it: in its words and with its settings. How far an "extend_to"
        reaches is for whoever knows the photo's size to say.
        """
        told = {k: v for k, v in self.settings.items() if k not in ("inpaint", "extend_to")}
        return replace(
            self.worded(base),
            inpaint=self.inpaint if self.tab == "inpaint" else None,
            **told,
        )


def read_tasks(text: str, stem: str = "") -> dict[str, TaskPreset]:
    """The tasks in a file's text, by name. Raises ValueError, TypeError or KeyError when it is damaged."""
    tasks = [_task(row) for row in json.loads(text)]
    return {task.name: task for task in tasks}


def _task(row: Mapping[str, Any]) -> TaskPreset:
    words = {f.name: row.get(f.name, "") for f in fields(TaskPreset) if f.name not in ("settings", "needs", "prompt")}
    settings = dict(row.get("settings", {}))
    if not all(isinstance(word, str) for word in words.values()) or not words["name"]:
        raise ValueError("a task without words")
    if words["tab"] not in get_args(Tab) or row.get("needs", "nothing") not in get_args(Needs):
        raise ValueError("a task that fits no tab")
    if not set(settings) <= _SETTINGS or not set(settings.get("inpaint", {})) <= _INPAINT:
        raise ValueError("a setting that is unknown")
    prompt = row.get("prompt") or "{prompt}"
    return TaskPreset(**words, needs=row.get("needs", "nothing"), prompt=prompt, settings=MappingProxyType(settings))
