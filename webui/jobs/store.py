"""Jobs, pictures and measured speeds in one SQLite file (WAL), safe against `kill -9` at any moment.

A statement that has returned is on disk (`synchronous=FULL`); one that has not leaves no trace. Rows become the frozen
shapes of `webui.core.types` here and nowhere else.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from webui.core.errors import DiskFull, FolderUnusable
from webui.core.types import FINISHED, Fault, JobState, Recipe, SavedImage
from webui.core.work import DrawnWork

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, created REAL NOT NULL,
    state TEXT NOT NULL, started INTEGER NOT NULL DEFAULT 0,
    recipe TEXT NOT NULL, count INTEGER NOT NULL, model_title TEXT NOT NULL, prompt TEXT NOT NULL,
    deaths INTEGER NOT NULL DEFAULT 0, fault TEXT NOT NULL DEFAULT '', notes TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX IF NOT EXISTS jobs_by_owner ON jobs (owner, number);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, number);
CREATE TABLE IF NOT EXISTS pictures (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, job TEXT NOT NULL, place INTEGER NOT NULL,
    recipe TEXT NOT NULL, path TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, bytes INTEGER NOT NULL,
    created REAL NOT NULL, favourite INTEGER NOT NULL DEFAULT 0, deleted REAL, prompt TEXT NOT NULL,
    seconds REAL NOT NULL, model_title TEXT NOT NULL, UNIQUE (job, place)
);
CREATE INDEX IF NOT EXISTS pictures_by_owner ON pictures (owner, created);
CREATE TABLE IF NOT EXISTS thumbnails (picture TEXT PRIMARY KEY, webp BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, path TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
    created REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS paces (
    model TEXT NOT NULL, device TEXT NOT NULL, task TEXT NOT NULL,
    step_second REAL NOT NULL, fixed_second REAL NOT NULL,
    PRIMARY KEY (model, device, task)
);
"""


@dataclass(frozen=True, slots=True)
class Job:
    """A row of the queue. `recipe` is picture 0's; `prompt` is what the person typed, without the style."""

    id: str
    owner: str
    created: float
    state: JobState
    recipe: Recipe
    count: int
    model_title: str
    prompt: str
    deaths: int = 0
    fault: Fault | None = None
    notes: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        return self.state in FINISHED


@dataclass(frozen=True, slots=True)
class Pace:
    """Measured speed of a model on a device in one task, in seconds per megapixel: of a step, of the rest of a picture.

    Tasks differ in what a strength costs (small models take fewer steps for it) and in the rest.
    """

    step_second: float
    fixed_second: float

    def seconds(self, work: DrawnWork) -> float:
        """What a picture that asks for this work is expected to take."""
        return (self.step_second * work.pixel_steps + self.fixed_second * work.pixels) / 1e6


@dataclass(frozen=True, slots=True)
class Upload:
    """A photo somebody brought, cleaned and kept below the data folder. `path` is relative to it."""

    id: str
    owner: str
    path: str
    width: int
    height: int
    created: float


class Store:
    """The database. Any thread may call it."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self.writes = 0
        """Grows with each write: what was read before may be old."""
        self._unfinished: tuple[int, tuple[Job, ...]] = (-1, ())
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.executescript(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000;" + SCHEMA
            )
        except (OSError, sqlite3.OperationalError) as error:
            raise FolderUnusable(
                "Easel cannot write to its data folder.",
                f"Make the folder of {path.name} writable, or start Easel with --data and another folder.",
            ) from error

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
                self.writes += 1
            except sqlite3.OperationalError as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if "full" in str(error) or "disk I/O" in str(error):
                    raise DiskFull(
                        "The disk is full.", "Free some space, then try again.", "retry", "Try again"
                    ) from error
                raise

    def _rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        """Nothing for a value that is no text (half of a surrogate pair): no row has it."""
        with self._lock, suppress(UnicodeEncodeError):
            return self._db.execute(query, values).fetchall()
        return []

    # jobs ---------------------------------------------------------------

    def add_job(self, job: Job) -> None:
        row = {
            "id": job.id,
            "owner": job.owner,
            "created": job.created,
            "state": job.state,
            "recipe": json.dumps(job.recipe.to_dict()),
            "count": job.count,
            "model_title": job.model_title,
            "prompt": job.prompt,
            "notes": json.dumps(job.notes),
        }
        with self._transaction() as db:
            db.execute(_insert("jobs", row), row)

    def job(self, job_id: str) -> Job | None:
        rows = self._rows("SELECT * FROM jobs WHERE id = ?", job_id)
        return _job(rows[0]) if rows else None

    def unfinished_jobs(self) -> tuple[Job, ...]:
        """Queued and running jobs in the order they came. Read once for all who watch, until something is written."""
        with self._lock:
            if self._unfinished[0] != self.writes:
                rows = self._rows("SELECT * FROM jobs WHERE state IN ('queued', 'running') ORDER BY number")
                self._unfinished = self.writes, tuple(map(_job, rows))
            return self._unfinished[1]

    def latest_job(self, owner: str) -> Job | None:
        """The visitor's newest job; one that was taken back before its turn came does not count."""
        query = "SELECT * FROM jobs WHERE owner = ? AND (started OR state != 'stopped') ORDER BY number DESC LIMIT 1"
        rows = self._rows(query, owner)
        return _job(rows[0]) if rows else None

    def set_job(self, job_id: str, state: JobState, fault: Fault | None = None, notes: Iterable[str] = ()) -> None:
        with self._transaction() as db:
            db.execute(
                "UPDATE jobs SET state = ?, started = started OR ? = 'running', fault = ?, notes = ? WHERE id = ?",
                (state, state, json.dumps(asdict(fault)) if fault else "", json.dumps(list(notes)), job_id),
            )

    def stop_job(self, job_id: str) -> None:
        """Ends a job as stopped, unless it has ended already."""
        with self._transaction() as db:
            db.execute("UPDATE jobs SET state = 'stopped' WHERE id = ? AND state IN ('queued', 'running')", (job_id,))

    def count_death(self, job_id: str) -> int:
        """Notes that a worker died under this job; returns how often that has happened."""
        with self._transaction() as db:
            db.execute("UPDATE jobs SET deaths = deaths + 1 WHERE id = ?", (job_id,))
            return int(db.execute("SELECT deaths FROM jobs WHERE id = ?", (job_id,)).fetchone()[0])

    # pictures ---------------------------------------------------------------

    def add_picture(self, picture: SavedImage, thumbnail: bytes) -> None:
        """Adds a picture and its thumbnail; the same one of the same job again (after a crash) replaces itself."""
        row = {
            "id": picture.id,
            "owner": picture.owner,
            "job": picture.job,
            "place": picture.index,
            "recipe": json.dumps(picture.recipe.to_dict()),
            "path": picture.path,
            "width": picture.width,
            "height": picture.height,
            "bytes": picture.bytes,
            "created": picture.created,
            "prompt": picture.prompt,
            "seconds": picture.seconds,
            "model_title": picture.model_title,
        }
        again = " ON CONFLICT DO UPDATE SET path = excluded.path, bytes = excluded.bytes"
        with self._transaction() as db:
            db.execute(_insert("pictures", row) + again, row)
            db.execute("INSERT OR REPLACE INTO thumbnails (picture, webp) VALUES (?, ?)", (picture.id, thumbnail))

    def picture(self, owner: str, picture_id: str) -> SavedImage | None:
        rows = self._rows("SELECT * FROM pictures WHERE id = ? AND owner = ?", picture_id, owner)
        return _picture(rows[0]) if rows else None

    def thumbnail(self, owner: str, picture_id: str) -> bytes | None:
        rows = self._rows(
            "SELECT webp FROM thumbnails JOIN pictures ON pictures.id = picture WHERE picture = ? AND owner = ?",
            picture_id,
            owner,
        )
        return rows[0][0] if rows else None

    def job_pictures(self, job_id: str) -> list[SavedImage]:
        """A job's pictures in their order, deleted ones left out."""
        return [
            _picture(r)
            for r in self._rows("SELECT * FROM pictures WHERE job = ? AND deleted IS NULL ORDER BY place", job_id)
        ]

    def drawn_places(self, job_id: str) -> set[int]:
        """Which pictures of a job are on disk already, deleted ones too: these are not drawn again."""
        return {r[0] for r in self._rows("SELECT place FROM pictures WHERE job = ?", job_id)}

    def page(self, owner: str, search: str, favourites: bool, before: float | None, limit: int) -> list[SavedImage]:
        """An owner's pictures, newest first. Every word of `search` has to occur in the prompt."""
        where, values = ["owner = ?", "deleted IS NULL"], [owner]  # type: tuple[list[str], list[Any]]
        if favourites:
            where.append("favourite = 1")
        if before is not None:
            where.append("created < ?")
            values.append(before)
        for word in search.split():
            where.append("prompt LIKE ? ESCAPE '\\'")
            values.append("%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%")
        query = f"SELECT * FROM pictures WHERE {' AND '.join(where)} ORDER BY created DESC LIMIT ?"
        return [_picture(r) for r in self._rows(query, *values, limit)]

    def set_favourite(self, owner: str, picture_id: str, on: bool) -> None:
        with self._transaction() as db:
            db.execute("UPDATE pictures SET favourite = ? WHERE id = ? AND owner = ?", (int(on), picture_id, owner))

    def set_deleted(self, owner: str, picture_ids: Iterable[str], when: float | None) -> None:
        with self._transaction() as db:
            db.executemany(
                "UPDATE pictures SET deleted = ? WHERE id = ? AND owner = ?", [(when, i, owner) for i in picture_ids]
            )

    def forget_deleted(self, before: float) -> list[str]:
        """Drops pictures deleted before a time; returns their paths.

        Rows of unfinished jobs stay: they say what has been drawn.
        """
        condition = "deleted < ? AND job NOT IN (SELECT id FROM jobs WHERE state IN ('queued', 'running'))"
        with self._transaction() as db:
            paths = [r[0] for r in db.execute(f"SELECT path FROM pictures WHERE {condition}", (before,))]
            db.execute(
                f"DELETE FROM thumbnails WHERE picture IN (SELECT id FROM pictures WHERE {condition})", (before,)
            )
            db.execute(f"DELETE FROM pictures WHERE {condition}", (before,))
        return paths

    # uploads and pace ---------------------------------------------------------------

    def add_upload(self, upload: Upload) -> None:
        with self._transaction() as db:
            db.execute(
                "INSERT INTO uploads (id, owner, path, width, height, created) VALUES (?,?,?,?,?,?)",
                (upload.id, upload.owner, upload.path, upload.width, upload.height, upload.created),
            )

    def upload(self, owner: str, upload_id: str) -> Upload | None:
        rows = self._rows("SELECT * FROM uploads WHERE id = ? AND owner = ?", upload_id, owner)
        return Upload(**dict(rows[0])) if rows else None

    def unneeded_uploads(self, before: float) -> list[Upload]:
        """Those older than that, which no picture and no unfinished job names."""
        named = """
            SELECT json_extract(recipe, '$.init_image') FROM pictures
            UNION SELECT json_extract(recipe, '$.mask_image') FROM pictures
            UNION SELECT json_extract(recipe, '$.init_image') FROM jobs WHERE state IN ('queued', 'running')
            UNION SELECT json_extract(recipe, '$.mask_image') FROM jobs WHERE state IN ('queued', 'running')
        """
        rows = self._rows(f"SELECT * FROM uploads WHERE created < ? AND id NOT IN ({named})", before)
        return [Upload(**dict(row)) for row in rows]

    def forget_upload(self, upload_id: str) -> None:
        with self._transaction() as db:
            db.execute("DELETE FROM uploads WHERE id = ?", (upload_id,))

    def pace(self, recipe: Recipe, device: str) -> Pace | None:
        """That of the recipe's model in its task, else in another task."""
        known = "SELECT step_second, fixed_second FROM paces WHERE model = ? AND device = ?"
        rows = self._rows(known + " ORDER BY task = ? DESC, task", recipe.model, device, recipe.task)
        return Pace(*rows[0]) if rows else None

    def pace_of_task(self, recipe: Recipe, device: str) -> Pace | None:
        known = "SELECT step_second, fixed_second FROM paces WHERE model = ? AND device = ? AND task = ?"
        rows = self._rows(known, recipe.model, device, recipe.task)
        return Pace(*rows[0]) if rows else None

    def set_pace(self, recipe: Recipe, device: str, pace: Pace) -> None:
        row = recipe.model, device, recipe.task, pace.step_second, pace.fixed_second
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO paces VALUES (?,?,?,?,?)", row)


def _insert(table: str, row: Mapping[str, Any]) -> str:
    """An INSERT with named values. Table and columns are our own words, never a visitor's."""
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(':' + name for name in row)})"


def _job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        owner=row["owner"],
        created=row["created"],
        state=row["state"],
        recipe=Recipe.from_dict(json.loads(row["recipe"])),
        count=row["count"],
        model_title=row["model_title"],
        prompt=row["prompt"],
        deaths=row["deaths"],
        fault=Fault(**json.loads(row["fault"])) if row["fault"] else None,
        notes=tuple(json.loads(row["notes"])),
    )


def _picture(row: sqlite3.Row) -> SavedImage:
    return SavedImage(
        id=row["id"],
        owner=row["owner"],
        job=row["job"],
        index=row["place"],
        recipe=Recipe.from_dict(json.loads(row["recipe"])),
        path=row["path"],
        width=row["width"],
        height=row["height"],
        bytes=row["bytes"],
        created=row["created"],
        favourite=bool(row["favourite"]),
        prompt=row["prompt"],
        seconds=row["seconds"],
        model_title=row["model_title"],
    )
