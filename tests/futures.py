"""Markets of Binance futures without a network: exchangeInfo as the exchange documents it, parsed by ccxt."""

from freqtrade.resolvers import ExchangeResolver

BTCUSDT = {
    "symbol": "BTCUSDT",
    "pair": "BTCUSDT",
    "contractType": "PERPETUAL",
    "deliveryDate": 4133404800000,
    "onboardDate": 1569398400000,
    "status": "TRADING",
    "maintMarginPercent": "2.5000",
    "requiredMarginPercent": "5.0000",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "marginAsset": "USDT",
    "pricePrecision": 2,
    "quantityPrecision": 3,
    "baseAssetPrecision": 8,
    "quotePrecision": 8,
    "underlyingType": "COIN",
    "triggerProtect": "0.0500",
    "liquidationFee": "0.012500",
    "marketTakeBound": "0.05",
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "556.80", "maxPrice": "4529764", "tickSize": "0.10"},
        {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "120", "stepSize": "0.001"},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
        {"filterType": "MIN_NOTIONAL", "notional": "100"},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": "1.0500",
            "multiplierDown": "0.9500",
            "multiplierDecimal": "4",
        },
    ],
    "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET"],
    "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
}


def load_futures(config):
    """Load freqtrade's exchange for a futures configuration; leverage tiers come with freqtrade."""
    exchange = ExchangeResolver.load_exchange(config, validate=False, load_leverage_tiers=True)
    markets = [exchange._api.parse_market(BTCUSDT)]
    exchange._markets = {market["symbol"]: market for market in markets}
    for client in (exchange._api, exchange._api_async):
        client.set_markets(markets)
    return exchange
