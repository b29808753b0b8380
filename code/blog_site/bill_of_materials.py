"""What the site was built from, as a CycloneDX document beside it: `sbom.json`.

It lists the Python packages that the lock names and this build had, and the scripts and fonts that
the site ships. Two builds with the same packages write the same document.
"""

from __future__ import annotations

import hashlib
import json
import re
import sysconfig
from datetime import UTC, datetime
from email.message import Message
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import cast
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from blog_site.build_record import BuildRecord
from notebook_embed.files import write_whole

__all__ = ["write_bill_of_materials"]

#: Read where they are: names and versions of what may be installed, and of what the site ships.
LOCKS = ("locks/site.txt", "locks/torch.txt")
VENDORED = "assets/vendored.json"


def write_bill_of_materials(
    site: Path, *, root: Path, cache: Path, name: str, record: BuildRecord
) -> None:
    """Write `sbom.json` into the folder `site`, for the project at `root`.

    The list is kept in `cache` until a lock or what is installed changes. A project without locks
    gets none: without them nobody can say what belongs to it.
    """
    locks = [root / lock for lock in LOCKS if (root / lock).is_file()]
    if not locks:
        return
    listed = _cached(locks, root / VENDORED, cache)
    # The list is the same from commit to commit; the head says which of them this is.
    document = json.loads(listed.read_text("utf-8"))
    built = datetime.fromtimestamp(record.timestamp or 0, UTC)
    identity = f"{name} {record.commit} {built} {listed.name}"
    document["metadata"]["timestamp"] = built.isoformat()
    document["metadata"]["component"] |= {"name": name, "version": record.commit or "unknown"}
    document["serialNumber"] = uuid5(NAMESPACE_URL, identity).urn
    (site / "sbom.json").write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", "utf-8")


def _cached(locks: list[Path], vendored: Path, cache: Path) -> Path:
    """Return the file that lists all components, made anew where something has changed."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in [*locks, *([vendored] if vendored.is_file() else [])]:
        digest.update(path.read_bytes())
    for place in sorted({Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")}):
        # The names of these folders hold the versions of all that is installed.
        digest.update(repr(sorted(p.name for p in place.glob("*.dist-info"))).encode())
    listed = cache / f"{digest.hexdigest()[:16]}.json"
    if not listed.is_file():
        write_whole(listed, _document(locks, vendored).encode())
    return listed


def _document(locks: list[Path], vendored: Path) -> str:
    root = Component(name="site", type=ComponentType.APPLICATION, bom_ref="site")
    bom = Bom(components=[*_packages(locks), *_shipped(vendored)])
    bom.metadata.component = root
    bom.register_dependency(root, bom.components)
    return JsonV1Dot6(bom).output_as_string()


def _packages(locks: list[Path]) -> list[Component]:
    """List the packages of the locks that are installed; other systems need others."""
    text = "\n".join(lock.read_text("utf-8") for lock in locks)
    found = []
    for name in sorted(set(re.findall(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==", text, re.MULTILINE))):
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue
        purl = PackageURL("pypi", name=name, version=installed.version)
        found.append(_component(name, installed.version, purl, _licence(installed)))
    return found


def _shipped(record: Path) -> list[Component]:
    if not record.is_file():
        return []
    found = []
    for package in json.loads(record.read_text("utf-8")):
        namespace, _, name = package["name"].rpartition("/")
        purl = PackageURL("npm", namespace or None, name, package["version"])
        component = _component(package["name"], package["version"], purl, package["licence"])
        component.external_references.add(
            ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(package["from"]))
        )
        found.append(component)
    return found


def _component(name: str, version: str, purl: PackageURL, licence: str | None) -> Component:
    return Component(
        name=name,
        version=version,
        purl=purl,
        type=ComponentType.LIBRARY,
        bom_ref=str(purl),
        licenses=[LicenseFactory().make_from_string(licence)] if licence else [],
    )


def _licence(installed: Distribution) -> str | None:
    """Return what a package says of its licence: an SPDX expression, or the name it gives."""
    metadata = cast("Message", installed.metadata)  # the type of its protocol lacks `get`
    if expression := metadata.get("License-Expression"):
        return str(expression)
    named = [
        classifier.rpartition(" :: ")[2]
        for classifier in metadata.get_all("Classifier") or []
        if classifier.startswith("License :: ") and classifier != "License :: OSI Approved"
    ]
    short = str(metadata.get("License") or "").strip()
    # Some packages put the whole text of their licence where its name belongs.
    return short if short and len(short) < 80 and "\n" not in short else next(iter(named), None)
