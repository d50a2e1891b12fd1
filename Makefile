# The few commands of chatlake under short names; each is a script in scripts/.
.DEFAULT_GOAL := help
.PHONY: help serve dev test check bench requirements vendor clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: ## serve on 127.0.0.1:8080, or where CHATLAKE_* says
	@scripts/serve

dev: ## the same, and reload when code changes
	@scripts/serve --dev

test: ## run the whole test suite, or ARGS="tests/app -k journal"
	@scripts/test $(ARGS)

check: ## run every linter
	@scripts/check

bench: ## run the benchmark NAME=…, or list them
	@scripts/bench $(NAME) $(ARGS)

requirements: ## compile the pins from the .in files, ARGS=--upgrade raises them
	@scripts/requirements $(ARGS)

vendor: ## make the files of other projects that pages load; needs node
	@scripts/vendor

clean: ## remove the environment and the caches; data stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
