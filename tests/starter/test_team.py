"""Several processes train one network: they stay equal, and each adds its own pictures."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import multiprocessing

from models.starter.training import autoencoder, denoiser, words
from models.starter.training.compose import Composer
from models.starter.training.loop import Machine, Team, read_state
from models.starter.training.sprites import Sprites
from tests.starter.small import DENOISER, TINY


def _free_port() -> int:
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return int(some.getsockname()[1])


def _member(rank: int, size: int, port: int, often: int, data: Path, run: Path, out: Path) -> None:
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    team = Team.gather()
    tensors = [torch.full((3,), float(rank)), torch.full((2, 2), 10.0 * rank)]
    team.mean(tensors)
    assert torch.equal(tensors[0], torch.full((3,), 0.5))
    assert torch.equal(tensors[1], torch.full((2, 2), 5.0))
    assert team.any(rank == 1)
    assert not team.any(False)
    told: list[str] = []
    config = replace(DENOISER, loop=replace(DENOISER.loop, meet_every=often))
    job = denoiser.Training(config, Machine(torch.device("cpu"), bf16=False, compiled=False), run, None, team)
    weight = next(iter(job.weights.values()))
    with torch.no_grad():
        weight.fill_(rank)
    job.meet()
    assert weight.unique().tolist() == [0.5]
    losses = denoiser.train(config, Composer(Sprites(data)), run, told.append)
    assert bool(told) == team.leads
    torch.save({"losses": losses, "rank": team.rank}, out / f"{rank}.pt")


@pytest.mark.parametrize("often", [1, 7], ids=["gradients", "weights"])
def test_two_processes_train_together(often: int, data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    rows = torch.randn(len(words.tokenizer()), DENOISER.text.width, generator=torch.Generator().manual_seed(1)) * 0.02
    save_file({"table": rows}, run / words.TABLE)
    autoencoder.train(TINY, Composer(Sprites(data)), run, lambda line: None)
    multiprocessing.spawn(_member, (2, _free_port(), often, data, run, tmp_path), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True)["losses"] for rank in (0, 1))
    assert len(first) == len(second) == 60
    assert first != second  # each saw pictures of its own
    assert sum(first[-15:]) / 15 < 0.85 * sum(first[:5]) / 5
    saved = read_state(run / denoiser.FOLDER / "state.safetensors")
    assert saved is not None
    assert saved[1] == {"step": 60}
    assert {p.name for p in (run / denoiser.FOLDER).glob("latents-*")} == {"latents-0", "latents-1"}


def test_alone_nothing_is_asked_of_anybody() -> None:
    team, tensor = Team(), torch.ones(3)
    team.mean([tensor])
    assert torch.equal(tensor, torch.ones(3))
    assert team.leads
    assert team.any(True)
    assert not team.any(False)
