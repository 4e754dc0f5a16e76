# Settings, messages and small helpers. Sourced by config/run and config/test.
# shellcheck shell=bash

set -Eeuo pipefail
umask 022

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SERIES=19.0
ME=$(id -un)
OFFLINE=${CRM_PLUS_OFFLINE:-0}

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
trap 'printf "error: step failed (%s line %s): %s\n" "${BASH_SOURCE[0]##*/}" "$LINENO" "$BASH_COMMAND" >&2' ERR

have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" = 0 ]; }

# Root's own home is closed to the user that PostgreSQL runs as: root's cache lies below /var.
set_home() {
  if is_root; then
    : "${CRM_PLUS_HOME:=/var/lib/crm-plus}"
  else
    : "${CRM_PLUS_HOME:=${XDG_DATA_HOME:-${HOME:-/tmp/$ME}/.local/share}/crm-plus}"
  fi
  case $CRM_PLUS_HOME in
    *[[:space:]]*) die "CRM_PLUS_HOME must have no space in it: $CRM_PLUS_HOME" ;;
    /*) ;;
    *) CRM_PLUS_HOME=$PWD/$CRM_PLUS_HOME ;;
  esac
  mkdir -p "$CRM_PLUS_HOME" 2>/dev/null || die "cannot make $CRM_PLUS_HOME: set CRM_PLUS_HOME to a folder of yours"
  [ -w "$CRM_PLUS_HOME" ] || die "$CRM_PLUS_HOME is not writable: set CRM_PLUS_HOME to a folder of yours"
  export CRM_PLUS_HOME
}
set_home

retry() { # times command...: waits a little longer before each new try
  local times=$1 n=1
  shift
  until "$@"; do
    [ "$n" -ge "$times" ] && return 1
    sleep $((n * 3))
    n=$((n + 1))
  done
}

# Runs as root, directly or by sudo; 77 when that is impossible. Never prompts without a terminal.
as_root() {
  if is_root; then
    "$@"
  elif have sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    sudo "$@"
  else
    return 77
  fi
}

apt_install() { # packages...: 0 when installed
  local options=(-y -qq -o Dpkg::Use-Pty=0 -o Acquire::Retries=3
    -o DPkg::Lock::Timeout=300 --no-install-recommends)
  have apt-get || return 77
  [ "$OFFLINE" != 1 ] || return 77
  as_root true 2>/dev/null || return 77
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install "${options[@]}" "$@" >/dev/null 2>&1 && return 0
  retry 3 as_root apt-get update -qq -o Acquire::Retries=3 >/dev/null || return 1
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install "${options[@]}" "$@" >/dev/null
}

# One set-up at a time in one home. The descriptor must not reach a server that outlives the
# script: whoever starts one closes it there (9>&-).
lock_home() {
  exec 9>"$CRM_PLUS_HOME/.lock"
  have flock || return 0
  flock -n 9 && return 0
  say "waiting for another set-up of $CRM_PLUS_HOME"
  flock -w 3600 9 || die "another set-up holds $CRM_PLUS_HOME/.lock"
}
unlock_home() { exec 9>&-; }

# What to do at the end, the last registered first; also after Ctrl-C.
CLEANUP=()
at_exit() { CLEANUP=("$*" "${CLEANUP[@]}"); }
run_cleanup() {
  local rc=$? step
  trap - ERR EXIT
  trap '' INT TERM HUP
  set +e
  for step in "${CLEANUP[@]}"; do eval "$step"; done
  exit "$rc"
}
trap run_cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
