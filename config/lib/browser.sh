# Chromium for the browser tours, from apt where the machine has none.
# shellcheck shell=bash

find_browser() {
  local name
  for name in google-chrome chromium chromium-browser google-chrome-stable; do
    type -P "$name" && return 0
  done
  return 1
}
ensure_browser() {
  CHROME_BIN=$(find_browser) || {
    say "Chromium (from apt), for the browser tests"
    apt_install chromium || true
    CHROME_BIN=$(find_browser) ||
      die "the browser tests need Chromium or Chrome on PATH: apt-get install chromium"
  }
  export CHROME_BIN
}
