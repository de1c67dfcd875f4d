"""The one exception for what a user can mend."""

import errno
from pathlib import Path

from ftui.core import languages
from ftui.core.redaction import redacted

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)


class UserError(Exception):
    """Something in the user's input: what, where, and what to do about it.

    `code` is a stable name and the key in `texts/errors.yaml`, where the sentence stands in each language;
    `params` fill its blanks (one that differs by language is a dictionary of languages). Everything else that is raised is our defect, not the user's.
    """

    def __init__(self, code: str, **params: object):
        self.code = code
        self.params = params
        super().__init__(code)

    def message(self, lang: str = "en") -> str:
        """What happened, and where."""
        return self._text(lang, 0)

    def hint(self, lang: str = "en") -> str:
        """What to do."""
        return self._text(lang, 1)

    def _text(self, lang: str, part: int) -> str:
        params = {k: v[lang] if isinstance(v, dict) else v for k, v in self.params.items()}
        return redacted(languages.error(self.code, lang)[part].format(**params))

    def as_dict(self, lang: str = "en") -> dict:
        """The form in which the CLI and the REST API give it."""
        return {"code": self.code, "message": self.message(lang), "hint": self.hint(lang)}

    def __str__(self) -> str:
        return f"{self.message()} {self.hint()}"


def of_system(error: OSError, place: Path | str) -> UserError | None:
    """What the system says of a disk that is full or a place that may not be written to; None for anything else.

    `place` is where it happened, as far as the error itself does not know.
    """
    where = error.filename or place
    if error.errno in _FULL:
        return UserError("disk_full", path=where)
    if error.errno in _DENIED:
        return UserError("not_writable", path=where, problem=error.strerror)
    return None


def told_by(event: dict, lang: str) -> tuple[str, str]:
    """(message, hint) of an error event, in this language where the catalogue has it."""
    if languages.knows_error(event["code"]):
        try:
            error = UserError(event["code"], **event.get("params", {}))
            return error.message(lang), error.hint(lang)
        except KeyError:  # written by another version, with other blanks
            pass
    return event["message"], event.get("hint", "")
