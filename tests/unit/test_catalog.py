"""What the catalog of Snakemake workflows asks of a repository, held against the files."""

import re

import yaml

from support import ROOT


def test_the_catalog_finds_a_workflow() -> None:
    assert (ROOT / "Snakefile").is_file()
    assert list((ROOT / "rules").glob("*.smk"))
    readme = (ROOT / "README.md").read_text().lower()
    assert "snakemake" in readme
    assert "workflow" in readme


def test_its_usage_is_described() -> None:
    document = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())
    assert document.keys() == {"usage"}
    usage = document["usage"]
    assert usage.keys() == {"mandatory-flags", "software-stack-deployment", "report"}
    assert usage["mandatory-flags"].keys() == {"desc", "flags"}
    assert all(isinstance(text, str) and text for text in usage["mandatory-flags"].values())
    deployment = usage["software-stack-deployment"]
    assert deployment.keys() <= {"conda", "singularity", "apptainer"}
    assert any(deployment.values())
    if deployment.get("conda"):
        rules = (ROOT / "rules" / "synth.smk").read_text()
        (environment,) = set(re.findall(r'"(\.\./envs/[^"]+)"', rules))
        assert (ROOT / "rules" / environment).is_file()
    # A report is claimed, so a rule has to mark results for it.
    assert usage["report"] is any("report(" in path.read_text() for path in (ROOT / "rules").glob("*.smk"))


def test_the_configuration_is_described() -> None:
    page = (ROOT / "config" / "README.md").read_text()
    keys = yaml.safe_load((ROOT / "config.yaml").read_text()).keys()
    described = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (.*?) \|", page, re.M)))
    assert sorted(described) == sorted(keys)
    for link in re.findall(r"\]\((\.\./[^)]+)\)", page):
        assert (ROOT / "config" / link).exists(), link
