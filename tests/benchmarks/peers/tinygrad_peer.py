"""tinygrad: TinyJit over the whole step. The nets beyond MLPs are left out: each takes minutes to compile."""

from __future__ import annotations

from tinygrad import Context, Tensor, TinyJit
from tinygrad.nn.optim import Adam

from benchmarks.protocol import Numbers, Step, Unsupported, parameters


def build(case: str, numbers: Numbers, variant: str) -> Step:
    """The step of a case."""
    kind = case.split()[0]
    if kind == "elementwise":
        return _gradient(numbers)
    if kind != "mlp":
        raise Unsupported("left out: minutes to compile")
    weights = [Tensor(p) for p in parameters(numbers)]
    x, y = Tensor(numbers["x"]), Tensor(numbers["y"])
    opt = Adam(weights, lr=1e-3)

    def run() -> Tensor:
        opt.zero_grad()
        h = x
        for k in range(0, len(weights), 2):
            h = h @ weights[k] + weights[k + 1]
            h = h.relu() if k + 2 < len(weights) else h
        loss = h.sparse_categorical_crossentropy(y).backward()
        return loss.realize(*opt.schedule_step())

    compiled = TinyJit(run)

    def step() -> float:
        with Context(TRAINING=1):
            return float(compiled().item())

    return step


def _gradient(numbers: Numbers) -> Step:
    x, w = Tensor(numbers["x"]), Tensor(numbers["w"])

    def run() -> tuple[Tensor, ...]:
        x.grad = None
        loss = (x.softplus().gelu() * w).sum()
        loss.backward()
        loss.realize(x.grad)
        return loss, x.grad

    compiled = TinyJit(run)
    return lambda: float(compiled()[0].item())
