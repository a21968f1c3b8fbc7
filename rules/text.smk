"""Read a text, normalize it and cut it into chunks.

Inputs: inputs/{book}.txt, .md, .epub, .docx, .html or .fb2, the pronunciation dictionary, if there is one.
Outputs: results/{book}/manuscript.json (chapters and paragraphs as read), chunks.json (what is spoken, in order, each
with its content key, the pause after it and its place in the source), plan.json, a digest of that, and reading.json (what
of the text is left out, with its kind and place).
"""


rule plan_book:
    """Read, normalize and chunk a text."""
    input:
        text=text,
        dictionary=dictionary,
        pinned=pinned_files,
        metadata=metadata_of_credits,
    output:
        manuscript="results/{book}/manuscript.json",
        chunks="results/{book}/chunks.json",
        plan="results/{book}/plan.json",
        reading="results/{book}/reading.json",
    log:
        "results/{book}/logs/plan_book.log",
    benchmark:
        "results/{book}/benchmarks/plan_book.tsv"
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=1000,
        disk_mb=100,
        runtime=10,
    params:
        script=script("plan_book"),
        settings=planned_settings,
        plan=plan_digest,
        batches=batches_digest,
    shell:
        "python {params.script:q} {wildcards.book:q} --digest {params.plan:q} --settings {params.settings:q}"
        " --manuscript {output.manuscript:q} --chunks {output.chunks:q} --plan {output.plan:q} --reading {output.reading:q}"
        " 2>&1 | tee {log:q}"
