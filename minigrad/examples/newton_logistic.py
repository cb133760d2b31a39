"""Logistic regression by Newton's method, with no learning rate.

The error squares itself at every step.

    minigrad run --example newton_logistic

reaches a gradient of 2e-13 in 8 steps, and 98.2 % validation accuracy, on 569 cell samples, benign or malignant. Prints
|error| / |error before|^2, which settles where convergence is quadratic. Needs a plugin: in a checkout,
`pip install ./plugins/minigrad-newton`.
"""

import numpy as np

import minigrad as mg
from minigrad import data, nn
from minigrad.typing import Array

STRENGTH = 1e-2


def main() -> dict[str, float]:
    """Newton from 0 to the last bit, then once more over the errors to see how fast they fell."""
    cells = data.load("breast_cancer").scaled()
    x, sign = cells.x_train.astype(np.float64), 2.0 * cells.y_train - 1.0
    signed = mg.tensor(sign[:, None] * np.hstack([x, np.ones((len(x), 1))]))
    w = nn.parameter(np.zeros(signed.shape[1]), dtype=np.float64)
    newton = mg.optimizer("newton", [w])

    def loss() -> mg.Tensor:
        """Mean of log(1 + exp(-y w.x)), and a penalty that keeps the minimum finite."""
        return mg.softplus(-(signed @ w)).mean() + (w * w).sum() * (STRENGTH / 2.0)

    path, gradients = [], []
    for _ in range(9):
        w.zero_grad()
        loss().backward()
        assert w.grad is not None
        gradients.append(float(np.linalg.norm(w.grad.numpy())))
        path.append(w.numpy().copy())
        newton.step(loss)
    errors: Array = np.linalg.norm(np.array(path) - w.numpy(), axis=1)
    print("step   |gradient|      |error|   |error| / |error before|^2")
    for t, (gradient, error) in enumerate(zip(gradients, errors, strict=True)):
        ratio = f"{error / errors[t - 1] ** 2:.4f}" if t and errors[t - 1] ** 2 > 1e-15 else ""
        print(f"{t:>4} {gradient:>12.2e} {error:>12.2e}   {ratio}")
    right = np.mean((cells.x_val @ w.numpy()[:-1] + w.numpy()[-1] > 0.0) == (cells.y_val == 1))
    print(f"validation accuracy {right:.2%}")
    return {"steps": float(np.argmax(np.array(gradients) < 1e-12)), "gradient": gradients[-1], "accuracy": float(right)}


if __name__ == "__main__":
    main()
