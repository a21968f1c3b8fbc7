"""Fetch a model and prove its bytes.

Inputs: models/manifest.json (what to fetch), models/lock.json (sha256 of files known before), HF_TOKEN, HF_ENDPOINT.
Outputs: results/models/{model}/ with download.json (what was fetched), lock.json (sha256 and size of every file),
runtime.yaml (the configuration for `pocket-tts --config`, with absolute paths: no network is needed after this) and
runtime.json (the lock that it was made of: what tells the jobs to which runtime.yaml is `ancient` that it was made).
"""


rule download_model:
    output:
        "results/models/{model}/download.json",
    log:
        "results/models/{model}/logs/download_model.log",
    conda:
        "../envs/pockettts.yaml"
    params:
        allow_ungated=lambda wildcards: (
            "--allow-ungated" if setup().config.hub.allow_ungated else ""
        ),
    shell:
        "python scripts/download_model.py {wildcards.model:q} {params.allow_ungated} --out {output:q} 2>&1 | tee {log:q}"


rule lock_model:
    input:
        "results/models/{model}/download.json",
    output:
        "results/models/{model}/lock.json",
    log:
        "results/models/{model}/logs/lock_model.log",
    conda:
        "../envs/pockettts.yaml"
    params:
        committed=committed_lock,
    shell:
        "python scripts/lock_model.py {wildcards.model:q} --out {output:q} 2>&1 | tee {log:q}"


rule write_runtime:
    input:
        "results/models/{model}/lock.json",
    output:
        runtime="results/models/{model}/runtime.yaml",
        sidecar="results/models/{model}/runtime.json",
    log:
        "results/models/{model}/logs/write_runtime.log",
    conda:
        "../envs/pockettts.yaml"
    shell:
        "python scripts/write_runtime.py {wildcards.model:q} --out {output.runtime:q} 2>&1 | tee {log:q}"
