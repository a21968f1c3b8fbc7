"""Speak the chunks, one job a batch. Engine cli: one `pocket-tts generate` a chunk, forked by a process with the model.

Inputs: results/{book}/chunks.json and batches.json, the locked model with its files, the exported voice, and for engine
onnx the exported model and the report that it matches PyTorch.
Outputs: results/{book}/takes/{batch}.wav, the takes of one job end to end, and {batch}.json, their receipt: places and
sha256. On the way each take is put into results/takes/, a store that all books share; a job speaks nothing that it finds
there, and no later step reads it. Batches are named by content, so the inputs only state what must be there first: they
are all `ancient`. (snakemake does not look at the params of a job below a job that runs, and an `ancient` input does not
pass the run on: so this rule may have no param that its name does not hold.)
"""


rule synth:
    """Speak the chunks of a batch that are not in the store, and write pack and receipt."""
    input:
        chunks=ancient("results/{book}/chunks.json"),
        batches=batch_record,
        lock=ancient(model_lock),
        weights=model_weights,
        tokenizer=model_tokenizer,
        voice=ancient(voice_state),
        sidecar=ancient(voice_sidecar),
        bundle=bundle,
        program=own_program,
        ear=ear_model,
    output:
        receipt="results/{book}/takes/{batch}.json",
        pack="results/{book}/takes/{batch}.wav",
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
        batches=batch_file,
        model=model_id,
        store=store,
        bundle=bundle_option,
    shell:
        "python {params.script:q} {wildcards.batch:q} --chunks {input.chunks:q} --batches {params.batches:q}"
        " --model {params.model:q} --lock {input.lock:q} --weights {input.weights:q} --tokenizer {input.tokenizer:q}"
        " --voice {input.voice:q} {params.bundle} --store {params.store:q} --pack {output.pack:q} --out {output.receipt:q}"
        " 2>&1 | tee {log:q}"
