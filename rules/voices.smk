"""Make the voice that speaks: the state that `pocket-tts generate --voice` loads, for one model.

Inputs: voices/manifest.json, a recording in voices/ or a predefined voice of the hub, the locked model.
Outputs: results/voices/{model}/{voice}.safetensors and its sidecar .json (lock digest, source, tensor shapes).
"""


rule export_voice:
    input:
        lock="results/models/{model}/lock.json",
        runtime=runtime,
    output:
        voice="results/voices/{model}/{voice}.safetensors",
        sidecar="results/voices/{model}/{voice}.json",
    log:
        "results/voices/{model}/logs/{voice}.log",
    conda:
        "../envs/pockettts.yaml"
    threads: engine_threads
    resources:
        mem_mb=engine_memory,
    params:
        pin=voice_source,
        executable=executable_option,
    shell:
        "python scripts/export_voice.py {wildcards.voice:q} --model {wildcards.model:q} {params.executable}"
        " --lock {input.lock:q} --runtime {input.runtime:q} --out {output.voice:q} 2>&1 | tee {log:q}"
