"""Make the voice that speaks: the state that `pocket-tts generate --voice` loads, for one model.

Inputs: voices/manifest.json, a recording in voices/ or a predefined voice of the hub, the locked model.
Outputs: results/voices/{model}/{voice}.safetensors and its sidecar .json (lock digest, source, tensor shapes).
"""


rule export_voice:
    """Derive a voice from a recording, or fetch a predefined one, and check that it fits the model."""
    input:
        lock="results/models/{model}/lock.json",
        weights=model_weights,
        tokenizer=model_tokenizer,
        recording=voice_recording,
        program=own_program,
    output:
        voice="results/voices/{model}/{voice}.safetensors",
        sidecar="results/voices/{model}/{voice}.json",
    log:
        "results/voices/{model}/logs/{voice}.log",
    benchmark:
        "results/voices/{model}/benchmarks/{voice}.tsv"
    conda:
        "../envs/pockettts.yaml"
    threads: engine_threads
    resources:
        mem_mb=engine_memory,
        disk_mb=100,
        runtime=20,
    params:
        script=script("export_voice"),
        pin=voice_source,
        executable=executable_option,
    shell:
        "python {params.script:q} {wildcards.voice:q} --model {wildcards.model:q} {params.executable}"
        " --lock {input.lock:q} --weights {input.weights:q} --tokenizer {input.tokenizer:q} --out {output.voice:q} 2>&1 | tee {log:q}"
