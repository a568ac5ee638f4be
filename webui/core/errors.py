"""Failures that a person reads.

Anything that is not a `UserError` is a bug: logged with an id, and the person sees the id.
"""

from __future__ import annotations

from webui.core.types import Fault

BUG = Fault(
    "bug", "Something went wrong inside Easel.", "Try again. The log has the details.", "retry", "Try again", 500
)
"""What a person is told of a failure that is no `UserError`, where a button can try again."""


class UserError(Exception):
    """One sentence, what to do, and where we can do it for them a fix that a button applies."""

    code = "refused"
    status = 400

    def __init__(self, message: str, hint: str = "", fix: str = "", fix_label: str = "") -> None:
        super().__init__(message)
        self.message, self.hint, self.fix, self.fix_label = message, hint, fix, fix_label

    @property
    def fault(self) -> Fault:
        return Fault(self.code, self.message, self.hint, self.fix, self.fix_label, self.status)


class InvalidRequest(UserError):
    code, status = "invalid_request", 422


class SettingsRefused(UserError):
    """A flag, variable or setting that cannot be; at start it ends the program with exit code 2."""

    code, status = "settings_refused", 422


class TooMuchAsked(UserError):
    code, status = "too_much_asked", 422


class QueueFull(UserError):
    code, status = "queue_full", 503


class Busy(UserError):
    code, status = "busy", 503


class NotFound(UserError):
    code, status = "not_found", 404


class NotEnoughMemory(UserError):
    code, status = "not_enough_memory", 507


class NanImage(UserError):
    code, status = "broken_numbers", 500


class ModelBroken(UserError):
    code, status = "model_broken", 422


class ModelMissing(UserError):
    code, status = "model_missing", 404


class PickleRefused(UserError):
    code, status = "pickle_refused", 422


class WrongFamily(UserError):
    code, status = "wrong_family", 422


class DiskFull(UserError):
    code, status = "disk_full", 507


class FolderUnusable(UserError):
    code, status = "folder_unusable", 500


class PictureBroken(UserError):
    code, status = "picture_broken", 422


class PictureTooBig(UserError):
    code, status = "picture_too_big", 413


class MaskEmpty(UserError):
    code, status = "mask_empty", 422


class NothingFound(UserError):
    code, status = "nothing_found", 422


class WorkerDied(UserError):
    code, status = "worker_died", 500


class NotYours(UserError):
    """For the person at this computer only."""

    code, status = "not_yours", 403


class Offline(UserError):
    code, status = "offline", 502


class Gated(UserError):
    code, status = "gated", 502


class Gone(UserError):
    code, status = "gone", 502


class HubBusy(UserError):
    code, status = "hub_busy", 502


class NotTrusted(UserError):
    code, status = "not_trusted", 502


class Stalled(UserError):
    code, status = "stalled", 502


class WrongContent(UserError):
    code, status = "wrong_content", 502


class NoLink(UserError):
    """There is no public link, or it has ended."""

    code, status = "no_link", 502


class Stopped(Exception):
    """The person stopped the job; not a failure."""
