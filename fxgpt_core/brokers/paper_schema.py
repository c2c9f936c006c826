"""The tables of the paper broker's book, as they came to be: a file of any version is upgraded to the last one."""

FIRST = """
CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY CHECK (id = 1), cash REAL NOT NULL, leverage REAL NOT NULL);
CREATE TABLE IF NOT EXISTS orders (
    order_id INTEGER PRIMARY KEY AUTOINCREMENT, client_order_id TEXT NOT NULL UNIQUE, symbol TEXT NOT NULL,
    side INTEGER NOT NULL, units INTEGER NOT NULL, stop_price REAL, target_price REAL,
    state TEXT NOT NULL, position_id INTEGER, reason TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS positions (
    position_id INTEGER PRIMARY KEY AUTOINCREMENT, client_order_id TEXT NOT NULL UNIQUE, symbol TEXT NOT NULL,
    side INTEGER NOT NULL, units INTEGER NOT NULL, entry_price REAL NOT NULL, entry_time_us INTEGER NOT NULL,
    stop_price REAL, target_price REAL, is_open INTEGER NOT NULL DEFAULT 1, close_order_id TEXT UNIQUE, close_reason TEXT);
CREATE TABLE IF NOT EXISTS fills (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, client_order_id TEXT NOT NULL, position_id INTEGER NOT NULL, symbol TEXT NOT NULL,
    side INTEGER NOT NULL, units INTEGER NOT NULL, price REAL NOT NULL, commission REAL NOT NULL, time_us INTEGER NOT NULL,
    reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS money (id INTEGER PRIMARY KEY CHECK (id = 1), currency TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS marks (symbol TEXT PRIMARY KEY, open_time_us INTEGER NOT NULL, close REAL NOT NULL);
"""
# A price is of the bid; what was marked before there were two sides was marked by one price in the account's own currency.
TWO_SIDED_QUOTES = """
ALTER TABLE positions ADD COLUMN stop_out_price REAL;
ALTER TABLE positions ADD COLUMN swap REAL NOT NULL DEFAULT 0.0;
ALTER TABLE fills ADD COLUMN spread_cost REAL NOT NULL DEFAULT 0.0;
ALTER TABLE fills ADD COLUMN slippage REAL NOT NULL DEFAULT 0.0;
ALTER TABLE fills ADD COLUMN impact REAL NOT NULL DEFAULT 0.0;
ALTER TABLE fills ADD COLUMN swap REAL NOT NULL DEFAULT 0.0;
ALTER TABLE marks ADD COLUMN told_spread REAL;
ALTER TABLE marks ADD COLUMN spread REAL NOT NULL DEFAULT 0.0;
ALTER TABLE marks ADD COLUMN conversion REAL DEFAULT 1.0;
CREATE TABLE swaps (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, position_id INTEGER NOT NULL, time_us INTEGER NOT NULL, paid REAL NOT NULL,
    UNIQUE (position_id, time_us));
"""
# Orders that wait for a price, closes of a part, fills of a part. `units` of a position are those still open, `alone` says that
# its stop-out price is that of its entry (see `paper_margin`). When an earlier order was placed is not known: its entry counts.
ORDER_KINDS = """
ALTER TABLE account ADD COLUMN balance_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN order_type TEXT NOT NULL DEFAULT 'market';
ALTER TABLE orders ADD COLUMN limit_price REAL;
ALTER TABLE orders ADD COLUMN trigger_price REAL;
ALTER TABLE orders ADD COLUMN stop_distance REAL;
ALTER TABLE orders ADD COLUMN target_distance REAL;
ALTER TABLE orders ADD COLUMN expires_at_us INTEGER;
ALTER TABLE orders ADD COLUMN requested_at_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN filled_units INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN is_triggered INTEGER NOT NULL DEFAULT 0;
UPDATE orders SET filled_units = units WHERE state = 'filled';
UPDATE orders SET requested_at_us = coalesce(
    (SELECT entry_time_us FROM positions WHERE positions.position_id = orders.position_id), 0);
CREATE INDEX orders_by_state ON orders (state, symbol);
CREATE TABLE closes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, close_id TEXT NOT NULL UNIQUE, position_id INTEGER NOT NULL, reason TEXT NOT NULL,
    units INTEGER, is_open INTEGER NOT NULL DEFAULT 1);
INSERT INTO closes (close_id, position_id, reason, is_open)
    SELECT close_order_id, position_id, close_reason, is_open FROM positions WHERE close_order_id IS NOT NULL
    ORDER BY position_id;
CREATE TABLE positions_now (
    position_id INTEGER PRIMARY KEY AUTOINCREMENT, client_order_id TEXT NOT NULL UNIQUE, symbol TEXT NOT NULL,
    side INTEGER NOT NULL, units INTEGER NOT NULL, entry_price REAL NOT NULL, entry_time_us INTEGER NOT NULL,
    stop_price REAL, target_price REAL, is_open INTEGER NOT NULL DEFAULT 1, swap REAL NOT NULL DEFAULT 0.0,
    stop_out_price REAL, alone INTEGER NOT NULL DEFAULT 0);
INSERT INTO positions_now (
        position_id, client_order_id, symbol, side, units, entry_price, entry_time_us, stop_price, target_price, is_open, swap,
        stop_out_price, alone)
    SELECT position_id, client_order_id, symbol, side, units, entry_price, entry_time_us, stop_price, target_price, is_open, swap,
        stop_out_price, is_open
    FROM positions ORDER BY position_id;
DROP TABLE positions;
ALTER TABLE positions_now RENAME TO positions;
UPDATE positions SET alone = 0, stop_out_price = NULL
    WHERE is_open = 1 AND (SELECT count(*) FROM positions WHERE is_open = 1) > 1;
CREATE INDEX positions_by_symbol ON positions (is_open, symbol);
ALTER TABLE fills ADD COLUMN gross_profit REAL;
ALTER TABLE fills ADD COLUMN balance REAL;
ALTER TABLE fills ADD COLUMN balance_version INTEGER;
ALTER TABLE fills ADD COLUMN part INTEGER NOT NULL DEFAULT 1;
CREATE INDEX fills_by_order ON fills (client_order_id);
ALTER TABLE marks ADD COLUMN quoted_at_us INTEGER;
"""
UPGRADES = (FIRST, TWO_SIDED_QUOTES, ORDER_KINDS)
"""What makes a book of each version out of the one before; a file keeps its version as `user_version`, the first ones kept 0."""
