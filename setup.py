"""What pyproject.toml cannot say: the workflow is package data, taken from its places at the top of the repository."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages("scripts", include=["pockettts*"]), "pockettts.workflow"],
    package_dir={"": "scripts", "pockettts.workflow": "."},
    include_package_data=False,
    package_data={
        "pockettts": ["py.typed", "**/*.html", "bench/report.md", "**/*.css"],
        "pockettts.workflow": [
            "Snakefile",
            "config.yaml",
            "envs/*.yaml",
            "inputs/book.txt",
            "models/*.json",
            "models/bundled/*",
            "models/random/*",
            "presets/*.yaml",
            "profiles/*/*.yaml",
            "rules/*.smk",
            "rules/report/*.rst",
            "scripts/*.py",
            "voices/*",
        ],
    },
)
