"""Former names of layers' settings, losses' methods and helpers: they still work, warn, and name the new ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from minigrad import nn
from minigrad.core import ShapeError, Tensor, tensor

OLD: list[tuple[Callable[..., nn.Module], dict[str, object], dict[str, object]]] = [
    (nn.Linear, {"inputs": 3, "outputs": 2, "with_bias": False, "init": "zeros"},
     {"in_features": 3, "out_features": 2, "use_bias": False, "weight_init": "zeros"}),
    (nn.Conv1d, {"inputs": 2, "outputs": 4, "kernel": 3}, {"in_channels": 2, "out_channels": 4, "kernel_size": (3,)}),
    (nn.Conv2d, {"inputs": 2, "outputs": 4, "kernel": 3}, {"in_channels": 2, "out_channels": 4, "kernel_size": (3, 3)}),
    (nn.ConvTranspose2d, {"inputs": 2, "outputs": 4, "kernel": 3}, {"in_channels": 2, "kernel_size": (3, 3)}),
    (nn.MaxPool2d, {"kernel": 2}, {"kernel_size": (2, 2)}),
    (nn.AdaptiveAvgPool1d, {"output": 2}, {"output_size": (2,)}),
    (nn.Embedding, {"count": 5, "width": 3}, {"num_embeddings": 5, "embedding_dim": 3}),
    (nn.MultiHeadAttention, {"width": 4, "heads": 2}, {"embed_dim": 4, "num_heads": 2}),
    (nn.TransformerBlock, {"width": 4, "heads": 2}, {"embed_dim": 4, "num_heads": 2}),
    (nn.LSTM, {"inputs": 3, "units": 4, "init": "he"}, {"input_size": 3, "hidden_size": 4, "weight_init": "he"}),
    (nn.BatchNorm1d, {"channels": 3}, {"num_features": 3}),
    (nn.LayerNorm, {"shape": 3}, {"normalized_shape": (3,)}),
    (nn.RMSNorm, {"width": 3}, {"normalized_shape": 3}),
    (nn.GroupNorm, {"groups": 2, "channels": 4}, {"num_groups": 2, "num_channels": 4}),
    (nn.LeakyReLU, {"slope": 0.3}, {"negative_slope": 0.3}),
    (nn.Maxout, {"pieces": 3}, {"num_pieces": 3}),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "old", "new"), OLD, ids=[case[0].__name__ for case in OLD])
def test_old_settings_of_layers(
    layer: Callable[..., nn.Module], old: dict[str, object], new: dict[str, object]
) -> None:
    with pytest.warns(DeprecationWarning, match="is now") as caught:
        made = layer(**old)
    assert {str(w.message).partition("(")[2].partition("=")[0] for w in caught} == set(old)
    for name, value in new.items():
        assert getattr(made, name) == value
    for name in old:
        with pytest.warns(DeprecationWarning, match=rf"\.{name} is now"):
            getattr(made, name)


class OldLoss:
    """A loss written for the first release."""

    def __call__(self, outputs: Tensor, targets: nn.Targets) -> Tensor:
        """Mean of the squares."""
        return (outputs * outputs).mean()

    def chance(self, outputs: int, targets: nn.Targets) -> nn.UninformedLoss:
        """Always 2."""
        return nn.UninformedLoss(2.0, "two")

    def solved_below(self, targets: nn.Targets) -> float:
        """A tenth."""
        return 0.1


def test_a_loss_with_the_old_methods_still_knows_its_scale() -> None:
    with pytest.warns(DeprecationWarning, match=r"OldLoss\.(chance|solved_below) is now"):
        loss = nn.find_baseline(OldLoss())
    assert loss is not None
    assert loss.uninformed_loss(3, np.zeros(2)).value == 2.0
    assert loss.fit_threshold(np.zeros(2)) == 0.1
    assert loss(tensor([1.0, 3.0]), np.zeros(2)).item() == 5.0
    assert nn.find_baseline(lambda outputs, targets: outputs.sum()) is None
    assert isinstance(nn.Huber(), nn.LossWithBaseline)


def test_old_methods_of_losses_and_modules() -> None:
    with pytest.warns(DeprecationWarning, match=r"Huber\.chance is now Huber\.uninformed_loss"):
        assert getattr(nn.Huber(), "chance")(1, np.ones(3)).value == 0.5  # noqa: B009
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    with pytest.warns(DeprecationWarning, match=r"Module\.twin\(\) is now"):
        twin = model.twin()
    assert [id(p) for p in twin.parameters()] == [id(p) for p in model.parameters()]


def test_mode_is_put_back_for_each_part() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5), nn.Dropout(0.2))
    part = model[1]
    assert isinstance(part, nn.Module)
    part.eval()
    with model.mode(training=False) as same:
        assert same is model
        assert [m.training for _, m in model.named_modules()] == [False] * 4
    assert [m.training for _, m in model.named_modules()] == [True, True, False, True]
    with pytest.raises(ShapeError), part.mode(training=True):
        nn.Linear(2, 3)(tensor(np.zeros((1, 5))))
    assert not part.training


def test_a_forward_may_take_keywords() -> None:
    layer = nn.MultiHeadAttention(4, 2, rng=0)
    x = tensor(np.random.default_rng(0).normal(size=(1, 3, 4)))
    mask = np.tril(np.ones((3, 3), dtype=bool))
    assert np.array_equal(layer(x, mask=mask).numpy(), layer.forward(x, None, mask).numpy())
    layer.summary(x)
    with pytest.raises(TypeError, match="mask_"):
        layer(x, mask_=mask)
