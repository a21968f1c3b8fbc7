"""Export a model for ONNX Runtime, and compare the export with PyTorch.

Inputs: the locked model; a recording, for the voice of the comparison.
Outputs: results/onnx/{model}/{precision}/, a bundle that ONNX clients load (its manifest.json has the sha256 of all other
files), a copy of that manifest beside it, by which snakemake sees a change, and results/onnx/{model}/{precision}.verify.json with its table in .verify.txt. A failed
check stops the build; the table is in the log.
"""

EXPORTED = "results/onnx/{model}/{precision}"


rule export_onnx:
    """Write the graphs of a model, and last the manifest with the sha256 of all files."""
    input:
        lock=model_lock,
        weights=model_weights,
        tokenizer=model_tokenizer,
    output:
        bundle=directory(EXPORTED),
        manifest=f"{EXPORTED}.manifest.json",
    log:
        "results/onnx/{model}/logs/{precision}.export.log",
    benchmark:
        "results/onnx/{model}/benchmarks/{precision}.export.tsv"
    wildcard_constraints:
        precision="fp32|int8",
    # The export uses two processors. Done first, it leaves one for the voice while the bundle is verified on the other.
    priority: 1
    conda:
        "../envs/pockettts.yaml"
    threads: 2
    resources:
        mem_mb=export_memory,
        disk_mb=2000,
        runtime=30,
    params:
        script=script("export_onnx"),
    shell:
        "python {params.script:q} --model {wildcards.model:q} --precision {wildcards.precision}"
        " --lock {input.lock:q} --weights {input.weights:q} --tokenizer {input.tokenizer:q}"
        " --out {output.bundle:q} --manifest {output.manifest:q} 2>&1 | tee {log:q}"


rule verify_onnx:
    """Compare every graph with PyTorch, frame by frame."""
    input:
        bundle=ancient(EXPORTED),
        manifest=f"{EXPORTED}.manifest.json",
        lock=ancient(model_lock),
        weights=model_weights,
        tokenizer=model_tokenizer,
        recording=comparison_recording,
    output:
        report=f"{EXPORTED}.verify.json",
        table=f"{EXPORTED}.verify.txt",
    log:
        "results/onnx/{model}/logs/{precision}.verify.log",
    benchmark:
        "results/onnx/{model}/benchmarks/{precision}.verify.tsv"
    wildcard_constraints:
        precision="fp32|int8",
    conda:
        "../envs/pockettts.yaml"
    resources:
        mem_mb=export_memory,
        disk_mb=100,
        runtime=30,
    params:
        script=script("verify_onnx"),
        recording=comparison_file,
    shell:
        "python {params.script:q} {input.bundle:q} --model {wildcards.model:q}"
        " --lock {input.lock:q} --weights {input.weights:q} --tokenizer {input.tokenizer:q}"
        " --recording {params.recording:q} --out {output.report:q} 2>&1 | tee {log:q}"
