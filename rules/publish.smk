"""Publish formats other than WAV: M4B, MP3, Opus, FLAC, captions, EPUB with sound, a folder for a library.

Inputs: results/{book}/mastered.wav, manuscript.json, chunks.json, timeline.json; the text again, inputs/{book}.yaml (its
metadata) and inputs/{book}.jpg or .png (its cover), where they are.
Outputs: results/{book}/tags.json and cues.json, of which all files are made; results/{book}.m4b, .opus, .flac, .m3u8 with
results/{book}/mp3/, .srt, .vtt, .epub, .acx.json with results/{book}/acx/; results/shelf/; and
results/{book}.outputs.json, written after all that `publish.formats` names was read back. Every file is a target by itself.
results/{book}/sums/ has a record of each, with its sha256, by which the steps that read it find damage. As inputs published
files are `ancient`: their owner may write tags into them, and that makes nothing again.
The credits of a book are a small book, `{book}/credits`, which the rules of all books make.
"""


rule write_tags:
    """Decide the tags from the text, inputs/{book}.yaml and the settings, and find the cover."""
    input:
        text=text,
        dictionary=dictionary,
        metadata=metadata_files,
    output:
        tags="results/{book}/tags.json",
        cover="results/{book}/cover.image",
    log:
        "results/{book}/logs/write_tags.log",
    benchmark:
        "results/{book}/benchmarks/write_tags.tsv"
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=1000,
        disk_mb=20,
        runtime=10,
    params:
        script=script("write_tags"),
        settings=tag_settings,
        source=source_digest,
    shell:
        "python {params.script:q} {wildcards.book:q} --sha256 {params.source:q} --settings {params.settings:q}"
        " --cover {output.cover:q} --out {output.tags:q} 2>&1 | tee {log:q}"


rule write_cues:
    """Match the text as it is shown with the recording: chapters, paragraphs, chunks."""
    input:
        manuscript="results/{book}/manuscript.json",
        chunks="results/{book}/chunks.json",
        timeline="results/{book}/timeline.json",
    output:
        "results/{book}/cues.json",
    log:
        "results/{book}/logs/write_cues.log",
    benchmark:
        "results/{book}/benchmarks/write_cues.tsv"
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=1000,
        disk_mb=20,
        runtime=10,
    params:
        script=script("write_cues"),
    shell:
        "python {params.script:q} --manuscript {input.manuscript:q} --chunks {input.chunks:q}"
        " --timeline {input.timeline:q} --out {output:q} 2>&1 | tee {log:q}"


rule encode_book:
    """Encode the book as one file with chapters: M4B (AAC, cover), Opus or FLAC."""
    input:
        audio=ancient("results/{book}/mastered.wav"),
        mastering="results/{book}/mastering.json",
        cues="results/{book}/cues.json",
        tags="results/{book}/tags.json",
        cover="results/{book}/cover.image",
    output:
        file="results/{book}.{kind}",
        record="results/{book}/sums/{kind}.json",
    log:
        "results/{book}/logs/encode_book.{kind}.log",
    benchmark:
        "results/{book}/benchmarks/encode_book.{kind}.tsv"
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=500,
        disk_mb=5000,
        runtime=120,
    params:
        script=script("encode_book"),
        settings=publish_settings,
    shell:
        "python {params.script:q} {input.audio:q} --kind {wildcards.kind} --mastering {input.mastering:q}"
        " --cues {input.cues:q} --tags {input.tags:q} --cover {input.cover:q} --settings {params.settings:q}"
        " --out {output.file:q} --record {output.record:q} 2>&1 | tee {log:q}"


rule encode_chapter:
    """Encode one chapter as MP3."""
    input:
        audio=ancient("results/{book}/mastered.wav"),
        mastering="results/{book}/mastering.json",
        cues="results/{book}/cues.json",
        tags="results/{book}/tags.json",
        cover="results/{book}/cover.image",
    output:
        file="results/{book}/mp3/{part}.mp3",
        record="results/{book}/sums/mp3/{part}.json",
    log:
        "results/{book}/logs/encode_chapter.{part}.log",
    benchmark:
        "results/{book}/benchmarks/encode_chapter.{part}.tsv"
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=500,
        disk_mb=500,
        runtime=60,
    params:
        script=script("encode_chapter"),
        settings=publish_settings,
    shell:
        "python {params.script:q} {input.audio:q} --part {wildcards.part} --mastering {input.mastering:q}"
        " --cues {input.cues:q} --tags {input.tags:q} --cover {input.cover:q} --settings {params.settings:q}"
        " --out {output.file:q} --record {output.record:q} 2>&1 | tee {log:q}"


rule encode_acx:
    """Encode a file of the set for ACX: credits, a chapter or a part of one, or the sample."""
    input:
        audio=ancient(acx_source("mastered.wav")),
        mastering=acx_source("mastering.json"),
        cues=acx_source("cues.json"),
        tags="results/{book}/tags.json",
    output:
        file="results/{book}/acx/{section}.mp3",
        record="results/{book}/sums/acx/{section}.json",
    log:
        "results/{book}/logs/encode_acx.{section}.log",
    benchmark:
        "results/{book}/benchmarks/encode_acx.{section}.tsv"
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=500,
        disk_mb=500,
        runtime=60,
    params:
        script=script("encode_acx"),
    shell:
        "python {params.script:q} {input.audio:q} --section {wildcards.section} --mastering {input.mastering:q}"
        " --cues {input.cues:q} --tags {input.tags:q} --out {output.file:q} --record {output.record:q}"
        " 2>&1 | tee {log:q}"


rule measure_acx:
    """Decode every file of the set for ACX, and measure its levels and the silence at its ends."""
    input:
        files=acx_files,
        sums=acx_records,
        tags="results/{book}/tags.json",
        cover="results/{book}/cover.image",
    output:
        "results/{book}.acx.json",
    log:
        "results/{book}/logs/measure_acx.log",
    benchmark:
        "results/{book}/benchmarks/measure_acx.tsv"
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=500,
        disk_mb=10,
        runtime=60,
    params:
        script=script("measure_acx"),
        sums=folder_of_records,
    shell:
        "python {params.script:q} {input.files:q} --sums {params.sums:q} --tags {input.tags:q} --cover {input.cover:q}"
        " --out {output:q} 2>&1 | tee {log:q}"


rule write_playlist:
    """List the MP3 files of the chapters."""
    input:
        parts=ancient(chapter_files),
        cues="results/{book}/cues.json",
        tags="results/{book}/tags.json",
    output:
        file="results/{book}.m3u8",
        record="results/{book}/sums/m3u8.json",
    log:
        "results/{book}/logs/write_playlist.log",
    benchmark:
        "results/{book}/benchmarks/write_playlist.tsv"
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=200,
        disk_mb=1,
        runtime=5,
    params:
        script=script("write_playlist"),
    shell:
        "python {params.script:q} {input.parts:q} --cues {input.cues:q} --tags {input.tags:q} --out {output.file:q}"
        " --record {output.record:q} 2>&1 | tee {log:q}"


rule write_captions:
    """Write captions, as SubRip or WebVTT."""
    input:
        "results/{book}/cues.json",
    output:
        file="results/{book}.{captions}",
        record="results/{book}/sums/{captions}.json",
    log:
        "results/{book}/logs/write_captions.{captions}.log",
    benchmark:
        "results/{book}/benchmarks/write_captions.{captions}.tsv"
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=500,
        disk_mb=10,
        runtime=5,
    params:
        script=script("write_captions"),
        settings=publish_settings,
    shell:
        "python {params.script:q} {input:q} --settings {params.settings:q} --out {output.file:q} --record {output.record:q}"
        " 2>&1 | tee {log:q}"


rule write_epub:
    """Write an EPUB 3 that reads itself aloud: the pages of a source EPUB 3, or plain ones."""
    input:
        text=text_anywhere,
        parts=ancient(chapter_files),
        sums=chapter_records,
        cues="results/{book}/cues.json",
        tags="results/{book}/tags.json",
        cover="results/{book}/cover.image",
    output:
        file="results/{book}.epub",
        record="results/{book}/sums/epub.json",
    log:
        "results/{book}/logs/write_epub.log",
    benchmark:
        "results/{book}/benchmarks/write_epub.tsv"
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=1000,
        disk_mb=3000,
        runtime=30,
    params:
        script=script("write_epub"),
        sums=folder_of_records,
        settings=tag_settings,
        source=source_digest,
    shell:
        "python {params.script:q} {wildcards.book:q} {input.parts:q} --sums {params.sums:q} --sha256 {params.source:q}"
        " --cues {input.cues:q} --tags {input.tags:q} --cover {input.cover:q} --settings {params.settings:q}"
        " --out {output.file:q} --record {output.record:q} 2>&1 | tee {log:q}"


rule write_shelf:
    """Put the M4B into results/shelf/, in the folders that audiobook servers expect."""
    input:
        audio=ancient("results/{book}.m4b"),
        record="results/{book}/sums/m4b.json",
        mastering="results/{book}/mastering.json",
        cues="results/{book}/cues.json",
        tags="results/{book}/tags.json",
        cover="results/{book}/cover.image",
    output:
        "results/{book}/shelf.json",
    log:
        "results/{book}/logs/write_shelf.log",
    benchmark:
        "results/{book}/benchmarks/write_shelf.tsv"
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=500,
        disk_mb=3000,
        runtime=10,
    params:
        script=script("write_shelf"),
        settings=publish_settings,
        shelf=shelf,
        previous=shelved_before,
    shell:
        "python {params.script:q} {wildcards.book:q} {input.audio:q} --record {input.record:q} --cues {input.cues:q}"
        " --tags {input.tags:q} --cover {input.cover:q}"
        " --shelf {params.shelf:q} --previous {params.previous:q} --out {output:q} 2>&1 | tee {log:q}"


rule verify_outputs:
    """Read back every file that publish.formats names, and list them with their sha256."""
    input:
        outputs=ancient(published_files),
        sums=published_records,
        cues="results/{book}/cues.json",
        tags="results/{book}/tags.json",
        cover="results/{book}/cover.image",
        provenance="results/{book}.provenance.json",
    output:
        "results/{book}.outputs.json",
    log:
        "results/{book}/logs/verify_outputs.log",
    benchmark:
        "results/{book}/benchmarks/verify_outputs.tsv"
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=500,
        disk_mb=10,
        runtime=30,
    params:
        script=script("verify_outputs"),
        sums=folder_of_records,
        shelf=shelf,
    shell:
        "python {params.script:q} {input.outputs:q} --sums {params.sums:q} --cues {input.cues:q} --tags {input.tags:q}"
        " --cover {input.cover:q} --provenance {input.provenance:q} --shelf {params.shelf:q} --out {output:q}"
        " 2>&1 | tee {log:q}"
