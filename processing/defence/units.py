"""Wrong units, told by distribution: of a whole drop the medians must be those of parcels.

One wrong row is hardly ever seen, since parcels differ a thousandfold. But a median moves by the very factor between
two units, and density by its third power: inches taken for centimetres make a parcel of cardboard as heavy as stone.
Against an earlier profile smaller factors show as well: then every quartile has moved by the very same one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from processing.columns import MASS, SIDES
from rightpack.errors import ContractError
from rightpack.settings import Defence, Range

Floats = npt.NDArray[np.float64]
DENSITY: Final = "density"
SIDE_UNITS: Final = {"inches": 2.54, "millimetres": 0.1, "metres": 100.0, "feet": 30.48}  # in centimetres
MASS_UNITS: Final = {"kilograms": 1000.0, "ounces": 28.349523, "pounds": 453.59237, "milligrams": 0.001}  # in grams
POUNDS: Final = {"pounds converted like kilograms": 2.2046, "kilograms converted like pounds": 0.4536}
QUARTILES: Final = ("0.25", "0.5", "0.75")
NEAR: Final = 0.08  # a thousand products of another week differ by less, other units by far more


def mistaken_unit(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The mistake in units that turns the columns of one profile into those of a later one; empty if there is none.

    Every quartile of all sides, or of the mass, must have moved by the factor of one unit: nothing else does that.
    """
    for names, mistakes in ((SIDES, _mistakes(SIDE_UNITS)), ((MASS,), {**_mistakes(MASS_UNITS), **POUNDS})):
        moved = [move for name in names for move in _moves(before.get(name, {}), now.get(name, {}))]
        for how, times in mistakes.items() if len(moved) == len(names) * len(QUARTILES) else ():
            if all(abs(move / times - 1) < NEAR for move in moved):
                return f"{', '.join(names)} are {times:.4g} times what they were, as if they were {how}."
    return ""


def _mistakes(units: Mapping[str, float]) -> dict[str, float]:
    """By what each mistake multiplies a measure, the likely ones first."""
    plain = {f"in {unit}": 1 / factor for unit, factor in units.items()}
    return {**plain, **{f"converted from {unit} twice": factor for unit, factor in units.items()}}


def _moves(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[float]:
    """By what each quartile of a column was multiplied; none where one of the profiles does not tell."""
    old, new = before.get("quantiles") or {}, now.get("quantiles") or {}
    return [new[at] / old[at] for at in QUARTILES if at in new and old.get(at)]


def check_units(table: pa.Table, rules: Defence, uri: str) -> None:
    """ContractError where a median of the drop at `uri` is out of its range; says which units would explain it."""
    medians = _medians(table, rules)
    wrong = {name: value for name, value in medians.items() if not rules.medians[name].holds(value)}
    if not wrong:
        return
    name, value = next(iter(wrong.items()))
    allowed = _words(rules.medians[name])
    raise ContractError(
        f"The median {name} of the {table.num_rows} rows of {uri} is {value:.4g}, outside of {allowed}. "
        f"{_hint(medians, rules.medians)} If the values are right, change defence.medians.{name} in the settings."
    )


def _medians(table: pa.Table, rules: Defence) -> dict[str, float]:
    """Medians by name, in the order of the names, of what at least `median_rows` rows know."""
    known = {name: _values(table, name) for name in sorted(rules.medians)}
    return {n: float(np.median(v)) for n, v in known.items() if len(v) and len(v) >= rules.median_rows}


def _values(table: pa.Table, name: str) -> Floats:
    if name == DENSITY:
        values = _density(table)
    elif name in table.column_names and pa.types.is_floating(table[name].type):
        values = table[name].to_numpy().astype(np.float64)
    else:
        return np.zeros(0)
    return values[np.isfinite(values)]


def _density(table: pa.Table) -> Floats:
    if not {*SIDES, MASS} <= set(table.column_names):
        return np.zeros(0)
    length, width, height, mass = (table[n].cast(pa.float64()).to_numpy() for n in (*SIDES, MASS))
    with np.errstate(over="ignore", invalid="ignore"):  # sides beyond measure are refused row by row
        volume = length * width * height
        return np.asarray(np.divide(mass, volume, out=np.full(len(volume), np.nan), where=volume > 0))


def _hint(medians: Mapping[str, float], ranges: Mapping[str, Range]) -> str:
    """The units that would put every median into its range."""
    sides = [f"{unit} in {', '.join(SIDES)}" for unit, f in SIDE_UNITS.items() if _explains(medians, ranges, side=f)]
    masses = [f"{unit} in {MASS}" for unit, f in MASS_UNITS.items() if _explains(medians, ranges, mass=f)]
    return f"It would be right if there were {_either([*sides, *masses])}." if sides or masses else ""


def _explains(
    medians: Mapping[str, float], ranges: Mapping[str, Range], *, side: float = 1.0, mass: float = 1.0
) -> bool:
    factors = {DENSITY: mass / side**3, MASS: mass, **dict.fromkeys(SIDES, side)}
    return all(ranges[name].holds(value * factors.get(name, 1.0)) for name, value in medians.items())


def _either(words: Sequence[str]) -> str:
    return " or ".join(words)


def _words(allowed: Range) -> str:
    least = "no lower end" if allowed.least is None else f"{allowed.least:g}"
    most = "no upper end" if allowed.most is None else f"{allowed.most:g}"
    return f"{least} to {most}"
