# Every target calls a script of the same name; CI calls the same ones.
.PHONY: help setup demo test check lint bench soak build clean screenshots

MINUTES ?= 5

help:
	@echo "make demo    see Runferry at work: a simulated server, a live training, a mirror of it"
	@echo "make test    install what the tests need and run them all"
	@echo "make setup   make .venv with .venv/bin/runferry in it"
	@echo "make check   ruff, mypy, import contracts, biome, tsc (what CI runs before the tests)"
	@echo "make lint    ruff and biome alone"
	@echo "make bench   the benchmarks (docs/benchmarks.md)"
	@echo "make soak    many servers and live runs under steady trouble for MINUTES=5 (docs/reliability.md)"
	@echo "make build   wheel and source distribution in dist/"
	@echo "make screenshots   pictures of every page, into docs/images"
	@echo "make clean   remove caches and build results (.venv stays)"

setup:
	@scripts/setup

demo:
	@scripts/setup
	@exec .venv/bin/runferry demo

test:
	@scripts/test

check:
	@scripts/check

lint:
	@scripts/lint

bench:
	@scripts/bench

soak:
	@scripts/soak load $(MINUTES)

build:
	@scripts/build

screenshots:
	@scripts/screenshots

clean:
	@scripts/clean
