"""What comes of a training.

Inputs: checkpoints. Outputs: model/, evaluation.json, curves.png below results/{recipe}/.
"""


rule model_files:
    """The files of the model, as upstream reads them."""
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
    params:
        data=training_folder("latents"),
        checkpoints=training_folder("checkpoints"),
        folder=training_folder("model"),
        common=of_recipe(lambda r: f"--sizes {r.sizes} --prompt {r.prompt}"),
    shell:
        f"{STAGE}.export --checkpoints {{params.checkpoints:q}} --space {{input.space:q}} --tokenizer {{input.tokenizer:q}}"
        " --data {params.data:q} {params.common} --out {params.folder:q} 2>&1 | tee {log:q}"


rule evaluation:
    """Word error rate, pace, DNSMOS and real-time factor of the model, beside its teacher."""
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


rule curves:
    """Losses over the steps."""
    input:
        f"{TRAINING}/encoder.json",
        f"{TRAINING}/lm.json",
    output:
        f"{TRAINING}/curves.png",
    log:
        f"{TRAINING}/logs/curves.log",
    params:
        folder=training_folder("checkpoints"),
    shell:
        f"{STAGE}.curves {{params.folder:q}} --out {{output:q}} 2>&1 | tee {{log:q}}"
