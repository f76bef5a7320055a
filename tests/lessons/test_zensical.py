"""The same page builds under Zensical: live blocks, quizzes and tasks need no plugin of a site generator."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys

import pytest

from tests.lessons.helpers import FACTS, ROOT

CONFIG = """\
site_name: Course
site_url: http://127.0.0.1:8000/
theme: {name: material, font: false}
markdown_extensions:
  - attr_list
  - pymdownx.superfences:
      custom_fences:
        - name: bash
          class: lab
          format: !!python/name:lab_server.lessons.markdown.live_fence
          validator: !!python/name:lab_server.lessons.markdown.is_live
        - name: console
          class: lab
          format: !!python/name:lab_server.lessons.markdown.live_fence
          validator: !!python/name:lab_server.lessons.markdown.is_live
  - lab_server.lessons.markdown
"""
PAGE = f"""\
# A Lesson

{FACTS}

```bash {{.lab #one session=host caption="One"}}
# Who am I
id
# uid=[...]
```

```bash
plain
```

<!-- task: 01-a-task -->
> Go [home](../index.md), *then*
>
> - stay.

1. Which?
   - [ ] Alpha
   - [x] Beta
     > A secret reason.
"""


@pytest.mark.skipif(importlib.util.find_spec("zensical") is None, reason="zensical is not installed")
def test_a_page_with_a_block_a_task_and_a_quiz(tmp_path):
    (tmp_path / "mkdocs.yml").write_text(CONFIG)
    (tmp_path / "docs/concepts").mkdir(parents=True)
    (tmp_path / "docs/index.md").write_text("# Home\n")
    (tmp_path / "docs/concepts/01-a-lesson.md").write_text(PAGE)
    (tmp_path / "labs/concepts/01-a-lesson").mkdir(parents=True)
    (tmp_path / "labs/concepts/01-a-lesson/lab.yml").write_text("tasks: {01-a-task: {title: A task}}\n")
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "-f", "mkdocs.yml"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    html = (tmp_path / "site/concepts/01-a-lesson/index.html").read_text()
    assert re.search(r'<section class="?lab-block"? id="?lab-one"?[^>]*data-lesson="?concepts/01-a-lesson"?', html)
    assert html.count("lab-block") == 1 and "uid=[...]" in html and "plain" in html
    assert re.search(r'<form class="?lab-quiz"? data-quiz="?concepts/01-a-lesson/quiz-1"?', html)
    assert html.count("<fieldset") == 1 and html.count("<label><input") == 2
    task = re.search(r'<section class="?lab-task"? id="?task-01-a-task"?.*?</section>', html, re.S)
    assert (
        task and "<em>then</em>" in task[0] and re.search(r"<li>\s*(<p>)?stay", task[0]) and "blockquote" not in task[0]
    )
    assert 'href="../../"' in task[0] and "<!-- task" not in html
    for file in (tmp_path / "site").rglob("*"):
        if file.suffix in (".html", ".json"):
            assert "secret reason" not in file.read_text() and "[x]" not in file.read_text(), file
