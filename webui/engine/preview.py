"""The picture while it is drawn: the model's own guess of the result, as a small JPEG, without decoding.

The guess is x0 (Salimans & Ho 2022, eq. 11 ff.) from the denoiser's last input and output, so it looks like something
from the first step on, whatever the sampler. Colours come from a matrix, latent channels to RGB, fitted to the model's
own autoencoder.
"""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, field
from typing import Any

_interval = 0.25
_smallest_side = 128


def fit_rgb(vae: Any) -> Any:
    """Least squares from latents to colours, (channels + 1, 3), by encoding one picture of patches; milliseconds."""
    import torch

    dtype = vae.dtype
    picture = _patches(96)
    with torch.no_grad():
        vae.to(torch.float32)
        encoded = vae.encode(picture * 2 - 1)
        vae.to(dtype)
    latents = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mode()
    latents = latents * vae.config.scaling_factor
    small = torch.nn.functional.interpolate(picture, size=latents.shape[-2:], mode="area")
    known = _with_one(latents[0])
    return torch.linalg.lstsq(known, small[0].flatten(1).T, driver="gelsd").solution


def _patches(side: int) -> Any:
    """(1, 3, side, side), 0 to 1: squares of every colour on a gradient."""
    import torch

    make = torch.Generator().manual_seed(1)
    picture = torch.linspace(0, 1, side).expand(3, side, side) * torch.rand(3, 1, 1, generator=make)
    picture = picture.clone()
    for _ in range(60):
        x, y = (int(v) for v in torch.randint(0, side - 8, (2,), generator=make))
        size = int(torch.randint(12, 40, (1,), generator=make))
        picture[:, y : y + size, x : x + size] = torch.rand(3, 1, 1, generator=make)
    return picture[None]


def _with_one(latents: Any) -> Any:
    import torch

    flat = latents.float().flatten(1).T
    return torch.cat([flat, torch.ones_like(flat[:, :1])], dim=1)


def jpeg(latents: Any, to_rgb: Any) -> bytes:
    """Latents (1, channels, h, w) as a JPEG of h x w, enlarged to at least 128."""
    from PIL import Image

    _, _, height, width = latents.shape
    colours = (_with_one(latents[0].cpu()) @ to_rgb).clamp(0, 1) * 255
    image = Image.fromarray(colours.byte().reshape(height, width, 3).numpy(), "RGB")
    times = max(1, -(-_smallest_side // max(height, width)))
    image = image.resize((width * times, height * times), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


@dataclass
class Previewer:
    """Remembers the denoiser's last call and turns it into a preview, at most four times a second."""

    to_rgb: Any
    scheduler: Any
    guidance: float
    _seen: tuple[Any, Any, Any] | None = field(default=None, init=False)
    _last: float = field(default=0.0, init=False)

    def watch(self, module: Any, arguments: tuple[Any, ...], output: Any) -> None:
        """A forward hook for the denoiser."""
        if time.monotonic() - self._last >= _interval:
            self._seen = (arguments[0], arguments[1], output[0])

    def take(self) -> bytes:
        """The newest preview, b"" when it is too early for another one."""
        if self._seen is None:
            return b""
        guess = jpeg(self._guess(*self._seen), self.to_rgb)
        self._seen, self._last = None, time.monotonic()
        return guess

    def _guess(self, sample: Any, timestep: Any, output: Any) -> Any:
        sample, output = sample[:, :4].float(), output.float()
        if output.shape[0] == 2:
            output = output[:1] + self.guidance * (output[1:] - output[:1])
        levels = self.scheduler.alphas_cumprod
        kept = levels[min(len(levels) - 1, max(0, round(float(timestep))))].float().clamp(1e-4, 1).to(output.device)
        signal, noise = kept.sqrt(), (1 - kept).sqrt()
        if self.scheduler.config.prediction_type == "v_prediction":
            return signal * sample[:1] - noise * output
        return output if self.scheduler.config.prediction_type == "sample" else (sample[:1] - noise * output) / signal
