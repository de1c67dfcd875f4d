"""Putting an artefact into a model repository of the Hub, with its model card, through huggingface_hub.

The token is the one that huggingface_hub finds ($HF_TOKEN, or `hf auth login`): it is never asked for, stored or logged here.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftui.artifacts import bundles
from ftui.core.errors import UserError
from ftui.core.events import RUNNING
from ftui.core.home import disk_use

if TYPE_CHECKING:
    from ftui.core.context import Context

PATIENCE = 20  # seconds for a first answer of the Hub


def check(repo: str) -> None:
    """Raise UserError for what is no owner/name, and where there is no token."""
    import huggingface_hub
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(repo)
        named = repo.count("/") == 1
    except HFValidationError:
        named = False
    if not named:
        raise UserError("push_name", repo=repo[:100])
    if huggingface_hub.is_offline_mode():
        raise UserError("push_offline")
    if not huggingface_hub.get_token():
        raise UserError("push_no_token")


def push(context: Context) -> None:
    """The job: upload the files of `options["artefact"]` and the card to `options["to"]`, made (`private` or not) where it is not there yet."""
    options, events = context.options, context.events
    events.state(RUNNING)
    repo = options["to"]
    check(repo)
    with tempfile.TemporaryDirectory(prefix="ftui-") as folder:
        bundles.fill(context.job.run, options["artefact"], "zip", Path(folder))
        events.log("pushing", repo=repo, mb=round(disk_use(Path(folder)) / 1e6, 1))
        url = _upload(Path(folder), repo, options["private"])
    events.write("pushed", url=url)
    events.log("pushed", url=url)


def _upload(folder: Path, repo: str, private: bool) -> str:
    """Where it can be seen. Raises UserError."""
    import huggingface_hub
    from huggingface_hub import errors

    api = huggingface_hub.HfApi()
    try:
        _reach(api)
        url = api.create_repo(repo, private=private, exist_ok=True)
        if private and not api.model_info(repo, timeout=PATIENCE).private:
            raise UserError("push_public", repo=repo)  # it was there before, and everybody would see this
        api.upload_folder(repo_id=repo, folder_path=folder, commit_message="Upload with ftui")
    except errors.HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (401, 403, 404):
            raise UserError("push_refused", repo=repo, status=status) from error
        raise UserError("push_failed", repo=repo, problem=_short(error)) from error
    except UserError:
        raise
    except Exception as error:  # connections, the Xet protocol and LFS raise almost anything
        raise UserError("push_failed", repo=repo, problem=_short(error)) from error
    return str(url)


def _reach(api: Any) -> None:
    """One question with little patience: who is it that asks?"""
    from huggingface_hub import get_token
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    try:
        answer = get_session().get(f"{api.endpoint}/api/whoami-v2", headers=build_hf_headers(token=get_token()), timeout=PATIENCE)
    except Exception as error:  # the client's own library decides what a connection raises
        raise UserError("push_unreachable", endpoint=api.endpoint) from error
    hf_raise_for_status(answer)


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")
