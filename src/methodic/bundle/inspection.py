"""What a bundle's files must be before anything in them is believed.

A bundle may come from anybody. Its files are plain files under their usual names; weights are
safetensors, everything else JSON and Markdown, so loading one runs nothing. What looks otherwise is
refused by name, and nothing is read that is larger than it can rightly be.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from methodic.errors import InputError
from methodic.files import file_hash, read_json
from methodic.plan import FORMAT

WEIGHTS = "weights.safetensors"
NEEDED = ("bundle.json", WEIGHTS, "card.md")
FILES = (*NEEDED, "card.json")  # bundles from before there was a card.json have none

MANIFEST = "manifest.json"
MOST_JSON = 32 * 2**20  # bytes of bundle.json; parsed, it can take thirty times as much
MOST_HEADER = 100_000_000  # bytes, as safetensors has it
_MOST = {"bundle.json": MOST_JSON, "card.md": MOST_JSON, "card.json": MOST_JSON}

_PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt", ".joblib", ".npy", ".npz")
_NO_CODE = "A bundle holds no code: train the model again, or ask for one that Methodic wrote."


def inspect(folder: Path) -> None:
    """Check the manifest, and that each file is the plain file which it describes.

    Raises:
        InputError: no bundle there, one from a newer version, or a file that is missing, changed,
            a link, a pickle, or of an impossible size; names the file.
    """
    path = folder / MANIFEST
    if not path.exists() and not path.is_symlink():
        raise InputError(
            f"{folder}: no trained model here",
            accepted="a run's folder, or its folder model/",
            advice="A run that was interrupted before its verdict has none: methodic resume RUN.",
        )
    _plain(path)
    hashes = _hashes(path, read_json(path, "manifest", limit=2**20))
    for each in sorted(folder.iterdir()):
        if each.suffix.lower() in _PICKLES:
            raise InputError(
                f"{each}: a pickle in a bundle, which could run code when it is read",
                accepted=", ".join(FILES),
                advice=f"Nothing of it was read. {_NO_CODE}",
            )
    for name in NEEDED if "card.json" not in hashes else FILES:
        file = folder / name
        if file.exists() or file.is_symlink():
            _plain(file)
            if name == WEIGHTS:
                _check_header(file)
            _check_size(file, _MOST.get(name) or psutil.virtual_memory().total)
        if not file.exists() or file_hash(file) != hashes.get(name):
            raise InputError(
                f"{file}: missing or not as it was written",
                advice="Copy the bundle again, or make it anew with methodic run.",
            )


def _hashes(path: Path, manifest: Any) -> dict[str, Any]:
    if (
        not isinstance(manifest, dict)
        or not isinstance(manifest.get("files"), dict)
        or not isinstance(manifest.get("format"), int)
    ):
        raise InputError(f"{path}: not a bundle's manifest")
    if manifest["format"] > FORMAT:
        raise InputError(
            f"{path.parent}: written by a newer version of Methodic",
            found=f"format {manifest['format']}",
            accepted=f"format {FORMAT} or older",
        )
    files: dict[str, Any] = manifest["files"]
    for name in files:
        if name not in FILES:
            escapes = Path(name).is_absolute() or ".." in Path(name).parts
            raise InputError(
                f"{path}: names "
                + ("a file outside of the bundle" if escapes else "a file that no bundle has"),
                found=repr(name)[:200],
                accepted=", ".join(FILES),
                advice=f"Nothing of it was read. {_NO_CODE}",
            )
    return files


def _plain(file: Path) -> None:
    """A link could lead anywhere, and a pipe or a device would be read forever."""
    mode = file.lstat().st_mode
    if stat.S_ISREG(mode):
        return
    found = f"a link to {file.readlink()}" if stat.S_ISLNK(mode) else "a folder, pipe or device"
    raise InputError(
        f"{file}: a bundle's files are plain files",
        found=found,
        advice="Put the file itself there, if you know where it comes from.",
    )


def _check_size(file: Path, most: int) -> None:
    """Before all of it is hashed: a file with holes may claim any size, and take none."""
    size = file.stat().st_size
    if size > most:
        raise InputError(
            f"{file}: these weights don't fit into this machine's memory"
            if file.name == WEIGHTS
            else f"{file}: too long for a bundle",
            found=f"{size:,} bytes",
            accepted=f"at most {most:,}",
        )


def _check_header(file: Path) -> None:
    """Refuse what isn't safetensors before anything reads all of it."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(9)
    claimed = int.from_bytes(start[:8], "little")
    if claimed > min(MOST_HEADER, max(size - 8, 0)) or start[8:9] != b"{":
        raise _no_weights(file, start, claimed, size)


def _no_weights(file: Path, start: bytes, claimed: int, size: int) -> InputError:
    archive = start[:4] == b"PK\x03\x04"
    if archive or (start[:1] == b"\x80" and start[1:2] in (b"\2", b"\3", b"\4", b"\5")):
        return InputError(
            f"{file}: {'an archive of torch.save' if archive else 'a pickle'}, which could run "
            "code when it is read",
            accepted="weights as safetensors",
            advice=f"Nothing of it was read. {_NO_CODE}",
        )
    return InputError(
        f"{file}: missing or not as it was written: no safetensors file begins like this",
        found=f"a header that claims {claimed:,} bytes, in a file of {size:,}",
        accepted=f"a header in JSON of at most {MOST_HEADER:,} bytes",
        advice="Copy the bundle again, or make it anew with methodic run.",
    )


def weights(folder: Path) -> dict[str, Tensor]:
    """The tensors of an inspected bundle, all of them finite.

    Raises:
        InputError: damaged, or with a number that is none; names the tensor.
    """
    file = folder / WEIGHTS
    try:
        found: dict[str, Tensor] = load_file(file)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise InputError(f"{folder}: this bundle is damaged", found=error) from None
    _check_finite(file, found)
    return found


def _check_finite(file: Path, tensors: Mapping[str, Tensor]) -> None:
    for name, value in tensors.items():
        if value.is_floating_point() and value.itemsize < 2:
            raise InputError(
                f"{file}: '{name}' holds {value.dtype}, which no network here has",
                accepted="float32",
                advice="Copy the bundle again, or make it anew with methodic run.",
            )
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            bad = int((~torch.isfinite(value)).sum())
            raise InputError(
                f"{file}: '{name}' has numbers that are none",
                found=f"{bad:,} of {value.numel():,} are NaN or infinite",
                accepted="finite numbers",
                advice="No prediction would mean anything. Train the model again.",
            )
