# NOT TRIED: no image was built from this file, and its digest was not compared with a registry. Its steps are those of
# docs/INSTALL.md, which are tested: `make env`, then the project. See compose.yaml. NOTICE: what an image contains of others.
FROM python:3.13-slim-bookworm@sha256:01f42367a0a94ad4bc17111776fd66e3500c1d87c15bbd6055b7371d39c124fb

RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /project

# What the environment is made of comes first, so that an edit of a text or a rule does not install it again.
COPY Makefile pyproject.toml setup.py requirements.lock requirements-torch.lock requirements-test.lock README.md LICENSE ./
COPY scripts scripts
# Compiled here, because the user of the container may not write beside the packages: with this variable, make env does it.
RUN PYTHONDONTWRITEBYTECODE=1 make env && rm -rf /root/.cache

COPY . .
# The user may write what a build writes, and nothing else.
RUN mkdir -p results .snakemake && chmod 777 results .snakemake
ENV PATH=/project/.venv/bin:$PATH HOME=/tmp

USER 1000
EXPOSE 8080
ENTRYPOINT ["pockettts"]
CMD ["serve", "--listen", "0.0.0.0:8080", "--engine", "torch"]
