# Works from a fresh checkout: .venv is made when it is missing or its requirements changed, and the platform builds its parts.
PYTHON := .venv/bin/python
READY := .venv/everpull-ready
# What the program itself needs, and doctor: who deploys has no use for the tools of development.
RUNS := .venv/everpull-runs

# No tool may wait for an answer or tell of its own newer versions.
export PIP_NO_INPUT := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

# Stops a target that is about one stack and was not told which.
STACK_NAMED = test -n "$(STACK)" || { echo 'which stack? make $@ STACK=NAME; pulumi stack ls names them' >&2; exit 3; }

.DEFAULT_GOAL := help
.PHONY: help demo test check preview bench doctor renew down

help:
	@echo 'make demo   start the local platform, deploy the stack "local" and show a pod pulling with it'
	@echo 'make test   everything "make check" does, then every test, on the local platform'
	@echo 'make check  format, lint, types, workflows, documentation, known vulnerabilities, policies, house rules'
	@echo 'make preview STACK=dev   what a pull request is told of that stack: the diff, broken policies, the cost'
	@echo 'make bench  measure it beside another program that does the same; writes bench/README.md'
	@echo 'make doctor STACK=NAME  name the broken link of a deployed stack, and the next command'
	@echo 'make renew STACK=NAME   renew its login now, in every namespace'
	@echo 'make down   stop the local platform and remove what it left outside its folder'

demo: $(READY)
	@$(PYTHON) -m local.demo

test: check
	@$(PYTHON) -m local up
	@$(PYTHON) -m local.tools external-secrets-next
	@$(PYTHON) -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

# actionlint would use shellcheck and pyflakes only on machines that have them, so it is told to use neither.
check: $(READY)
	.venv/bin/ruff check --quiet
	.venv/bin/ruff format --check --quiet
	.venv/bin/pyright
	@actionlint=$$($(PYTHON) -m local.tools actionlint) && echo actionlint && "$$actionlint" -shellcheck= -pyflakes=
	.venv/bin/zizmor --offline --quiet --no-progress .github
	$(PYTHON) -m checks.tables
	$(PYTHON) -m checks.pictures
	$(PYTHON) -m checks.audit
	$(PYTHON) -m pytest --quiet tests/house tests/policy/test_combinations.py

# With this shell's credentials for AWS, the cluster and the state.
preview: $(RUNS)
	@$(STACK_NAMED)
	@STACK='$(STACK)' .github/locally.sh

bench: $(READY)
	@$(PYTHON) -m bench report

doctor: $(RUNS)
	@$(STACK_NAMED)
	@$(PYTHON) -m doctor --stack "$(STACK)"

renew: $(RUNS)
	@$(STACK_NAMED)
	@$(PYTHON) -m doctor.renew --stack "$(STACK)"

down: $(READY)
	@$(PYTHON) -m local down

$(READY): requirements.txt requirements-dev.txt local/venv.sh
	@sh local/venv.sh .venv requirements-dev.txt
	@touch $@ $(RUNS)

$(RUNS): requirements.txt local/venv.sh
	@sh local/venv.sh .venv requirements.txt
	@touch $@
