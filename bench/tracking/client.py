"""MLflow's client, made to time out quickly, print nothing and never hang its caller."""

from __future__ import annotations

import logging
import os
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from bench.errors import BenchError
from bench.tracking.address import Address
from bench.tracking.database import SECONDS_TO_MAKE, prepared, unfinished

T = TypeVar("T")
SECONDS = 30.0

# MLflow's own defaults wait for minutes on a dead server. What the user set in the environment wins.
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
NOISY = ("mlflow", "alembic", "sqlalchemy", "urllib3")


@contextmanager
def subdued() -> Iterator[None]:
    """Import mlflow, and within the context keep its timeouts short and its messages off the terminal."""
    unset = {name: value for name, value in SETTINGS.items() if name not in os.environ}
    os.environ.update(unset)
    levels: dict[logging.Logger, int] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import mlflow  # noqa: F401 - sets up its loggers, which would undo the levels below

            levels = {logger: logger.level for logger in map(logging.getLogger, NOISY)}
            for logger in levels:
                logger.setLevel(logging.CRITICAL + 1)
            yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
        for name in unset:
            os.environ.pop(name, None)


def within(seconds: float, work: Callable[[], T]) -> T:
    """The result of ``work``; TimeoutError if it takes longer than ``seconds``, whatever it hangs on.

    Request timeouts bound neither name resolution nor a database nor an answer that trickles in. The
    thread that is left behind ends with the process.
    """
    future: Future[T] = Future()

    def body() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=body, name="mlflow-export", daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.done():
            raise
        raise TimeoutError(f"no answer within {seconds:g} s") from None


def seconds_to_connect(address: Address, seconds: float) -> float:
    """The longest that ``connect`` may take if a call of MLflow may take ``seconds``, as it may create a file."""
    return seconds if address.database is None else seconds + 2 * SECONDS_TO_MAKE


def connect(address: Address) -> Any:
    """MLflow's client of a store; a SQLite file is created if there is none.

    Raises:
        BenchError: the file cannot be used; the message names the remedy.
    """
    from mlflow import MlflowClient

    if address.database is None:
        return MlflowClient(address.uri)
    prepared(address.database.resolve(), MlflowClient)
    try:
        return MlflowClient(address.uri)
    except Exception as error:
        if reason := unfinished(address.database, error):
            raise BenchError(reason) from error
        raise


def experiment_of(client: Any, address: Address, name: str) -> str:
    """Id of the experiment of that name, created if there is none.

    The artifacts of a SQLite store lie beside its file, wherever the command was started; every
    other store has a place of its own.

    Raises:
        BenchError: the experiment is deleted in MLflow.
    """
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        location = None
        if address.database is not None:
            folder = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
            location = (address.database.parent / "mlartifacts" / folder).as_uri()
        try:
            return str(client.create_experiment(name, artifact_location=location))
        except MlflowException:
            experiment = client.get_experiment_by_name(name)  # another process may have been faster
            if experiment is None:
                raise
    if experiment.lifecycle_stage != "active":
        restore = f"mlflow experiments restore --experiment-id {experiment.experiment_id}"
        raise BenchError(f"the experiment {name!r} is deleted in MLflow; restore it with: {restore}")
    return str(experiment.experiment_id)


def explain(error: BaseException, address: Address) -> str:
    """What went wrong, on one line for people: the innermost cause, without credentials."""
    if isinstance(error, BenchError):
        return address.redact(str(error))
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    link: BaseException | None = error
    while link is not None:
        if "Timeout" in type(link).__name__:
            reason = str(link) if type(link) is TimeoutError else "timed out"
        elif isinstance(link, MemoryError):
            reason = "the answer exceeds the memory limit"
        elif isinstance(link, OSError) and link.strerror:
            reason = f"{link.strerror}: {link.filename}" if link.filename else link.strerror
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return address.redact(f"{address.label}: {reason[:300]}")
