"""Export a model for ONNX Runtime, and compare what was exported with PyTorch.

Inputs: the locked model and its runtime.yaml; a recording, for a voice to compare.
Outputs: results/onnx/{model}/{precision}/, a bundle that ONNX clients load (manifest.json is written last and has the
sha256 of all other files), and results/onnx/{model}/{precision}.verify.json with its table in .verify.txt. A report of
a failure stops the build; its table is in the log.
"""


rule export_onnx:
    input:
        lock="results/models/{model}/lock.json",
        runtime=ancient("results/models/{model}/runtime.yaml"),
    output:
        "results/onnx/{model}/{precision}/manifest.json",
    log:
        "results/onnx/{model}/logs/{precision}.export.log",
    wildcard_constraints:
        precision="fp32|int8",
    # It uses two processors, and the voice can be made beside the check behind it, which uses one.
    priority: 1
    conda:
        "../envs/pockettts.yaml"
    threads: 2
    shell:
        "python scripts/export_onnx.py {wildcards.model:q} --precision {wildcards.precision}"
        " --runtime {input.runtime:q} --out {output:q} 2>&1 | tee {log:q}"


rule verify_onnx:
    input:
        bundle="results/onnx/{model}/{precision}/manifest.json",
        runtime=ancient("results/models/{model}/runtime.yaml"),
        recording="voices/bundled.wav",
    output:
        report="results/onnx/{model}/{precision}.verify.json",
        table="results/onnx/{model}/{precision}.verify.txt",
    log:
        "results/onnx/{model}/logs/{precision}.verify.log",
    wildcard_constraints:
        precision="fp32|int8",
    conda:
        "../envs/pockettts.yaml"
    params:
        folder=lambda wildcards, input: os.path.dirname(input.bundle),
    shell:
        "python scripts/verify_onnx.py {params.folder:q} --runtime {input.runtime:q} --recording {input.recording:q}"
        " --out {output.report:q} 2>&1 | tee {log:q}"
