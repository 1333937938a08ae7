#!/usr/bin/env bash
# Takes a small real site through the worst day of its life and shows that everything comes back.
#
# Makes the site, backs it up while its database is being written, changes it, backs it up again,
# destroys it, brings both points back, and compares every byte, attribute and row. Any difference
# ends the demo with an error.
# Usage: examples/demo.sh   (HOLDFAST_BINARY names the program; default build/release/holdfast)
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
holdfast=$(readlink -f "${HOLDFAST_BINARY:-$here/../build/release/holdfast}")
work=$(mktemp -d "${TMPDIR:-/tmp}/holdfast-demo.XXXXXX")
site=$work/srv/shop
ledger_pid=

export HOLDFAST_CONFIG=$work/holdfast.yaml
export HOLDFAST_PASSPHRASE_FILE=$work/passphrase
export HOLDFAST_CACHE_DIR=$work/cache

bold='' dim='' green='' plain=''
if [ -t 1 ]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' plain=$'\e[0m'
fi
# Of each point, by its number: entries of the ledger before and after, and times.
declare -A ledger_low ledger_high backup_ms restore_ms

clean_up() {
  local code=$?
  [ -n "$ledger_pid" ] && kill "$ledger_pid" 2>/dev/null
  chmod -R u+rwX "$work" 2>/dev/null
  rm -rf "$work"
  [ $code -eq 0 ] || echo "${bold}The demo failed.${plain}" >&2
}
trap clean_up EXIT

step() {
  printf '\n%s%s%s\n' "$bold" "$1" "$plain"
}

now_ms() {
  echo $(($(date +%s%N) / 1000000))
}

# The first lines and the last one of what a command said; paths without the temporary directory.
show_output() {
  local lines_max=16 lines
  lines=$(wc -l <"$work/output")
  if [ "$lines" -le "$lines_max" ]; then
    cat "$work/output"
  else
    head -n $((lines_max - 2)) "$work/output"
    echo "... $((lines - lines_max + 1)) more lines ..."
    tail -n 1 "$work/output"
  fi | sed -e "s|$work||g" -e 's/^/    /'
}

# Shows a command and its output; leaves its time in `took`.
run() {
  local begun shown="$*" code=0
  printf '  %s$ holdfast %s%s\n' "$dim" "${shown//"$work"/}" "$plain"
  begun=$(now_ms)
  "$holdfast" "$@" >"$work/output" 2>&1 || code=$?
  took=$(($(now_ms) - begun))
  if [ $code -ne 0 ]; then
    sed 's/^/    /' "$work/output" >&2
    echo "  holdfast ended with exit code $code" >&2
    return $code
  fi
  show_output
}

seconds() {
  printf '%d.%02d s' $(($1 / 1000)) $(($1 % 1000 / 10))
}

megabytes() {
  awk -v bytes="$1" 'BEGIN { printf "%.1f MB", bytes / 1e6 }'
}

size_of() {
  du -s --block-size=1 "$1" | cut -f1
}

last_ledger_entry() {
  python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["last"])' "$work/ledger.json"
}

start_writing() {
  rm -f "$work/ledger.json" "$work/stop"
  mkfifo "$work/stop"
  python3 "$here/demo/ledger.py" "$site/chinook.db" "$work/ledger.json" <"$work/stop" &
  ledger_pid=$!
  exec 9>"$work/stop"
  until [ -s "$work/ledger.json" ]; do
    kill -0 "$ledger_pid" || return 1
    sleep 0.05
  done
}

stop_writing() {
  exec 9>&-
  wait "$ledger_pid"
  ledger_pid=
}

# backup_point NUMBER: a backup while somebody writes, and what the site was at that moment.
backup_point() {
  local number=$1
  start_writing
  ledger_low[$number]=$(last_ledger_entry)
  run backup
  backup_ms[$number]=$took
  stop_writing
  ledger_high[$number]=$(last_ledger_entry)
  echo "  while it ran, the shop's database took" \
    "$((ledger_high[$number] - ledger_low[$number])) commits"
  python3 "$here/demo/manifest.py" take "$site" "$work/manifest-$number.json"
}

make_site() {
  step "A site: uploads, a settings file, and a SQLite database that somebody is writing to"
  mkdir -p "$work/srv"
  python3 "$here/demo/make_site.py" make "$site" "$here/chinook/Chinook_Sqlite.sqlite"
  echo "  $(find "$site" | wc -l) entries, $(megabytes "$(size_of "$site")") on disk"
  (umask 077 && head -c 24 /dev/urandom | base64 >"$HOLDFAST_PASSPHRASE_FILE")
  cat >"$HOLDFAST_CONFIG" <<YAML
repository: $work/repository
sites:
  shop:
    files: [$site/uploads]
    config: [$site/settings.env]
    databases:
      - sqlite: { path: $site/chinook.db }
YAML
  sed -e "s|$work||g" -e 's/^/    /' "$HOLDFAST_CONFIG"
}

# The id of the oldest snapshot: they are listed in order of time.
first_snapshot() {
  "$holdfast" snapshots --json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["snapshots"][0]["id"][:8])'
}

compare() {
  local number=$1 restored=$2
  python3 "$here/demo/manifest.py" compare "$work/manifest-$number.json" "$restored" \
    "${ledger_low[$number]}" "${ledger_high[$number]}"
}

main() {
  make_site
  step "The repository"
  run init
  step "First backup"
  backup_point 1
  size_1=$(size_of "$work/repository")

  step "A day of work: edits, a new picture, a renamed and a deleted folder, new prices"
  python3 "$here/demo/make_site.py" change "$site"
  backup_point 2
  size_2=$(size_of "$work/repository")

  step "What there is, and what changed"
  first=$(first_snapshot)
  run snapshots
  run diff "$first" latest
  step "Is the repository sound? Reading all of it back"
  run check --read-data
  check_ms=$took

  step "Disaster: rm -rf $(basename "$site")"
  site_bytes=$(size_of "$site")
  rm -rf "$site"

  step "The second point, back in its place"
  run restore latest --in-place --yes
  restore_ms[2]=$took
  compare 2 "$site"
  step "The first point, somewhere else"
  run restore "$first" --to "$work/look"
  restore_ms[1]=$took
  compare 1 "$work/look$site"

  step "${green}Every byte, attribute and row of both points came back.${plain}"
  printf '  %-34s %12s %12s\n' \
    '' 'first' 'second' \
    'backup' "$(seconds "${backup_ms[1]}")" "$(seconds "${backup_ms[2]}")" \
    'added to the repository' "$(megabytes "$size_1")" "$(megabytes $((size_2 - size_1)))" \
    'restore' "$(seconds "${restore_ms[1]}")" "$(seconds "${restore_ms[2]}")"
  printf '  %-34s %12s\n' 'the site on disk' "$(megabytes "$site_bytes")" \
    'check of all stored data' "$(seconds "$check_ms")"
}

main
