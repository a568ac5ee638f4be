"""From a sampler's name to a diffusers scheduler on the checkpoint's own noise schedule."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from typing import Any

from webui.core.errors import InvalidRequest
from webui.core.presets import Presets, Sampler

# Where Karras et al. 2022, "Elucidating the Design Space", table 1, begin. With zero terminal SNR the first noise level
# is as good as infinite (4096), and of few steps hardly one would be spent where a picture takes shape.
_karras_from = 80.0


def build_scheduler(presets: Presets, name: str, base: Any, seed: int = 0) -> Any:
    """A new scheduler of the sampler `name` for one picture; `base` is the checkpoint's own and stays as it is.

    `seed` is for samplers whose noise does not come from the pipeline's generator.

    Raises InvalidRequest for a name that is not in the presets.
    """
    sampler = presets.sampler(name)
    if sampler is None:
        raise InvalidRequest(f"There is no sampler called {name}.", "Choose one from the list.")
    import diffusers

    cls = getattr(diffusers, sampler.scheduler)
    if cls is diffusers.KDPM2DiscreteScheduler:
        cls = _in_single_precision(cls)
    settings = _settings(cls, sampler, dict(base.config))
    made = cls(**settings)
    if settings.get("use_karras_sigmas") and settings.get("rescale_betas_zero_snr"):
        made.register_to_config(sigma_max=_karras_from)
    if hasattr(made, "noise_sampler_seed"):
        made.noise_sampler_seed = seed
    return made


def _settings(cls: Any, sampler: Sampler, base: Mapping[str, Any]) -> dict[str, Any]:
    """What the class knows of the checkpoint's settings, the sampler's own ones over them."""
    known = inspect.signature(cls.__init__).parameters
    settings = {k: copy.deepcopy(v) for k, v in base.items() if k in known and not k.startswith("_")}
    return settings | {k: v for k, v in sampler.arguments.items() if k in known}


def _in_single_precision(cls: Any) -> Any:
    """Apple's GPUs know no float64, which this class alone sends them as timesteps (diffusers 0.42)."""

    class SinglePrecision(cls):  # type: ignore[misc]
        timesteps: Any

        def set_timesteps(self, num_inference_steps: int, device: Any = None, *more: Any) -> None:
            super().set_timesteps(num_inference_steps, "cpu", *more)
            self.timesteps = self.timesteps.float().to(device)

    return SinglePrecision
