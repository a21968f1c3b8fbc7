"""Fetch a model and verify its bytes.

Inputs: models/manifest.json (what to fetch), models/lock.json (sha256 of known files), HF_TOKEN, HF_ENDPOINT.
Outputs: results/models/{model}/ with download.json (what was fetched), lock.json (sha256 and size of every file),
runtime.yaml (the configuration for `pocket-tts --config`, with absolute paths: no network is needed after this) and
runtime.json (the lock that it was made from, by which jobs that take runtime.yaml as `ancient` see a change).
"""

MODEL = "results/models/{model}"


rule download_model:
    """Fetch the files of a model that are not there yet; a model in the project has nothing to fetch."""
    output:
        f"{MODEL}/download.json",
    log:
        f"{MODEL}/logs/download_model.log",
    benchmark:
        f"{MODEL}/benchmarks/download_model.tsv"
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=500,
        disk_mb=download_mb,
        runtime=120,
    params:
        script=script("download_model"),
        allow_ungated=allow_ungated,
    shell:
        "python {params.script:q} {wildcards.model:q} {params.allow_ungated} --out {output:q} 2>&1 | tee {log:q}"


rule lock_model:
    """Compare every file with its expected sha256, and write the lock."""
    input:
        f"{MODEL}/download.json",
    output:
        f"{MODEL}/lock.json",
    log:
        f"{MODEL}/logs/lock_model.log",
    benchmark:
        f"{MODEL}/benchmarks/lock_model.tsv"
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=500,
        disk_mb=10,
        runtime=10,
    params:
        script=script("lock_model"),
        committed=committed_lock,
    shell:
        "python {params.script:q} {wildcards.model:q} --out {output:q} 2>&1 | tee {log:q}"


rule write_runtime:
    """Write the configuration that pocket-tts reads without a network."""
    input:
        lock=f"{MODEL}/lock.json",
        download=f"{MODEL}/download.json",
    output:
        runtime=f"{MODEL}/runtime.yaml",
        sidecar=f"{MODEL}/runtime.json",
    log:
        f"{MODEL}/logs/write_runtime.log",
    benchmark:
        f"{MODEL}/benchmarks/write_runtime.tsv"
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=500,
        disk_mb=10,
        runtime=10,
    params:
        script=script("write_runtime"),
    shell:
        "python {params.script:q} {wildcards.model:q} --out {output.runtime:q} 2>&1 | tee {log:q}"
