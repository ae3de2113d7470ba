# make trade    run the bot on paper (MARKET=binance|embedded, STRATEGY=name, ARGS="more of freqtrade")
# make test     check everything
# make report   what trading cost and earned, from the bot's database (ARGS="--db-url ...")
# make fidelity how true the fills are, measured on recordings (RECORDINGS=folder, TAPES=folder)
# make demo     a first hour of trading in seconds, with its report
# make replay   weeks of trading in minutes, by the bot's own loop (ARGS="--days 30 --seed 2 --pairs BTC/USDT", or --seeds 1-100)
# make soak     hours of virtual trading with troubles of every kind, and 200 kills (takes an hour or more)
# make bench    how fast it fills, reacts, loops and, with CANDLES=folder, backtests, beside stock freqtrade (20 minutes)
# make fuzz     hostile input of every kind, for a long time (ARGS="-k settings")
# make mutants  small faults in the code: does a test notice each? (ARGS="--sample 40 --seed 1")
# make versions the same trades and the bot's tests on each release of freqtrade (30 minutes)
# make audit    look the pinned dependencies up in PyPI's advisories
# make ui       download FreqUI, the web page that freqtrade serves
# make docs     write docs/settings.md
# make site     build docs/ into build/site, links and anchors checked
# make lock     resolve requirements*.in anew
# make clean    remove the environment; user_data stays

PYTHON ?= python3
MARKET ?= auto
STRATEGY ?=
ARGS ?=
RECORDINGS ?= ../shared/data/book
TAPES ?= ../shared/data/l3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check -q
# without a network pip's last words are that no version of some package exists
install = mkdir -p build && $(PIP) install $(1) >build/pip.log 2>&1 || { \
	if grep -q 'connection broken by' build/pip.log; \
	then echo "PyPI cannot be reached: is there a network? build/pip.log has pip's own words"; \
	else tail -n 5 build/pip.log; fi; exit 1; }

# a test that calls make wants to read the recipe's words alone
MAKEFLAGS += --no-print-directory

.PHONY: trade test report fidelity demo replay soak bench fuzz mutants versions audit ui docs site lock clean

# 130: Ctrl-C, the usual end
trade: $(VENV)/.runtime
	@$(BIN)/freqtrade-ext trade --market $(MARKET) $(if $(STRATEGY),--strategy $(STRATEGY)) $(ARGS) || test $$? -eq 130

test: $(VENV)/.development
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/codespell
	@$(BIN)/pytest --numprocesses 5 --dist loadfile --no-loadscope-reorder $(ARGS)

report: $(VENV)/.runtime
	@$(BIN)/freqtrade-ext report $(ARGS)

# what is not there is named with how to get it; a sample of the embedded exchange's own making stands in
fidelity: $(VENV)/.runtime
	@for name in hftbacktest_spot_BTCUSDT_20240808 nexo_spot_NEXOUSDT_20240723_24; do \
		if test -d $(RECORDINGS)/$$name; then $(BIN)/freqtrade-ext fidelity $(RECORDINGS)/$$name/*.gz || exit 1; \
		else echo "$$name is not in $(RECORDINGS): docs/fidelity.md says where it comes from; freqtrade-ext record makes your own"; fi; \
	done
	@for tape in bitstamp_20150501.log.xz "bitstamp_20260502_orders.csv.gz bitstamp_20260502_trades.csv"; do \
		if test -f $(TAPES)/$${tape%% *}; then (cd $(TAPES) && $(abspath $(BIN))/freqtrade-ext fidelity --resting $$tape) || exit 1; \
		else echo "$$tape is not in $(TAPES): freqtrade-ext record --exchange bitstamp --orders makes your own"; fi; \
	done
	@test -d $(RECORDINGS) || { $(BIN)/freqtrade-ext fidelity docs/sample/btcusdt.gz && \
		$(BIN)/freqtrade-ext fidelity --resting docs/sample/orders.csv.gz; }

demo: $(VENV)/.runtime
	@$(BIN)/freqtrade-ext replay --days 0.042 --pairs BTC/USDT ETH/USDT SOL/USDT --report user_data/demo $(ARGS)

replay: $(VENV)/.runtime
	@$(BIN)/freqtrade-ext replay $(ARGS)

SOAKED := AlwaysEnter BreakoutStrategy AdaptiveSynergy MomentumBreakout VolatilityReversal
SOAK := build/soak
soak: $(VENV)/.development
	@rm -rf $(SOAK)
	@for strategy in $(SOAKED); do \
		$(BIN)/python -m tests.soak --strategy $$strategy --hours 144 --out $(SOAK)/$$strategy || exit 1; \
	done
	@$(BIN)/python -m tests.soak.feed --minutes 10 --out $(SOAK)/feed
	@$(BIN)/python -m tests.soak.crash --count 200

bench: $(VENV)/.runtime
	@$(BIN)/python -m benchmarks.walk
	@$(BIN)/python -m benchmarks.reaction --at-once 3
	@$(BIN)/python -m benchmarks.loops
	@$(if $(CANDLES),$(BIN)/python -m benchmarks.backtest $(CANDLES))

fuzz: $(VENV)/.development
	@$(BIN)/pytest tests/fuzz --hypothesis-profile=long --timeout=0 $(ARGS)

mutants: $(VENV)/.development
	@$(BIN)/python -m tests.mutants $(ARGS)

versions: $(VENV)/.development
	@$(BIN)/python -m tests.versions --tests $(ARGS)

# strict: an index without advisories must not pass for one without findings
audit:
	@$(PYTHON) -m venv build/audit
	@build/audit/bin/pip --disable-pip-version-check -qq install pip-audit==2.10.1
	@build/audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements.txt -r requirements-dev.txt

ui: $(VENV)/.runtime
	@$(BIN)/freqtrade install-ui

# each stamp is made anew when its lock changes; a second run starts at once
$(VENV)/.runtime: requirements.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is missing: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 names one"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; }
	@test -w . || { echo "This folder belongs to $$(stat -c %U .) and cannot be written by $$(id -un): clone it anew"; exit 1; }
	@echo "Installing freqtrade and its pinned dependencies into $(VENV) (a minute or two, once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(call install,--require-hashes -r requirements.txt)
	@$(call install,--no-deps --no-build-isolation -e .)
	@touch $@

$(VENV)/.development: requirements-dev.txt $(VENV)/.runtime
	@echo "Installing what the tests need ..."
	@$(call install,--require-hashes -r requirements-dev.txt)
	@touch $@

docs: $(VENV)/.runtime
	@$(BIN)/python docs/make_settings.py > docs/settings.md

# strict: a link or an anchor that leads nowhere is an error
site:
	@$(PYTHON) -m venv build/site-venv
	@build/site-venv/bin/pip --disable-pip-version-check -qq install mkdocs-material==9.8.2
	@NO_MKDOCS_2_WARNING=1 build/site-venv/bin/mkdocs build --quiet --strict
	@echo "build/site/index.html"

lock:
	$(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet uv==0.13.9
	UV_CUSTOM_COMPILE_COMMAND="make lock" build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-annotate --no-emit-index-url requirements.in -o requirements.txt
	UV_CUSTOM_COMPILE_COMMAND="make lock" build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-annotate --no-emit-index-url requirements-dev.in -o requirements-dev.txt

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
