"""Read raw recordings of Binance's market data streams, of any length, in constant memory."""

from freqtrade_ext.recording.lines import Kind, Record
from freqtrade_ext.recording.reader import Recording, RecordingError
from freqtrade_ext.recording.trade_ids import TradeIds

__all__ = ["Kind", "Record", "Recording", "RecordingError", "TradeIds"]
