"""A small course on disk, for tests that need one, and Markdown set up as mkdocs.yml sets it up."""

from __future__ import annotations

from pathlib import Path

from markdown import Markdown
from pymdownx.superfences import fence_div_format  # type: ignore[import-untyped]

from lab_server.lessons.markdown import is_live, live_fence, makeExtension

ROOT = Path(__file__).resolve().parents[2]
FACTS = "> **Module:** concepts | **Level:** Foundation | **Time:** 30 minutes"
HEAD = f"# A Lesson\n\n{FACTS}\n\n"  # 4 lines
BLOCK = "```bash {.lab #one}\nid\n```\n"


def course(root: Path, page: str, lab: str | None = None, id_: str = "concepts/01-a-lesson") -> Path:
    """A course with one page (and its lab.yml) below `root`."""
    file = root / "docs" / f"{id_}.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(page)
    if lab is not None:
        lab_file = root / "labs" / id_ / "lab.yml"
        lab_file.parent.mkdir(parents=True, exist_ok=True)
        lab_file.write_text(lab)
    return root


def script(text: str = "true") -> str:
    return f"#!/bin/bash\n{text}\n"


def task(root: Path, name: str = "01-a-task", id_: str = "concepts/01-a-lesson", **scripts: str | None) -> Path:
    """A task's folder with its scripts, those given and harmless ones (None: not there); returned."""
    folder = root / "labs" / id_ / "tasks" / name
    folder.mkdir(parents=True, exist_ok=True)
    for kind, text in ({"check": script(), "solve": script(), "hint": script()} | scripts).items():
        if text is not None:
            file = folder / f"{kind}.sh"
            file.write_text(text)
            file.chmod(0o755)
    return folder


def render(text: str, page: str = "concepts/01-a-lesson", labs: Path | None = None) -> str:
    fences = [
        {"name": name, "class": "lab", "format": live_fence, "validator": is_live} for name in ("bash", "console")
    ]
    fences.append({"name": "mermaid", "class": "mermaid", "format": fence_div_format})
    md = Markdown(
        extensions=[
            "attr_list",
            "tables",
            "admonition",
            "pymdownx.superfences",
            makeExtension(page=page, labs=str(labs or ROOT / "labs")),
        ],
        extension_configs={"pymdownx.superfences": {"custom_fences": fences}},
    )
    return md.convert(text)
