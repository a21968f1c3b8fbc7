"""The graphs before they are exported: each says what upstream's module says, in every shape of pocket-tts."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pockettts.bundle import Bundle, State
from pockettts.export import graphs
from pockettts.export.export import describe_states, load_model, plans
from pockettts.export.verify import GraphSession, OutputComparison
from pockettts.models.generate import package_configs
from support.exports import SHAPES, make_random, recording, write_config


class TorchSession(GraphSession):
    """A graph as the module that is exported, in PyTorch."""

    def __init__(self, plan, states):
        self.plan, self.states = plan, states

    def run(self, feed):
        inputs = [torch.from_numpy(np.asarray(feed[name])) for name in self.plan.inputs]
        inputs += [torch.from_numpy(feed[state.input_name]) for state in self.states]
        outputs = self.plan.module(*inputs)
        names = [*self.plan.outputs, *(state.output_name for state in self.states)]
        values = outputs if isinstance(outputs, tuple) else (outputs,)
        return {name: value.detach().numpy() for name, value in zip(names, values, strict=True)}


def comparison_of(model) -> OutputComparison:
    made = plans(model)
    states = {
        name: tuple(State(**{**state, "shape": tuple(state["shape"])}) for state in describe_states(plan.specs))
        for name, plan in made.items()
    }
    bundle = Bundle(
        folder=Path(),
        precision="fp32",
        graphs={},
        flow_lm_states=states["flow_lm_main"],
        step_states=states["flow_lm_step"],
        mimi_states=states["mimi_decoder"],
        latent_dim=model.flow_lm.ldim,
        conditioning_dim=max(1024, model.flow_lm.dim),
        samples_per_frame=1920,
        manifest={
            "eos": {
                "scale": graphs.EOS_SCALE,
                "shift": graphs.EOS_SHIFT,
                "threshold": model.config.default_eos_threshold,
            },
            "tokens": 900,
            "sample_rate": 24_000,
        },
    )
    sessions = {name: TorchSession(plan, states[name]) for name, plan in made.items()}
    return OutputComparison(bundle, model, recording(), sessions)


# Each part of these two is in one of the others, and as a whole they are exported by a slow test.
LATER = {"english_drifting_26-09", "english_18m_2026-10"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in LATER else ()) for name in SHAPES]
)
def test_every_shape_says_what_upstream_says(name: str, tmp_path: Path) -> None:
    model = make_random(load_model(write_config(tmp_path, name)))
    with torch.no_grad():
        # The attention of flow_lm_step is ONNX Runtime's and nothing that PyTorch could run.
        parts = [part for part in comparison_of(model).all() if part.__name__ != "flow_lm_step"]
        checks = [check for part in parts for check in part()]
    failed = [check for check in checks if not check.passed]
    assert not failed
    assert len(checks) > 15


def test_the_shapes_are_all_there_are() -> None:
    """What decides the graphs, other than depth, is the same in the shapes as in all configurations of pocket-tts."""

    def shape(config: dict) -> tuple:
        flow_lm, mimi = config["flow_lm"], config["mimi"]
        transformer = {k: v for k, v in flow_lm["transformer"].items() if k != "num_layers" and v is not None}
        return (
            flow_lm.get("insert_bos_before_voice", False),
            flow_lm["flow"].get("type", "lsd"),
            flow_lm.get("z_dim"),
            flow_lm["lookup_table"].get("rank"),
            str(sorted(transformer.items())),
            mimi.get("inner_dim"),
            mimi.get("outer_dim"),
            bool(mimi.get("decoder_seanet")),
        )

    configs = package_configs()
    known = {shape(configs[name]) for name in SHAPES}
    assert [name for name, config in configs.items() if shape(config) not in known] == []


def test_a_head_of_one_step_ends_at_the_same_place_in_four(tmp_path: Path) -> None:
    model = make_random(load_model(write_config(tmp_path, "english_2m_2026-10")))
    flow = graphs.FlowLMFlow(model)
    c, x = torch.randn(1, 64), torch.randn(1, 32)
    ends = []
    for steps in (1, 4):
        now = x
        for step in range(steps):
            s, t = torch.full((1, 1), step / steps), torch.full((1, 1), (step + 1) / steps)
            now = now + flow(c, s, t, now) / steps
        ends.append(now)
    torch.testing.assert_close(*ends)


def test_the_cache_may_have_any_room(tmp_path: Path) -> None:
    main = graphs.FlowLMMain(make_random(load_model(write_config(tmp_path, "english_2m_2026-10"))))
    states = [spec.zeros() for spec in main.specs]
    text = torch.randn(1, 5, 1024)
    states = list(main(torch.zeros(1, 0, 32), text, *states)[2:])
    bos = torch.full((1, 1, 32), torch.nan)
    expected = main(bos, text[:, :0], *states)
    roomy = [torch.nn.functional.pad(s, (0, 0, 0, 0, 0, 9), value=3.0) if s.dim() == 5 else s for s in states]
    for got, want in zip(main(bos, text[:, :0], *roomy), expected, strict=True):
        torch.testing.assert_close(got, want)
