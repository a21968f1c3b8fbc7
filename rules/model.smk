"""Fetch a model and verify its bytes.

Inputs: models/manifest.json (what to fetch), models/lock.json (sha256 of known files), HF_TOKEN, HF_ENDPOINT.
Outputs: results/models/{model}/ with the files of a model of the hub, download.json (where they come from) and lock.json
(sha256 and size of every file). A model in the project has nothing to fetch; for machines that do not share the disk its
files are copied. Jobs hold the files against the lock and write the configuration for `pocket-tts --config` for themselves;
runtime.yaml, with the absolute paths of this machine, is for benchmarks and users.
"""

MODEL = "results/models/{model}"


rule download_model:
    """Fetch the files of a model of the hub that are not there yet, or copy those of the project for other machines."""
    input:
        own_model,
    output:
        record=f"{MODEL}/download.json",
        weights=f"{MODEL}/{FILE_NAMES['weights']}",
        tokenizer=f"{MODEL}/{FILE_NAMES['tokenizer']}",
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
        "python {params.script:q} {wildcards.model:q} {params.allow_ungated} --out {output.record:q} 2>&1 | tee {log:q}"


rule lock_model:
    """Compare every file with its expected sha256, and write the lock."""
    input:
        record=download_record,
        weights=model_weights,
        tokenizer=model_tokenizer,
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
        config=config_digest,
    shell:
        "python {params.script:q} {wildcards.model:q} --weights {input.weights:q} --tokenizer {input.tokenizer:q}"
        " --out {output:q} 2>&1 | tee {log:q}"


rule write_runtime:
    """Write the configuration that pocket-tts reads without a network, on this machine."""
    input:
        lock=f"{MODEL}/lock.json",
        record=download_record,
        weights=model_weights,
        tokenizer=model_tokenizer,
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
