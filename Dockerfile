# The steps of docs/INSTALL.md in an image: `make env`, then the project. See compose.yaml.
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /project

# What the environment is made of comes first, so that an edit of a text or a rule does not make it anew.
COPY Makefile pyproject.toml requirements.lock README.md LICENSE ./
COPY scripts scripts
RUN make env PYTHON=python3.11

COPY . .
# Whoever runs it may write what a build writes, and nothing else.
RUN mkdir -p results .snakemake && chmod 777 results .snakemake
ENV PATH=/project/.venv/bin:$PATH HOME=/tmp

USER 1000
EXPOSE 8080
ENTRYPOINT ["pockettts"]
CMD ["serve", "--listen", "0.0.0.0:8080", "--engine", "torch"]
