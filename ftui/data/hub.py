"""Data sets of the Hugging Face Hub, through the real `datasets.load_dataset`."""

import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from ftui.core.errors import UserError
from ftui.data import values

_REPO = re.compile(r"(?P<repo>[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?)(:(?P<config>[\w.-]+))?", re.ASCII)
_ROWS = 4096


def is_id(text: str) -> bool:
    """Whether this has the form of a Hub data set's id: name, owner/name, owner/name:config."""
    return bool(_REPO.fullmatch(text))


def repository(repo_id: str) -> str:
    """The id without what follows its colon. Where something of this name lies here, the loader would take that.

    >>> repository("owner/name:config")
    'owner/name'
    """
    return repo_id.partition(":")[0]


def batches(repo_id: str, split: str | None) -> Iterator[pa.RecordBatch]:
    """The rows of one split: `split`, else "train", else the only one. Class labels come as their names."""
    match = _REPO.fullmatch(repo_id)
    if not match:
        raise UserError("hub_id_malformed", repo=repo_id)
    data = _load(match["repo"], match["config"], split)
    for part in data.with_format("arrow").iter(batch_size=_ROWS):
        for batch in part.combine_chunks().to_batches():
            columns = [_named(batch.column(name), data.features[name]) for name in batch.schema.names]
            yield pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _named(column: pa.Array, feature: object) -> pa.Array:
    """Numbers of classes as their names, no class (-1) as null; other columns as they are."""
    names = getattr(feature, "names", None)
    if names is None:
        return values.plain(column)
    found = [names[i] if i is not None and 0 <= i < len(names) else None for i in column.to_pylist()]
    return pa.array(found, pa.string())


def _load(repo: str, config: str | None, split: str | None):
    import datasets

    try:
        _refuse_formats(repo)
        _reach(repo)
        config = config or _config(repo, datasets.get_dataset_config_names(repo))
        split = _split(repo, datasets.get_dataset_split_names(repo, config), split)
        return datasets.load_dataset(repo, config, split=split)
    except UserError:
        raise
    except Exception as error:  # many libraries are at work here, and all that they raise is about this data set
        raise _explained(repo, error) from error


def _refuse_formats(repo: str) -> None:
    """By the name of a format (json, text ...) the loader reads every such file below the folder in which this runs."""
    from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES

    if repo in _PACKAGED_DATASETS_MODULES:
        raise UserError("hub_not_found", repo=repo)


def _reach(repo: str) -> None:
    """One question to the Hub, without the retries that make the libraries wait for half a minute when it cannot be
    reached. In offline mode they answer from their cache; a folder of this name they prefer to the Hub."""
    import huggingface_hub

    if not huggingface_hub.is_offline_mode() and not Path(repo).is_dir():
        huggingface_hub.HfApi().dataset_info(repo, timeout=20)


def _config(repo: str, names: list[str]) -> str:
    if len(names) == 1 or "default" in names:
        return names[0] if len(names) == 1 else "default"
    raise UserError("hub_config", repo=repo, configs=", ".join(names[:20]), first=names[0])


def _split(repo: str, names: list[str], wanted: str | None) -> str:
    """`wanted` may also be a part such as train[:1000]."""
    if wanted is None and len(names) == 1:
        return names[0]
    wanted = wanted or "train"
    if wanted.partition("[")[0] not in names:
        raise UserError("hub_split", repo=repo, split=wanted, splits=", ".join(names))
    return wanted


_UNREACHABLE = {"ConnectionError", "OfflineModeIsEnabled", "TimeoutError", "TransportError", "LocalEntryNotFoundError"}


def _explained(repo: str, error: Exception) -> UserError:
    """What `datasets` and the libraries under it raise, as one sentence."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {"DatasetNotFoundError", "RepositoryNotFoundError", "GatedRepoError"}:
        return UserError("hub_not_found", repo=repo)
    if kinds & _UNREACHABLE:
        return UserError("hub_unreachable", repo=repo)
    problem = " ".join(str(error.__cause__ or error).split())[:200].rstrip(".")
    return UserError("hub_unreadable", repo=repo, problem=problem)
