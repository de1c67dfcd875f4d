"""index.sqlite: remembers the summaries of runs that have ended. Deleting it loses nothing."""

import contextlib
import json
import sqlite3
from pathlib import Path

# Append-only: a migration that has been released is never changed. user_version counts those that are done.
MIGRATIONS = [
    "CREATE TABLE summaries (run TEXT PRIMARY KEY, signature TEXT NOT NULL, summary TEXT NOT NULL)",
]


class Index:
    """A context manager around the connection; written by UI and CLI only, never by workers."""

    def __init__(self, path: Path):
        self._connection = _connect(path)

    def __enter__(self) -> "Index":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(sqlite3.OperationalError):  # a full disk: what is not remembered is read again
            self._connection.commit()
        self._connection.close()

    def load(self) -> dict[str, dict[str, dict]]:
        """{run: {signature: summary}}"""
        rows = self._connection.execute("SELECT run, signature, summary FROM summaries")
        return {run: {signature: json.loads(line)} for run, signature, line in rows}

    def save(self, run: str, signature: str, line: dict) -> None:
        with contextlib.suppress(sqlite3.OperationalError):
            self._connection.execute("INSERT OR REPLACE INTO summaries VALUES (?, ?, ?)", (run, signature, json.dumps(line)))

    def forget(self, runs: set[str]) -> None:
        with contextlib.suppress(sqlite3.OperationalError):
            self._connection.executemany("DELETE FROM summaries WHERE run = ?", [(run,) for run in runs])


def _connect(path: Path) -> sqlite3.Connection:
    """The index of a home; one in memory where the home cannot be written to."""
    with contextlib.suppress(OSError, sqlite3.OperationalError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return _open(path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            path.unlink(missing_ok=True)  # broken: it can be rebuilt
            return _open(path)
    return _open(Path(":memory:"))


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=10)
    connection.execute("PRAGMA journal_mode=WAL")
    done = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, migration in enumerate(MIGRATIONS[done:], start=done + 1):
        connection.execute(migration)
        connection.execute(f"PRAGMA user_version={number}")
    connection.commit()
    return connection
