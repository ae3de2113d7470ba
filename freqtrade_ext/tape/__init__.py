"""Read raw recordings of exchanges' market data streams, of any length, in constant memory."""

from freqtrade_ext.tape.lines import DAMAGE, Kind, Record, first_update_id
from freqtrade_ext.tape.reader import Recording, RecordingError
from freqtrade_ext.tape.trade_ids import TradeIds, ids_of_trade

__all__ = [
    "DAMAGE",
    "Kind",
    "Record",
    "Recording",
    "RecordingError",
    "TradeIds",
    "first_update_id",
    "ids_of_trade",
]
