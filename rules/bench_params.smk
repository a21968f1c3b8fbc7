"""Input functions and params of the benchmark. No rules."""

from pockettts.bench import bench_models, environment, matrix, systems

PARTS = "results/bench/parts"

measured_code = cache(environment.measured_code)
exporting_code = cache(environment.exporting_code)


@cache
@exit_on_error
def bench():
    """What is measured."""
    return matrix.resolve(project())


def bench_model(name):
    """The files of a model of the benchmark."""
    return bench_models.planned_model(name, project())


@cache
@exit_on_error
def refresh_runtime() -> None:
    """Correct the absolute paths in runtime.yaml of a project that has moved: before jobs start, on this machine."""
    if workflow.is_main_process:
        books.refresh_runtime(project().model, project())


def bench_files(name, chosen):
    """What must exist before these systems can run with a model."""
    model = bench_model(name)
    if name == project().model.id:
        refresh_runtime()
    precisions = sorted({one.precision for one in chosen if one.precision})
    bundles = [f"{model.bundles[precision]}.json" for precision in precisions]
    return [ancient(str(model.runtime)), str(model.voice), *bundles]


def bench_parts(wildcards):
    """The parts of the report, in the order of its tables."""
    return [
        *(f"{PARTS}/warm.{name}.json" for name in bench().models),
        *(f"{PARTS}/cold.{name}.json" for name in bench().models),
        *(f"{PARTS}/book.{case.name}.json" for case in bench().books()),
    ]


def random_tokenizer(wildcards):
    """Its pieces are letters: the bundled model's are phones, which third-party programs cannot make from a text."""
    return str(project().models / "random" / "tokenizer.model")


def all_cores(wildcards):
    """Nothing else may run during a measurement."""
    return workflow.cores or 1
