"""Numbers of the wire: prices and distances in whole 1/100000, volumes in hundredths of a unit, money with its own digits."""

from decimal import ROUND_FLOOR, Decimal

from fxgpt_core.errors import BadInputError

SCALE = 100_000
POINTS_OF_SCALE = 5
VOLUME_OF_UNIT = 100
_NOISE = Decimal("1e-9")
"""Below every point of every symbol: what a difference of two floats adds to it."""


def price_of(raw: int) -> float:
    """A price of spots, ticks and trendbars, which are in 1/100000 whatever the digits of the symbol."""
    return raw / SCALE


def rounded(price: float, digits: int) -> float:
    """A price with as many decimals as the symbol has: the venue refuses more."""
    return round(price, digits)


def relative(distance: float, digits: int) -> int:
    """A distance from the price of the fill in 1/100000, on the grid of the symbol's digits; down, which is nearer.

    Raises `BadInputError` for one below a point of the symbol.
    """
    grid = int(10 ** max(0, POINTS_OF_SCALE - digits))
    points = (Decimal(distance).quantize(_NOISE) * SCALE / grid).to_integral_value(ROUND_FLOOR)
    if points <= 0:
        raise BadInputError(
            f"a stop or target {distance!r} away found; at least a point of {digits} decimals is needed; widen it"
        )
    return int(points * grid)


def volume_of(units: int) -> int:
    """Whole units as a volume of the wire."""
    return units * VOLUME_OF_UNIT


def units_of(volume: int) -> int:
    """A volume as whole units; a part of a unit counts as a whole one, so that nothing open ever looks flat."""
    return -(-volume // VOLUME_OF_UNIT)


def money(amount: int, digits: int) -> Decimal:
    """An amount of money, exactly; `digits` are those of the record it stands in."""
    return Decimal(amount).scaleb(-digits)
