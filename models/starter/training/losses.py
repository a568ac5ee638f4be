"""What makes a rebuilt picture look right: features at several scales, and a critic of small patches."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class RandomFeatures(nn.Module):
    """Distance of two pictures in the features of a fixed convolutional net of VGG's shape with random weights.

    No trained net is needed: much of what a perceptual loss does comes from the structure of the net, not from its
    weights (Liu et al. 2021, "A Generic Perceptual Loss for Modeling Structured Output Dependencies"). It is weaker
    than one with trained weights: it rewards edges and texture in the right place, and knows nothing of objects.
    """

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128, 128), seed: int = 11) -> None:
        super().__init__()
        dice = torch.Generator().manual_seed(seed)
        stages, channels = [], 3
        for width in widths:
            first, second = nn.Conv2d(channels, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
            for conv in (first, second):
                nn.init.kaiming_normal_(conv.weight, generator=dice)
                nn.init.zeros_(conv.bias)
            stages.append(nn.Sequential(first, nn.ReLU(), second, nn.ReLU()))
            channels = width
        self.stages = nn.ModuleList(stages)
        self.requires_grad_(False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Mean over scales of the mean absolute difference, each scale measured in its own spread."""
        total = x.new_zeros(())
        for k, stage in enumerate(self.stages):
            if k:
                x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
            x, y = stage(x), stage(y)
            total = total + (x - y).abs().mean() / (y.detach().std() + 1e-6)
        return total / len(self.stages)


class PatchCritic(nn.Module):
    """Says of each patch how real it looks (Isola et al. 2017, "Image-to-Image Translation ...", section 3.2.2)."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()

        def halving(a: int, b: int) -> list[nn.Module]:
            return [nn.Conv2d(a, b, 4, stride=2, padding=1), nn.GroupNorm(8, b), nn.LeakyReLU(0.2)]

        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            *halving(width, 2 * width),
            *halving(2 * width, 4 * width),
            nn.Conv2d(4 * width, 1, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def critic_loss(real: Tensor, made: Tensor) -> Tensor:
    """Hinge loss of the critic (Lim & Ye 2017, "Geometric GAN", equation 6)."""
    return 0.5 * (F.relu(1 - real).mean() + F.relu(1 + made).mean())


def psnr(x: Tensor, y: Tensor) -> Tensor:
    """Decibel a picture, (n, c, h, w) in -1..1: 10 log10(peak^2 / mean square error) with a peak of 2."""
    return 10 * torch.log10(4 / ((x - y) ** 2).mean((1, 2, 3)).clamp_min(1e-10))
