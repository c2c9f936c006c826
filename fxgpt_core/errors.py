"""Every error fxgpt raises on purpose, and the exit code a command ends with.

FxgptError                     1   something we named went wrong
├── BadInputError              3   a file, value or name that cannot be used as given
│   ├── UnknownSymbolError     3
│   ├── UnknownTimeframeError  3
│   ├── CandleSchemaError      3   duplicated stamps, broken OHLC, missing columns, empty file
│   ├── ParameterError         3   a strategy parameter outside its range or its constraints
│   └── SourceAnswerError      3   a source of data answered something that is not data
├── MissingError               4   nothing stored under that name yet
├── RefusedError               5   a gate, a guard or a policy said no
├── BrokenLineageError         6   a stored hash and the recomputed hash differ
│   └── CorruptArtifactError   6   bytes on disk are not the bytes that were written
└── NotReadyError            7   the machine is not ready: ledger missing, port in use, disk
    ├── LedgerMissingError     7
    └── PortInUseError         7

A message says three things: what was found, what is allowed, what to do.
Exit code 2 is typer's own, for a wrong command line.
"""


class FxgptError(Exception):
    """The root; `exit_code` is what the command line ends with."""

    exit_code = 1


class BadInputError(FxgptError):
    """A file, value or name that cannot be used as given."""

    exit_code = 3


class UnknownSymbolError(BadInputError):
    """A symbol that is not in the table of symbols."""


class UnknownTimeframeError(BadInputError):
    """A timeframe that is not one of the seven."""


class CandleSchemaError(BadInputError):
    """Candles with missing columns, duplicated or unordered stamps, or broken OHLC."""


class ParameterError(BadInputError):
    """A strategy parameter outside its range, choices or constraints."""


class SourceAnswerError(BadInputError):
    """A source of data answered something that is not the data asked for."""


class MissingError(FxgptError):
    """Nothing is stored under that name yet."""

    exit_code = 4


class RefusedError(FxgptError):
    """A gate, a guard or a policy said no."""

    exit_code = 5


class BrokenLineageError(FxgptError):
    """A stored hash and the hash recomputed from the bytes differ."""

    exit_code = 6


class CorruptArtifactError(BrokenLineageError):
    """The bytes on disk are not the bytes that were written."""


class NotReadyError(FxgptError):
    """The machine is not ready for what was asked."""

    exit_code = 7


class LedgerMissingError(NotReadyError):
    """The ledger database does not exist, does not answer or was never migrated."""


class PortInUseError(NotReadyError):
    """A server cannot bind because another process holds the port."""
