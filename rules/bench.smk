"""Measure the engines: warm, cold, and whole books. The target is `bench`.

Inputs: models and voices as a book has them, or models with random weights; the section bench of the settings.
Outputs: results/bench/parts/, the measurements, one file a job, so that a stopped run continues where it was;
results/bench/report.html, .md, .json and plots/, made from them. A measuring job takes all cores, so that it runs
alone. A part is measured again when engines, versions or its settings change. A bundle that cannot be exported or
verified, and a system that cannot run, is a row of the report with its reason.
"""


rule bench:
    """Make the report of the benchmark."""
    input:
        "results/bench/report.html",


rule bench_model:
    """Make a model of random weights, and a voice of noise."""
    input:
        tokenizer=random_tokenizer,
    output:
        runtime="results/bench/models/{model}/runtime.yaml",
        voice="results/bench/models/{model}/voice.safetensors",
        recording="results/bench/models/{model}/voice.wav",
    log:
        "results/bench/logs/{model}.model.log",
    benchmark:
        "results/bench/benchmarks/{model}.model.tsv"
    wildcard_constraints:
        model="random-[^/]+",
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=4000,
        runtime=10,
        disk_mb=2000,
    params:
        script=script("bench_model"),
    shell:
        "python {params.script:q} {wildcards.model:q} --tokenizer {input.tokenizer:q} --out {output.runtime:q}"
        " 2>&1 | tee {log:q}"


rule bench_bundle:
    """Export a model for ONNX Runtime and, unless its weights are random, verify the bundle; the report has the error."""
    input:
        runtime=lambda wildcards: ancient(str(bench_model(wildcards.model).runtime)),
        voice=lambda wildcards: str(bench_model(wildcards.model).voice),
    output:
        "results/bench/bundles/{model}/{precision}.json",
    log:
        "results/bench/logs/{model}.{precision}.log",
    benchmark:
        "results/bench/benchmarks/{model}.{precision}.tsv"
    wildcard_constraints:
        precision="fp32|int8",
    conda:
        "../envs/pockettts.yaml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=20,
        disk_mb=2000,
    params:
        script=script("bench_bundle"),
        code=lambda wildcards: exporting_code(),
    shell:
        "python {params.script:q} {wildcards.model:q} --runtime {input.runtime:q}"
        " --precision {wildcards.precision} --out {output:q} 2>&1 | tee {log:q}"


rule bench_warm:
    """Measure warm systems in turns."""
    input:
        lambda wildcards: bench_files(wildcards.model, bench().systems()),
    output:
        f"{PARTS}/warm.{{model}}.json",
    log:
        "results/bench/logs/warm.{model}.log",
    benchmark:
        "results/bench/benchmarks/warm.{model}.tsv"
    conda:
        "../envs/pockettts.yaml"
    threads: all_cores
    resources:
        mem_mb=6000,
        runtime=60,
        disk_mb=100,
    params:
        script=script("bench_warm"),
        settings=lambda wildcards: changed_settings("model", "voice"),
        systems=lambda wildcards: [one.name for one in bench().systems()],
        cpus=lambda wildcards: bench().threads,
        chars=lambda wildcards: bench().text_chars,
        runs=lambda wildcards: bench().runs,
        code=lambda wildcards: measured_code(),
    shell:
        "python {params.script:q} {wildcards.model:q} --systems {params.systems}"
        " --settings {params.settings:q} --threads {params.cpus} --chars {params.chars} --runs {params.runs}"
        " --out {output:q} 2>&1 | tee {log:q}"


rule bench_cold:
    """Measure starts of the engines, one process after another."""
    input:
        lambda wildcards: bench_files(wildcards.model, bench().cold_systems()),
    output:
        f"{PARTS}/cold.{{model}}.json",
    log:
        "results/bench/logs/cold.{model}.log",
    benchmark:
        "results/bench/benchmarks/cold.{model}.tsv"
    conda:
        "../envs/pockettts.yaml"
    threads: all_cores
    resources:
        mem_mb=2000,
        runtime=30,
        disk_mb=100,
    params:
        script=script("bench_cold"),
        settings=lambda wildcards: changed_settings("model", "voice"),
        systems=lambda wildcards: [one.name for one in bench().cold_systems()],
        chars=lambda wildcards: bench().text_chars[0],
        runs=lambda wildcards: bench().cold_runs,
        code=lambda wildcards: measured_code(),
    shell:
        "python {params.script:q} {wildcards.model:q} --systems {params.systems}"
        " --settings {params.settings:q} --chars {params.chars} --runs {params.runs} --out {output:q} 2>&1"
        " | tee {log:q}"


rule bench_book:
    """Build a whole book and measure that."""
    input:
        lambda wildcards: bench_files(
            project().model.id, systems.systems_named([wildcards.engine])
        ),
    output:
        f"{PARTS}/book.{{engine}}.{{chunks}}.j{{jobs}}.json",
    log:
        "results/bench/logs/book.{engine}.{chunks}.j{jobs}.log",
    benchmark:
        "results/bench/benchmarks/book.{engine}.{chunks}.j{jobs}.tsv"
    wildcard_constraints:
        engine="[a-z0-9-]+",
        chunks="[0-9]+",
        jobs="[0-9]+",
    conda:
        "../envs/pockettts.yaml"
    threads: all_cores
    resources:
        mem_mb=2000,
        runtime=60,
        disk_mb=2000,
    params:
        script=script("bench_book"),
        settings=lambda wildcards: changed_settings("model", "voice"),
        work=lambda wildcards: f"results/bench/work/{wildcards.engine}",
        code=lambda wildcards: measured_code(),
    shell:
        "python {params.script:q} {wildcards.engine} --chunks {wildcards.chunks} --jobs {wildcards.jobs}"
        " --settings {params.settings:q} --work {params.work:q} --out {output:q} 2>&1 | tee {log:q}"


rule bench_report:
    """Put the parts together: tables, plots and the comparison with a baseline."""
    input:
        parts=bench_parts,
        baseline=lambda wildcards: [
            str(path) for path in [project().config.bench.baseline] if path
        ],
    output:
        html="results/bench/report.html",
        markdown="results/bench/report.md",
        json="results/bench/report.json",
        plots=expand("results/bench/plots/{plot}.svg", plot=("rtf", "books")),
    log:
        "results/bench/logs/report.log",
    benchmark:
        "results/bench/benchmarks/report.tsv"
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=1000,
        runtime=5,
        disk_mb=50,
    params:
        script=script("bench_report"),
        profile=lambda wildcards: project().config.bench.profile,
        baseline=lambda wildcards, input: shlex.join(
            ["--baseline", *input.baseline] if input.baseline else []
        ),
        tolerance=lambda wildcards: project().config.bench.tolerance,
        folder=lambda wildcards, output: os.path.dirname(output.html),
    shell:
        "python {params.script:q} {input.parts:q} --profile {params.profile} {params.baseline}"
        " --tolerance {params.tolerance} --out {params.folder:q} 2>&1 | tee {log:q}"
