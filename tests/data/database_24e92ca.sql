BEGIN TRANSACTION;
CREATE TABLE "KeyValueStore" (
	id INTEGER NOT NULL, 
	"key" VARCHAR(50) NOT NULL, 
	value_type VARCHAR(20) NOT NULL, 
	string_value VARCHAR(255), 
	datetime_value DATETIME, 
	float_value DOUBLE, 
	int_value INTEGER, 
	PRIMARY KEY (id)
);
INSERT INTO "KeyValueStore" VALUES(1,'wallet_history_migration','int',NULL,NULL,NULL,1);
INSERT INTO "KeyValueStore" VALUES(2,'wallet_history_migration_date','datetime',NULL,'2026-01-01 00:00:00.000000',NULL,NULL);
INSERT INTO "KeyValueStore" VALUES(3,'bot_start_time','datetime',NULL,'2026-01-01 00:00:00.000000',NULL,NULL);
INSERT INTO "KeyValueStore" VALUES(4,'startup_time','datetime',NULL,'2026-01-01 00:00:00.000000',NULL,NULL);
INSERT INTO "KeyValueStore" VALUES(5,'freqtrade_ext BTC/USDT','str','[1767225600000,false,[83.58582588496827,264.8966489096308,47.10524002084366,0.5906001446332001,"trending"],[500.0,0,0,0],"$167 per position, 3 slots available"]',NULL,NULL,NULL);
INSERT INTO "KeyValueStore" VALUES(6,'freqtrade_ext ETH/USDT','str','[1767225600217,false,[45.08988095737715,-2.0015184065493874,11.760991294015824,1.9626313011252579,"choppy"],[350.0,1,0,0],"$117 per position, 2 slots available"]',NULL,NULL,NULL);
CREATE TABLE orders (
	id INTEGER NOT NULL, 
	ft_trade_id INTEGER NOT NULL, 
	ft_order_side VARCHAR(25) NOT NULL, 
	ft_pair VARCHAR(25) NOT NULL, 
	ft_is_open BOOLEAN NOT NULL, 
	ft_amount FLOAT NOT NULL, 
	ft_price FLOAT NOT NULL, 
	ft_cancel_reason VARCHAR(255), 
	order_id VARCHAR(255) NOT NULL, 
	status VARCHAR(255), 
	symbol VARCHAR(25), 
	order_type VARCHAR(50), 
	side VARCHAR(25), 
	price FLOAT, 
	average FLOAT, 
	amount FLOAT, 
	filled FLOAT, 
	remaining FLOAT, 
	cost FLOAT, 
	stop_price FLOAT, 
	order_date DATETIME, 
	order_filled_date DATETIME, 
	order_update_date DATETIME, 
	funding_fee FLOAT, 
	ft_fee_base FLOAT, 
	ft_order_tag VARCHAR(255), 
	PRIMARY KEY (id), 
	CONSTRAINT _order_pair_order_id UNIQUE (ft_pair, order_id), 
	FOREIGN KEY(ft_trade_id) REFERENCES trades (id)
);
INSERT INTO "orders" VALUES(1,1,'buy','BTC/USDT',1,1.43053657710363272409e-03,104855.76,NULL,'dry_run_buy_BTC/USDT_2a0a7e3c-552e-4ac2-bd2e-c2a97e67c4a2','open','BTC/USDT','limit','buy',104855.76,NULL,0.00143,0.0,0.00143,0.0,NULL,'2026-01-01 00:00:00.000000',NULL,'2026-01-01 00:08:37.464000',NULL,NULL,'');
INSERT INTO "orders" VALUES(2,2,'buy','ETH/USDT',0,4.16516258017937957003e-02,2520.91,NULL,'dry_run_buy_ETH/USDT_f2f04c35-61c4-4185-85a7-4fee80b51572','closed','ETH/USDT','limit','buy',2520.91,2520.91,0.0416,0.0416,0.0,1.0486985599999998442e+02,NULL,'2026-01-01 00:00:00.217000','2026-01-01 00:00:24.510000','2026-01-01 00:00:25.464000',0.0,4.16e-05,'| slippage 0.000 %, 106 ms');
CREATE TABLE pairlocks (
	id INTEGER NOT NULL, 
	pair VARCHAR(25) NOT NULL, 
	side VARCHAR(25) NOT NULL, 
	reason VARCHAR(255), 
	lock_time DATETIME NOT NULL, 
	lock_end_time DATETIME NOT NULL, 
	active BOOLEAN NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE paper_state (
	"key" VARCHAR(255) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "paper_state" VALUES('account','{"moved": {"ETH": "0.0415584", "USDT": "-104.86985599999998"}, "positions": {}, "leverage": {}}');
INSERT INTO "paper_state" VALUES('order/dry_run_buy_BTC/USDT_2a0a7e3c-552e-4ac2-bd2e-c2a97e67c4a2','{"request": {"id": "dry_run_buy_BTC/USDT_2a0a7e3c-552e-4ac2-bd2e-c2a97e67c4a2", "pair": "BTC/USDT", "type": "limit", "side": "buy", "amount": 0.00143, "decision_rate": 104855.76, "limit": 104855.76, "stop_rate": null, "time_in_force": "GTC", "leverage": 1.0, "reduce_only": false, "ccxt_type": "limit", "stock_average": null}, "decision_ms": 1767225600000, "arrival_ms": 1767225600085, "entry_latency_ms": 85.69469406378371, "response_latency_ms": 131.63438379439276, "book_ms": 1767225600085, "book_id": 50000003674, "status": "open", "reason": "", "stage": "resting", "trigger_rate": null, "queue": {"ahead": 0.06413}, "taker_amount": 0.0, "taker_cost": 0.0, "maker_amount": 0.0, "maker_cost": 0.0, "worst": null, "levels": 0, "fees": {}, "fee_value": 0.0, "last_fill_ms": null}');
INSERT INTO "paper_state" VALUES('pair/BTC/USDT','{"ledger": {"buy": [], "sell": []}, "cursor": [1767226109413, ["1543845764"]]}');
INSERT INTO "paper_state" VALUES('order/dry_run_buy_ETH/USDT_f2f04c35-61c4-4185-85a7-4fee80b51572','{"request": {"id": "dry_run_buy_ETH/USDT_f2f04c35-61c4-4185-85a7-4fee80b51572", "pair": "ETH/USDT", "type": "limit", "side": "buy", "amount": 0.0416, "decision_rate": 2520.91, "limit": 2520.91, "stop_rate": null, "time_in_force": "GTC", "leverage": 1.0, "reduce_only": false, "ccxt_type": "limit", "stock_average": null}, "decision_ms": 1767225600217, "arrival_ms": 1767225600323, "entry_latency_ms": 105.49327498221189, "response_latency_ms": 140.5880057894292, "book_ms": 1767225600323, "book_id": 50000001380, "status": "closed", "reason": "", "stage": "resting", "trigger_rate": null, "queue": {"ahead": 0.0}, "taker_amount": 0.0, "taker_cost": 0.0, "maker_amount": 0.0416, "maker_cost": 104.86985599999998, "worst": null, "levels": 0, "fees": {"ETH": 4.16e-05}, "fee_value": 0.10486985599999998, "last_fill_ms": 1767225624510}');
INSERT INTO "paper_state" VALUES('pair/ETH/USDT','{"ledger": {"buy": [], "sell": []}, "cursor": [1767225624510, ["1514742653"]]}');
CREATE TABLE trade_custom_data (
	id INTEGER NOT NULL, 
	ft_trade_id INTEGER, 
	cd_key VARCHAR(255) NOT NULL, 
	cd_type VARCHAR(25) NOT NULL, 
	cd_value TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME, 
	PRIMARY KEY (id), 
	CONSTRAINT _trade_id_cd_key UNIQUE (ft_trade_id, cd_key), 
	FOREIGN KEY(ft_trade_id) REFERENCES trades (id)
);
INSERT INTO "trade_custom_data" VALUES(1,2,'market_state','dict','{"rsi": 45.08988095737715, "macd_hist": -2.0015184065493874, "adx": 11.760991294015824, "atr_pct": 1.9626313011252579, "regime": "choppy"}','2026-01-01 00:00:25.464000',NULL);
INSERT INTO "trade_custom_data" VALUES(2,2,'plan','dict','{"is_short": false, "entry_rate": 2520.91, "stop_rate": 2431.85, "target_rates": [2558.72, 2583.93, 2621.75], "shares": [60.0, 25.0, 15.0], "stop_percent": 3.5327363420254643, "target_percents": [1.5, 2.5, 4.0], "reasons": ["$117 per position, 2 slots available", "Choppy market: Take profits early", "Moderate volatility (ATR 2.0%): Standard stop | Choppy market: Early TPs"]}','2026-01-01 00:00:25.464000',NULL);
INSERT INTO "trade_custom_data" VALUES(3,2,'fills','list','[{"order_id": "dry_run_buy_ETH/USDT_f2f04c35-61c4-4185-85a7-4fee80b51572", "pair": "ETH/USDT", "side": "buy", "type": "limit", "status": "closed", "reason": "", "requested": 0.0416, "filled": 0.0416, "average": 2520.91, "worst": null, "levels": 0, "decision_rate": 2520.91, "decision_ms": 1767225600217, "arrival_ms": 1767225600323, "book_ms": 1767225600323, "book_id": 50000001380, "entry_latency_ms": 105.5, "response_latency_ms": 140.6, "slippage_bps": 0.0, "taker_amount": 0.0, "maker_amount": 0.0416, "fee_cost": 4.16e-05, "fee_currency": "ETH", "fee_rate": 0.001, "stock_average": null}]','2026-01-01 00:00:25.464000',NULL);
CREATE TABLE trades (
	id INTEGER NOT NULL, 
	exchange VARCHAR(25) NOT NULL, 
	pair VARCHAR(25) NOT NULL, 
	base_currency VARCHAR(25), 
	stake_currency VARCHAR(25), 
	is_open BOOLEAN NOT NULL, 
	fee_open FLOAT NOT NULL, 
	fee_open_cost FLOAT, 
	fee_open_currency VARCHAR(25), 
	fee_close FLOAT NOT NULL, 
	fee_close_cost FLOAT, 
	fee_close_currency VARCHAR(25), 
	open_rate FLOAT NOT NULL, 
	open_rate_requested FLOAT, 
	open_trade_value FLOAT, 
	close_rate FLOAT, 
	close_rate_requested FLOAT, 
	realized_profit FLOAT, 
	close_profit FLOAT, 
	close_profit_abs FLOAT, 
	stake_amount FLOAT NOT NULL, 
	max_stake_amount FLOAT, 
	amount FLOAT NOT NULL, 
	amount_requested FLOAT, 
	open_date DATETIME NOT NULL, 
	close_date DATETIME, 
	stop_loss FLOAT, 
	stop_loss_pct FLOAT, 
	initial_stop_loss FLOAT, 
	initial_stop_loss_pct FLOAT, 
	is_stop_loss_trailing BOOLEAN NOT NULL, 
	max_rate FLOAT, 
	min_rate FLOAT, 
	exit_reason VARCHAR(255), 
	exit_order_status VARCHAR(100), 
	strategy VARCHAR(100), 
	enter_tag VARCHAR(255), 
	timeframe INTEGER, 
	trading_mode VARCHAR(7), 
	amount_precision FLOAT, 
	price_precision FLOAT, 
	precision_mode INTEGER, 
	precision_mode_price INTEGER, 
	contract_size FLOAT, 
	leverage FLOAT, 
	is_short BOOLEAN NOT NULL, 
	liquidation_price FLOAT, 
	interest_rate FLOAT NOT NULL, 
	funding_fees FLOAT, 
	funding_fee_running FLOAT, 
	record_version INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "trades" VALUES(1,'binance','BTC/USDT','BTC','USDT',1,0.001,NULL,NULL,0.001,NULL,NULL,104855.76,104855.76,0.0,NULL,NULL,0.0,NULL,NULL,150.0,0.0,0.0,1.43053657710363272409e-03,'2026-01-01 00:00:00.217999',NULL,94370.19,-0.1,94370.19,-0.1,0,0.0,NULL,NULL,NULL,'AlwaysEnter','',5,'SPOT',1.0e-05,0.01,4,4,1.0,1.0,0,NULL,0.0,0.0,NULL,2);
INSERT INTO "trades" VALUES(2,'binance','ETH/USDT','ETH','USDT',1,0.001,0.104764986144,'ETH',0.001,NULL,NULL,2520.91,2520.91,104.722382765,NULL,NULL,0.0,NULL,NULL,1.04764986143999990983e+02,1.04764986143999990983e+02,0.0415,4.16516258017937957003e-02,'2026-01-01 00:00:00.464000',NULL,2431.85,-3.53285124193982724705e-02,2268.82,-0.1,0,2552.84,2515.04,NULL,NULL,'AlwaysEnter','',5,'SPOT',0.0001,0.01,4,4,1.0,1.0,0,NULL,0.0,0.0,0.0,2);
CREATE TABLE wallet_history (
	id INTEGER NOT NULL, 
	timestamp DATETIME NOT NULL, 
	currency VARCHAR(25) NOT NULL, 
	rate FLOAT, 
	quote_currency VARCHAR(25) NOT NULL, 
	balance FLOAT NOT NULL, 
	total_quote FLOAT, 
	total_position_value FLOAT, 
	collateral FLOAT, 
	leverage FLOAT NOT NULL, 
	bot_managed BOOLEAN NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT unique_wallet_daily UNIQUE (timestamp, currency)
);
INSERT INTO "wallet_history" VALUES(1,'2026-01-01 00:00:00.000000','ETH',2537.88,'USDT',0.0415,1.0532202000000000908e+02,NULL,NULL,1.0,1);
INSERT INTO "wallet_history" VALUES(2,'2026-01-01 00:00:00.000000','USDT',1.0,'USDT',3.9517875065600003381e+02,3.9517875065600003381e+02,NULL,NULL,1.0,1);
CREATE INDEX "ix_KeyValueStore_key" ON "KeyValueStore" ("key");
CREATE INDEX ix_trades_pair ON trades (pair);
CREATE INDEX ix_trades_is_open ON trades (is_open);
CREATE INDEX ix_pairlocks_pair ON pairlocks (pair);
CREATE INDEX ix_pairlocks_active ON pairlocks (active);
CREATE INDEX ix_pairlocks_lock_end_time ON pairlocks (lock_end_time);
CREATE INDEX ix_wallet_history_timestamp ON wallet_history (timestamp);
CREATE INDEX ix_trade_custom_data_ft_trade_id ON trade_custom_data (ft_trade_id);
CREATE INDEX ix_orders_ft_trade_id ON orders (ft_trade_id);
CREATE INDEX ix_orders_ft_is_open ON orders (ft_is_open);
CREATE INDEX ix_orders_order_id ON orders (order_id);
COMMIT;
