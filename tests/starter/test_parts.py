"""The formulas and the bookkeeping below the stages."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from models.starter.training.config import DenoiserConfig, LoopConfig, Resolution
from models.starter.training.descent import Descent
from models.starter.training.loop import (
    Average,
    Loop,
    Step,
    named,
    optimizer_tensors,
    rate,
    read_state,
    restore_optimizer,
    write_state,
)
from models.starter.training.losses import RandomFeatures, critic_loss, psnr
from models.starter.training.noise import Noise, min_snr
from models.starter.training.words import principal_parts

CPU = torch.device("cpu")


def test_the_last_timestep_is_pure_noise_and_still_learns() -> None:
    noise = Noise.of(5.0, CPU)
    assert noise.signal[-1] == 0
    assert noise.spread[-1] == 1
    assert noise.weight[-1] > 0.5
    assert noise.weight.mean() == pytest.approx(1)
    assert torch.allclose(noise.signal**2 + noise.spread**2, torch.ones(1000), atol=1e-5)


def test_timesteps_come_as_often_as_asked() -> None:
    noise, dice = Noise.of(5.0, CPU), torch.Generator().manual_seed(0)
    even, late = (noise.timesteps(20_000, power, 0.0, dice) for power in (0.0, 2.0))
    begins = noise.timesteps(20_000, 0.0, 0.25, dice)
    assert (begins == 999).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert even.min() >= 0
    assert late.max() == 999
    assert (even >= 900).float().mean().item() == pytest.approx(0.1, abs=0.01)
    assert (late >= 900).float().mean().item() == pytest.approx(1 - 0.9**3, abs=0.01)
    assert (even[:: len(even) // 10].diff() > 0).all()  # one in each part of the way, whatever the dice say


def test_velocity_and_noisy_picture_give_the_picture_back() -> None:
    """x = alpha x_t - sigma v (Salimans & Ho 2022)."""
    noise = Noise.of(5.0, CPU)
    x, eps, t = torch.randn(6, 4, 3, 3), torch.randn(6, 4, 3, 3), torch.tensor([0, 1, 300, 700, 998, 999])
    noisy, v = noise.noisy(x, eps, t), noise.velocity(x, eps, t)
    back = noise.signal[t].view(-1, 1, 1, 1) * noisy - noise.spread[t].view(-1, 1, 1, 1) * v
    assert torch.allclose(back, x, atol=1e-4)
    assert torch.allclose(noise.noise_behind(x, noisy, t)[1:], eps[1:], atol=1e-2)


def test_min_snr_is_level_up_to_gamma_and_falls_beyond() -> None:
    weight = min_snr(torch.tensor([0.0, 1.0, 4.0, 9.0, 99.0]), 5.0)
    assert weight.tolist() == pytest.approx([1, 1, 1, 0.5, 0.05])


def test_the_rate_rises_stays_and_falls() -> None:
    config = LoopConfig(lr=1.0, warmup=10, decay_share=0.3, final_lr=0.03)
    assert rate(0, 1000, config) == pytest.approx(0.1)
    assert rate(9, 1000, config) == rate(700, 1000, config) == 1
    assert 0.4 < rate(850, 1000, config) < 0.6
    assert rate(1000, 1000, config) == pytest.approx(0.03)


def test_resolutions_follow_each_other() -> None:
    config = DenoiserConfig(resolutions=(Resolution(128, 10, 4), Resolution(256, 5, 2)))
    assert config.steps == 15
    assert [config.resolution(step).size for step in (0, 9, 10, 14, 15)] == [128, 128, 256, 256, 256]


def test_state_comes_back_as_it_was_and_replaces_whole(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    assert read_state(path) is None
    write_state(path, {"live": {"a.b": torch.ones(2)}}, {"step": 1})
    write_state(path, {"live": {"a.b": torch.full((2,), 5.0)}, "more": {"c/d": torch.zeros(1)}}, {"step": 7})
    sections, facts = read_state(path)  # type: ignore[misc]
    assert facts == {"step": 7}
    assert sections["live"]["a.b"].tolist() == [5, 5]
    assert list(sections["more"]) == ["c/d"]
    assert [p.name for p in tmp_path.iterdir()] == ["state.safetensors"]


def test_an_optimizer_goes_on_exactly_where_it_stopped() -> None:
    def net() -> nn.Linear:
        torch.manual_seed(0)
        return nn.Linear(3, 1)

    def learn(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            model(torch.ones(2, 3)).pow(2).mean().backward()
            optimizer.step()

    whole, first = net(), net()
    learn(whole, torch.optim.AdamW(named(m=whole).values(), lr=0.1), 8)
    before = torch.optim.AdamW(named(m=first).values(), lr=0.1)
    learn(first, before, 5)
    kept = optimizer_tensors(before, named(m=first))
    after = torch.optim.AdamW(named(m=first).values(), lr=0.1)
    restore_optimizer(after, named(m=first), kept)
    learn(first, after, 3)
    assert torch.equal(whole.weight, first.weight)


def _small_net() -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), nn.Conv2d(8, 4, 1), nn.Flatten(), nn.Linear(16, 2))
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _descend(net: nn.Module, descent: Descent, steps: int) -> list[float]:
    for optimizer in descent.optimizers:
        optimizer.param_groups[0]["lr"] = 0.01
    x = torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(1)).to(memory_format=torch.channels_last)
    wanted, losses = torch.tensor([30.0, 1.0]), []
    for _ in range(steps):
        descent.clear()
        loss = (net(x) - wanted).pow(2).mean()
        loss.backward()
        descent.step()
        losses.append(loss.item())
    return losses


def test_every_weight_moves_and_a_matrix_as_far_in_all_directions() -> None:
    net = _small_net()
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    first = _descend(net, Descent({"m": net}, fused=False), 1)[0]
    moved = {name: p.detach() - before[name] for name, p in net.named_parameters()}
    assert all(step.abs().sum() > 0 for step in moved.values())
    slope, step = torch.linalg.svdvals(net[4].weight.grad), torch.linalg.svdvals(moved["4.weight"])  # type: ignore[index]
    assert slope.max() > 8 * slope.min()
    assert step.max() < 3 * step.min()
    assert _descend(net, Descent({"m": net}, fused=False), 150)[-1] < 0.5 * first


def test_a_descent_goes_on_exactly_where_it_stopped() -> None:
    whole, parted = _small_net(), _small_net()
    _descend(whole, Descent({"m": whole}, fused=False), 8)
    first = Descent({"m": parted}, fused=False)
    _descend(parted, first, 5)
    second = Descent({"m": parted}, fused=False)
    second.restore(first.tensors())
    _descend(parted, second, 3)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), parted.parameters(), strict=True))


def test_the_average_follows_slowly() -> None:
    model = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        model.weight.zero_()
    average = Average(named(m=model), 0.9)
    with torch.no_grad():
        model.weight.fill_(1.0)
    average.update(1000)
    assert average.state_of("m")["weight"].tolist() == [[pytest.approx(0.1), pytest.approx(0.1)]]


def test_a_loop_tells_saves_and_stops_by_the_clock() -> None:
    told: list[str] = []
    saved: list[int] = []
    config = LoopConfig(log_every=2, save_every=3)
    losses = Loop("x", config, 7, told.append).run(0, [], lambda step: Step(torch.tensor(float(step)), 4), saved.append)
    assert losses == [0, 1, 2, 3, 4, 5, 6]
    assert saved == [3, 6, 7]
    assert len(told) == 4
    assert "pictures/s" in told[0]
    none = Loop("x", LoopConfig(minutes=1e-9), 7, told.append)
    assert none.run(0, [], lambda step: Step(torch.zeros(()), 1), saved.append) == []


def test_perceptual_distance_grows_with_blur_and_is_nothing_for_the_same() -> None:
    features, x = RandomFeatures(), torch.rand(2, 3, 32, 32) * 2 - 1
    soft = nn.functional.avg_pool2d(x, 3, 1, 1)
    softer = nn.functional.avg_pool2d(x, 7, 1, 3)
    assert features(x, x) == 0
    assert 0 < features(soft, x) < features(softer, x)
    assert torch.equal(RandomFeatures()(soft, x), features(soft, x))  # fixed: the same at every start


def test_the_critic_is_content_only_when_it_tells_them_apart() -> None:
    assert critic_loss(torch.tensor([2.0]), torch.tensor([-2.0])) == 0
    assert critic_loss(torch.tensor([0.0]), torch.tensor([0.0])) == 1


def test_psnr_of_a_known_error() -> None:
    assert psnr(torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.2)).item() == pytest.approx(20)


def test_principal_parts_keep_what_varies_most() -> None:
    torch.manual_seed(0)
    rows = torch.randn(200, 6) * torch.tensor([5.0, 0.1, 3.0, 0.1, 0.1, 0.1]) + 7
    parts = principal_parts(rows, 2)
    assert parts.shape == (200, 2)
    assert parts.std(0).tolist() == pytest.approx([5, 3], rel=0.2)
    assert parts.mean(0).abs().max() < 1e-4
