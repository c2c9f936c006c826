"""The trading process of an account: candles in, orders out, exactly once. It never loads torch and decides nothing itself."""
