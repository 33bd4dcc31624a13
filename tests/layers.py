#!/usr/bin/env python3
"""Whether the documents and the code agree on the layers: each file that a document names exists, each folder of sources
is in docs/architecture.md and of a layer of CMakeLists.txt, no file includes one of a layer that its own does not link
(the linker would not see it: a header needs no library), and each heavy header is seen by one file.

  tests/layers.py        exit 0: no finding
"""
import itertools
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCES = [
    path
    for top in ("common", "config", "daemon")
    for path in sorted((ROOT / top).rglob("*.*"))
    if path.suffix in (".h", ".cc")
]
FILES = [
    path
    for top in ("common", "config", "daemon", "tests", "docs", "packaging", "systemd", "cmake")
    for path in (ROOT / top).rglob("*.*")
]
# The whole layer's headers are known to all: values, clocks, and doors to libraries.
EVERYBODYS = "base"
# The one file that sees a heavy header.
DOORS = {
    "spdlog/": "daemon/logging.cc",
    "nlohmann/": "common/json.cc",
    "CLI/": "daemon/commands/command_line.cc",
    "boost/asio/impl/": "daemon/asio_implementation.cc",
}
# "tests/unit/ROOM", "lower_case.cc/.h".
PLACEHOLDER = re.compile(r"[A-Z]{3}|/\.")


def layers():
    """Layer by folder, and what each layer links, itself and what those link included."""
    folders, links = {}, {}
    for name, where, rest in re.findall(
        r'^tunneld_layer\((\w+) ("[^"]*"|\S+) ([^)]*)\)', (ROOT / "CMakeLists.txt").read_text(), re.M
    ):
        folders.update({folder: name for folder in where.strip('"').split(";")})
        direct = [word.removeprefix("tunneld_") for word in rest.split() if word.startswith("tunneld_")]
        links[name] = {name, EVERYBODYS}.union(*(links.get(layer, set()) for layer in direct))
    return folders, links


def wrong_includes():
    folders, links = layers()
    for path in SOURCES:
        folder = path.parent.relative_to(ROOT).as_posix()
        if path == ROOT / "daemon/main.cc":
            continue  # above them all
        if folder not in folders:
            yield f"CMakeLists.txt: {folder} is of no layer"
            continue
        for included in re.findall(r'^#include "([^"]+)"', path.read_text(), re.M):
            layer = folders.get(str(pathlib.PurePosixPath(included).parent))
            if layer not in links[folders[folder]]:
                yield f"{path.relative_to(ROOT)}: includes {included}, which its layer ({folders[folder]}) does not link"


def second_doors():
    for path in SOURCES:
        name = path.relative_to(ROOT).as_posix()
        for header in re.findall(r"^#include <([^>]+)>", path.read_text(), re.M):
            for prefix, door in DOORS.items():
                if header.startswith(prefix) and name != door:
                    yield f"{name}: includes <{header}>, which only {door} should"


def unnamed_folders():
    """Folders of the list in docs/architecture.md: nested ones are indented below their parent."""
    block = (ROOT / "docs/architecture.md").read_text().split("## Layers\n")[1].split("\n\n")[0]
    named, parent = set(), ""
    for indent, folder in re.findall(r"^    ( *)(\S+)/ ", block, re.M):
        parent = parent if indent else folder
        named.add(f"{parent}/{folder}" if indent else folder)
    for folder in sorted(named):
        if not (ROOT / folder).is_dir():
            yield f"docs/architecture.md: there is no folder {folder}"
    for folder in sorted({path.parent.relative_to(ROOT).as_posix() for path in SOURCES} - named):
        yield f"docs/architecture.md: the list of layers lacks {folder}"


def expanded(name):
    """route.{h,cc} is two names."""
    parts = re.split(r"\{([^}]*)\}", name)
    choices = [part.split(",") if i % 2 else [part] for i, part in enumerate(parts)]
    return ["".join(words) for words in itertools.product(*choices)]


def exists(name):
    return any(path.as_posix().endswith("/" + name) for path in FILES) or any(
        (ROOT / base / name).exists() for base in ("", "common", "tests/unit")
    )


def missing_files():
    pages = [ROOT / name for name in ("README.md", "SECURITY.md")] + sorted((ROOT / "docs").glob("*.md"))
    for page in pages:
        for quoted in re.findall(r"`([\w./{},-]+)`", page.read_text()):
            is_path = re.fullmatch(r"[\w./{},-]+\.(h|cc|py|sh|\{h,cc\})|(common|config|daemon|tests)(/[\w./-]*)?", quoted)
            if not is_path or PLACEHOLDER.search(quoted):
                continue
            for name in expanded(quoted):
                if not exists(name.rstrip("/")):
                    yield f"{page.relative_to(ROOT)}: there is no {name}"


findings = [*wrong_includes(), *second_doors(), *unnamed_folders(), *missing_files()]
for finding in findings:
    print(finding)
sys.exit(1 if findings else 0)
