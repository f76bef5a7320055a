"""The table: every test of a fault is in a row, every test that a row names is there, and a file of a run is read as it is."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.faults import table
from tests.faults.rows import ROWS

TESTS = Path(__file__).parents[1]
RUN = """<testsuites><testsuite>
<testcase classname="tests.faults.test_disk" name="test_the_disk_is_full[pty]"><properties><property name="figure" value="0 bytes | free"/>
</properties></testcase>
<testcase classname="tests.faults.test_disk" name="test_the_disk_is_full[crun]"><skipped message="no crun"/></testcase>
<testcase classname="tests.faults.test_processes" name="test_web_killed_in_the_middle_of_output[crun]"><properties>
<property name="figure" value="back in 6 s"/><property name="late" value="yes"/></properties></testcase>
<testcase classname="tests.faults.test_memory" name="test_no_memory_is_left"><failure message="it died"/></testcase>
</testsuite></testsuites>"""


def there(module: Path) -> set[str]:
    name = str(module.relative_to(TESTS).with_suffix("")).replace("/", ".")
    found = ast.walk(ast.parse(module.read_text()))
    return {f"{name}.{one.name}" for one in found if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")}


def test_every_test_is_in_a_row_and_every_row_has_its_tests() -> None:
    named = [test for row in ROWS for test in row.tests]
    assert len(named) == len(set(named))
    modules = [file for file in (TESTS / "faults").glob("test_*.py") if file.name != "test_table.py"]
    assert set(named) == {test for module in [*modules, TESTS / "browser/test_network.py"] for test in there(module)}
    assert all(row.tests or row.note for row in ROWS)


def test_a_run_becomes_a_table(tmp_path: Path) -> None:
    file = tmp_path / "run.xml"
    file.write_text(RUN)
    seen: dict[str, table.Seen] = {}
    table.read(file, seen)
    lines = table.table(seen).splitlines()
    assert len(lines) == 2 + len(ROWS)
    (disk,) = [line for line in lines if "disk is full" in line]
    assert "| yes |" in disk and "0 bytes \\| free" in disk
    (web,) = [line for line in lines if "of web" in line]
    assert f"| {table.LATE} | back in 6 s" in web
    (memory,) = [line for line in lines if "out of memory" in line]
    assert f"| {table.FAILED} |" in memory
    assert any("| not run |" in line for line in lines)


def test_the_page_has_every_row() -> None:
    page = table.PAGE.read_text()
    assert all(row.fault in page for row in ROWS)
