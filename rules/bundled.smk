"""Train the model that ships with the project: `snakemake bundled_model` (extra `train`; hours on two cores).

Inputs: a recipe in scripts/bundled/recipes/, the texts, dictionary and teacher that it names.
Outputs: results/bundled/{recipe}/model/ (config.yaml, model.safetensors, tokenizer.model, voice.wav, space.npz) with curves.png and
evaluation.json beside it. Long stages keep checkpoints in folders that Snakemake does not know of, and so does not delete:
stopped at any moment, the next run carries on; what Snakemake knows is the summary that a stage writes at its end.
"""


wildcard_constraints:
    recipe="|".join(recipes.names()),


TRAINING = "results/bundled/{recipe}"
# A model to begin with is no input: a training that is over is not taken up again because its result was copied there.
START = of_recipe(lambda r: f"--begin-with {r.start}" if r.start else "")
# One thread each: the matrices are small, and Snakemake runs encoder and language model side by side.
STAGE = "OMP_NUM_THREADS=1 PYTHONPATH=scripts:${{PYTHONPATH:-}} python -m bundled"
TOGETHER = STAGE.replace(
    "python -m",
    "python -m torch.distributed.run --standalone --nproc-per-node {threads} -m",
)


rule bundled_model:
    input:
        "results/bundled/small/evaluation.json",
        "results/bundled/small/curves.png",


rule bundled_corpus:
    input:
        pronunciations=of_recipe(lambda r: recipes.located(r.corpus.pronunciations)),
        common=of_recipe(
            lambda r: recipes.located(r.corpus.common) if r.corpus.common else []
        ),
    output:
        sentences=f"{TRAINING}/sentences.txt",
        tokenizer=f"{TRAINING}/tokenizer.model",
    log:
        f"{TRAINING}/logs/corpus.log",
    conda:
        "../envs/pockettts.yaml"
    params:
        texts=of_recipe(lambda r: r.corpus.texts),
        vocabulary=of_recipe(lambda r: r.corpus.vocabulary),
        seed=of_recipe(lambda r: r.seed),
        start=START,
    shell:
        f"{STAGE}.corpus --texts {{params.texts:q}} --pronunciations {{input.pronunciations:q}} --common {{input.common:q}}"
        " --vocabulary {params.vocabulary} --seed {params.seed} {params.start} --out {output.sentences:q} --tokenizer {output.tokenizer:q}"
        " 2>&1 | tee {log:q}"


rule bundled_speech:
    input:
        sentences=f"{TRAINING}/sentences.txt",
        tokenizer=f"{TRAINING}/tokenizer.model",
    output:
        f"{TRAINING}/speech.json",
    log:
        f"{TRAINING}/logs/speech.log",
    conda:
        "../envs/pockettts.yaml"
    params:
        folder=training_folder("speech"),
        voice=of_recipe(lambda r: recipes.located(r.speech.voice)),
        sentences=of_recipe(lambda r: r.speech.sentences),
        length_scale=of_recipe(lambda r: r.speech.length_scale),
    shell:
        f"{STAGE}.speech --sentences {{input.sentences:q}} --tokenizer {{input.tokenizer:q}} --voice {{params.voice:q}}"
        " --count {params.sentences} --length-scale {params.length_scale} --out {params.folder:q} --summary {output:q}"
        " 2>&1 | tee {log:q}"


rule bundled_analysis:
    input:
        f"{TRAINING}/speech.json",
    output:
        f"{TRAINING}/analysis.json",
    log:
        f"{TRAINING}/logs/analysis.log",
    conda:
        "../envs/pockettts.yaml"
    params:
        folder=training_folder("speech"),
        held_out=of_recipe(lambda r: r.held_out),
    shell:
        f"{STAGE}.analysis --speech {{params.folder:q}} --held-out {{params.held_out}} --summary {{output:q}} 2>&1 | tee {{log:q}}"


rule bundled_latents:
    input:
        f"{TRAINING}/analysis.json",
    output:
        space=f"{TRAINING}/space.npz",
        latents=f"{TRAINING}/latents/latents.f16",
        index=f"{TRAINING}/latents/latents.jsonl",
    log:
        f"{TRAINING}/logs/latents.log",
    conda:
        "../envs/pockettts.yaml"
    params:
        speech=training_folder("speech"),
        folder=training_folder("latents"),
        held_out=of_recipe(lambda r: r.held_out),
    shell:
        f"({STAGE}.latents fit --speech {{params.speech:q}} --held-out {{params.held_out}} --out {{output.space:q}} &&"
        f" {STAGE}.latents encode --speech {{params.speech:q}} --space {{output.space:q}}"
        " --out {params.folder:q}) 2>&1 | tee {log:q}"


rule bundled_encoder:
    input:
        space=f"{TRAINING}/space.npz",
        tokenizer=f"{TRAINING}/tokenizer.model",
        latents=f"{TRAINING}/latents/latents.f16",
    output:
        f"{TRAINING}/encoder.json",
    log:
        f"{TRAINING}/logs/encoder.log",
    conda:
        "../envs/pockettts.yaml"
    params:
        data=training_folder("latents"),
        folder=training_folder("checkpoints"),
        common=of_recipe(
            lambda r: f"--sizes {r.sizes} --held-out {r.held_out} --seed {r.seed}"
        ),
        start=START,
        training=of_recipe(
            lambda r: " ".join(
                f"--{key.replace('_', '-')} {value}" for key, value in r.encoder
            )
        ),
    shell:
        f"{STAGE}.encoder --data {{params.data:q}} --space {{input.space:q}} --tokenizer {{input.tokenizer:q}} {{params.common}}"
        " {params.training} {params.start} --out {params.folder:q} --summary {output:q} 2>&1 | tee {log:q}"


rule bundled_lm:
    input:
        space=f"{TRAINING}/space.npz",
        tokenizer=f"{TRAINING}/tokenizer.model",
        latents=f"{TRAINING}/latents/latents.f16",
    output:
        f"{TRAINING}/lm.json",
    log:
        f"{TRAINING}/logs/lm.log",
    conda:
        "../envs/pockettts.yaml"
    threads: of_recipe(lambda r: r.processes)
    params:
        data=training_folder("latents"),
        folder=training_folder("checkpoints"),
        common=of_recipe(
            lambda r: f"--sizes {r.sizes} --held-out {r.held_out} --seed {r.seed}"
        ),
        start=START,
        training=of_recipe(
            lambda r: " ".join(
                f"--{key.replace('_', '-')} {value}" for key, value in r.lm
            )
        ),
    shell:
        f"{TOGETHER}.lm --data {{params.data:q}} --space {{input.space:q}} --tokenizer {{input.tokenizer:q}} {{params.common}}"
        " {params.training} {params.start} --out {params.folder:q} --summary {output:q} 2>&1 | tee {log:q}"


rule bundled_export:
    input:
        space=f"{TRAINING}/space.npz",
        tokenizer=f"{TRAINING}/tokenizer.model",
        latents=f"{TRAINING}/latents/latents.f16",
        encoder=f"{TRAINING}/encoder.json",
        lm=f"{TRAINING}/lm.json",
    output:
        config=f"{TRAINING}/model/config.yaml",
        weights=f"{TRAINING}/model/model.safetensors",
        tokenizer=f"{TRAINING}/model/tokenizer.model",
        voice=f"{TRAINING}/model/voice.wav",
        space=f"{TRAINING}/model/space.npz",
    log:
        f"{TRAINING}/logs/export.log",
    conda:
        "../envs/pockettts.yaml"
    params:
        data=training_folder("latents"),
        checkpoints=training_folder("checkpoints"),
        folder=training_folder("model"),
        common=of_recipe(lambda r: f"--sizes {r.sizes} --prompt {r.prompt}"),
    shell:
        f"{STAGE}.export --checkpoints {{params.checkpoints:q}} --space {{input.space:q}} --tokenizer {{input.tokenizer:q}}"
        " --data {params.data:q} {params.common} --out {params.folder:q} 2>&1 | tee {log:q}"


rule bundled_evaluation:
    input:
        f"{TRAINING}/model/config.yaml",
        f"{TRAINING}/model/model.safetensors",
        f"{TRAINING}/model/tokenizer.model",
        f"{TRAINING}/model/voice.wav",
        sentences=f"{TRAINING}/sentences.txt",
    output:
        f"{TRAINING}/evaluation.json",
    log:
        f"{TRAINING}/logs/evaluation.log",
    conda:
        "../envs/pockettts.yaml"
    threads: of_recipe(lambda r: r.processes)
    params:
        model=training_folder("model"),
        voice=of_recipe(lambda r: recipes.located(r.speech.voice)),
        length_scale=of_recipe(lambda r: r.speech.length_scale),
        read=of_recipe(lambda r: r.speech.sentences),
        sentences=of_recipe(lambda r: r.evaluation.sentences),
        takes=of_recipe(lambda r: " ".join(r.evaluation.takes)),
    shell:
        f"{STAGE}.evaluate --model {{params.model:q}} --out {{output:q}} listen --sentences {{input.sentences:q}}"
        " --read {params.read} --count {params.sentences} --voice {params.voice:q} --length-scale {params.length_scale}"
        " --takes {params.takes} --processes {threads} 2>&1 | tee {log:q}"


rule bundled_curves:
    input:
        f"{TRAINING}/encoder.json",
        f"{TRAINING}/lm.json",
    output:
        f"{TRAINING}/curves.png",
    log:
        f"{TRAINING}/logs/curves.log",
    conda:
        "../envs/pockettts.yaml"
    params:
        folder=training_folder("checkpoints"),
    shell:
        f"{STAGE}.curves {{params.folder:q}} --out {{output:q}} 2>&1 | tee {{log:q}}"
