# The image of the server and of the workflow; see compose.yaml. Tried by `make image-test` with podman, on a base of Debian 12 with its
# own Python 3.11. NOT TRIED: docker, and the base that is named here, whose digest was not compared with a registry. The steps are
# those of docs/INSTALL.md: `make env`, then the project. NOTICE: what an image contains of others.
ARG BASE=docker.io/library/python:3.13-slim-bookworm@sha256:01f42367a0a94ad4bc17111776fd66e3500c1d87c15bbd6055b7371d39c124fb
FROM ${BASE}

RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt

WORKDIR /project

# What the environment is made of comes first, so that an edit of a text or a rule does not install it again.
COPY Makefile pyproject.toml setup.py requirements.lock requirements-torch.lock requirements-test.lock README.md LICENSE ./
COPY scripts scripts
# Mirrors and certificates of your own, as for `make env`: --build-arg TORCH_INDEX=URL. The image's programs do not see them, but
# `docker history` shows them: no passwords.
ARG TORCH
ARG TORCH_INDEX
ARG PIP_INDEX_URL
ARG UV_INDEX_URL
ARG PIP_FIND_LINKS
ARG PIP_CERT
ARG SSL_CERT_FILE
# Compiled here, because the user of the container may not write beside the packages: with this variable, make env does it.
RUN PYTHONDONTWRITEBYTECODE=1 make env && rm -rf /root/.cache .venv/.lock

COPY . .
# The user may write what a build writes, and nothing else.
RUN mkdir -p results .snakemake && chmod 777 results .snakemake
ENV PATH=/project/.venv/bin:$PATH HOME=/tmp

USER 1000
EXPOSE 8080
ENTRYPOINT ["pockettts"]
CMD ["serve", "--listen", "0.0.0.0:8080", "--engine", "torch"]
