"""The list of trades for people and tables: one dict or one row per trade."""

import polars as pl

from fxgpt_core.backtest.engine import Trades
from fxgpt_core.market.fills import REASON_NAMES
from fxgpt_core.market.orders import Side


def trade_dicts(trades: Trades) -> list[dict[str, object]]:
    """Each trade with ISO times in UTC, side "long" or "short", prices, units, reason, profit and costs."""
    return [
        {**row, "entry_time": row["entry_time"].isoformat(), "exit_time": row["exit_time"].isoformat()}
        for row in trade_frame(trades).to_dicts()
    ]


def trade_frame(trades: Trades) -> pl.DataFrame:
    """The trades as a frame, one row each, in the order of their exits; times are the open times of their candles in UTC."""
    return pl.DataFrame(
        {
            "entry_time": pl.Series(trades.entry_time_us, dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
            "exit_time": pl.Series(trades.exit_time_us, dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
            "side": pl.Series([Side(int(side)).name.lower() for side in trades.side], dtype=pl.String),
            "entry_price": trades.entry_price,
            "exit_price": trades.exit_price,
            "size": trades.units,
            "reason": pl.Series([REASON_NAMES[int(code)] for code in trades.reason], dtype=pl.String),
            "profit": trades.profit,
            "commission": trades.commission,
            "spread_cost": trades.spread_cost,
            "slippage": trades.slippage,
            "impact": trades.impact,
            "swap": trades.swap,
            "ambiguous": trades.ambiguous,
        }
    )
