"""Whether a dataset's files are those that its manifest describes."""

import hashlib

from lockstep.data.catalog import Dataset
from lockstep.data.manifest import Finding


def damaged_files(dataset: Dataset) -> list[Finding]:
    """Return a finding for each file that is missing, or whose SHA-256 is not the manifest's."""
    manifest = dataset.manifest
    expected = {entry.path: entry.sha256 for entry in manifest.files}
    expected |= {"actions.parquet": manifest.actions_sha256, "sessions.parquet": manifest.sessions_sha256}
    damaged = [path for path, digest in expected.items() if _sha256(dataset, path) != digest]
    if not damaged:
        return []
    detail = "files that are missing or were changed since the import; import the dataset again"
    return [
        Finding(rule="damaged", severity="warning", count=len(damaged), detail=detail, examples=tuple(damaged[:20]))
    ]


def _sha256(dataset: Dataset, path: str) -> str:
    try:
        with dataset.storage.files.open_input_stream(dataset.storage.full(f"{dataset.folder}/{path}")) as stream:
            digest = hashlib.sha256()
            while block := stream.read(1 << 20):
                digest.update(block)
            return digest.hexdigest()
    except OSError:
        return ""
