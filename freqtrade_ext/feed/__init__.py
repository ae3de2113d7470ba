"""Live order books and trades by ccxt.pro's WebSockets."""
