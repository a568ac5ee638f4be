"""What the page is told, as plain JSON data."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from webui.core.types import Fault, GenerationRequest, Recipe, SavedImage
from webui.jobs.running import Running
from webui.jobs.store import Job


def picture(saved: SavedImage, full_size: str = "") -> dict[str, Any]:
    """One picture. `src` and `thumb` answer its owner only. `full_size` says why it cannot be drawn larger."""
    return {
        "id": saved.id,
        "job": saved.job,
        "prompt": saved.prompt,
        "negative_prompt": saved.recipe.negative_prompt,
        "width": saved.width,
        "height": saved.height,
        "seed": saved.recipe.seed,
        "steps": saved.recipe.steps,
        "style": saved.recipe.style,
        "model": saved.model_title,
        "created": saved.created,
        "favourite": saved.favourite,
        "full_size": full_size,
        "src": f"/img/{saved.id}",
        "thumb": f"/img/{saved.id}?thumb=1",
    }


def request_of(recipe: Recipe) -> GenerationRequest:
    """The request that draws one picture of a recipe again. The prompt is what the model read, so no style is named."""
    return GenerationRequest(
        prompt=recipe.prompt,
        negative_prompt=recipe.negative_prompt,
        model=recipe.model,
        loras=recipe.loras,
        width=recipe.width,
        height=recipe.height,
        count=1,
        steps=recipe.steps,
        guidance_scale=recipe.guidance_scale,
        sampler=recipe.sampler,
        seed=recipe.seed,
        init_image=recipe.init_image or None,
        mask_image=recipe.mask_image or None,
        strength=recipe.strength if recipe.init_image else None,
        resize=recipe.resize if recipe.init_image else None,
        inpaint=recipe.inpaint if recipe.task == "inpaint" else None,
    )


def live(
    *,
    owner: str,
    job: Job | None,
    running: Running | None,
    stopped: Running | None,
    pictures: Sequence[SavedImage],
    recent: Sequence[SavedImage],
    waiting: Sequence[Job],
    all_running: Sequence[Running],
    seconds: Callable[[Job], float | None],
    trouble: Fault | None,
    worker: dict[str, str],
    full_size: Callable[[SavedImage], str],
) -> dict[str, Any]:
    """Everything one visitor's stage shows: the job in focus, its pictures, what else waits, and how the worker is."""
    waits = wait_times(waiting, all_running, seconds)
    view: dict[str, Any] = {
        "state": "idle",
        "job": "",
        "prompt": "",
        "width": 1,
        "height": 1,
        "count": 0,
        "index": 0,
        "step": 0,
        "steps": 0,
        "fraction": 0.0,
        "seconds_left": None,
        "position": 0,
        "preview": "",
        "pictures": [picture(p, full_size(p)) for p in pictures],
        "recent": [picture(p, full_size(p)) for p in recent],
        "waiting": _waiting(owner, job, waiting, len(all_running), waits),
        "fault": None,
        "notes": [],
        "worker": worker,
        "text": "",
    }
    if job is None or (job.state == "done" and not pictures):
        return view
    recipe = job.recipe
    fault = trouble or job.fault
    view |= {
        "state": job.state,
        "job": job.id,
        "prompt": job.prompt,
        "width": recipe.width,
        "height": recipe.height,
        "count": job.count,
        "fault": asdict(fault) if fault else None,
        "notes": list(job.notes),
    }
    if running is not None:
        view |= _running(running)
    elif not job.finished:
        place = next((place for place, other in enumerate(waiting) if other.id == job.id), 0)
        view |= {"state": "queued", "position": place + len(all_running), "seconds_left": waits[place]}
    elif stopped is not None:
        view["preview"] = _preview(stopped)
    if trouble:
        view["state"] = "error"
    view["text"] = _caption(view, running)
    return view


def _running(running: Running) -> dict[str, Any]:
    progress = running.progress
    return {
        "state": running.state,
        "index": running.index,
        "step": progress.step,
        "steps": progress.steps,
        "fraction": round(running.fraction, 4),
        "seconds_left": running.seconds_left,
        "preview": _preview(running),
        "notes": list(running.notes),
        "stage": progress.stage,
        "stage_fraction": progress.fraction,
        "stopping": running.stop_asked,
    }


def _preview(running: Running) -> str:
    return f"/preview/{running.job.id}?v={running.preview_number}" if running.preview else ""


def _waiting(
    owner: str, focus: Job | None, waiting: Sequence[Job], running: int, waits: Sequence[float | None]
) -> list[dict[str, Any]]:
    return [
        {"job": job.id, "prompt": job.prompt, "position": place + running, "seconds": waits[place]}
        for place, job in enumerate(waiting)
        if job.owner == owner and (focus is None or job.id != focus.id)
    ]


def wait_times(
    waiting: Sequence[Job], all_running: Sequence[Running], seconds: Callable[[Job], float | None]
) -> list[float | None]:
    """Seconds until the turn of each waiting job, and of one behind them all; None as soon as one of those before it
    cannot be foreseen.

    Each job goes to the device that is free first.
    """
    unknown: list[float | None] = [None] * (len(waiting) + 1)
    left = [running.seconds_left for running in all_running] or [0.0]
    free = [seconds_left for seconds_left in left if seconds_left is not None]
    if len(free) < len(left):
        return unknown
    heapq.heapify(free)
    waits: list[float | None] = [free[0]]
    for spent in map(seconds, waiting):
        if spent is None:
            break
        heapq.heapreplace(free, free[0] + spent)
        waits.append(free[0])
    return waits + unknown[len(waits) :]


def _caption(view: dict[str, Any], running: Running | None) -> str:
    """The one sentence under the picture."""
    left = in_words(view["seconds_left"])
    match view["state"]:
        case "queued" | "loading" if view["worker"]["state"] in ("starting", "dead"):
            return "Getting ready…"
        case "queued":
            ahead = view["position"]
            place = "Next in line" if ahead <= 1 else f"{ahead} ahead of you"
            return place + (f" · about {left}" if left else "")
        case "loading" if running is not None:
            if running.stop_asked:
                return "Stopping…"
            percent = f" {round(100 * running.progress.fraction)} %" if running.progress.fraction else "…"
            return f"Loading {running.job.model_title}{percent}"
        case "running" if running is not None:
            if running.stop_asked:
                return "Stopping…"
            batch = f"Picture {running.index + 1} of {running.job.count}" if running.job.count > 1 else ""
            return " · ".join(part for part in (batch, f"{left} left" if left else "Drawing…") if part)
        case "stopped":
            return "Stopped"
        case "error":
            return str(view["fault"]["message"]) if view["fault"] else ""
    return ""


def in_words(seconds: float | None) -> str:
    """A time as people say it: "4 s", "2 min", "1 h 5 min"; "" for None."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{max(1, math.ceil(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
