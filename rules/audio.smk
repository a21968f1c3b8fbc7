"""Join the takes, master the book, measure it and hand it over.

Inputs: the receipts and the store of takes, results/{book}/chunks.json.
Outputs: results/{book}.wav with results/{book}.report.html and results/{book}.provenance.json beside it; on the way
results/{book}/joined.wav, timeline.json (start and end of every chunk, in samples), mastered.wav, mastering.json.
Recordings are `ancient`, each stands beside a small file that holds its sha256 and tells snakemake of a change.
"""


rule join_takes:
    input:
        chunks=ancient("results/{book}/chunks.json"),
        # snakemake compares inputs as a set; order and pauses are told by a digest in here.
        plan="results/{book}/plan.json",
        # What a job below a job that runs lacks is only seen through inputs that are not `ancient`.
        model=model_file("runtime.json"),
        voice=voice_sidecar,
        receipts=receipts,
        repairs=repairs,
    output:
        audio="results/{book}/joined.wav",
        timeline="results/{book}/timeline.json",
    log:
        "results/{book}/logs/join_takes.log",
    conda:
        "../envs/pockettts.yaml"
    params:
        audio=lambda wildcards: differing("audio"),
        store=str(books.STORE),
        folder=lambda wildcards: f"results/{wildcards.book}/takes",
    shell:
        "python scripts/join_takes.py --chunks {input.chunks:q} --receipts {params.folder:q} --store {params.store:q}"
        " --settings {params.audio:q} --out {output.audio:q} --timeline {output.timeline:q} 2>&1 | tee {log:q}"


rule master_book:
    input:
        audio=ancient("results/{book}/joined.wav"),
        timeline="results/{book}/timeline.json",
    output:
        audio="results/{book}/mastered.wav",
        figures="results/{book}/mastering.json",
    log:
        "results/{book}/logs/master_book.log",
    conda:
        "../envs/pockettts.yaml"
    params:
        audio=lambda wildcards: differing("audio"),
    shell:
        "python scripts/master_book.py {input.audio:q} --settings {params.audio:q} --out {output.audio:q}"
        " --figures {output.figures:q} 2>&1 | tee {log:q}"


rule write_provenance:
    input:
        chunks=ancient("results/{book}/chunks.json"),
        lock=model_file("lock.json"),
        receipts=receipts,
        mastering="results/{book}/mastering.json",
    output:
        "results/{book}.provenance.json",
    log:
        "results/{book}/logs/write_provenance.log",
    conda:
        "../envs/pockettts.yaml"
    params:
        settings=lambda wildcards: differing(),
        folder=lambda wildcards: f"results/{wildcards.book}/takes",
    shell:
        "python scripts/write_provenance.py --chunks {input.chunks:q} --lock {input.lock:q}"
        " --receipts {params.folder:q} --mastering {input.mastering:q} --settings {params.settings:q}"
        " --out {output:q} 2>&1 | tee {log:q}"


rule write_report:
    input:
        audio=ancient("results/{book}/mastered.wav"),
        chunks=ancient("results/{book}/chunks.json"),
        timeline="results/{book}/timeline.json",
        receipts=receipts,
        provenance="results/{book}.provenance.json",
    output:
        "results/{book}.report.html",
    log:
        "results/{book}/logs/write_report.log",
    conda:
        "../envs/pockettts.yaml"
    params:
        settings=lambda wildcards: differing(),
        folder=lambda wildcards: f"results/{wildcards.book}/takes",
    shell:
        "python scripts/write_report.py {input.audio:q} --chunks {input.chunks:q} --timeline {input.timeline:q}"
        " --receipts {params.folder:q} --provenance {input.provenance:q} --settings {params.settings:q}"
        " --out {output:q} 2>&1 | tee {log:q}"


rule publish:
    input:
        audio=ancient("results/{book}/mastered.wav"),
        mastering="results/{book}/mastering.json",
        provenance="results/{book}.provenance.json",
        report="results/{book}.report.html",
    output:
        "results/{book}.wav",
    log:
        "results/{book}/logs/publish.log",
    conda:
        "../envs/pockettts.yaml"
    shell:
        "python scripts/publish.py {input.audio:q} --provenance {input.provenance:q} --report {input.report:q}"
        " --out {output:q} 2>&1 | tee {log:q}"
