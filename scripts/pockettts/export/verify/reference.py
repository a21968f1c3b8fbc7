"""The model in PyTorch, with which every graph of a bundle is compared."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

Array = npt.NDArray[Any]


VOICE_SECONDS = 3
"""The seconds of a recording that the voice is made of."""


class Reference:
    """A model with the voice of a recording, mono at the model's rate, and a text to speak."""

    def __init__(self, model: Any, recording: npt.NDArray[np.float32], text: str) -> None:
        self.flow_lm, self.mimi = model.flow_lm, model.mimi
        self.tokens = np.asarray([self.flow_lm.conditioner.tokenizer.encode(text)], np.int64)
        self.recording = recording[: VOICE_SECONDS * model.sample_rate].reshape(1, 1, -1)
        with torch.no_grad():
            self.voice = self._voice()

    def _voice(self) -> Mapping[str, Any]:
        conditioning = torch.from_numpy(self.conditioning(self.recording))
        states = self._states(conditioning.shape[1])
        self._step(states, torch.zeros(1, 0, self.flow_lm.ldim), conditioning)
        return states

    def _states(self, length: int) -> dict[str, Any]:
        from pocket_tts.modules.stateful_module import init_states

        states: dict[str, Any] = init_states(self.flow_lm, batch_size=1, sequence_length=length)
        return states

    def embeddings(self, tokens: Array) -> Array:
        """Return the embeddings of tokens, shape (1, tokens, width)."""
        return np.asarray(self.flow_lm.conditioner(torch.from_numpy(tokens)).numpy())

    def conditioning(self, audio: Array) -> Array:
        """Return the conditioning of a recording, shape (1, rows, width), for sound of the shape (1, 1, samples)."""
        latents = self.mimi.encode_to_latent(torch.from_numpy(audio))
        voice = torch.nn.functional.linear(latents, self.flow_lm.speaker_proj_weight)
        if self.flow_lm.insert_bos_before_voice:
            voice = torch.cat([self.flow_lm.bos_before_voice, voice], dim=1)
        return np.asarray(voice.detach().numpy())

    def conditions_after(self, calls: Iterable[tuple[Array, Array]], rows: int) -> Array:
        """Return the condition after each call with frames and embeddings, without a voice; `rows` is their total."""
        states = self._states(rows)
        conditions = [self._step(states, torch.from_numpy(frames), torch.from_numpy(text)) for frames, text in calls]
        return np.asarray([condition.numpy() for condition in conditions])

    def _step(self, states: Any, sequence: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
        """Take a step of the model, and return the condition."""
        from pocket_tts.modules.stateful_module import increment_steps

        frames = torch.where(torch.isnan(sequence), self.flow_lm.bos_emb, sequence)
        out: torch.Tensor = self.flow_lm.backbone(self.flow_lm.input_linear(frames), embeddings, frames, states)
        increment_steps(self.flow_lm, states, sequence.shape[1] + embeddings.shape[1])
        return out[:, -1]

    def speak(self, count: int, noise: Array | None = None) -> tuple[Array, Array, Array]:
        """Return `count` frames, their conditions and logits of the end of speech; no noise means temperature zero."""
        embeddings = self.flow_lm.conditioner(torch.from_numpy(self.tokens))
        length = next(iter(self.voice.values()))["cache"].shape[2]
        states = self._states(length + embeddings.shape[1] + count)
        for module, state in states.items():
            state["cache"][:, :, :length] = self.voice[module]["cache"]
            state["offset"][:] = length
        self._step(states, torch.zeros(1, 0, self.flow_lm.ldim), embeddings)
        sequence = torch.full((1, 1, self.flow_lm.ldim), torch.nan)
        latents, conditions, logits = [], [], []
        no_text = torch.zeros(1, 0, self.flow_lm.dim)
        for frame in range(count):
            condition = self._step(states, sequence, no_text)
            x = np.zeros((1, self.flow_lm.ldim), np.float32) if noise is None else noise[frame]
            latent = self.sample(condition.numpy(), x)
            sequence = torch.from_numpy(latent)[:, None]
            latents.append(sequence.numpy())
            conditions.append(condition.numpy())
            logits.append(self.flow_lm.out_eos(condition).numpy())
        return np.asarray(latents), np.asarray(conditions), np.asarray(logits)

    def speech(self, count: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return the samples and the logits of the end of speech for `count` frames at temperature zero."""
        with torch.no_grad():
            latents, _, logits = self.speak(count)
            return self.decode(latents.reshape(1, count, -1)).reshape(-1), logits.reshape(-1)

    def sample(self, condition: Array, x: Array) -> Array:
        """Return the latent that the flow head computes from noise `x` and a condition, in one step."""
        from pocket_tts.models import flow_lm

        decode = {
            "lsd": flow_lm.lsd_decode,
            "flow_matching": flow_lm.ot_decode,
            "drifting": flow_lm.drifting_decode,
            "pointwise": flow_lm.pointwise_decode,
        }[self.flow_lm.flow_type]
        fixed = torch.from_numpy(condition)
        return np.asarray(decode(lambda *inputs: self.flow_lm.flow_net(fixed, *inputs), torch.from_numpy(x), 1).numpy())

    def decode(self, latents: Array, dtype: torch.dtype = torch.float32) -> Array:
        """Return the sound of latents, shape (1, frames, latent), in one call."""
        from pocket_tts.modules.stateful_module import init_states

        mimi = self.mimi if dtype == torch.float32 else copy.deepcopy(self.mimi).to(dtype)
        steps = int(mimi.encoder_frame_rate / mimi.frame_rate)
        states = init_states(mimi, batch_size=1, sequence_length=steps * latents.shape[1])
        for state in states.values():
            state.update({key: value.to(dtype) for key, value in state.items() if value.is_floating_point()})
        scaled = torch.from_numpy(latents).to(dtype) * self.flow_lm.emb_std + self.flow_lm.emb_mean
        return np.asarray(mimi.decode_from_latent(scaled, states).numpy())
