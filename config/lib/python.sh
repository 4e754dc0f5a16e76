# The Python environment. Each set of requirements has a folder of its own, so that two checkouts
# of this project with different requirements do not undo each other.
# shellcheck shell=bash

python_fits() {
  "$1" -c 'import sys, ssl, venv; sys.exit(not ((3, 10) <= sys.version_info[:2] <= (3, 13)))' 2>/dev/null
}

# The base interpreter, also when an environment (perhaps the one made here) is activated.
find_python() {
  local p
  for p in ${CRM_PLUS_PYTHON:-} python3 python3.13 python3.12 python3.11 python3.10; do
    p=$(type -P "$p") || continue
    p=$("$p" -c 'import sys; print(getattr(sys, "_base_executable", "") or sys.executable)' 2>/dev/null) || continue
    if python_fits "$p"; then
      echo "$p"
      return 0
    fi
  done
  return 1
}
need_python() {
  [ -z "${PYTHON:-}" ] || return 0
  PYTHON=$(find_python) && return 0
  say "Python (from apt)"
  apt_install python3 python3-venv || true
  PYTHON=$(find_python) || die "Odoo $SERIES needs Python 3.10 to 3.13: install one, or set CRM_PLUS_PYTHON"
}

# make_environment NAME REQUIREMENTS -> sets ENVIRONMENT to the folder
make_environment() {
  local name=$1 requirements=$2 want old log
  need_python
  want=$({
    cat "$requirements"
    "$PYTHON" -c 'import sys; print(sys.version, sys.base_prefix)'
  } | sha256sum | cut -c1-12)
  ENVIRONMENT=$CRM_PLUS_HOME/$name-$want
  if [ -e "$ENVIRONMENT/.complete" ] && "$ENVIRONMENT/bin/python" -c '' 2>/dev/null; then
    touch "$ENVIRONMENT/.complete"
    return 0
  fi
  [ "$OFFLINE" != 1 ] || die "CRM_PLUS_OFFLINE=1, and the Python environment for $requirements is not here yet"
  say "Python environment in $ENVIRONMENT ($("$PYTHON" -V))"
  rm -rf "$ENVIRONMENT"
  if ! "$PYTHON" -m venv "$ENVIRONMENT" >/dev/null 2>&1; then
    rm -rf "$ENVIRONMENT" # Debian splits ensurepip off
    apt_install python3-venv || true
    "$PYTHON" -m venv "$ENVIRONMENT" >/dev/null 2>&1 ||
      die "cannot make a virtual environment with $PYTHON: install python3-venv"
  fi
  log=$CRM_PLUS_HOME/$name-pip.log
  if ! retry 2 "$ENVIRONMENT/bin/python" -m pip install -q --disable-pip-version-check \
    --retries 5 --timeout 60 -r "$requirements" >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    die "pip could not install $requirements (whole log: $log). Is the network there?"
  fi
  touch "$ENVIRONMENT/.complete"
  # environments that nobody has used for a month
  for old in "$CRM_PLUS_HOME/$name"-????????????; do
    [ "$old" = "$ENVIRONMENT" ] && continue
    [ -n "$(find "$old/.complete" -mtime -30 2>/dev/null)" ] || rm -rf "$old"
  done
}

ensure_venv() { # after ensure_odoo
  local site
  make_environment venv "$ROOT/requirements.txt"
  VENV=$ENVIRONMENT
  # wkhtmltopdf with the patched Qt, which headers, footers and batch printing need
  [ ! -x "$VENV/bin/wkhtmltopdf-pack" ] || ln -sfn wkhtmltopdf-pack "$VENV/bin/wkhtmltopdf"
  # one .pth line, so that python, pytest and editors see Odoo without PYTHONPATH
  site=$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
  [ "$(cat "$site/odoo-source.pth" 2>/dev/null)" = "$ODOO_PATH" ] || echo "$ODOO_PATH" >"$site/odoo-source.pth"
  # a script, not 'python -m odoo': with workers, Odoo starts its websocket process by argv[0],
  # and __main__.py cannot be started so
  if [ ! -x "$VENV/bin/odoo" ]; then
    printf '#!%s\nfrom odoo.cli.command import main\nmain()\n' "$VENV/bin/python" >"$VENV/bin/odoo.new"
    chmod +x "$VENV/bin/odoo.new"
    mv "$VENV/bin/odoo.new" "$VENV/bin/odoo"
  fi
  export PATH=$VENV/bin:$PATH PYTHONUNBUFFERED=1
}
