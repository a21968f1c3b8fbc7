"""Spoken books with Pocket TTS: inputs/{book}.txt, .md, .epub, .docx, .html or .fb2 becomes results/{book}.wav.

    download_model -> lock_model -> export_voice -+
    plan_book ------------------------------------+-> synth (one job a batch) -> join_takes -> master_book -> publish

Purpose, inputs and outputs of each stage stand at the head of its file in rules/.
"""

from snakemake.utils import min_version

min_version("9.27")


include: "rules/common.smk"


configfile: settings_file()


include: "rules/params.smk"
include: "rules/model.smk"
include: "rules/voices.smk"
include: "rules/text.smk"
include: "rules/onnx.smk"
include: "rules/synth.smk"
include: "rules/audio.smk"
include: "rules/publish.smk"
include: "rules/bench_params.smk"
include: "rules/bench.smk"


onstart:
    print("\n".join(forecasts()), file=sys.stderr)


# A download needs the user's token and network; documents and models of the project are here, and so is the shelf.
localrules:
    all,
    download_model,
    lock_model,
    plan_book,
    write_tags,
    write_shelf,
    verify_outputs,


# What takes seconds is not worth a job of a cluster.
localrules:
    write_provenance,
    write_report,
    write_cues,
    write_captions,


# Unless large files would have to come from a storage.
if workflow.storage_settings.default_storage_provider is None:

    localrules:
        publish,
        write_playlist,


rule all:
    default_target: True
    input:
        recording,
        outputs,
