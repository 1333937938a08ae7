#!/usr/bin/env bash
# Measures holdfast beside restic and borg and writes bench/results.md. `--help` lists the options.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
exec python3 bench/run.py "$@"
