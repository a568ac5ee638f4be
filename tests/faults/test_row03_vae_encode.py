"""Row 3: memory runs out while a photo is read by the autoencoder; the picture is drawn all the same, and the same."""

from __future__ import annotations

import numpy as np
import pytest

from tests.drawing import card_of, families
from tests.faults.injected import always, card_worker, out_of_memory
from tests.photos import box_mask, photo_order, pixels_of, scene
from tests.tiny import TinyModels
from webui.core.errors import NotEnoughMemory
from webui.engine.ladder import slower_note

PHOTO, MASK = scene(64, 64), box_mask(64, 64, (16, 16, 40, 40))


@pytest.mark.parametrize("mask", [None, MASK], ids=["image to image", "inpaint"])
def test_row03_out_of_memory_while_reading_the_photo_is_read_in_tiles(
    tiny_models: TinyModels, mask: np.ndarray | None
) -> None:
    worker = card_worker(families(tiny_models))
    wanted = photo_order(card_of(tiny_models.sd, families(tiny_models)), PHOTO, mask, strength=0.6)
    assert wanted.recipe.task == ("image_to_image" if mask is None else "inpaint")
    whole = worker.draw(wanted)
    assert worker.models.current is not None
    vae = worker.models.current.pipe.vae
    with out_of_memory(vae.encoder, lambda call: call == 0) as fault:
        rescued = worker.draw(wanted)
    assert fault.calls >= 2, "it was tried again"
    assert slower_note in rescued.notes and slower_note not in whole.notes
    assert rescued.pixels == whole.pixels
    assert not vae.use_tiling, "and nothing of it stays behind"
    worker.close()


def test_row04_a_failed_decode_of_one_pass_draws_no_pass_twice(tiny_models: TinyModels) -> None:
    from webui.core.types import Inpainting

    worker = card_worker(families(tiny_models))
    card = card_of(tiny_models.sd, families(tiny_models))
    wanted = photo_order(card, PHOTO, None, Inpainting(extend_right=150), steps=2)
    whole = worker.draw(wanted)
    assert worker.models.current is not None
    pipe = worker.models.current.pipe
    with out_of_memory(pipe.unet, lambda _: False) as steps, out_of_memory(pipe.vae.decoder, lambda call: call == 1):
        rescued = worker.draw(wanted)
    with out_of_memory(pipe.unet, lambda _: False) as usual:
        worker.draw(wanted)
    assert steps.calls == usual.calls
    assert rescued.pixels == whole.pixels
    worker.close()


def test_row05_when_it_never_fits_the_words_say_so_and_the_next_order_is_drawn(tiny_models: TinyModels) -> None:
    worker = card_worker(families(tiny_models))
    wanted = photo_order(card_of(tiny_models.sd, families(tiny_models)), PHOTO, MASK)
    worker.draw(wanted)
    assert worker.models.current is not None
    with out_of_memory(worker.models.current.pipe.vae.encoder, always), pytest.raises(NotEnoughMemory):
        worker.draw(wanted)
    result = pixels_of(worker.draw(wanted))
    assert np.array_equal(result[:5], PHOTO[:5])
    worker.close()
