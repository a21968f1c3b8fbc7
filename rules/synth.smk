"""Speak the chunks. Engine cli: one job and one `pocket-tts generate` a chunk; warm engines: one job a batch.

Inputs: results/{book}/chunks.json, the locked model, the exported voice, and for engine onnx the exported model and
the report that it says what the model says.
Outputs: results/takes/{key[:2]}/{key}.wav, the store that all books share, and results/{book}/takes/{batch}.json, a
receipt of the takes of one job with their sha256. Receipts and takes are named by content, so the inputs only say
what must be there first: they are all `ancient`. (snakemake does not look at the params of a job below a job that runs,
and an `ancient` input does not pass the run on: so nothing may come to this rule as a param that its name does not hold.)
"""


rule synth:
    input:
        chunks=ancient("results/{book}/chunks.json"),
        lock=ancient(model_file("lock.json")),
        runtime=runtime,
        voice=ancient(voice_file),
        bundle=bundle,
    output:
        "results/{book}/takes/{batch}.json",
    log:
        "results/{book}/logs/synth/{batch}.log",
    conda:
        "../envs/pockettts.yaml"
    threads: engine_threads
    resources:
        mem_mb=synth_memory,
    params:
        store=str(books.STORE),
        bundle=bundle_option,
    shell:
        "python scripts/synth.py {wildcards.batch:q} --chunks {input.chunks:q} --lock {input.lock:q}"
        " --runtime {input.runtime:q} --voice {input.voice:q} {params.bundle} --store {params.store:q} --out {output:q}"
        " 2>&1 | tee {log:q}"
