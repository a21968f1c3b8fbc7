"""The two trainings. They share inputs, and nothing else, so they run side by side.

Inputs: space.npz, tokenizer.model, latents/. Outputs: encoder.json, lm.json, with checkpoints in checkpoints/.
"""


rule encoder:
    """Learn to encode a voice prompt."""
    input:
        space=f"{TRAINING}/space.npz",
        tokenizer=f"{TRAINING}/tokenizer.model",
        latents=f"{TRAINING}/latents/latents.f16",
    output:
        f"{TRAINING}/encoder.json",
    log:
        f"{TRAINING}/logs/encoder.log",
    params:
        data=training_folder("latents"),
        folder=training_folder("checkpoints"),
        common=COMMON,
        start=START,
        training=of_recipe(lambda r: flags(r.encoder)),
    shell:
        f"{STAGE}.encoder --data {{params.data:q}} --space {{input.space:q}} --tokenizer {{input.tokenizer:q}} {{params.common}}"
        " {params.training} {params.start} --out {params.folder:q} --summary {output:q} 2>&1 | tee {log:q}"


rule lm:
    """Learn to continue the latents of a text."""
    input:
        space=f"{TRAINING}/space.npz",
        tokenizer=f"{TRAINING}/tokenizer.model",
        latents=f"{TRAINING}/latents/latents.f16",
    output:
        f"{TRAINING}/lm.json",
    log:
        f"{TRAINING}/logs/lm.log",
    threads: of_recipe(lambda r: r.processes)
    params:
        data=training_folder("latents"),
        folder=training_folder("checkpoints"),
        common=COMMON,
        start=START,
        training=of_recipe(lambda r: flags(r.lm)),
    shell:
        f"{TOGETHER}.lm --data {{params.data:q}} --space {{input.space:q}} --tokenizer {{input.tokenizer:q}} {{params.common}}"
        " {params.training} {params.start} --out {params.folder:q} --summary {output:q} 2>&1 | tee {log:q}"
