"""Names that people choose: what is refused, and which are one."""

from __future__ import annotations

import pytest

from lab_server.store import names


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Ann", "Ann"),
        ("  Ann\u00a0  Lee ", "Ann Lee"),
        ("Zoe\u0308", "Zoë"),  # NFC
        ("李小龍", "李小龍"),
        ("محمد", "محمد"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # Persian needs the joiner's opposite
        ("👩\u200d🔬", "👩\u200d🔬"),
        ("O’Brien-Smith (2)", "O’Brien-Smith (2)"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),  # text is text: the page shows it as such
        ("x" * 40, "x" * 40),
    ],
)
def test_what_a_name_may_be(typed: str, kept: str) -> None:
    assert names.normal(typed) == kept and names.normal(kept) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "...",
        "Ann\u202eeel",  # turns the rest around
        "Ann\u2066x\u2069",
        "A\u200bnn",
        "\ufeffAnn",
        "Ann\n",
        "A\tB",
        "A\0B",
        "A\u2028B",
        "\u200d",
        "Ann\u200d",
        "A\u200d\u200dB",
        "\ud800",
        "\ue000",
        "\U000e0041nn",  # tags: a hidden text
        "A" + "\u0301" * 12,
        "x" * 41,
        "x" * 100_000,
        "\u0301",
    ],
)
def test_what_a_name_may_not_be(typed: str) -> None:
    with pytest.raises(ValueError, match=r"^A name has"):
        names.normal(typed)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann", "ANN"),
        ("Ann", "Ａｎｎ"),
        ("Zoe\u0308", "zoë"),
        ("ﬁsh", "Fish"),
        ("STRASSE", "straße"),
        ("a\u200db", "ab"),
    ],
)
def test_names_that_read_alike_are_one(one: str, other: str) -> None:
    assert names.key(one) == names.key(other)


def test_names_that_differ_are_two() -> None:
    assert len({names.key(name) for name in ("Ann", "Anna", "Zoe", "Zoë", "Ann 2")}) == 5


@pytest.mark.parametrize("name", ["ﷺ" * 40, "ΐ" * 40])
def test_a_key_fits_its_column(name: str) -> None:
    assert len(names.key(name)) <= 128
