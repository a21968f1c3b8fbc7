"""What a model learns from.

Inputs: texts, a pronouncing dictionary, a list of common words, a teacher.
Outputs: sentences.txt, tokenizer.model, speech/, space.npz, latents/ below results/{recipe}/.
"""


rule corpus:
    """Sentences of the texts in a fixed order, and a tokenizer that spells them as phones."""
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
    params:
        texts=of_recipe(lambda r: r.corpus.texts),
        vocabulary=of_recipe(lambda r: r.corpus.vocabulary),
        seed=of_recipe(lambda r: r.seed),
        start=START,
    shell:
        f"{STAGE}.corpus --texts {{params.texts:q}} --pronunciations {{input.pronunciations:q}} --common {{input.common:q}}"
        " --vocabulary {params.vocabulary} --seed {params.seed} {params.start} --out {output.sentences:q} --tokenizer {output.tokenizer:q}"
        " 2>&1 | tee {log:q}"


rule speech:
    """The teacher reads the sentences: sound, and the length of every phone."""
    input:
        sentences=f"{TRAINING}/sentences.txt",
        tokenizer=f"{TRAINING}/tokenizer.model",
    output:
        f"{TRAINING}/speech.json",
    log:
        f"{TRAINING}/logs/speech.log",
    params:
        folder=training_folder("speech"),
        voice=of_recipe(lambda r: recipes.located(r.speech.voice)),
        sentences=of_recipe(lambda r: r.speech.sentences),
        length_scale=of_recipe(lambda r: r.speech.length_scale),
    shell:
        f"{STAGE}.speech --sentences {{input.sentences:q}} --tokenizer {{input.tokenizer:q}} --voice {{params.voice:q}}"
        " --count {params.sentences} --length-scale {params.length_scale} --out {params.folder:q} --summary {output:q}"
        " 2>&1 | tee {log:q}"


rule analysis:
    """What the vocoder needs to know of each frame."""
    input:
        f"{TRAINING}/speech.json",
    output:
        f"{TRAINING}/analysis.json",
    log:
        f"{TRAINING}/logs/analysis.log",
    params:
        folder=training_folder("speech"),
        held_out=of_recipe(lambda r: r.held_out),
    shell:
        f"{STAGE}.analysis --speech {{params.folder:q}} --held-out {{params.held_out}} --summary {{output:q}} 2>&1 | tee {{log:q}}"


rule latents:
    """The space of the latents, and the speech in it."""
    input:
        f"{TRAINING}/analysis.json",
    output:
        space=f"{TRAINING}/space.npz",
        latents=f"{TRAINING}/latents/latents.f16",
        index=f"{TRAINING}/latents/latents.jsonl",
    log:
        f"{TRAINING}/logs/latents.log",
    params:
        speech=training_folder("speech"),
        folder=training_folder("latents"),
        held_out=of_recipe(lambda r: r.held_out),
    shell:
        f"({STAGE}.latents fit --speech {{params.speech:q}} --held-out {{params.held_out}} --out {{output.space:q}} &&"
        f" {STAGE}.latents encode --speech {{params.speech:q}} --space {{output.space:q}}"
        " --out {params.folder:q}) 2>&1 | tee {log:q}"
