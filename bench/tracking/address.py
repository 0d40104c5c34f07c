"""The address of MLflow: the tracking URI, and its form without credentials for files and messages."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

DEFAULT_URI = "sqlite:///mlflow.db"
_SQLITE = "sqlite:///"
_USERINFO = re.compile(r"^([a-z][a-z0-9+.-]*://)(?!/)(.*)@", re.IGNORECASE | re.DOTALL)
_SECRET_QUERY = re.compile(r"([?&][^=&]*(?:pass|pwd|secret|token|key|sig|credential)[^=&]*=)([^&]*)", re.IGNORECASE)
_MASK = "***"


@dataclass(frozen=True)
class Address:
    """A tracking store.

    Attributes:
        uri: the URI for MLflow, which may hold credentials.
        label: the URI without credentials, for people, files and messages.
        database: absolute path of the file of a SQLite store; None for other stores.
    """

    uri: str
    label: str
    database: Path | None = None

    @classmethod
    def of(cls, uri: str | None = None) -> Address:
        """The store of a URI; by default ``MLFLOW_TRACKING_URI``, or ``mlflow.db`` in the current directory.

        The path of a SQLite file is made absolute, so that one store has one name from everywhere.
        """
        uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
        database = None
        if uri.startswith(_SQLITE) and not uri.startswith((_SQLITE + ":memory:", _SQLITE + "file:")):
            path, mark, query = uri.removeprefix(_SQLITE).partition("?")
            database = Path(path).absolute()
            uri = f"{_SQLITE}{database}{mark}{query}"
        return cls(uri, _without_credentials(uri), database)

    def redact(self, text: str) -> str:
        """A message without the credentials of the URI or the environment."""
        text = text.replace(self.uri, self.label)
        for secret in self._secrets():
            text = text.replace(secret, _MASK)
        return text

    def _secrets(self) -> list[str]:
        secrets = [os.environ.get(f"MLFLOW_TRACKING_{name}", "") for name in ("PASSWORD", "TOKEN")]
        secrets += [match[1] for match in _SECRET_QUERY.findall(self.uri)]
        if match := _USERINFO.match(self.uri):
            user, _, password = match[2].partition(":")
            # Libraries that split at the first "@" show the rest of a password that contains one as part of the host.
            secrets += [match[2] + "@", password or user, *(password or user).split("@")]
        hidden = {*secrets, *(unquote(secret) for secret in secrets)} - {"", _MASK}
        return sorted(hidden, key=len, reverse=True)  # the longest first, since one may contain another


def _without_credentials(uri: str) -> str:
    return _SECRET_QUERY.sub(rf"\g<1>{_MASK}", _USERINFO.sub(r"\1", uri))
