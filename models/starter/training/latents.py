"""A rolling cache of latents: composed and encoded ahead, a slice replaced by new pictures while training goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import CLIPTokenizer

from models.starter.training.autoencoder import Autoencoder, encode
from models.starter.training.compose import Composer
from models.starter.training.config import pixels
from models.starter.training.loop import Machine, read_state, write_state
from models.starter.training.words import token_ids

FILE = "latents.safetensors"


@dataclass(frozen=True)
class Captioned:
    latents: Tensor  # float16 (n, 4, h, w)
    ids: Tensor  # int64 (n, tokens)


class Maker:
    """Composes pictures with a background thread and encodes them on the device."""

    def __init__(
        self, composer: Composer, vae: Autoencoder, tokens: CLIPTokenizer, length: int, machine: Machine, threads: int
    ) -> None:
        self._composer, self._vae, self._tokens, self._length = composer, vae, tokens, length
        self._machine, self._threads = machine, threads
        self._background = ThreadPoolExecutor(1)

    def ahead(self, width: int, height: int, seeds: range) -> Future[tuple[np.ndarray, list[str]]]:
        return self._background.submit(self._composer.batch, width, height, seeds, self._threads)

    @torch.no_grad()
    def captioned(self, composed: tuple[np.ndarray, list[str]], batch: int = 64) -> Captioned:
        pictures, captions = composed
        parts = []
        for start in range(0, len(pictures), batch):
            with self._machine.autocast():
                parts.append(encode(self._vae, self._machine.pictures(pictures[start : start + batch])).half())
        ids = token_ids(self._tokens, captions, self._length).to(self._machine.device)
        return Captioned(torch.cat(parts), ids)

    @property
    def fingerprint(self) -> str:
        """Latents are of no use to a denoiser when another autoencoder made them."""
        return f"{sum(p.double().sum().item() for p in self._vae.parameters()):.6f}"

    def close(self) -> None:
        self._background.shutdown(cancel_futures=True)


class Cache:
    """`count` latents shared out over the shapes. Pictures are numbered: the next to be made has the number `next`."""

    def __init__(self, maker: Maker, shares: Mapping[str, float], size: int, count: int, first: int) -> None:
        self._maker, self._shares, self.size, self.next = maker, dict(shares), size, first
        self._counts = {shape: max(1, round(count * share)) for shape, share in shares.items()}
        self._held: dict[str, Captioned] = {}
        self._oldest = dict.fromkeys(shares, 0)
        self._coming: tuple[str, Future[tuple[np.ndarray, list[str]]]] | None = None

    def fill(self, tell: Callable[[str], None], slice_: int = 512) -> None:
        for shape, count in self._counts.items():
            parts = []
            for start in range(0, count, slice_):
                parts.append(self._maker.captioned(self._order(shape, min(slice_, count - start)).result()))
                tell(f"latents {self.size} px {shape}: {min(start + slice_, count)}/{count}")
            self._held[shape] = Captioned(torch.cat([p.latents for p in parts]), torch.cat([p.ids for p in parts]))

    def refresh(self, count: int, dice: torch.Generator) -> None:
        """Put in what was composed meanwhile, in the place of the oldest, and have the next slice composed."""
        if self._coming is not None:
            shape, future = self._coming
            self._put(shape, self._maker.captioned(future.result()))
        shape = self._any_shape(dice)
        self._coming = (shape, self._order(shape, min(count, self._counts[shape])))

    def draw(self, batch: int, dice: torch.Generator) -> Captioned:
        """A batch of one shape: float latents and token numbers. Shapes come as often as their shares say."""
        held = self._held[self._any_shape(dice)]
        pick = torch.randint(0, len(held.latents), (batch,), generator=dice).to(held.latents.device)
        return Captioned(held.latents[pick].float(), held.ids[pick])

    def _order(self, shape: str, count: int) -> Future[tuple[np.ndarray, list[str]]]:
        seeds = range(self.next, self.next + count)
        self.next += count
        return self._maker.ahead(*pixels(self.size, shape), seeds)

    def _put(self, shape: str, new: Captioned) -> None:
        held, at = self._held[shape], self._oldest[shape]
        where = (torch.arange(len(new.latents)) + at) % len(held.latents)
        held.latents[where], held.ids[where] = new.latents, new.ids
        self._oldest[shape] = (at + len(where)) % len(held.latents)

    def _any_shape(self, dice: torch.Generator) -> str:
        shares = torch.tensor(list(self._shares.values()))
        return list(self._shares)[int(torch.multinomial(shares, 1, generator=dice))]

    def save(self, folder: Path) -> None:
        sections = {shape: {"latents": held.latents, "ids": held.ids} for shape, held in self._held.items()}
        facts = {"size": self.size, "next": self.next, "oldest": self._oldest, "of": self._maker.fingerprint}
        write_state(folder / FILE, sections, facts)

    def restore(self, folder: Path, device: torch.device) -> bool:
        """Whether what an earlier call saved could be taken over: same size, same number, same autoencoder."""
        saved = read_state(folder / FILE)
        if saved is None:
            return False
        sections, facts = saved
        counts = {shape: len(held["latents"]) for shape, held in sections.items()}
        if (facts["size"], facts["of"], counts) != (self.size, self._maker.fingerprint, self._counts):
            return False
        self._held = {s: Captioned(h["latents"].to(device), h["ids"].to(device)) for s, h in sections.items()}
        self.next, self._oldest = facts["next"], facts["oldest"]
        return True
