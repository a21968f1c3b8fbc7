"""The loop that all trainings share: it continues from its checkpoint, averages the weights and writes a table.

Under torchrun, several processes train together: each has its own batches, and all use the average of their gradients.
The first of them writes the checkpoint and the table.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import distributed, nn

from bundled.common import atomic_path

Parts = dict[str, float]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast."""

    steps: int
    seconds: float  # of this stretch
    lr: float
    warmup: int
    average: float  # decay of the average of the weights
    log_every: int

    @classmethod
    def of(cls, args: argparse.Namespace) -> Schedule:
        """From the flags of `add_flags`."""
        return cls(args.steps, args.time_budget, args.lr, args.warmup, args.average, args.log_every)

    def rate(self, step: int) -> float:
        """Learning rate: linear warm-up, then half a cosine down to a fiftieth."""
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        progress = min(1.0, (step - self.warmup) / max(1, self.steps - self.warmup))
        return self.lr * (0.02 + 0.98 * 0.5 * (1 + float(np.cos(np.pi * progress))))


def add_flags(parser: argparse.ArgumentParser, warmup: int) -> None:
    """The flags of every training."""
    parser.add_argument("--data", type=Path, required=True, help="folder with latents (and targets)")
    parser.add_argument("--space", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoints and tables")
    parser.add_argument("--sizes", default="small")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--time-budget", type=float, default=float("inf"), help="seconds; a later run continues")
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--warmup", type=int, default=warmup)
    parser.add_argument("--average", type=float, default=0.998, help="decay of the average of the weights")
    parser.add_argument("--held-out", type=int, default=100)
    parser.add_argument("--begin-with", type=Path, help="folder of an exported model to start from")
    parser.add_argument("--log-every", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--summary", type=Path)


class Metrics:
    """Rows appended to a CSV file; the columns are those of the first row."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, row: Mapping[str, float]) -> None:
        """Append and print a row."""
        values = {k: f"{v:.6g}" for k, v in row.items()}
        new = not self.path.exists()
        with open(self.path, "a", newline="", encoding="utf-8") as f:
            writer = csv.DictWriter(f, fieldnames=list(values))
            if new:
                writer.writeheader()
            writer.writerow(values)
        print("  ".join(f"{k} {v}" for k, v in values.items()), flush=True)


class Ema:
    """Exponential moving average of parameters; with few steps taken the average is shorter."""

    def __init__(self, parameters: Mapping[str, nn.Parameter], decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.shadow = {k: v.detach().clone() for k, v in parameters.items()}

    def update(self, parameters: Mapping[str, nn.Parameter]) -> None:
        """Move the average towards the current parameters."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.shadow.values()), [parameters[k].detach() for k in self.shadow], 1 - decay)


def together() -> tuple[int, int]:
    """The rank of this process and the number of processes, from torchrun; 0 and 1 without it."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def share_gradients(parameters: Iterable[nn.Parameter], over: bool) -> bool:
    """Replace the gradients of all processes by their average. True if the time of any process is over."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([*(g.flatten() for g in gradients), torch.tensor([float(over)])]).cpu()  # gloo requires it
    distributed.all_reduce(flat)
    parts = torch.split(flat[:-1] / distributed.get_world_size(), [g.numel() for g in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))
    return bool(flat[-1] > 0)


def processor() -> torch.device:
    """The device of the training: a GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def seed_everything(seed: int) -> None:
    """Seed the three random generators in use."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write the state and those of the random generators; the file is always complete."""
    rng = {"torch": torch.get_rng_state(), "numpy": np.random.get_state(), "python": random.getstate()}
    with atomic_path(path) as temporary:
        torch.save({**state, "rng": rng}, temporary)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The state that `save_checkpoint` wrote, with the random generators restored; None if there is none."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=False)
    rng = state.pop("rng")
    torch.set_rng_state(rng["torch"])
    np.random.set_state(rng["numpy"])
    random.setstate(rng["python"])
    return state


def train(
    path: Path,
    module: nn.Module,
    parameters: Mapping[str, nn.Parameter],
    loss: Callable[[int], tuple[torch.Tensor, Parts]],
    held: Callable[[], Parts],
    schedule: Schedule,
    facts: dict[str, Any],
) -> Parts:
    """Train `parameters` of `module` from the checkpoint `path` on; its table is the .csv beside it.

    `loss` takes the step and returns the loss and the parts of it to show; `held` returns the same parts for held-out
    data. `facts` are stored in the checkpoint; those of an existing checkpoint replace them. Returns the newest row of
    the table; of several processes, only the first has the held-out figures in it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    module.to(processor())
    optimizer = torch.optim.AdamW(parameters.values(), lr=schedule.lr, betas=(0.9, 0.98), weight_decay=0.02)
    ema, step, seconds = Ema(parameters, schedule.average), 0, 0.0
    state = load_checkpoint(path)
    if state:
        module.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        ema.steps = state["ema"]["steps"]
        ema.shadow = {name: value.to(processor()) for name, value in state["ema"]["shadow"].items()}
        step, seconds = state["step"], state.get("seconds", 0.0)
        facts.update({key: state[key] for key in facts})
    rank, world = together()
    if world > 1:
        distributed.init_process_group("gloo")
        seed_everything(random.randrange(2**31) + rank)
    size = sum(p.numel() for p in parameters.values())
    print(f"{size} parameters, from step {step} to {schedule.steps}, process {rank + 1} of {world}", flush=True)
    table, window = Metrics(path.with_suffix(".csv")), []
    began, row = time.monotonic(), Parts()

    def save() -> None:
        save_checkpoint(
            path,
            {
                **facts,
                "model": module.state_dict(),
                "optimizer": optimizer.state_dict(),
                "ema": {"steps": ema.steps, "shadow": ema.shadow},
                "step": step,
                "seconds": seconds + time.monotonic() - began,
            },
        )

    over = False
    with processor():
        while step < schedule.steps and not over:
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate(step)
            value, parts = loss(step)
            optimizer.zero_grad(set_to_none=True)
            value.backward()  # type: ignore[no-untyped-call]
            over = time.monotonic() - began >= schedule.seconds
            if world > 1:
                over = share_gradients(parameters.values(), over)
            nn.utils.clip_grad_norm_(parameters.values(), 1.0)
            optimizer.step()
            ema.update(parameters)
            step += 1
            window.append({"loss": value.item(), **parts})
            if step % schedule.log_every == 0 or step == schedule.steps:
                row = {"step": step, **{key: float(np.mean([w[key] for w in window])) for key in window[0]}}
                window = []
                if rank == 0:
                    with torch.no_grad():
                        row |= {f"held_{key}": figure for key, figure in held().items()}
                    table.add({**row, "lr": schedule.rate(step), "seconds": seconds + time.monotonic() - began})
                    save()
    if rank == 0 and (window or not path.exists()):
        save()
    if world > 1:
        distributed.destroy_process_group()
    return {"step": step, **row}
