"""The folder that ships: half precision, small files, and proof that an ordinary pipeline loads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline

from models.starter.training import words

LARGEST_FILE = 49_500_000  # bytes; larger weights are split, with an index
LARGEST_FOLDER = 120_000_000
_PARTS = ("model_index.json", "scheduler", "text_encoder", "tokenizer", "unet", "vae")


class ExportFailed(Exception):
    """The folder is not fit to ship; the message says why."""


def load(folder: Path, dtype: torch.dtype = torch.float32) -> StableDiffusionPipeline:
    """On the best device there is."""
    pipe = StableDiffusionPipeline.from_pretrained(folder, dtype=dtype, local_files_only=True)
    return pipe.to("cuda" if torch.cuda.is_available() else "cpu")


def export(run: Path, out: Path, tell: Callable[[str], None], dtype: torch.dtype = torch.float16) -> int:
    """Write run/weights to `out` for shipping; its size in bytes. What else lies in `out` stays.

    Raises ExportFailed when it is too large or draws nothing.
    """
    pipe = load(run / "weights")
    pipe.tokenizer = words.tokenizer(pipe.tokenizer.model_max_length)  # without what drawing has set in it
    pipe.to("cpu", dtype).save_pretrained(out, safe_serialization=True, max_shard_size=LARGEST_FILE)
    _forget_where_it_lay(out)
    files = [f for part in _PARTS for f in [out / part, *(out / part).rglob("*")] if f.is_file()]
    total = sum(f.stat().st_size for f in files)
    largest = max(files, key=lambda f: f.stat().st_size)
    if total > LARGEST_FOLDER:
        raise ExportFailed(f"The model takes {total / 1e6:.0f} MB; at most {LARGEST_FOLDER / 1e6:.0f} MB ship.")
    if largest.stat().st_size > LARGEST_FILE:
        raise ExportFailed(f"{largest.name} takes {largest.stat().st_size / 1e6:.0f} MB: one tensor is too large.")
    _prove(out)
    tell(f"export: {total / 1e6:.1f} MB in {len(files)} files, the largest {largest.stat().st_size / 1e6:.1f} MB")
    return total


def _forget_where_it_lay(folder: Path) -> None:
    """diffusers writes into each config where it was loaded from."""
    for file in (folder / "model_index.json", *(folder / part / "config.json" for part in ("unet", "vae"))):
        config = json.loads(file.read_text("utf-8"))
        config.pop("_name_or_path", None)
        file.write_text(json.dumps(config, indent=2) + "\n", "utf-8")


def _prove(folder: Path) -> None:
    """Draw something small with it, as anyone would."""
    pipe = load(folder)
    pipe.set_progress_bar_config(disable=True)
    picture = pipe("a red apple", width=64, height=64, num_inference_steps=2, output_type="np").images[0]
    if not picture.std() > 0:  # also when it is not a number
        raise ExportFailed("What the exported model draws is one flat colour.")
