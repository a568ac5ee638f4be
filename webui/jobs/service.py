"""The one door for the page and the API: jobs go in, views and pictures come out.

Every call names its owner, the visitor's secret cookie; nobody reaches what is not theirs. Jobs live in the database: a
handler on the page submits one and then only watches it.
"""

from __future__ import annotations

import logging
import random
import sqlite3
import threading
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from webui import __version__
from webui.core.errors import InvalidRequest, ModelMissing, NotFound, QueueFull, UserError, WrongFamily
from webui.core.geometry import drawing_size
from webui.core.larger import why_not_larger
from webui.core.model_presets import ModelPreset
from webui.core.presets import Presets
from webui.core.settings import Settings, save_settings
from webui.core.settle import settle
from webui.core.types import (
    Defaults,
    DeviceFacts,
    Fault,
    Forecast,
    GeneratedImage,
    GenerationRequest,
    ModelCard,
    Order,
    Recipe,
    SavedImage,
)
from webui.core.work import DrawnWork, work_of
from webui.families.base import Family
from webui.jobs import views
from webui.jobs.broadcast import Broadcast
from webui.jobs.dispatcher import Dispatcher, Link
from webui.jobs.downloads import Downloads
from webui.jobs.photos import Photos
from webui.jobs.pictures import Encoded, Pictures
from webui.jobs.queue_order import fair_order
from webui.jobs.running import Running
from webui.jobs.store import Job, Store
from webui.library.arrival import has_route
from webui.library.catalog import Catalog
from webui.library.knows import knows_any_of
from webui.memory.forecast import forecast
from webui.memory.offer import how_it_would_draw
from webui.memory.plan import cap_bytes

log = logging.getLogger(__name__)

QUEUE_LIMIT = 200
OWNER_LIMIT = 40
SWEEP_SECONDS = 600.0
STRANGERS_LIMIT = 150  # a visitor can call himself many; whoever sits at this computer finds room all the same
LEFT_KEPT = 20
REMEMBERED = 500
SAVE_RETRY_SECONDS = 10.0


class Service:
    """Holds the queue together. Any thread may call it."""

    def __init__(
        self,
        settings: Settings,
        presets: Presets,
        catalog: Catalog,
        families: Sequence[Family],
        links: Sequence[Link],
        route: Callable[[], bool] = has_route,
    ) -> None:
        self.settings, self.presets, self.catalog = settings, presets, catalog
        self.families: Mapping[str, Family] = {family.name: family for family in families}
        self.store = Store(settings.data / "easel.db")
        self.pictures = Pictures(self.store, settings.data)
        self.photos = Photos(self.store, self.pictures, settings.data)
        self._bell = Broadcast()
        checkpoints = settings.models[0] / "checkpoints"
        self.downloads = Downloads(presets.models, catalog, checkpoints, self.changed, route)
        self._lock = threading.RLock()
        self._unsaved: dict[str, Encoded] = {}
        self._foreseen: dict[str, float | None] = {}
        self._foreseen_as_of = (-1, "")
        self._trouble: dict[str, Fault] = {}
        self._left: deque[Running] = deque(maxlen=LEFT_KEPT)
        self._save_again = threading.Condition()
        self._closing = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, name="easel-sweeper", daemon=True)
        self._dispatchers = [Dispatcher(link, self, self.store) for link in links]
        self._rng = random.SystemRandom()

    def start(self) -> None:
        """Starts the workers; jobs that an earlier run left queued or running go on."""
        preload = self._first_model()
        for dispatcher in self._dispatchers:
            dispatcher.start(preload)
        self._sweeper.start()

    def close(self) -> None:
        """Ends threads and workers. Unfinished jobs stay in the database for the next start."""
        self._closing.set()
        self.downloads.close()
        self._wake_savers()
        for dispatcher in self._dispatchers:
            dispatcher.close()
        self.store.close()

    # asking ---------------------------------------------------------------

    def submit(self, owner: str, request: GenerationRequest, here: bool = True, once: str = "") -> str:
        """Settles a request and queues it; returns the job's id. `here`: asked by whoever sits at this computer.
        What the same owner sends under the same word `once` is queued once, also when Easel was started anew between.

        Raises:
            UserError: with what is wrong in one sentence; the engine is not touched.
        """
        card = self.model_for(request.model)
        recipe, count = self._settle(owner, request, card, self._rng)
        if recipe.mask_image:
            self.photos.size(owner, recipe.mask_image)
        job = Job(
            _job_id(owner, once),
            owner,
            time.time(),
            "queued",
            recipe,
            count,
            card.title,
            (request.prompt or "").strip(),
        )
        return self._queue(replace(job, notes=_advice(job, card)), here)

    def _queue(self, job: Job, here: bool) -> str:
        with self._lock:
            if self.store.job(job.id):
                return job.id
            waiting = self.store.unfinished_jobs()
            full = len(waiting) >= (QUEUE_LIMIT if here else STRANGERS_LIMIT)
            if full or sum(w.owner == job.owner for w in waiting) >= OWNER_LIMIT:
                raise QueueFull("The queue is full.", "Wait until a picture is done, then try again.")
            self.store.add_job(job)
        self.changed()
        self._nudge()
        return job.id

    def _settle(
        self, owner: str, request: GenerationRequest, card: ModelCard, rng: random.Random
    ) -> tuple[Recipe, int]:
        photo = request.init_image
        size = self.photos.size(owner, photo) if photo and isinstance(photo, str) else None
        recipe, count = settle(request, card, {lora.id: lora for lora in self.catalog.loras()}, self.presets, rng, size)
        fitting = {lora.id for lora in self.catalog.loras_for(card)}
        for use in recipe.loras:
            if use.id not in fitting:
                title = self.catalog.lora(use.id).title
                raise WrongFamily(
                    f"The LoRA “{title}” was made for another kind of model than {card.title}.",
                    "Choose another LoRA, or the model it was made for.",
                )
        return recipe, count

    def model_for(self, wanted: str | None) -> ModelCard:
        """The model asked for, or the first one that works.

        Raises:
            ModelMissing
        """
        if wanted and isinstance(wanted, str):
            return self.catalog.model(wanted)
        usable = [card for card in self.catalog.models() if card.problem is None]
        if not usable:
            raise ModelMissing(
                "There is no model to draw with.", "Put a checkpoint into models/checkpoints.", "refresh", "Look again"
            )
        return usable[0]

    def stop(self, owner: str, job_id: str) -> None:
        """Stops a job, waiting or running; a finished one stays as it is."""
        self._own(owner, job_id)
        with self._lock:
            if not any(d.stop(job_id) for d in self._dispatchers):
                self.store.stop_job(job_id)
        self._wake_savers()
        self.changed()

    def stop_all(self, owner: str) -> None:
        """Stops everything of one visitor, what waits before what is drawn, so that none slips in."""
        for job in reversed(self.store.unfinished_jobs()):
            if job.owner == owner:
                self.stop(owner, job.id)

    def fix(self, owner: str, job_id: str, here: bool = True) -> str:
        """Applies the fix that the job's fault offers; returns the id of the job to watch.

        The page says only which job: what is done about it was settled here when the fault was told.
        """
        job = self._own(owner, job_id)
        if job_id in self._trouble:
            self._wake_savers()
            return job_id
        verb, _, argument = (job.fault.fix if job.fault else "").partition(":")
        match verb:
            case "refresh" | "retry":
                self.catalog.refresh()
                return self._go_on(job, job.recipe, here)
            case "size":
                width, height = map(int, argument.split("x"))
                return self._go_on(job, replace(job.recipe, width=width, height=height), here)
            case "model":
                return self._with_another_model(job, self.catalog.model(argument), here)
        raise InvalidRequest("There is nothing to mend here.")

    def _go_on(self, job: Job, recipe: Recipe, here: bool) -> str:
        """The job again, from the first picture on that it had not drawn when it failed."""
        drawn = self.store.drawn_places(job.id)
        first = next((place for place in range(job.count) if place not in drawn), 0)
        return self._again(replace(job, count=job.count - first), recipe.picture(first), here)

    def _with_another_model(self, job: Job, card: ModelCard, here: bool) -> str:
        """The job drawn by that model, in the same shape; what suits it in all else is its own to say."""
        recipe = job.recipe
        size = drawing_size(recipe.width / recipe.height, card.defaults)
        asked = replace(
            views.request_of(recipe),
            model=card.id,
            loras=(),
            width=None if recipe.init_image else size[0],
            height=None if recipe.init_image else size[1],
            steps=None,
            guidance_scale=None,
            sampler=None,
        )
        return self._again(job, self._settle(job.owner, asked, card, self._rng)[0], here, card)

    def _again(self, job: Job, recipe: Recipe, here: bool, card: ModelCard | None = None) -> str:
        new = replace(
            job,
            id=uuid.uuid4().hex,
            created=time.time(),
            state="queued",
            recipe=recipe,
            fault=None,
            notes=(),
            deaths=0,
            model_title=card.title if card else job.model_title,
        )
        return self._queue(replace(new, notes=_advice(new, card)) if card else new, here)

    def forecast(self, request: GenerationRequest, owner: str = "") -> Forecast | None:
        """What a click would cost; None until a worker has told of its device.

        Raises:
            UserError: when the request cannot be settled.
        """
        card = self.model_for(request.model)
        recipe, count = self._settle(owner, request, card, random.Random(0))
        facts = self._facts()
        if facts is None:
            return None
        pace = self.store.pace(recipe, facts.name)
        return forecast(
            card.sizes,
            facts,
            recipe.width,
            recipe.height,
            cfg=recipe.guidance_scale > 1,
            activations=self.families[card.family].activations,
            vram_cap=cap_bytes(self.settings.vram),
            seconds=pace.seconds(self._work(owner, recipe)) * count if pace else None,
        )

    def request_of(self, owner: str, picture_id: str) -> GenerationRequest:
        """The settings of a picture, as a request that draws it again."""
        picture = self.pictures.get(owner, picture_id)
        if picture is None:
            raise NotFound("This picture is not here any more.")
        return views.request_of(picture.recipe)

    def picture_that_tells(self, owner: str, text: str) -> str | None:
        """The id of the owner's newest picture with this infotext, among those that a person still remembers."""
        titles, wanted = self._lora_titles(), text.strip()
        for picture in self.pictures.page(owner, limit=REMEMBERED):
            if f"Seed: {picture.recipe.seed}," in wanted and self.pictures.infotext(picture, titles) == wanted:
                return picture.id
        return None

    def change_settings(self, **changes: Any) -> Settings:
        self.settings = save_settings(self.settings, **changes)
        return self.settings

    def get_model(self, model_id: str) -> None:
        """Begins to fetch one of the models in presets/models, or goes on. Raises NotFound, InvalidRequest."""
        if self.settings.offline:
            raise InvalidRequest("Easel was started with --offline.", "Start it without, then try again.")
        self.downloads.start(model_id)

    def how_it_would_draw(self, model: ModelPreset) -> str:
        """In words, on this computer; "" while no worker has told of its device."""
        facts = self._facts()
        return how_it_would_draw(facts, model) if facts else ""

    def decline_model(self) -> None:
        """Not now: nothing is offered any more until somebody wishes it in the settings. Raises FolderUnusable."""
        if not self.downloads.clear():
            self.change_settings(suggest_models=False)
            self.downloads.throw_away()
            self.changed()

    # watching ---------------------------------------------------------------

    def live(self, owner: str, here: bool = False) -> dict[str, Any]:
        """What the stage of this visitor shows now; see `views.live`. `here`: they sit at this computer."""
        welcome = self.settings.suggest_models and not self.settings.offline
        return self._stage(owner) | {"offer": self.downloads.view(self._facts(), welcome) if here else None}

    def _stage(self, owner: str) -> dict[str, Any]:
        with self._lock:
            unfinished = self.store.unfinished_jobs()
            running = [d.running for d in self._dispatchers if d.running]
            left = list(self._left)
        mine = [r for r in running if r.job.owner == owner]
        running_ids = {r.job.id for r in running}
        waiting = fair_order([j for j in unfinished if j.id not in running_ids], [r.job.owner for r in running])
        first_waiting = next((j for j in waiting if j.owner == owner), None)
        job = mine[0].job if mine else first_waiting or self.store.latest_job(owner)
        pictures = self.store.job_pictures(job.id) if job else []
        unsaved = [e.row for e in list(self._unsaved.values()) if job and e.row.job == job.id]
        recent = [p for p in self.pictures.page(owner, limit=16) if not job or p.job != job.id][:12]
        return views.live(
            owner=owner,
            job=job,
            running=mine[0] if mine else None,
            stopped=next((r for r in left if job and r.stop_asked and r.job.id == job.id), None),
            pictures=pictures + unsaved,
            recent=recent,
            waiting=waiting,
            all_running=running,
            seconds=self._job_seconds,
            trouble=self._trouble.get(job.id) if job else None,
            worker=self._worker_view(mine[0].job.recipe.model if mine else None),
            full_size=self._full_size({card.id: card.defaults for card in self.catalog.models()}),
        )

    @staticmethod
    def _full_size(likes: Mapping[str, Defaults]) -> Callable[[SavedImage], str]:
        """Says of a picture why its model, if it is still here, cannot draw it larger."""

        def why(saved: SavedImage) -> str:
            known = likes.get(saved.recipe.model)
            return why_not_larger((saved.width, saved.height), known) if known else ""

        return why

    async def changes(self, owner: str, here: bool = False) -> AsyncIterator[dict[str, Any] | None]:
        """The visitor's live view now and after each change; None when it has been quiet for a while."""
        yield self.live(owner, here)
        async for rang in self._bell.rings():
            yield self.live(owner, here) if rang else None

    def preview(self, owner: str, job_id: str) -> bytes | None:
        """The running preview (JPEG), or the last one of a job that ended lately: a browser may ask a moment late.

        None when there is none, or it is not theirs.
        """
        with self._lock:
            shown = [*(d.running for d in self._dispatchers if d.running), *self._left]
        for running in shown:
            if running.job.id == job_id and running.job.owner == owner:
                return running.preview or None
        return None

    def picture_bytes(self, owner: str, picture_id: str) -> bytes:
        """A picture's file, also while it waits for room on the disk.

        Raises:
            NotFound: also for a picture of somebody else.
        """
        unsaved = self._unsaved.get(picture_id)
        if unsaved and unsaved.row.owner == owner:
            return unsaved.data
        return self.pictures.read(owner, picture_id)

    def thumbnail_bytes(self, owner: str, picture_id: str) -> bytes:
        """The picture's small WebP. Raises NotFound like `picture_bytes`."""
        unsaved = self._unsaved.get(picture_id)
        if unsaved and unsaved.row.owner == owner:
            return unsaved.thumbnail
        return self.pictures.thumbnail(owner, picture_id)

    def describe(self, owner: str, picture_id: str) -> dict[str, Any]:
        """Everything about one picture, for its info panel."""
        picture = self.pictures.get(owner, picture_id)
        if picture is None:
            raise NotFound("This picture is not here any more.")
        text = self.pictures.infotext(picture, self._lora_titles())
        return views.picture(picture) | {
            "infotext": text,
            "recipe": picture.recipe.to_dict(),
            "seconds": picture.seconds,
            "bytes": picture.bytes,
        }

    def health(self) -> dict[str, Any]:
        workers = [
            {"device": d.link.facts.name if d.link.facts else "", "state": d.link.state, "model": d.link.model}
            for d in self._dispatchers
        ]
        return {"status": "ok", "version": __version__, "workers": workers}

    # for the dispatchers ---------------------------------------------------------------

    def take_next(self, dispatcher: Dispatcher) -> Running | None:
        """The next job for a free device: marked as running and given to it at once, so that nobody else takes it."""
        if self._closing.is_set():
            return None
        with self._lock:
            running = [d.running for d in self._dispatchers if d.running]
            taken = {r.job.id for r in running}
            waiting = [j for j in self.store.unfinished_jobs() if j.id not in taken]
            order = fair_order(waiting, [r.job.owner for r in running])
            if not order:
                return None
            job, facts = order[0], dispatcher.link.facts
            self.store.set_job(job.id, "running", notes=job.notes)
            pace = self.store.pace(job.recipe, facts.name) if facts else None
            dispatcher.running = Running(job, self._work(job.owner, job.recipe), pace, notes=list(job.notes))
            return dispatcher.running

    def order_for(self, job: Job, index: int) -> Order:
        recipe = job.recipe.picture(index)
        loras = tuple(self.catalog.lora(lora.id) for lora in recipe.loras)
        init = self.photos.read(job.owner, recipe.init_image) if recipe.init_image else b""
        mask = self.photos.read(job.owner, recipe.mask_image) if recipe.mask_image else b""
        return Order(recipe, self.catalog.model(recipe.model), loras, init, mask, preview=True)

    def keep(self, job: Job, index: int, image: GeneratedImage) -> None:
        """Saves a picture. While the disk is full or gone it waits in memory, shown and offered for download.

        The queue waits meanwhile; Stop gives the picture up.
        """
        encoded = self.pictures.encode(job, index, image, self.settings, self._lora_titles())
        while True:
            try:
                self.pictures.save(encoded)
                break
            except UserError as error:
                self._unsaved[encoded.row.id] = encoded
                self._trouble[job.id] = error.fault
                self.changed()
            with self._save_again:
                self._save_again.wait(SAVE_RETRY_SECONDS)
            if self._closing.is_set() or any(
                d.running and d.running.job.id == job.id and d.running.stop_asked for d in self._dispatchers
            ):
                break
        self._unsaved.pop(encoded.row.id, None)
        if not any(e.row.job == job.id for e in list(self._unsaved.values())):
            self._trouble.pop(job.id, None)
        self.changed()

    def left(self, running: Running) -> None:
        """A job is off the device. What was stopped stays visible as far as it had come."""
        if running.preview:
            with self._lock:
                self._left.append(running)
        self.changed()

    def changed(self) -> None:
        self._bell.ring()

    # inside ---------------------------------------------------------------

    def _sweep(self) -> None:
        """Once in a while: the files of what was deleted, and photos that nothing needs any more."""
        while not self._closing.wait(SWEEP_SECONDS):
            try:
                self.pictures.purge()
                self.photos.purge()
            except (UserError, sqlite3.Error):
                log.exception("Old files could not be removed")

    def _own(self, owner: str, job_id: str) -> Job:
        job = self.store.job(job_id)
        if job is None or job.owner != owner:
            raise NotFound("This job is not here any more.")
        return job

    def _facts(self) -> DeviceFacts | None:
        return next((d.link.facts for d in self._dispatchers if d.link.facts), None)

    def _first_model(self) -> ModelCard | None:
        """The model that is wanted first: that of the job whose turn it is, else the one new requests get."""
        waiting = self.store.unfinished_jobs()
        try:
            return self.model_for(waiting[0].recipe.model if waiting else None)
        except ModelMissing:
            return None

    def _nudge(self) -> None:
        for dispatcher in self._dispatchers:
            dispatcher.nudge()

    def _wake_savers(self) -> None:
        with self._save_again:
            self._save_again.notify_all()

    def _lora_titles(self) -> dict[str, str]:
        return {lora.id: lora.title for lora in self.catalog.loras()}

    def _job_seconds(self, job: Job) -> float | None:
        """Seconds a whole job is expected to take, None while its model has not been measured here.

        Reckoned once for all who watch, until something is written.
        """
        facts = self._facts()
        if facts is None:
            return None
        as_of = self.store.writes, facts.name
        if self._foreseen_as_of != as_of:
            self._foreseen_as_of, self._foreseen = as_of, {}
        known = self._foreseen
        if job.id not in known:
            pace = self.store.pace(job.recipe, facts.name)
            known[job.id] = pace.seconds(self._work(job.owner, job.recipe)) * job.count if pace else None
        return known[job.id]

    def _work(self, owner: str, recipe: Recipe) -> DrawnWork:
        """What one picture asks of the device, as far as can be told: its photo or model may be gone."""
        try:
            photo = self.photos.size(owner, recipe.init_image) if recipe.init_image else None
            return work_of(recipe, photo, self.catalog.model(recipe.model).defaults)
        except UserError:
            return work_of(recipe)

    def _worker_view(self, model: str | None) -> dict[str, str]:
        states: Callable[[str], bool] = lambda wanted: any(d.link.state == wanted for d in self._dispatchers)  # noqa: E731
        state = next((s for s in ("busy", "ready", "starting") if states(s)), "dead")
        link = self._dispatchers[0].link if self._dispatchers else None
        card = next((c for c in self.catalog.models() if link and c.id == (model or link.model)), None)
        return {
            "state": state,
            "device": link.facts.name if link and link.facts else "",
            "model": card.title if card else "",
        }


def _job_id(owner: str, once: str) -> str:
    """A new id; for the same word of the same owner the same one."""
    return (uuid.uuid5(uuid.NAMESPACE_OID, f"{owner} {once}") if once else uuid.uuid4()).hex


def _advice(job: Job, card: ModelCard) -> tuple[str, ...]:
    """What to tell beforehand, since nobody could guess it from the picture."""
    if job.recipe.init_image or not job.prompt or knows_any_of(Path(card.path), job.prompt):
        return ()
    told = (
        f"{card.title} was never shown anything of this. It knows everyday things and places, by their English names."
    )
    return (told,)
