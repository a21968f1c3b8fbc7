"""Speak the chunks, one job a batch. Engine cli: one `pocket-tts generate` a chunk, forked by a process with the model.

Inputs: results/{book}/chunks.json, the locked model, the exported voice, and for engine onnx the exported model and
the report that it matches PyTorch.
Outputs: results/takes/{key[:2]}/{key}.wav, the store that all books share, and results/{book}/takes/{batch}.json, a
receipt of the takes of one job with their sha256. Receipts and takes are named by content, so the inputs only state
what must be there first: they are all `ancient`. (snakemake does not look at the params of a job below a job that runs,
and an `ancient` input does not pass the run on: so this rule may have no param that its name does not hold.)
"""


rule synth:
    """Speak the chunks of a batch that are not in the store, and write the receipt."""
    input:
        chunks=ancient("results/{book}/chunks.json"),
        lock=ancient(model_lock),
        runtime=runtime,
        voice=ancient(voice_state),
        sidecar=ancient(voice_sidecar),
        bundle=bundle,
    output:
        "results/{book}/takes/{batch}.json",
    log:
        "results/{book}/logs/synth/{batch}.log",
    benchmark:
        "results/{book}/benchmarks/synth/{batch}.tsv"
    conda:
        "../envs/pockettts.yaml"
    threads: engine_threads
    resources:
        mem_mb=synth_memory,
        disk_mb=1000,
        runtime=synth_minutes,
    params:
        script=script("synth"),
        store=store,
        bundle=bundle_option,
    shell:
        "python {params.script:q} {wildcards.batch:q} --chunks {input.chunks:q} --lock {input.lock:q}"
        " --runtime {input.runtime:q} --voice {input.voice:q} {params.bundle} --store {params.store:q} --out {output:q}"
        " 2>&1 | tee {log:q}"
