"""Join the takes, master the book, measure it and hand it over.

Inputs: the packs of takes with their receipts, results/{book}/chunks.json.
Outputs: results/{book}.wav with results/{book}.report.html and results/{book}.provenance.json beside it; on the way
results/{book}/joined.wav, timeline.json (start and end of every chunk, in samples), mastered.wav, mastering.json and
measurement.json. Recordings are `ancient`; beside each stands a small file with its sha256, by which snakemake sees a
change.
"""


rule join_takes:
    """Put the takes of a book in order, with their pauses."""
    input:
        chunks=ancient("results/{book}/chunks.json"),
        # snakemake compares inputs as a set; the digest in this file changes with the order and the pauses.
        plan="results/{book}/plan.json",
        # What a job below a job that runs lacks is only seen through inputs that are not `ancient`.
        model=model_lock,
        voice=voice_sidecar,
        batches=batch_record,
        receipts=receipts,
        packs=packs,
        repairs=repairs,
    output:
        audio="results/{book}/joined.wav",
        timeline="results/{book}/timeline.json",
    log:
        "results/{book}/logs/join_takes.log",
    benchmark:
        "results/{book}/benchmarks/join_takes.tsv"
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=1000,
        disk_mb=disk_for_recordings(3),
        runtime=minutes_for_recording,
    params:
        script=script("join_takes"),
        batches=batch_file,
        audio=audio_settings,
        division=division,
        folder=receipt_folder,
    shell:
        "python {params.script:q} --chunks {input.chunks:q} --batches {params.batches:q} --division {params.division}"
        " --receipts {params.folder:q} --settings {params.audio:q} --out {output.audio:q} --timeline {output.timeline:q} 2>&1 | tee {log:q}"


rule master_book:
    """Run the book chain over the joined takes: fades, loudness, true-peak limiter."""
    input:
        audio=ancient("results/{book}/joined.wav"),
        timeline="results/{book}/timeline.json",
    output:
        audio="results/{book}/mastered.wav",
        figures="results/{book}/mastering.json",
    log:
        "results/{book}/logs/master_book.log",
    benchmark:
        "results/{book}/benchmarks/master_book.tsv"
    conda:
        "../envs/pockettts.yaml"
    threads: 2
    resources:
        mem_mb=1000,
        disk_mb=disk_for_recordings(3),
        runtime=minutes_for_recording,
    params:
        script=script("master_book"),
        audio=audio_settings,
    shell:
        "python {params.script:q} {input.audio:q} --timeline {input.timeline:q} --settings {params.audio:q}"
        " --threads {threads} --out {output.audio:q} --figures {output.figures:q} 2>&1 | tee {log:q}"


rule measure_book:
    """Measure loudness, peaks and noise of the recording, and its outline for the report."""
    input:
        audio=ancient("results/{book}/mastered.wav"),
        mastering="results/{book}/mastering.json",
    output:
        "results/{book}/measurement.json",
    log:
        "results/{book}/logs/measure_book.log",
    benchmark:
        "results/{book}/benchmarks/measure_book.tsv"
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=1000,
        disk_mb=disk_for_recordings(1),
        runtime=minutes_for_recording,
    params:
        script=script("measure_book"),
    shell:
        "python {params.script:q} {input.audio:q} --mastering {input.mastering:q} --out {output:q} 2>&1 | tee {log:q}"


rule write_provenance:
    """Write down what the recording was made of."""
    input:
        chunks=ancient("results/{book}/chunks.json"),
        lock=model_lock,
        batches=batch_record,
        receipts=receipts,
        mastering="results/{book}/mastering.json",
    output:
        "results/{book}.provenance.json",
    log:
        "results/{book}/logs/write_provenance.log",
    benchmark:
        "results/{book}/benchmarks/write_provenance.tsv"
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=1000,
        disk_mb=100,
        runtime=10,
    params:
        script=script("write_provenance"),
        batches=batch_file,
        settings=all_settings,
        division=division,
        folder=receipt_folder,
    shell:
        "python {params.script:q} --chunks {input.chunks:q} --lock {input.lock:q}"
        " --batches {params.batches:q} --division {params.division}"
        " --receipts {params.folder:q} --mastering {input.mastering:q} --settings {params.settings:q}"
        " --out {output:q} 2>&1 | tee {log:q}"


rule write_report:
    """Write the page about the recording."""
    input:
        measurement="results/{book}/measurement.json",
        chunks=ancient("results/{book}/chunks.json"),
        timeline="results/{book}/timeline.json",
        batches=batch_record,
        receipts=receipts,
        provenance="results/{book}.provenance.json",
    output:
        report(
            "results/{book}.report.html",
            caption="report/book.rst",
            category="Books",
            labels={"book": "{book}"},
        ),
    log:
        "results/{book}/logs/write_report.log",
    benchmark:
        "results/{book}/benchmarks/write_report.tsv"
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=1000,
        disk_mb=100,
        runtime=10,
    params:
        script=script("write_report"),
        batches=batch_file,
        division=division,
        folder=receipt_folder,
    shell:
        "python {params.script:q} {input.measurement:q} --chunks {input.chunks:q} --timeline {input.timeline:q}"
        " --batches {params.batches:q} --division {params.division}"
        " --receipts {params.folder:q} --provenance {input.provenance:q} --out {output:q} 2>&1 | tee {log:q}"


rule publish:
    """Give the mastered recording its final name, now that report and provenance are there."""
    input:
        audio=ancient("results/{book}/mastered.wav"),
        mastering="results/{book}/mastering.json",
        provenance="results/{book}.provenance.json",
        report="results/{book}.report.html",
    output:
        "results/{book}.wav",
    log:
        "results/{book}/logs/publish.log",
    benchmark:
        "results/{book}/benchmarks/publish.tsv"
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=500,
        disk_mb=disk_for_recordings(2),
        runtime=minutes_for_recording,
    params:
        script=script("publish"),
    shell:
        "python {params.script:q} {input.audio:q} --mastering {input.mastering:q} --provenance {input.provenance:q}"
        " --report {input.report:q} --out {output:q} 2>&1 | tee {log:q}"
