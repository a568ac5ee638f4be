"""What a click would cost, said before it."""

from __future__ import annotations

from webui.core.errors import NotEnoughMemory
from webui.core.types import ComponentSizes, DeviceFacts, Forecast
from webui.memory.estimate import Activations
from webui.memory.plan import SLOWER, VramPlan, budget_of, gigabytes, plan


def forecast(
    sizes: ComponentSizes,
    device: DeviceFacts,
    width: int,
    height: int,
    *,
    cfg: bool = True,
    activations: Activations,
    vram_cap: int | None = None,
    seconds: float | None = None,
) -> Forecast:
    """Whether it fits, how, and in words. `seconds` is what the whole job takes as measured here, None when unknown."""
    free = budget_of(device, vram_cap)
    try:
        found = plan(sizes, device, width, height, cfg=cfg, activations=activations, vram_cap=vram_cap)
    except NotEnoughMemory as refused:
        return Forecast(False, "", 0, free, None, f"{refused.message} {refused.hint}")
    return Forecast(True, found.rung, found.peak_bytes, free, seconds, forecast_sentence(found, free, seconds))


def forecast_sentence(plan: VramPlan, free: int, seconds: float | None = None) -> str:
    """ "Fits: 5.1 of 8.0 GB. About 12 seconds." Names what is slower, and why."""
    how = SLOWER[plan.rung]
    if plan.rung == "cpu":
        fits = f"Runs {how}"
    else:
        fits = f"Fits{', ' + how if how else ''}: {gigabytes(plan.peak_bytes).removesuffix(' GB')} of {gigabytes(free)}"
    return f"{fits}. {say_seconds(seconds)}".strip()


def say_seconds(seconds: float | None) -> str:
    """ "About 12 seconds." in steps that do not pretend; "" when unknown."""
    if seconds is None:
        return ""
    if seconds < 1.5:
        return "About a second."
    if seconds < 90:
        return f"About {round(seconds) if seconds < 20 else round(seconds / 5) * 5} seconds."
    return "About a minute and a half." if seconds < 105 else f"About {round(seconds / 60)} minutes."
