"""Read a text, normalize it and cut it into chunks.

Inputs: inputs/{book}.txt or .md, the pronunciation dictionary, if there is one.
Outputs: results/{book}/manuscript.json (chapters and paragraphs as read), chunks.json (what is spoken, in order, each
with its content key, the pause after it and its place in the source), plan.json, a digest of that, and reading.json (what
of the text is left out, with its kind and place).
"""


rule plan_book:
    input:
        # Old on purpose: whether the text changed is told by its digest below, whatever its size and date.
        text=source,
    output:
        manuscript="results/{book}/manuscript.json",
        chunks="results/{book}/chunks.json",
        plan="results/{book}/plan.json",
        reading="results/{book}/reading.json",
    log:
        "results/{book}/logs/plan_book.log",
    conda:
        "../envs/pockettts.yaml"
    params:
        settings=lambda wildcards: differing(
            "model", "voice", "language", "engine", "text", "synth", "qa"
        ),
        plan=lambda wildcards: open_book(wildcards.book).plan.digest,
        recipe=lambda wildcards: short_digest(setup().recipe.as_dict()),
    shell:
        "python scripts/plan_book.py {wildcards.book:q} --settings {params.settings:q}"
        " --manuscript {output.manuscript:q} --chunks {output.chunks:q} --plan {output.plan:q} --reading {output.reading:q}"
        " 2>&1 | tee {log:q}"
