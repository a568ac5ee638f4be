"""Sixteen procedural places of any shape: a background, and where on it a thing would stand."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from models.starter.training.colours import RGB, gradient, near


@dataclass(frozen=True)
class Scene:
    image: Image.Image
    ground: float  # share of the height, from the top, where feet touch


class Canvas:
    """A picture being painted: its sides, its pen and its dice. Lengths named `size` are shares of the shorter side."""

    def __init__(self, image: Image.Image, rng: random.Random) -> None:
        self.image, self.rng = image, rng
        self.width, self.height = image.size
        self.side = min(image.size)
        self.pen = ImageDraw.Draw(image)

    def x(self, low: float = 0.0, high: float = 1.0) -> float:
        return self.rng.uniform(low, high) * self.width

    def y(self, low: float = 0.0, high: float = 1.0) -> float:
        return self.rng.uniform(low, high) * self.height

    def size(self, low: float, high: float) -> float:
        return self.rng.uniform(low, high) * self.side

    def near(self, colour: RGB, spread: float = 14) -> RGB:
        return near(colour, self.rng, spread)

    def disc(self, x: float, y: float, radius: float, fill: RGB) -> None:
        self.pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=fill)

    def below(self, y: float, fill: RGB) -> None:
        self.pen.rectangle([0, y * self.height, self.width, self.height], fill=fill)

    def hills(self, y: float, swing: float, fill: RGB) -> None:
        """Everything below a line of two waves around `y`."""
        first, second = self.rng.uniform(0, 6.28), self.rng.uniform(0, 6.28)
        waves = self.rng.uniform(1.0, 2.6) * 6.28 / self.width
        line = [
            (
                x,
                (y + swing * (math.sin(waves * x + first) * 0.6 + math.sin(2.3 * waves * x + second) * 0.4))
                * self.height,
            )
            for x in range(0, self.width + 6, 6)
        ]
        self.pen.polygon([(0, self.height), *line, (self.width, self.height)], fill=fill)

    def stars(self, count: int, top: float = 1.0) -> None:
        for _ in range(count):
            x, y, s = self.x(), self.y(0, top), self.rng.choice([1, 1, 1, 2, 2, 3]) * self.side / 256
            self.pen.ellipse([x, y, x + s, y + s], fill=self.near((245, 245, 220), 10))

    def clouds(self) -> None:
        puffs = ((-0.6, 0.1, 0.5), (0, -0.15, 0.7), (0.6, 0.1, 0.5), (0.25, 0.15, 0.55), (-0.25, 0.15, 0.55))
        for _ in range(self.rng.randint(0, 3)):
            x, y, s = self.x(), self.y(0.05, 0.3), self.size(0.06, 0.13)
            for dx, dy, k in puffs:
                box = [x + (dx - k) * s, y + (dy - k * 0.7) * s, x + (dx + k) * s, y + (dy + k * 0.7) * s]
                self.pen.ellipse(box, fill=(255, 255, 255))

    def firs(self, y: float, count: int, fill: RGB) -> None:
        for _ in range(count):
            x, base, tall = self.x(-0.05, 1.05), y * self.height, self.size(0.18, 0.42)
            wide = tall * self.rng.uniform(0.3, 0.45)
            self.pen.rectangle([x - wide * 0.08, base - tall * 0.15, x + wide * 0.08, base + 4], fill=(85, 60, 40))
            for k in range(3):
                half, foot, tip = wide * (0.5 - 0.1 * k), tall * (0.12 + 0.26 * k), tall * (0.55 + 0.22 * k)
                corners = [(x - half, base - foot), (x + half, base - foot), (x, base - tip)]
                self.pen.polygon(corners, fill=self.near(fill, 12))

    def peaks(self, y: float) -> None:
        base = y * self.height
        for low, fill in ((0.28, (130, 140, 165)), (0.16, (100, 115, 140))):
            for _ in range(3):
                x, h = self.x(), self.size(low, low + 0.18)
                top = base - h
                self.pen.polygon([(x - h, base + 4), (x, top), (x + h, base + 4)], fill=self.near(fill))
                left, right = (x - h * 0.26, base - h * 0.74), (x + h * 0.26, base - h * 0.74)
                jags = [(x + 0.1 * h, base - 0.68 * h), (x, base - 0.76 * h), (x - 0.12 * h, base - 0.66 * h)]
                self.pen.polygon([left, (x, top), right, *jags], fill=(248, 250, 255))

    def houses(self, y: float, fill: RGB, lit: bool) -> None:
        x, base = 0.0, y * self.height
        while x < self.width:
            wide, tall = self.size(0.07, 0.15), self.size(0.15, 0.5)
            self.pen.rectangle([x, base - tall, x + wide, self.height], fill=self.near(fill, 10))
            if lit:
                self._windows(x, base - tall, x + wide, base)
            x += wide

    def _windows(self, left: float, top: float, right: float, bottom: float) -> None:
        for y in np.arange(top + 5, bottom - 4, self.side * 0.04):
            for x in np.arange(left + 4, right - 5, self.side * 0.03):
                if self.rng.random() < 0.5:
                    self.pen.rectangle([x, y, x + self.side * 0.012, y + self.side * 0.018], fill=(255, 225, 120))

    def flakes(self, count: int, low: float, high: float, fill: RGB | None, outline: RGB | None = None) -> None:
        for _ in range(count):
            x, y, s = self.x(), self.y(), self.rng.uniform(low, high) * self.side / 256
            self.pen.ellipse([x, y, x + s, y + s], fill=fill, outline=outline)


Painter = Callable[[int, int, random.Random], Scene]


def _sky(width: int, height: int, rng: random.Random, *stops: RGB) -> Canvas:
    stops = stops or ((90, 170, 240), (205, 235, 252))
    return Canvas(gradient(width, height, [near(stop, rng) for stop in stops]), rng)


def _meadow(width: int, height: int, rng: random.Random, between: Callable[[Canvas, float], None] | None) -> Scene:
    """Sky, far hills, whatever stands `between`, and a green foreground."""
    canvas = _sky(width, height, rng)
    canvas.clouds()
    ground = rng.uniform(0.6, 0.74)
    if between is Canvas.peaks:
        canvas.peaks(ground)
    canvas.hills(ground - 0.06, 0.03, canvas.near((110, 185, 85)))
    if between is not None and between is not Canvas.peaks:
        between(canvas, ground)
    canvas.hills(ground, 0.015, canvas.near((90, 170, 70)))
    return Scene(canvas.image, ground + 0.12)


def _grass(width: int, height: int, rng: random.Random) -> Scene:
    return _meadow(width, height, rng, None)


def _mountains(width: int, height: int, rng: random.Random) -> Scene:
    return _meadow(width, height, rng, Canvas.peaks)


def _forest(width: int, height: int, rng: random.Random) -> Scene:
    count = round(rng.randint(7, 13) * max(1.0, width / height))
    return _meadow(width, height, rng, lambda canvas, y: canvas.firs(y, count, (40, 110, 60)))


def _road(width: int, height: int, rng: random.Random) -> Scene:
    scene = _meadow(width, height, rng, None)
    canvas, far = Canvas(scene.image, rng), scene.ground - 0.12
    edges = [(0.47 * width, far * height), (0.53 * width, far * height), (0.95 * width, height), (0.05 * width, height)]
    canvas.pen.polygon(edges, fill=canvas.near((90, 90, 96)))
    for k in range(4):
        top, bottom = (far + (1 - far) * (share / 4) ** 1.4 for share in (k, k + 0.5))
        half = 0.004 + 0.025 * (top - far) / (1 - far)
        dash = [(0.5 - half, top), (0.5 + half, top), (0.5 + half * 1.3, bottom), (0.5 - half * 1.3, bottom)]
        canvas.pen.polygon([(x * width, y * height) for x, y in dash], fill=(245, 235, 190))
    return scene


def _shore(width: int, height: int, rng: random.Random, sunset: bool, sand: bool) -> Scene:
    canvas = _sky(width, height, rng, *(((70, 50, 120), (235, 110, 90), (255, 200, 110)) if sunset else ()))
    horizon = rng.uniform(0.48, 0.6)
    if sunset:
        canvas.disc(canvas.x(0.25, 0.75), horizon * height, canvas.size(0.09, 0.14), (255, 235, 150))
    water: tuple[RGB, RGB] = ((200, 110, 100), (70, 50, 110)) if sunset else ((40, 140, 200), (20, 100, 170))
    top = int(horizon * height)
    canvas.image.paste(gradient(width, height - top, [canvas.near(c) for c in water]), (0, top))
    for _ in range(18):
        x, y, long = canvas.x(), canvas.y(horizon, 0.8), canvas.size(0.02, 0.1)
        fill = (255, 190, 130) if sunset else (150, 210, 240)
        canvas.pen.line([x, y, x + long, y], fill=fill, width=max(1, canvas.side // 128))
    if not sand:
        return Scene(canvas.image, 0.82)
    canvas.hills(0.8, 0.02, canvas.near((150, 105, 90) if sunset else (240, 215, 150)))
    return Scene(canvas.image, 0.9)


def _beach(width: int, height: int, rng: random.Random) -> Scene:
    return _shore(width, height, rng, sunset=False, sand=True)


def _sea(width: int, height: int, rng: random.Random) -> Scene:
    return _shore(width, height, rng, sunset=False, sand=False)


def _sunset(width: int, height: int, rng: random.Random) -> Scene:
    return _shore(width, height, rng, sunset=True, sand=True)


def _dark(width: int, height: int, rng: random.Random, stars: int) -> Canvas:
    stops = [near((8, 10, 35), rng, 8), near((35, 45, 95), rng, 12)]
    canvas = Canvas(gradient(width, height, stops), rng)
    canvas.stars(stars, 0.7)
    return canvas


def _night(width: int, height: int, rng: random.Random) -> Scene:
    canvas = _dark(width, height, rng, 70)
    canvas.disc(canvas.x(0.15, 0.85), canvas.y(0.1, 0.3), canvas.size(0.05, 0.09), (250, 245, 215))
    canvas.hills(0.74, 0.02, canvas.near((25, 55, 55), 10))
    return Scene(canvas.image, 0.86)


def _city_night(width: int, height: int, rng: random.Random) -> Scene:
    canvas = _dark(width, height, rng, 70)
    canvas.houses(0.78, (45, 45, 75), lit=True)
    canvas.below(0.78, (50, 50, 60))
    return Scene(canvas.image, 0.9)


def _space(width: int, height: int, rng: random.Random) -> Scene:
    canvas = Canvas(gradient(width, height, [near((10, 6, 30), rng, 6), near((35, 15, 60), rng, 14)]), rng)
    canvas.stars(130)
    planet = rng.choice([(200, 120, 80), (90, 130, 200), (180, 160, 120), (120, 90, 170)])
    canvas.disc(canvas.x(), canvas.y(0.0, 0.9), canvas.size(0.08, 0.22), canvas.near(planet, 25))
    return Scene(canvas.image, 0.75)


def _snow(width: int, height: int, rng: random.Random) -> Scene:
    canvas = _sky(width, height, rng, (170, 195, 225), (225, 235, 245))
    canvas.firs(0.7, rng.randint(2, 6), (150, 180, 180))
    canvas.hills(0.7, 0.03, (246, 249, 253))
    canvas.flakes(50, 1, 3.5, (255, 255, 255))
    return Scene(canvas.image, 0.86)


def _desert(width: int, height: int, rng: random.Random) -> Scene:
    canvas = _sky(width, height, rng, (110, 180, 235), (250, 225, 180))
    for y, fill in ((0.58, (235, 190, 120)), (0.7, (225, 175, 100)), (0.82, (240, 200, 130))):
        canvas.hills(y, 0.05, canvas.near(fill, 10))
    return Scene(canvas.image, 0.88)


def _under_water(width: int, height: int, rng: random.Random) -> Scene:
    canvas = _sky(width, height, rng, (70, 185, 215), (10, 60, 130))
    canvas.flakes(25, 2, 7, None, outline=(190, 235, 245))
    canvas.hills(0.88, 0.02, canvas.near((200, 180, 130)))
    return Scene(canvas.image, 0.84)


def _room(width: int, height: int, rng: random.Random) -> Scene:
    walls = [(245, 225, 200), (205, 225, 235), (225, 235, 210), (240, 215, 215), (230, 225, 240)]
    canvas = Canvas(Image.new("RGB", (width, height), near(rng.choice(walls), rng, 10)), rng)
    floor = rng.uniform(0.66, 0.76)
    canvas.below(floor, canvas.near((175, 125, 80), 18))
    canvas.pen.rectangle([0, (floor - 0.012) * height, width, (floor + 0.008) * height], fill=(250, 248, 244))
    if rng.random() < 0.7:
        x, y, s = rng.choice([0.12, 0.62]) * width, 0.12 * height, 0.26 * canvas.side
        canvas.pen.rectangle([x - 4, y - 4, x + s + 4, y + s + 4], fill=(252, 252, 250))
        canvas.image.paste(gradient(int(s), int(s), [(120, 190, 245), (210, 235, 250)]), (int(x), int(y)))
        canvas.pen.line([x + s / 2, y, x + s / 2, y + s], fill=(252, 252, 250), width=max(2, canvas.side // 64))
    return Scene(canvas.image, floor + 0.12)


def _city(width: int, height: int, rng: random.Random) -> Scene:
    canvas = _sky(width, height, rng)
    canvas.houses(0.78, (150, 160, 178), lit=False)
    canvas.below(0.78, canvas.near((120, 120, 126)))
    return Scene(canvas.image, 0.9)


def _rain(width: int, height: int, rng: random.Random) -> Scene:
    canvas = _sky(width, height, rng, (95, 105, 120), (160, 170, 180))
    canvas.hills(0.74, 0.02, canvas.near((85, 120, 90)))
    for _ in range(70):
        x, y, long = canvas.x(), canvas.y(), canvas.size(0.03, 0.06)
        canvas.pen.line([x, y, x - long * 0.3, y + long], fill=(190, 205, 225), width=max(1, canvas.side // 128))
    return Scene(canvas.image, 0.86)


@dataclass(frozen=True)
class Place:
    paint: Painter
    words: tuple[str, ...]
    shadow: bool = True  # whether things standing there throw one


PLACES: Mapping[str, Place] = {
    "grass": Place(
        _grass, ("on the grass", "in a green field", "on green grass under a blue sky", "in a meadow", "in the park")
    ),
    "forest": Place(_forest, ("in the forest", "in the woods", "among the trees")),
    "mountains": Place(_mountains, ("in the mountains", "in front of snowy mountains")),
    "road": Place(_road, ("on the road", "on a country road")),
    "beach": Place(_beach, ("on the beach", "on a sandy beach by the sea", "by the seaside")),
    "sea": Place(_sea, ("on the sea", "in the ocean", "on the water"), shadow=False),
    "sunset": Place(_sunset, ("at sunset", "on the beach at sunset", "by the seaside at sunset", "by the sea at dusk")),
    "night": Place(_night, ("at night", "at night under the stars", "under the moon", "in the moonlight")),
    "space": Place(_space, ("in space", "in outer space among the stars", "floating in space"), shadow=False),
    "city night": Place(_city_night, ("in the city at night", "in a city with lights at night")),
    "snow": Place(_snow, ("in the snow", "on a snowy day", "in winter")),
    "desert": Place(_desert, ("in the desert", "on sand dunes")),
    "under water": Place(_under_water, ("under water", "underwater", "deep in the sea"), shadow=False),
    "room": Place(_room, ("in a room", "in the living room", "indoors", "on a wooden floor")),
    "city": Place(_city, ("in the city", "in front of a city skyline", "downtown")),
    "rain": Place(_rain, ("in the rain", "on a rainy day", "in a storm")),
}
