"""Measure the engines: warm, from nothing, and whole books. The target is `bench`.

Inputs: models, voices and exported models as a book has them, or models with random weights; the section bench of the
settings. Outputs: results/bench/parts/, what was measured, one file a job, so that a run that was stopped goes on where
it was; results/bench/report.html, .md, .csv, .json and plots/, made of them; results/bench/sample.wav. What is measured
takes all cores, so nothing else runs meanwhile. A part is measured again when engines, versions or its settings change.
"""


rule bench:
    input:
        "results/bench/report.html",
        "results/bench/sample.wav",


rule bench_model:
    input:
        # That of the bundled model writes phones, which programs of others cannot make of a text.
        tokenizer="tests/babble/tokenizer.model",
    output:
        runtime="results/bench/models/{subject}/runtime.yaml",
        voice="results/bench/models/{subject}/voice.safetensors",
        recording="results/bench/models/{subject}/voice.wav",
    log:
        "results/bench/logs/{subject}.model.log",
    conda:
        "../envs/pockettts.yaml"
    shell:
        "python scripts/bench_model.py {wildcards.subject:q} --tokenizer {input.tokenizer:q} --out {output.runtime:q}"
        " 2>&1 | tee {log:q}"


rule bench_bundle:
    input:
        runtime="results/bench/models/{subject}/runtime.yaml",
        voice="results/bench/models/{subject}/voice.safetensors",
    output:
        "results/bench/models/{subject}/{precision}/manifest.json",
    log:
        "results/bench/logs/{subject}.{precision}.log",
    wildcard_constraints:
        precision="fp32|int8",
    conda:
        "../envs/pockettts.yaml"
    params:
        code=lambda wildcards: bench_exporter(),
    shell:
        "python scripts/bench_bundle.py --runtime {input.runtime:q} --precision {wildcards.precision}"
        " --out {output:q} 2>&1 | tee {log:q}"


rule bench_warm:
    input:
        bench_warm_files,
    output:
        "results/bench/parts/warm.{subject}.json",
    log:
        "results/bench/logs/warm.{subject}.log",
    conda:
        "../envs/pockettts.yaml"
    threads: all_cores
    params:
        options=bench_options,
        contenders=lambda wildcards: [one.name for one in bench().contenders()],
        cpus=lambda wildcards: bench().threads,
        chars=lambda wildcards: bench().text_chars,
        runs=lambda wildcards: bench().runs,
        code=lambda wildcards: bench_code(),
    shell:
        "python scripts/bench_warm.py {wildcards.subject:q} --contenders {params.contenders} {params.options}"
        " --threads {params.cpus} --chars {params.chars} --runs {params.runs} --out {output:q} 2>&1 | tee {log:q}"


rule bench_cold:
    input:
        bench_cold_files,
    output:
        "results/bench/parts/cold.{subject}.json",
    log:
        "results/bench/logs/cold.{subject}.log",
    conda:
        "../envs/pockettts.yaml"
    threads: all_cores
    params:
        options=bench_options,
        contenders=lambda wildcards: bench().cold_engines,
        chars=lambda wildcards: bench().text_chars[0],
        runs=lambda wildcards: bench().cold_runs,
        code=lambda wildcards: bench_code(),
    shell:
        "python scripts/bench_cold.py {wildcards.subject:q} --contenders {params.contenders} {params.options}"
        " --chars {params.chars} --runs {params.runs} --out {output:q} 2>&1 | tee {log:q}"


rule bench_book:
    input:
        bench_book_files,
    output:
        "results/bench/parts/book.{engine}.{chunks}.j{jobs}.json",
    log:
        "results/bench/logs/book.{engine}.{chunks}.j{jobs}.log",
    wildcard_constraints:
        engine="[a-z0-9-]+",
        chunks="[0-9]+",
        jobs="[0-9]+",
    conda:
        "../envs/pockettts.yaml"
    threads: all_cores
    params:
        settings=lambda wildcards: differing("model", "voice"),
        work=lambda wildcards: f"results/bench/work/{wildcards.engine}",
        code=lambda wildcards: bench_code(),
    shell:
        "python scripts/bench_book.py {wildcards.engine} --chunks {wildcards.chunks} --jobs {wildcards.jobs}"
        " --settings {params.settings:q} --work {params.work:q} --out {output:q} 2>&1 | tee {log:q}"


rule bench_sample:
    input:
        bench_sample_files,
    output:
        report(
            "results/bench/sample.wav",
            caption="report/sample.rst",
            category="Benchmark",
            subcategory="Audio",
            labels={"what": "a sentence of the benchmark"},
        ),
    log:
        "results/bench/logs/sample.log",
    conda:
        "../envs/pockettts.yaml"
    params:
        options=bench_sample_options,
    shell:
        "python scripts/bench_sample.py {params.options} --out {output:q} 2>&1 | tee {log:q}"


rule bench_report:
    input:
        parts=bench_parts,
        baseline=bench_baseline,
    output:
        html="results/bench/report.html",
        texts=multiext("results/bench/report", ".md", ".csv", ".json"),
        png=expand("results/bench/plots/{plot}.png", plot=PLOTS),
        rtf=report(
            "results/bench/plots/rtf.svg",
            caption="report/rtf.rst",
            category="Benchmark",
            subcategory="Warm engines",
            labels={"what": "real-time factor"},
        ),
        latency=report(
            "results/bench/plots/latency.svg",
            caption="report/latency.rst",
            category="Benchmark",
            subcategory="Warm engines",
            labels={"what": "time to the first audio"},
        ),
        cold=report(
            "results/bench/plots/cold.svg",
            caption="report/cold.rst",
            category="Benchmark",
            subcategory="Cold starts",
            labels={"what": "where the time goes"},
        ),
        scaling=report(
            "results/bench/plots/scaling.svg",
            caption="report/scaling.rst",
            category="Benchmark",
            subcategory="Books",
            labels={"what": "jobs, length and memory"},
        ),
        shares=report(
            "results/bench/plots/shares.svg",
            caption="report/shares.rst",
            category="Benchmark",
            subcategory="Books",
            labels={"what": "where the time goes"},
        ),
    log:
        "results/bench/logs/report.log",
    conda:
        "../envs/pockettts.yaml"
    params:
        profile=lambda wildcards: setup().config.bench.profile,
        baseline=bench_baseline_option,
        tolerance=lambda wildcards: setup().config.bench.tolerance,
        folder=lambda wildcards, output: os.path.dirname(output.html),
    shell:
        "python scripts/bench_report.py {input.parts:q} --profile {params.profile} {params.baseline}"
        " --tolerance {params.tolerance} --out {params.folder:q} 2>&1 | tee {log:q}"
