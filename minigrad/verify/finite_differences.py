"""Finite differences with an error bar.

Central differences at h, h/2 and h/4, Richardson-extrapolated to O(h^6); the bar is four times the last correction
plus the round-off that seven evaluations of a backward-stable function can bring. All formulas work on one number
(a whole case projected onto one cotangent) and on arrays of independent entries (an elementwise op) alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import attrs
import numpy as np

from minigrad.core.types import Array, BoolArray

EPS = float(np.finfo(np.float64).eps)
FIRST_STEP = 2.0**-6
TOLERANCE = 1e-6
"""A verdict needs an error bar of at most this share of sum |g_i u_i|."""

ATTEMPTS = 7
_NOISIEST = 1e-4
"""Share of sum |g_i u_i| that the round-off of a rule may add to the bar."""

_CHAOS = 1e-3
"""Share of a function's size that its round-off may have where a contradiction counts."""

_LEAN = 4.0
"""Ulps of what shows nowhere that a gap of many bars must exceed."""

_GROSS = 64.0
"""Bars between rule and differences that accuse where the bar is too wide to acquit."""

_NEARLY = 0.002
"""Share of a slope by which a rule that is nearly right may be off."""

_LATE = 1e-9
"""Share of sum |g_i u_i| that a rule may be off, as special functions are."""

_STEADY = 1e-5
"""Share of a slope by which it may change with the step where it is no round-off."""

_FAINTEST = 1e-14
"""Slope, in units of what F may carry, below which nothing is made of it."""

_ROUND_OFF = 32.0
"""Ulps allowed to one evaluation of the function, relative to sum |v f|."""

_SILT = 4.0
"""Ulps of a function that a difference within them says nothing about."""

_SURELY = 16.0
"""Times the round-off that was measured, beyond which a difference is none."""

Phi: TypeAlias = Callable[[Array], Array]
"""F(t), evaluated for an array of steps t.

Entry k of the first axis of the result belongs to t[k].
"""

_QUANTUM = 2.0**-40
"""Share of F, or of a 1 that it may carry, that a step of round-off is at most."""

_STENCIL = np.array([1.0, -1.0, 0.5, -0.5, 0.25, -0.25])
_SIDES = np.array([1.0, 0.5, 0.25, 0.125, -1.0, -0.5, -0.25, -0.125])


@attrs.frozen(eq=False, repr=False)
class Estimate:
    """A derivative from differences.

    Value, error bar, whether a kink was seen, whether round-off makes up the bar, and whether F did not move at all.
    """

    value: Array
    error: Array
    kink: BoolArray
    noisy: BoolArray
    still: BoolArray


def central(phi: Phi, at_zero: Array, h: Array, slack: Array) -> Estimate:
    """Extrapolated central difference of `phi` at 0 with first step `h`.

    Args:
        phi: F(t) for several steps at once.
        at_zero: F(0).
        h: step, one for each entry of F (or 0-d).
        slack: what F's round-off scales with: sum|v f| + sum|g x| + 2 h sum|g u|.
    """
    values = phi(np.multiply.outer(_STENCIL, h))
    # For one number, Python's floats are ten times as quick as 0-d arrays.
    f: Sequence[Array] = list(values) if np.ndim(h) else values.tolist()
    d1 = (f[0] - f[1]) / (2.0 * h)
    d2 = (f[2] - f[3]) / h
    d3 = (f[4] - f[5]) / (0.5 * h)
    low = (4.0 * d2 - d1) / 3.0
    high = (4.0 * d3 - d2) / 3.0
    value = (16.0 * high - low) / 15.0
    noise = _ROUND_OFF * EPS * slack / (0.25 * h)
    truncation = 4.0 * abs(value - high)
    s1 = abs(f[0] + f[1] - 2.0 * at_zero) / h
    s2 = abs(f[2] + f[3] - 2.0 * at_zero) / (0.5 * h)
    s3 = abs(f[4] + f[5] - 2.0 * at_zero) / (0.25 * h)
    # At a smooth point the second difference over h halves with h, or goes with h^3 or h^5; across a kink it does not.
    # A kink that only the smallest step does not reach can deceive the extrapolation: at 4/9 of h, value equals high.
    kink = (s3 > 0.7 * s2 + 4.0 * noise) | (s2 > 0.7 * s1 + 4.0 * noise) | (s2 > 40.0 * s3 + 160.0 * noise)
    not_finite = value - value != 0.0
    still = (s1 == 0.0) & (s2 == 0.0) & (s3 == 0.0) & (value == 0.0)
    return Estimate(value, truncation + noise, kink | not_finite, noise > truncation, still)


def one_sided(phi: Phi, at_zero: Array, h: float, slack: Array) -> tuple[Array, Array, Array]:
    """Left and right derivatives of `phi` at 0, and an error bar for both.

    Steps h, h/2, h/4, h/8 on each side.
    """
    f = phi(_SIDES * h)
    d = ((f - at_zero) / (_SIDES * h)[:, None]).reshape(2, 4, -1)
    first = 2.0 * d[:, 1:] - d[:, :-1]
    second = (4.0 * first[:, 1:] - first[:, :-1]) / 3.0
    third = (8.0 * second[:, 1] - second[:, 0]) / 7.0
    size = np.abs(d)
    # A jump or a vertical tangent: the slope grows with every halving, and there is no derivative to hold to.
    steep = (size[:, 1:] > 1.3 * size[:, :-1]).all(axis=1)
    bar: Array = 4.0 * np.abs(third - second[:, 1]).max(axis=0)
    right, left = np.where(steep, np.inf, third)
    return left, right, bar + 4.0 * _ROUND_OFF * EPS * slack / (_SIDES[3] * h)


def drowned(roundoff: float, h: float) -> float:
    """What round-off, which scales with `roundoff`, may make of one central difference."""
    return _SILT * EPS * roundoff / h


_FINE = (3.0**0.5 * 1e-6, 5.0**0.5 * 6e-7, 7.0**0.5 * 9e-7)
"""Spacings at which round-off is measured: several, and not dyadic.

Where F moves by nearly a whole number of ulps from point to point, round-off repeats.
"""

_BINOMIALS = (np.sqrt(20.0), np.sqrt(70.0), np.sqrt(252.0))
_NOISE_MARGIN = 64.0


def measured_noise(phi: Phi, shape: tuple[int, ...]) -> Array:
    """The round-off actually present in F, in the manner of Hamming's difference table.

    On nine points about 2e-6 apart the third to fifth differences of any smooth function vanish, so what they show is
    noise (More and Wild, Estimating computational noise, 2011). Needed where F cancels inside: x (1 + tanh x) at
    x = -5 carries the round-off of x, not of its own small value.
    """
    level: Array = np.zeros(shape)
    for fine in _FINE:
        f = phi(np.multiply.outer(np.arange(-4.0, 5.0) * fine, np.ones(shape)))
        for order, norm in zip((3, 4, 5), _BINOMIALS, strict=True):
            spread = np.max(np.abs(np.diff(f, order, axis=0)), axis=0) / norm
            level = np.maximum(level, np.where(np.isfinite(spread), spread, 0.0))
    return level


def quantization_step(phi: Phi, shape: tuple[int, ...]) -> Array:
    """The height of the steps in which F moves, as by additions to a far larger number.

    (x + 1000) - 1000 is constant over the nine points of `measured_noise` at x = 1e-9. What a polynomial of degree 5
    leaves of F at 16 uneven points within 1/128 is round-off, for any function that is smooth on the scale of x.
    """
    nodes = 2.0 * np.modf(np.arange(1.0, 17.0) * 0.6180339887498949)[0] - 1.0
    f = phi(np.multiply.outer(nodes / 128.0, np.ones(shape)))
    basis = np.linalg.qr(np.vander(nodes, 6))[0]
    left = np.max(np.abs(f - np.tensordot(basis, np.tensordot(basis.T, f, 1), 1)), axis=0)
    return np.where(np.isfinite(left), left, 0.0)


def _smallest_move(phi: Phi, at_zero: Array) -> Array:
    """By how little F moves at all, where it stands still at all ordinary steps.

    log(1 + x^2) at 1e-8 stands still until 1 + x^2 is the next number after 1, and moves by that then.

    Returns:
        That, or 0 where F does not move, or by more than round-off of what it may carry.
    """
    steps = np.array([1.0, -1.0, 2.0, -2.0, 4.0, -4.0])
    moves = np.abs(phi(np.multiply.outer(steps, np.ones(np.shape(at_zero)))) - at_zero)
    least = np.min(np.where(moves > 0.0, moves, np.inf), axis=0)
    return np.where(least <= _QUANTUM * np.maximum(np.abs(at_zero), 1.0), least, 0.0)


def slope_at_some_step(phi: Phi, analytic: Array, gap: Array, noise: Array) -> BoolArray:
    """Whether differences agree with a slope other than 0 at small steps.

    fmod(5, 1e-9) is a saw whose teeth all ordinary steps skip; its slope is 1 at steps below 1e-10 only. A rule that is
    far off agrees with no step to a thousandth where round-off is less; one that is nearly right with no two steps to a
    tenth of what it is off, unless there are teeth.

    Args:
        phi: F(t) along the direction.
        analytic: the slope by the rule.
        gap: how far ordinary steps are from it.
        noise: the round-off in F.

    Returns:
        Whether they do, or F jumps at 0, so that differences grow as the step shrinks.
    """
    seen = np.zeros(np.shape(analytic), dtype=bool)
    size = np.abs(np.asarray(analytic))
    rough = gap > _NEARLY * size
    was_near = was_grown = seen
    off_before = np.full(np.shape(analytic), np.inf)
    for k in range(8, 46, 2):
        h = np.full(np.shape(analytic), 2.0**-k)
        ahead, behind = phi(np.array([h, -h]))
        off = np.abs((ahead - behind) / (2.0 * h) - analytic)
        near = off <= np.where(rough, 1e-3 * size, np.minimum(0.1 * gap, 1e-3 * size))
        quiet = rough & (_SURELY * noise <= 1e-3 * size * h)  # else round-off may give the slope by chance
        grown = (np.abs(off - 4.0 * off_before) <= 0.01 * off) & (off * h > _SILT * _SURELY * EPS * np.abs(ahead))
        seen = seen | (near & (was_near | quiet)) | (grown & was_grown)
        was_near, was_grown, off_before = near, grown, off
    agrees: BoolArray = seen & (size != 0.0)
    return agrees


VERIFIED, MISMATCH, INCONCLUSIVE = 0, 1, 2


@attrs.frozen(eq=False, repr=False)
class Verdict:
    """What the differences say about analytic derivatives, entry by entry.

    0-d for a projected case.
    """

    state: Array
    analytic: Array
    numeric: Array
    error: Array
    scale: Array
    h: Array
    reason: str = ""

    @property
    def verified(self) -> bool:
        """Whether all entries agree with an error bar that was earned."""
        return bool((self.state == VERIFIED).all())

    @property
    def late(self) -> bool:
        """Whether a gap beyond the error bar was let pass, since it is a small share of the whole."""
        gap = np.abs(self.analytic - self.numeric)
        return bool(((self.state == VERIFIED) & (gap > 4.0 * self.error)).any())

    @property
    def mismatch(self) -> bool:
        """Whether some entry contradicts its differences."""
        return bool((self.state == MISMATCH).any())


def _at_first_go(phi: Phi, at_zero: float, analytic: float, weights: float, roundoff: float) -> Verdict | None:
    """The verdict for one number where the first step decides in the rule's favor."""
    e = central(phi, at_zero, FIRST_STEP, roundoff + 2.0 * FIRST_STEP * weights)  # type: ignore[arg-type]
    gap = abs(analytic - e.value)
    if e.kink or not (gap <= e.error <= TOLERANCE * weights):  # written so that NaN decides nothing
        return None
    one = np.asarray
    return Verdict(one(VERIFIED), one(analytic), one(e.value), one(e.error), one(weights), one(FIRST_STEP))


def agreement(numeric: float, analytic: float, weights: float, roundoff: float) -> Verdict | None:
    """The verdict of a difference over a step of 1 where it is in the rule's favor."""
    error = 2.0 * _ROUND_OFF * EPS * roundoff
    if not (abs(analytic - numeric) <= error <= TOLERANCE * weights):
        return None
    one = np.asarray
    return Verdict(one(VERIFIED), one(analytic), one(numeric), one(error), one(weights), one(1.0))


def compare(
    phi: Phi,
    at_zero: Array,
    analytic: Array,
    weights: Array,
    roundoff: Array,
    *,
    natural: Callable[[], Array | float] = float,
    analytic_phi: Phi | None = None,
    longest: float = 0.5,
    far: bool = False,
    floor: Array | float = 0.0,
    keen: bool = False,
) -> Verdict:
    """Adapt the step until each entry is decided or the attempts are used up.

    Args:
        phi: F(t) along the direction.
        at_zero: F(0).
        analytic: <g, u> by the rule.
        weights: sum |g_i u_i|, the scale that the error bar is held against.
        roundoff: sum |v f| + sum |g_i x_i|, what the round-off in F scales with.
        natural: gives |v| max|x|, what a function that cancels inside may carry as round-off however small its value.
        analytic_phi: <g(x + t u), u> by the rule, to measure the round-off of the rule itself.
        longest: the largest step that stays inside the domain.
        far: entries have sizes that F may not be scaled for: before accusing, look for stairs, and for the slope at
            all smaller steps.
        floor: what F may carry as round-off though it shows nowhere, as 1 does in sqrt(1 + x^2) - 1; only a gap of many
            bars may undercut it.
        keen: with `far`, a slope that is smaller than what `floor` makes of the bar counts where it is the same at
            several steps.
    """
    shape = np.shape(analytic)
    if not shape:
        settled = _at_first_go(phi, float(at_zero), float(analytic), float(weights), float(roundoff + floor))
        if settled is not None:
            return settled
    h = np.full(shape, FIRST_STEP)
    state = np.full(shape, INCONCLUSIVE)
    numeric, error = np.full(shape, np.nan), np.full(shape, np.inf)
    used = h.copy()
    suspicion = np.zeros(shape, dtype=bool)
    before, bar_before = np.full(shape, np.nan), np.full(shape, np.inf)
    last, h_last = before, h
    noise_known = False
    noise = np.zeros(shape)
    own: Array | float = 0.0
    for attempt in range(ATTEMPTS):
        slack = roundoff + floor + 2.0 * h * weights
        e = central(phi, at_zero, h, slack)
        # A rule that is noisier than that can never pass; its noise may not hide that it is wrong either.
        bar = e.error + (own if far else np.minimum(own, _NOISIEST * weights))
        gap = np.abs(analytic - e.value)
        if not attempt and not e.kink.any() and ((gap <= bar) & (bar <= TOLERANCE * weights)).all():
            return Verdict(state - INCONCLUSIVE + VERIFIED, analytic, e.value, bar, weights, h)
        scale = np.maximum(weights, np.minimum(gap, np.abs(e.value)))
        earned = ~e.kink & (bar <= TOLERANCE * scale)
        # Where the function hardly changes, agreement down to round-off is all there is; it adds nothing to the power.
        carry = np.maximum(roundoff, floor)
        flat = ~e.kink & (bar <= 1e-11 * carry) & ((weights <= 1e-10 * carry) | (attempt >= 3))
        # Far out a slope may be far smaller than what F may carry, and yet be the same at every step.
        doubtful = keen & ~e.kink & (gap > 0.5 * np.abs(e.value)) & (np.abs(e.value) > _FAINTEST * floor)
        steady = doubtful & (np.abs(e.value - last) <= _STEADY * np.abs(e.value)) & (h != h_last)
        last, h_last = e.value, h
        late = earned & (gap <= _LATE * weights)
        agree = ((earned | (flat & ~doubtful)) & (gap <= bar)) | late | (e.still & (analytic == 0.0))
        # Between one and four bars nothing is decided: another step, another draw.
        # A gap of many bars is one, though the bar itself is wide: a slope of 0 where it is 3e-4 +- 1e-9.
        lean = bar - (_ROUND_OFF - _LEAN) * EPS * floor / (0.25 * h)
        gross = ~e.kink & (gap > _GROSS * lean) & (lean <= 1e-3 * scale)
        # What jumps about at the finest spacing, as sin(1 / x^3) near 0 does, has no slope that differences could show.
        chaotic = noise > _CHAOS * (np.abs(at_zero) + np.abs(e.value) * h)
        differ = ((earned & (gap > 4.0 * bar)) | ((gross | steady) & noise_known)) & ~chaotic & ~late
        open_ = state == INCONCLUSIVE
        if np.any((((earned | flat) & ~agree) | gross | steady) & open_) and not noise_known:
            # The bar rested on a model of the round-off, in F only; measure it, in the rule too, before doubting that.
            noise_known = True
            noise = measured_noise(phi, shape)
            if far:
                noise = np.maximum(noise, quantization_step(phi, shape))
                if e.still.any():
                    noise = np.maximum(noise, np.where(e.still, _smallest_move(phi, at_zero), 0.0))
            measured = _NOISE_MARGIN / (_ROUND_OFF * EPS) * noise
            carried = np.asarray(natural())
            roundoff = np.maximum(roundoff, measured)
            floor = np.maximum(floor, carried)
            own = 16.0 * EPS * carried
            if analytic_phi is not None:
                own = own + _NOISE_MARGIN * measured_noise(analytic_phi, shape)
            continue
        # One contradiction may be a kink inside the stencil: ask again with a smaller step before refusing. Where the
        # function has teeth smaller than the step, two such slopes have nothing in common.
        confirmed = differ & suspicion & (np.abs(e.value - before) <= 4.0 * (bar + bar_before) + 1e-4 * gap)
        before, bar_before = np.where(differ, e.value, before), np.where(differ, bar, bar_before)
        better = open_ & (agree | confirmed | (bar < error))
        numeric, error = np.where(better, e.value, numeric), np.where(better, bar, error)
        used = np.where(better, h, used)
        state = np.where(open_ & agree, VERIFIED, np.where(open_ & confirmed, MISMATCH, state))
        if not np.any(state == INCONCLUSIVE):
            break
        suspicion = suspicion | differ
        factor = np.where(e.kink | differ, 0.25, np.where(e.noisy, 4.0, 0.25))
        h = np.where(state == INCONCLUSIVE, np.minimum(h * factor, longest), h)
    if far and np.any(state == MISMATCH):
        saw = slope_at_some_step(phi, analytic, np.abs(analytic - numeric), noise)
        state = np.where((state == MISMATCH) & saw, INCONCLUSIVE, state)
    return Verdict(state, np.asarray(analytic), numeric, error, np.asarray(weights), used)
