"""Pretrained weights that a package ships, beside the package's own model: a voice detector with an LSTM cell."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import attrs
import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad_torch import from_torch

torch = pytest.importorskip("torch", reason="torch is not installed: pip install torch")
spec = find_spec("silero_vad")
if spec is None or spec.origin is None:
    pytest.skip("silero-vad is not installed: pip install silero-vad", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
FOLDER = Path(spec.origin).parent / "data"

NAMES = {
    "_model.stft.forward_basis_buffer": "stft_conv.weight",
    **{f"_model.encoder.{i}.reparam_conv": f"conv{i + 1}" for i in range(4)},
    "_model.decoder.rnn": "lstm_cell",
    "_model.decoder.decoder.2": "final_conv",
    "_model_8k": None,
}


@attrs.define(eq=False, repr=False)
class VoiceDetector(nn.Module):
    """The network of silero-vad for 16 kHz, under the names of its safetensors file."""

    stft_conv: nn.Conv1d = attrs.field(factory=lambda: nn.Conv1d(1, 258, 256, stride=128, use_bias=False))
    conv1: nn.Conv1d = attrs.field(factory=lambda: nn.Conv1d(129, 128, 3, padding=1))
    conv2: nn.Conv1d = attrs.field(factory=lambda: nn.Conv1d(128, 64, 3, stride=2, padding=1))
    conv3: nn.Conv1d = attrs.field(factory=lambda: nn.Conv1d(64, 64, 3, stride=2, padding=1))
    conv4: nn.Conv1d = attrs.field(factory=lambda: nn.Conv1d(64, 128, 3, padding=1))
    lstm_cell: nn.LSTMCell = attrs.field(factory=lambda: nn.LSTMCell(128, 128))
    final_conv: nn.Conv1d = attrs.field(factory=lambda: nn.Conv1d(128, 1, 1))

    def run(self, x, state):
        waves = self.stft_conv(nn.ReflectionPad1d((0, 64))(x.reshape((1, 1, -1))))
        x = mg.sqrt(waves[:, :129] ** 2 + waves[:, 129:] ** 2)
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = mg.relu(conv(x))
        h, c = self.lstm_cell.forward(x[:, :, 0], state)
        return mg.sigmoid(self.final_conv(mg.relu(h).reshape((1, 128, 1)))).reshape((1, 1)), (h, c)


def test_the_voice_detector_says_the_same_as_its_own_package():
    module = torch.jit.load(FOLDER / "silero_vad.jit").eval()
    model = VoiceDetector().eval()
    assert not from_torch(module, model, rename=NAMES).unexpected
    time = np.arange(576 + 512 * 7) / 16_000
    # A voice's pitch with overtones, swelling and fading, then noise.
    voice = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 12)) * np.sin(np.pi * time / time[-1]) * 0.2
    noise = 0.01 * np.random.default_rng(0).normal(size=time.size)
    sound = (voice + noise).astype(np.float32)
    state, theirs = None, torch.zeros(2, 1, 128)
    scores = []
    for start in range(0, sound.size - 575, 512):
        piece = sound[None, start : start + 576]
        score, state = model.run(mg.tensor(piece), state)
        with torch.no_grad():
            expected, theirs = module._model(torch.tensor(piece), theirs)
        np.testing.assert_allclose(score.numpy(), expected.numpy(), atol=1e-5)
        np.testing.assert_allclose(state[0].numpy(), theirs[0].numpy(), atol=1e-4)
        scores.append(score.item())
    assert max(scores) - min(scores) > 0.1  # it does tell pieces apart


def test_the_packages_safetensors_file_fits_without_renaming():
    report = from_torch(FOLDER / "silero_vad_16k.safetensors", VoiceDetector())
    assert len(report.loaded) == 14
