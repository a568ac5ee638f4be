"""What looks are made of: grain, strokes, cells and relief, as large in a small picture as in a large one."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy import ndimage
from scipy.spatial import Delaunay, cKDTree

Floats = NDArray[np.float32]


def dice_of(rng: random.Random) -> np.random.Generator:
    return np.random.default_rng(rng.randint(0, 1 << 30))


def pixels(image: Image.Image) -> Floats:
    """Shape (height, width, 3) or (height, width), 0 to 1."""
    return np.asarray(image, np.float32) / 255


def picture(values: Floats) -> Image.Image:
    """The inverse of `pixels`; what is beyond 0 and 1 is cut off."""
    return Image.fromarray((np.clip(values, 0, 1) * 255).astype(np.uint8))


def light(image: Image.Image) -> Floats:
    """Brightness, shape (height, width), 0 to 1."""
    return pixels(image.convert("L"))


def odd(image: Image.Image, share: float) -> int:
    """A share of the shorter side as an odd number of pixels, at least 3: what rank filters take."""
    return max(3, round(min(image.size) * share) | 1)


def grain(image: Image.Image, rng: random.Random, share: float) -> Floats:
    """Smooth noise, shape (height, width), mostly within 0 to 1; `share` of the shorter side is as large as a grain."""
    noise = dice_of(rng).standard_normal((image.height, image.width)).astype(np.float32)
    noise = ndimage.gaussian_filter(noise, max(0.3, share * min(image.size)))
    return 0.5 + noise / (4 * noise.std())


def strokes(image: Image.Image, rng: random.Random, degrees: float, length: float = 0.06) -> Floats:
    """Noise drawn out in one direction, shape (height, width), mostly within 0 to 1."""
    height, width = image.height, image.width
    room = round(1.5 * max(height, width))
    noise = dice_of(rng).standard_normal((room, room)).astype(np.float32)
    noise = ndimage.gaussian_filter(noise, (0.5, length * min(image.size)))
    turned = ndimage.rotate(noise, degrees, reshape=False, order=1, mode="wrap")
    top, left = (room - height) // 2, (room - width) // 2
    cut = turned[top : top + height, left : left + width]
    return 0.5 + cut / (4 * cut.std())


def flat(image: Image.Image, colours: int, share: float) -> Image.Image:
    """Few colours in smooth areas; what is smaller than `share` of the shorter side goes."""
    smooth = image.filter(ImageFilter.ModeFilter(odd(image, share)))
    few = smooth.quantize(colours, Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
    return few.convert("RGB")


def frayed(image: Image.Image, rng: random.Random, share: float) -> Image.Image:
    """Each pixel taken from somewhere near it, up to `share` of the shorter side away."""
    reach, dice = max(1, round(share * min(image.size))), dice_of(rng)
    y, x = np.mgrid[0 : image.height, 0 : image.width]
    y = np.clip(y + dice.integers(-reach, reach + 1, y.shape), 0, image.height - 1)
    x = np.clip(x + dice.integers(-reach, reach + 1, x.shape), 0, image.width - 1)
    return Image.fromarray(np.asarray(image)[y, x])


def relief(height: Floats, depth: float = 1.0, blur: float = 1.0) -> Floats:
    """Light from the upper left on a surface of that height: 1 where it is level, from 0.6 to 1.4."""
    soft = ndimage.gaussian_filter(height, blur)
    slope = ndimage.sobel(soft, 0) + ndimage.sobel(soft, 1)
    return np.clip(1 + depth * slope, 0.6, 1.4)


def points(image: Image.Image, rng: random.Random, count: int, stretch: float = 1.0) -> NDArray[np.float64]:
    """Shape (count, 2): x and y of random points; `stretch` > 1 makes the cells around them wide."""
    return dice_of(rng).random((count, 2)) * (image.width / stretch, image.height)


def _grid(image: Image.Image, stretch: float = 1.0) -> NDArray[np.float64]:
    y, x = np.mgrid[0 : image.height, 0 : image.width]
    return np.stack([x.ravel() / stretch, y.ravel()], 1)


def _averaged(image: Image.Image, labels: NDArray[np.int64]) -> Floats:
    """Each area of one label in its mean colour."""
    values, count = pixels(image).reshape(-1, 3), labels.max() + 1
    many = np.maximum(np.bincount(labels, minlength=count), 1)
    means = np.stack([np.bincount(labels, values[:, k], count) / many for k in range(3)], 1)
    return means[labels].reshape(image.height, image.width, 3).astype(np.float32)


def cells(image: Image.Image, rng: random.Random, count: int, stretch: float = 1.0) -> tuple[Floats, NDArray[np.int64]]:
    """Patches around random points, each in its mean colour, and their numbers, shape (height, width)."""
    labels = cKDTree(points(image, rng, count, stretch)).query(_grid(image, stretch))[1]
    return _averaged(image, labels), labels.reshape(image.height, image.width)


def facets(image: Image.Image, rng: random.Random, count: int) -> tuple[Floats, NDArray[np.int64]]:
    """Triangles between random points and the corners, each in its mean colour, and their numbers (height, width)."""
    w, h = image.width, image.height
    edge = [
        (-2, -2),
        (w + 2, -2),
        (-2, h + 2),
        (w + 2, h + 2),
        (w / 2, -2),
        (w / 2, h + 2),
        (-2, h / 2),
        (w + 2, h / 2),
    ]
    labels = Delaunay(np.concatenate([points(image, rng, count), edge])).find_simplex(_grid(image)).astype(np.int64)
    return _averaged(image, labels), labels.reshape(h, w)


def borders(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Where another area begins."""
    out = np.zeros(labels.shape, bool)
    out[1:] |= labels[1:] != labels[:-1]
    out[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    return out


def thing(image: Image.Image) -> NDArray[np.bool_] | None:
    """What stands in front of a ground of one colour, without holes; None where the ground has several."""
    values = np.asarray(image, np.int16)
    rim = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    ground = np.median(rim, 0)
    if np.abs(rim - ground).max(-1).mean() > 8:
        return None
    shown = np.abs(values - ground).max(-1) > 24
    return ndimage.binary_fill_holes(shown) if shown.mean() > 0.01 else None


def depth_within(image: Image.Image) -> Floats:
    """How far inside a thing each pixel lies, 0 around it, in shares of the shorter side; in a scene how far inside
    its patch of colour. Shape (height, width)."""
    shown = thing(image)
    if shown is None:
        patches = np.asarray(flat(image, 7, 0.06).convert("L"), np.int64)
        shown = ~borders(patches)
    return (ndimage.distance_transform_edt(np.pad(shown, 1))[1:-1, 1:-1] / min(image.size)).astype(np.float32)


def volume(image: Image.Image, share: float, depth: float = 1.0) -> Floats:
    """Light from the upper left on a thing, or on the patches of a scene, swelling from their edges on; 1 where it is
    level, shape (height, width). `share` of the shorter side is as wide as the rounding."""
    rise = np.clip(depth_within(image) / share, 0, 1)
    return relief(np.sqrt(1 - (1 - rise) ** 2), 0.5 * depth, share * min(image.size) / 4)


def spread(image: Image.Image) -> Image.Image:
    """The colours of a thing led on over its ground, that no filter mixes them with it; a scene as it is."""
    shown = thing(image)
    if shown is None:
        return image
    inner = ndimage.binary_erosion(shown, iterations=2)
    if not inner.any():
        return image
    y, x = ndimage.distance_transform_edt(~inner, return_distances=False, return_indices=True)
    return Image.fromarray(np.asarray(image)[y, x])


def set_on(image: Image.Image, drawn: Floats, paper: tuple[int, int, int], shadow: float = 0.0) -> Floats:
    """`drawn`, shape (height, width, 3), where `image` shows a thing, around it bare `paper`, or its ground where that
    is not white, in a shadow of that strength. A scene is drawn all over."""
    shown = thing(image)
    if shown is None:
        return drawn
    side, rim = min(image.size), pixels(image)[0].mean(0)
    ground = np.array(paper, np.float32) / 255 if rim.min() > 0.92 else rim
    thrown = np.roll(shown, (round(side * 0.03), round(side * 0.022)), (0, 1)).astype(np.float32)
    dark = 1 - shadow * ndimage.gaussian_filter(thrown, side / 60)[..., None]
    mask = ndimage.gaussian_filter(shown.astype(np.float32), 0.6)[..., None]
    return drawn * mask + ground * dark * (1 - mask)
