"""Row 28: a small file that unpacks to gigabytes is refused by its header: at once, and without the memory."""

from __future__ import annotations

import time

import psutil
import pytest

from tests.faults.photos import gif_bomb, png_bomb, tiff_bomb, webp_bomb
from webui.core.errors import PictureTooBig
from webui.core.imaging import open_photo, read_picture_text

BOMBS = {
    "png 12k": lambda: png_bomb(12_000),
    "png 20k": lambda: png_bomb(20_000),
    "png 30k": lambda: png_bomb(30_000),
    "webp": webp_bomb,
    "tiff": tiff_bomb,
    "gif": gif_bomb,
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
@pytest.mark.parametrize("read", [open_photo, read_picture_text])
def test_row28_a_bomb_is_refused_by_its_header(bomb, read) -> None:
    data = bomb()
    assert len(data) < 200_000
    process = psutil.Process()
    before, start = process.memory_info().rss, time.process_time()
    with pytest.raises(PictureTooBig, match="too many") as caught:
        read(data)
    assert time.process_time() - start < 0.1
    assert process.memory_info().rss - before < 20 * 2**20
    assert "64 megapixels" in caught.value.hint


def test_row28_the_limit_can_be_lower() -> None:
    with pytest.raises(PictureTooBig, match="1200 × 1200"):
        open_photo(png_bomb(1200), max_pixels=1_000_000)
    assert open_photo(png_bomb(1000), max_pixels=1_000_000).size == (1000, 1000)
