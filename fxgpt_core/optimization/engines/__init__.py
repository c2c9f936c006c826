"""How the next parameter sets to try are proposed: engines behind one ask and tell.

An engine proposes genomes and is told what became of them; it knows nothing of candles, ledgers or clocks. What it proposes
depends on what it was told and on the seeds it is given only, so an engine that is told a stored search again goes on as if it
had never stopped.
"""
