"""Input functions, params and resources of one stage each, in the order of the stages. No rules.

What several stages share is in common.smk. Functions stand apart from rules because `snakemake --lint` asks for it.
"""

from pockettts.ear import is_used
from pockettts.models import model_config
from pockettts.voices import Recording

# --- model


@exit_on_error
def committed_lock(wildcards) -> str:
    """Return a digest of a model's entry in models/lock.json: after a change by hand its files are compared again."""
    return short_digest(project().committed(wildcards.model))


@exit_on_error
def config_digest(wildcards) -> str:
    """Return a digest of a model's configuration, which is part of its lock."""
    return short_digest(model_config(project().find_model(wildcards.model)))


def files_of_project(model: str) -> list:
    """Return weights and tokenizer of a model of the project; nothing for one of the hub.

    A machine that does not share the disk knows their sha256 from models/lock.json.
    """
    entry = project().find_model(model)
    files = sources(entry) if entry.local else {}
    if files and sources_travel() and workflow.is_main_process:
        own_file(project().model_lock)
        if files.keys() - project().committed(entry.id).keys():
            raise ConfigError(
                f"models/lock.json does not have the files of the model {entry.id}, which other machines need:"
                f" pockettts model lock {entry.id} --commit"
            )
    return [ancient(local(str(source.path))) for source in files.values()]


@exit_on_error
def own_model(wildcards) -> list:
    return files_of_project(wildcards.model)


@exit_on_error
def download_record(wildcards) -> list[str]:
    """Return what download_model wrote; nothing for a model in the project."""
    entry = project().find_model(wildcards.model)
    return [] if entry.local else [str(project().of_model(entry.id).download)]


def allow_ungated(wildcards) -> str:
    return "--allow-ungated" if project().config.hub.allow_ungated else ""


@exit_on_error
def download_mb(wildcards) -> int:
    """Return the disk space that a model's files may take, in MB."""
    return books.download_mb(project().find_model(wildcards.model))


# --- voices


@exit_on_error
def voice_source(wildcards) -> dict[str, str]:
    """Return the pin of a voice's source."""
    return books.voice_source(wildcards.voice, wildcards.model, project())


def recording_of(voice) -> list:
    source = voice.source
    return source_file(source.path) if isinstance(source, Recording) else []


@exit_on_error
def voice_recording(wildcards) -> list:
    """Return the recording that a voice is made of; nothing for a voice of the hub. Its pin is in the params."""
    return recording_of(project().find_voice(wildcards.voice))


def executable_option(wildcards) -> str:
    executable = project().synth.executable
    return shlex.join(["--executable", str(executable)]) if executable else ""


# --- text


def text(wildcards):
    """Return the text of a book. It is `ancient`: a change is seen by its digest in the params, not by its date."""
    return ancient(own_file(open_book(wildcards.book).source))


def text_anywhere(wildcards) -> list:
    """Return the text for a job that other machines can run, too."""
    return source_file(open_book(wildcards.book).source)


@exit_on_error
def files_beside(book: str) -> list:
    inputs = project().inputs
    given = project().config.publish.metadata.cover
    names = (f"{book}{suffix}" for suffix in (".yaml", ".jpg", ".jpeg", ".png"))
    files = [path for name in names if (path := inputs / name).is_file()]
    files += [project().root / given] if given else []
    return [own_file(path) for path in files]


def metadata_of_credits(wildcards) -> list:
    """Return the metadata that credits are spoken of; nothing for a book. A change is seen in the digest of the plan."""
    parent = books.parent_of_credits(wildcards.book)
    return [ancient(path) for path in files_beside(parent)] if parent else []


def dictionary(wildcards) -> list:
    """Return the pronouncing dictionary, if the settings name one. A change is seen in the digest of the plan."""
    path = project().text.dictionary
    return [ancient(own_file(path))] if path else []


@exit_on_error
def pinned_files(wildcards) -> list:
    """Return the files whose sha256 is in the keys of takes: of a model and a voice of the project itself."""
    return files_of_project(project().model.id) + recording_of(project().voice)


def planned_settings(wildcards) -> str:
    """Return the settings that decide what is spoken; words of credits follow from the metadata, too."""
    credits = books.parent_of_credits(wildcards.book) is not None
    return changed_settings(
        *["model", "voice", "language", "engine", "text", "synth", "qa"],
        *(["publish"] if credits else []),
    )


def plan_digest(wildcards) -> str:
    return open_book(wildcards.book).plan.digest


def batches_digest(wildcards) -> str:
    """Return a digest of the names of batches: a new version of the program may judge takes by other defaults.

    They are in the names, and chunks.json has them, too.
    """
    return short_digest(sorted(open_book(wildcards.book).batches))


# --- onnx


@exit_on_error
def comparison_recording(wildcards) -> list:
    return source_file(project().comparison_recording)


@exit_on_error
def comparison_file(wildcards) -> str:
    return str(project().comparison_recording)


@exit_on_error
def export_memory(wildcards) -> int:
    """Return the memory of an export or a comparison, in MB: the model in PyTorch, its graphs, and torch's exporter."""
    return 1500 + 2 * books.memory_mb(project().find_model(wildcards.model))


# --- synth


def bundle(wildcards) -> list:
    """Return the exported model of engine onnx and the report on it: nothing is spoken before it matched PyTorch.

    They are `ancient`: model pins, precision and exporter are in the keys.
    """
    if project().config.engine != "onnx":
        return []
    paths = project().bundle(), project().bundle_report()
    return [ancient(str(path)) for path in paths]


def bundle_option(wildcards, input) -> str:
    return shlex.join(["--bundle", input.bundle[0]]) if input.bundle else ""


@exit_on_error
def own_program(wildcards) -> list:
    """Return the pocket-tts that the settings name by a path. Machines that do not share the disk have it installed."""
    path = project().synth.executable
    named = path is not None and path.parent != Path() and not sources_travel()
    return [ancient(local(str(path)))] if named else []


@exit_on_error
def ear_model(wildcards) -> list:
    """Return the model that checks takes by ear, where the settings name one."""
    qa = project().qa
    if sources_travel() or qa.model is None or not is_used(qa, project().language):
        return []
    return [ancient(local(str(qa.model)))]


def store(wildcards) -> str:
    return str(project().store.root)


def synth_memory(wildcards) -> int:
    return synth_mb()


def synth_minutes(wildcards, attempt) -> int:
    """Return the time limit of a synthesis job in minutes: the largest batch at one third of real time."""
    return attempt * max(60, books.batch_minutes(project().config.synth.batch_chunks))


# --- sizes of a book


@cache
def recording_mb(name: str) -> int:
    """Return about how large a recording of a book is, in MB."""
    return books.recording_mb(open_book(name))


def disk_for_recordings(count: int):
    """Return a resource function: the temporary disk for so many recordings of a book."""

    def disk_mb(wildcards) -> int:
        return 200 + count * recording_mb(wildcards.book)

    return disk_mb


def minutes_for_recording(wildcards, attempt) -> int:
    """Return the time limit of a job that goes through a whole recording: a minute for each quarter of an hour of it."""
    return attempt * (20 + recording_mb(wildcards.book) // 43)


# --- audio


def repairs(wildcards) -> list:
    """Return the note of deleted receipts: as an input of the join, it makes snakemake request them again."""
    divided(wildcards.book)
    path = project().of_book(wildcards.book).repairs
    return [own_file(path)] if path.exists() and not sources_travel() else []


def audio_settings(wildcards) -> str:
    return changed_settings("audio")


def all_settings(wildcards) -> str:
    return changed_settings()


# --- publish


def publish_settings(wildcards) -> str:
    return changed_settings("publish")


def tag_settings(wildcards) -> str:
    """Return the settings that decide a book's metadata and how its text is read."""
    return changed_settings("model", "voice", "language", "text", "publish")


def source_digest(wildcards) -> str:
    return open_book(wildcards.book).plan.source_sha256


def metadata_files(wildcards) -> list:
    """Return the files that the user put beside the text: metadata and cover."""
    return files_beside(wildcards.book)


def chapter_files(wildcards) -> list[str]:
    """Return an MP3 for each chapter that has something to speak."""
    chapters = {chunk.chapter for chunk in open_book(wildcards.book).plan.chunks}
    folder = project().of_book(wildcards.book).folder / "mp3"
    return [str(folder / f"{number:03}.mp3") for number in range(1, len(chapters) + 1)]


def acx_source(name: str):
    """Return an input function for a file of the book, or of its credits, by the section that is encoded."""

    def source(wildcards) -> str:
        folder = project().of_book(wildcards.book).folder
        credits = wildcards.section in (OPENING, CLOSING)
        return str((folder / CREDITS if credits else folder) / name)

    return source


def acx_files(wildcards) -> list[str]:
    """Return all files of the set for ACX; how many there are follows from the plan."""
    chunks = open_book(wildcards.book).plan.chunks
    folder = project().of_book(wildcards.book).folder / "acx"
    names = section_names((chunk.chapter, chunk.start, chunk.end) for chunk in chunks)
    return [str(folder / f"{name}.mp3") for name in names]


def published_files(wildcards) -> list[str]:
    """Return the files of all formats that the settings name."""
    folder = project().of_book(wildcards.book).folder
    files = []
    for kind in project().config.publish.formats:
        if kind == "shelf":
            files.append(str(folder / "shelf.json"))
        elif kind == "mp3":
            playlist = folder.with_name(f"{folder.name}.m3u8")
            files += [*chapter_files(wildcards), str(playlist)]
        elif kind == "acx":
            measured = folder.with_name(f"{folder.name}.acx.json")
            files += [*acx_files(wildcards), str(measured)]
        else:
            files.append(str(folder.with_name(f"{folder.name}.{kind}")))
    return files


def records_of(published: list[str], book: str) -> list[str]:
    """Return the records of published files; a list of files has a seal of its own."""
    paths = project().of_book(book)
    names = [Path(path) for path in published]
    return [str(paths.record(name)) for name in names if name.suffix != ".json"]


def chapter_records(wildcards) -> list[str]:
    return records_of(chapter_files(wildcards), wildcards.book)


def acx_records(wildcards) -> list[str]:
    return records_of(acx_files(wildcards), wildcards.book)


def published_records(wildcards) -> list[str]:
    return records_of(published_files(wildcards), wildcards.book)


def folder_of_records(wildcards, input) -> str:
    """Return the folder of the records as the job sees it: a storage plugin puts them elsewhere."""
    sums = project().of_book(wildcards.book).sums
    if not input.sums:
        return str(sums)
    return str(next(p for p in Path(input.sums[0]).parents if p.name == sums.name))


def shelf(wildcards) -> str:
    return str(project().results / "shelf")


def shelved_before(wildcards) -> str:
    """Return where write_shelf notes what it put there: snakemake deletes the output before a job."""
    return str(project().of_book(wildcards.book).folder / ".shelf.json")
