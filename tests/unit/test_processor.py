"""What the system says about its processor, on x86 and ARM, and where it says nothing."""

from pathlib import Path

import pytest

from pockettts.processor import CpuFacts, read_cpu_facts

ZEN3 = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 1
model name\t: AMD EPYC
flags\t\t: fpu sse2 avx avx2 sha_ni

processor\t: 1
model name\t: Another
"""
CASCADE_LAKE = """vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel(R) Xeon(R) Processor @ 2.50GHz
flags\t\t: avx2 avx512f avx512_vnni
"""
SAPPHIRE_RAPIDS = "vendor_id\t: GenuineIntel\nmodel name\t: Xeon\nflags\t\t: avx2 avx_vnni amx_tile amx_int8\n"
NEOVERSE = """processor\t: 0
Features\t: fp asimd asimddp i8mm
CPU implementer\t: 0x41
CPU architecture: 8
CPU part\t: 0xd40
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ZEN3, CpuFacts("AMD EPYC", "AuthenticAMD", "25", "1", ("avx2",))),
        (
            CASCADE_LAKE,
            CpuFacts(
                "Intel(R) Xeon(R) Processor @ 2.50GHz", "GenuineIntel", "6", "85", ("avx2", "avx512f", "avx512_vnni")
            ),
        ),
        (SAPPHIRE_RAPIDS, CpuFacts("Xeon", "GenuineIntel", "", "", ("avx2", "avx_vnni", "amx_int8"))),
    ],
)
def test_what_decides_figures_is_read(tmp_path: Path, text: str, expected: CpuFacts) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(text)
    assert read_cpu_facts(path) == expected


def test_arm_has_its_own_words(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(NEOVERSE)
    facts = read_cpu_facts(path)
    assert (facts.vendor, facts.family, facts.model, facts.flags) == ("0x41", "8", "0xd40", ("asimddp", "i8mm"))
    assert facts.name


def test_without_a_description_there_is_a_name(tmp_path: Path) -> None:
    facts = read_cpu_facts(tmp_path / "missing")
    assert facts.name
    assert facts.label().endswith("(no details)")


def test_the_label_is_one_line() -> None:
    facts = CpuFacts("AMD EPYC", "AuthenticAMD", "25", "1", ("avx2",))
    assert facts.label() == "AMD EPYC (AuthenticAMD family 25 model 1; avx2)"
