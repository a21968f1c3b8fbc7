"""Input functions, params and resources of one stage each, in the order of the stages. No rules.

What several stages share is in common.smk. Functions stand apart from rules because `snakemake --lint` asks for it.
"""

# --- model


@exit_on_error
def committed_lock(wildcards) -> str:
    """Return a digest of a model's entry in models/lock.json: after a change by hand its files are compared again."""
    return short_digest(project().committed(wildcards.model))


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


def executable_option(wildcards) -> str:
    executable = project().synth.executable
    return shlex.join(["--executable", str(executable)]) if executable else ""


# --- text


def text(wildcards):
    """Return the text of a book. It is `ancient`: a change is seen by its digest in the params, not by its date."""
    return ancient(open_book(wildcards.book).source)


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
    """Return a digest of the names of the jobs, which a new version of the program may change."""
    return short_digest(sorted(open_book(wildcards.book).batches))


# --- onnx


@exit_on_error
def comparison_recording(wildcards) -> str:
    return str(project().comparison_recording)


@exit_on_error
def export_memory(wildcards) -> int:
    """Return the memory of an export or a comparison, in MB: the model in PyTorch, its graphs, and torch's exporter."""
    return 1500 + 2 * books.memory_mb(project().find_model(wildcards.model))


def folder_of_bundle(wildcards, input) -> str:
    return os.path.dirname(input.bundle)


# --- synth


def bundle(wildcards) -> list:
    """Return the exported model of engine onnx and the report on it: nothing is spoken before it matched PyTorch.

    They are `ancient`: model pins, precision and exporter are in the keys.
    """
    if project().config.engine != "onnx":
        return []
    manifest, report = (
        project().bundle() / "manifest.json",
        project().bundle_report(),
    )
    return [ancient(str(manifest)), ancient(str(report))]


def bundle_option(wildcards) -> str:
    if project().config.engine != "onnx":
        return ""
    return shlex.join(["--bundle", str(project().bundle())])


def store(wildcards) -> str:
    return str(project().store.root)


def synth_memory(wildcards) -> int:
    return synth_mb()


def synth_minutes(wildcards, attempt) -> int:
    """Return the time limit of a synthesis job in minutes: a full batch at one third of real time, more at a retry."""
    return 60 * attempt


# --- audio


def repairs(wildcards) -> list[str]:
    """Return the note of deleted receipts: as an input of the join, it makes snakemake request them again."""
    inspected(wildcards.book)
    path = project().of_book(wildcards.book).repairs
    return [str(path)] if path.exists() else []


def audio_settings(wildcards) -> str:
    return changed_settings("audio")


def all_settings(wildcards) -> str:
    return changed_settings()


def receipt_folder(wildcards, input) -> str:
    """Return the folder of the receipts as the job sees it: a storage plugin puts them elsewhere."""
    return os.path.dirname(input.receipts[0])


# --- publish


def publish_settings(wildcards) -> str:
    return changed_settings("publish")


def tag_settings(wildcards) -> str:
    """Return the settings that decide a book's metadata and how its text is read."""
    return changed_settings("model", "voice", "language", "text", "publish")


def source_digest(wildcards) -> str:
    return open_book(wildcards.book).plan.source_sha256


@exit_on_error
def metadata_files(wildcards) -> list[str]:
    """Return the files that the user put beside the text: metadata and cover."""
    inputs = project().inputs
    given = project().config.publish.metadata.cover
    names = (
        f"{wildcards.book}{suffix}" for suffix in (".yaml", ".jpg", ".jpeg", ".png")
    )
    files = [path for name in names if (path := inputs / name).is_file()]
    return [
        str(path) for path in [*files, *([project().root / given] if given else [])]
    ]


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


def folder_of_records(wildcards) -> str:
    return str(project().of_book(wildcards.book).sums)


def shelf(wildcards) -> str:
    return str(project().results / "shelf")


def shelved_before(wildcards) -> str:
    """Return where write_shelf notes what it put there: snakemake deletes the output before a job."""
    return str(project().of_book(wildcards.book).folder / ".shelf.json")
