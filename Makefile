# Two commands matter: `make run` and `make test`. Both set up what they need.

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
# A copy of the requirements that were installed, written when all of them were: where it is missing
# or differs, they are installed anew. `run` needs less than a third of what all of it takes.
INSTALLED := $(VENV)/installed.txt
NEEDED := requirements.txt
run: NEEDED := requirements-run.txt
LOCK := pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

# uv installs it in seconds where it is there, and can reach the index; pip does everywhere.
FROM = --only-binary :all: --require-hashes -r $(NEEDED)

# Ctrl-C is held back until manage.py takes it, where env can do that (GNU).
HOLD_INT := $(shell env --block-signal=INT true 2>/dev/null && echo env --block-signal=INT)

# All tests run in several processes, with a database each. The tests of a class share its servers
# and stay together, in the order that tests/conftest.py gives them. Where ARGS choose, one process is done before others would have started.
WORKERS := --numprocesses=logical --maxprocesses=4 --dist=loadscope --no-loadscope-reorder

.PHONY: run test test-long lint lock messages environment

run: environment  ## the portal with demonstration data, on http://127.0.0.1:8000
	@PORTAL_DEMO=1 exec $(HOLD_INT) $(BIN)/python manage.py demo

test: environment  ## all tests but the long ones; ARGS="tests/site/test_profile.py -x" chooses
	@exec $(BIN)/python -m pytest $(if $(ARGS),$(ARGS),$(WORKERS) -m "not long")

test-long: environment  ## the long ones, which tests/conftest.py lists
	@exec $(BIN)/python -m pytest $(WORKERS) -m long

lint: environment  ## style, types, directions, templates, migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PORTAL_DEMO=1 $(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djade --check --target-version 5.2 $$(find templates -name '*.html')
	$(BIN)/djlint --quiet --lint templates
	PORTAL_DEMO=1 $(BIN)/python manage.py makemigrations --check
	LOG_LEVEL=WARNING PORTAL_DEMO=1 DJANGO_SETTINGS_MODULE=tests.support.linting $(BIN)/python manage.py lintmigrations --quiet ok ignore

lock: environment  ## compile all requirements from pyproject.toml
	$(BIN)/$(LOCK) --extra=embedded --extra=test --extra=lint --output-file=requirements.txt pyproject.toml
	$(BIN)/$(LOCK) --extra=embedded --constraint=requirements.txt --output-file=requirements-run.txt pyproject.toml
	$(BIN)/$(LOCK) --constraint=requirements.txt --output-file=deploy/requirements.txt pyproject.toml
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["ldap"], sep="\n")' | \
		$(BIN)/$(LOCK) --constraint=requirements.txt --output-file=deploy/requirements-ldap.txt -

sentences: environment  ## bring new sentences into locale/en (apt-get install gettext)
	PORTAL_DEMO=1 $(BIN)/python manage.py makemessages --locale=en --no-location --no-obsolete --no-wrap \
		--ignore=var --ignore=.venv --ignore=tests --ignore='templates/mail/*'

messages:  ## compile locale/ (apt-get install gettext)
	for name in vi/LC_MESSAGES/django vi/LC_MESSAGES/djangojs en/LC_MESSAGES/django; do \
		msgfmt --check-format --output-file=locale/$$name.mo locale/$$name.po; done

environment:
	@if [ -z "$(PYTHON)" ]; then \
		echo "mailportal needs Python 3.11 or later, and none was found. Install it, or name it: make PYTHON=/path/to/python3" >&2; exit 1; fi
	@if $(BIN)/python -c '' 2>/dev/null && { cmp -s $(NEEDED) $(INSTALLED) || cmp -s requirements.txt $(INSTALLED); }; then exit 0; fi; \
	if [ -L "$(VENV:/=)" ]; then \
		echo "$(VENV) is a link, and what it leads to is not what $(NEEDED) names. It was left as it is: remove the link, and one is set up here." >&2; exit 1; fi; \
	if ! $(PYTHON) -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		echo "$(PYTHON) is older than 3.11, or cannot make virtual environments (on Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1; fi; \
	echo "Setting up $(VENV): a minute or two, this once."; \
	said=$$({ $(PYTHON) -m venv --clear $(VENV) && \
		{ uv pip install -q --python $(BIN)/python $(FROM) 2>/dev/null || \
		$(BIN)/python -m pip install -q --disable-pip-version-check $(FROM); } && \
		cp $(NEEDED) $(INSTALLED); } 2>&1) && exit 0; \
	case $$said in \
		*"Retrying (Retry"*) cause="the package index cannot be reached; is this machine online?";; \
		*) cause=$$(printf '%s\n' "$$said" | sed '/^$$/d' | tail -n 1);; esac; \
	echo "$(VENV) could not be set up: $$cause" >&2; exit 1
