"""The program of a worker: `python -m pockettts.server.worker`, started by `process`."""

from pockettts.server.worker.loop import run_worker
from pockettts.server.worker.speaker import open_speaker

if __name__ == "__main__":
    run_worker(open_speaker)
