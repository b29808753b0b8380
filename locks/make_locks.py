"""Write the locks: every package that the requirements need, its version, its files' hashes.

One lock serves every platform and every Python that the README names. Versions stay as they are
where the requirements allow it; UPGRADE=1 takes the newest. torch and what comes with its CUDA
build are kept apart, in torch.txt: where it is installed decides which of its builds is taken.
What audits the other locks is in audit.txt: it wants versions of its own.
"""

import os
import re
import subprocess
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent
UV = ROOT / ".venv" / "bin" / "uv"
#: The oldest Python that all pinned packages run on.
PYTHON = "3.11.5"
#: torch, and what only its CUDA build brings along.
TORCH = re.compile(r"(torch|triton|nvidia|cuda)\b")
#: sha256 of builds of torch that PyPI does not have: 2.13.0, CPU, Python 3.11, Linux, x86-64.
MORE_HASHES = ("6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b",)


def main() -> None:
    site = compile_lock("requirements.txt", known=("site.txt", "torch.txt"))
    write("site.txt", [entry for entry in site if not TORCH.match(entry)])
    installer = compile_lock(
        "locks/installer.in", "--constraints=locks/site.txt", known=("installer.txt",)
    )
    write("installer.txt", installer)
    write("audit.txt", compile_lock("locks/audit.in", known=("audit.txt",)))
    write("torch.txt", [with_more_hashes(entry) for entry in site if TORCH.match(entry)])
    dev = compile_lock(
        "requirements.txt",
        "requirements-dev.txt",
        "--constraints=locks/site.txt",
        "--constraints=locks/torch.txt",
        known=("dev.txt",),
    )
    write("dev.txt", [entry for entry in dev if not TORCH.match(entry)])


def compile_lock(*requirements: str, known: tuple[str, ...]) -> list[str]:
    """List what `requirements` need, an entry a package; the locks `known` say what to keep."""
    paths = [FOLDER / name for name in known]
    kept = "" if os.environ.get("UPGRADE") else "".join(p.read_text() for p in paths if p.exists())
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "lock.txt"
        lock.write_text(kept)
        command = [str(UV), "pip", "compile", "--quiet", "--universal", "--python-version", PYTHON]
        command += ["--generate-hashes", "--no-annotate", "--no-header", "--output-file", str(lock)]
        subprocess.run([*command, *requirements], cwd=ROOT, check=True)
        return re.findall(r"^[a-z0-9].*\n(?:^ .*\n)*", lock.read_text(), re.MULTILINE)


def with_more_hashes(entry: str) -> str:
    if not entry.startswith("torch=="):
        return entry
    more = [f"    --hash=sha256:{digest}" for digest in MORE_HASHES if digest not in entry]
    return " \\\n".join([entry.rstrip("\n"), *more]) + "\n"


def write(name: str, entries: list[str]) -> None:
    (FOLDER / name).write_text("# Written by make lock.\n" + "".join(entries))
    print(f"locks/{name}: {len(entries)} packages")


if __name__ == "__main__":
    main()
