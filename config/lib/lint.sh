# The lint layers: each finds what the others miss.
# shellcheck shell=bash

ensure_lint_tools() {
  lock_home
  make_environment lint "$ROOT/config/lint/requirements-lint.txt"
  LINT=$ENVIRONMENT
  ensure_node
  unlock_home
}

# prettier and eslint, in the home: nothing is written into the checkout
ensure_node() {
  local want new authorities=/etc/ssl/certs/ca-certificates.crt
  if ! have node || ! have npm; then
    say "Node.js (from apt), for prettier and eslint"
    apt_install nodejs npm || true
    { have node && have npm; } ||
      die "prettier and eslint need Node.js 18 or newer with npm: apt-get install nodejs npm"
  fi
  want=$(cat "$ROOT/package.json" "$ROOT/config/lint/package-lock.json" | sha256sum | cut -c1-12)
  NODE_TOOLS=$CRM_PLUS_HOME/node-$want
  [ ! -e "$NODE_TOOLS/.complete" ] || return 0
  [ "$OFFLINE" != 1 ] || die "CRM_PLUS_OFFLINE=1, and prettier and eslint are not here yet"
  say "prettier and eslint in $NODE_TOOLS"
  new=$NODE_TOOLS.new
  rm -rf "$new" "$NODE_TOOLS"
  mkdir -p "$new"
  cp "$ROOT/package.json" "$ROOT/config/lint/package-lock.json" "$new/"
  # npm trusts a list of its own; behind a company's proxy only the machine's, which curl
  # and pip read, knows who signs
  if [ -z "${NODE_EXTRA_CA_CERTS:-}" ] && [ -r "$authorities" ]; then
    export NODE_EXTRA_CA_CERTS=$authorities
  fi
  retry 2 npm ci --prefix "$new" --no-audit --no-fund --ignore-scripts --loglevel=error >"$CRM_PLUS_HOME/node-npm.log" 2>&1 || {
    tail -n 15 "$CRM_PLUS_HOME/node-npm.log" >&2
    die "npm could not install prettier and eslint (log: $CRM_PLUS_HOME/node-npm.log)"
  }
  mv "$new" "$NODE_TOOLS"
  touch "$NODE_TOOLS/.complete"
}

shell_scripts() {
  find "$ROOT/config" "$ROOT/.ci" "$ROOT/tests" -type f -not -path '*/__pycache__/*' -print0 |
    while IFS= read -r -d '' file; do
      case $file in
        */config/lib/*.sh) ;; # checked with the scripts that source them
        *.sh) echo "$file" ;;
        *) head -c 64 "$file" 2>/dev/null | head -n 1 | tr -d '\0' | grep -qE '^#!.*\b(ba)?sh\b' && echo "$file" ;;
      esac || true # the last file need not be a script
    done
}

check() { # name command...: one layer
  local name=$1 started=$SECONDS log=$ARTEFACTS/lint-${1// /-}.log
  shift
  if "$@" >"$log" 2>&1; then
    printf '  %-28s ok      %3ss\n' "$name" $((SECONDS - started))
    LINT_PASSED=$((LINT_PASSED + 1))
  else
    printf '  %-28s FAILED  %3ss\n' "$name" $((SECONDS - started))
    sed 's/^/    /' "$log"
    LINT_FAILED=$((LINT_FAILED + 1))
  fi
}

# pylint in parallel jobs loses its registry of plugins' messages now and then: one job
# (unknown-option-value: a comment of ours that names a check of pylint-odoo)
own_pylint() {
  PYTHONPATH=$ODOO_PATH/odoo/addons/test_lint/tests:$ODOO_PATH "$LINT/bin/pylint" --rcfile=/dev/null --disable=all --score=n \
    --enable=undefined-variable,sql-injection,missing-gettext,gettext-variable,gettext-placeholders,gettext-repr,raise-unlink-override \
    --disable=unknown-option-value \
    --load-plugins=_odoo_checker_sql_injection,_odoo_checker_gettext,_odoo_checker_unlink_override "${ADDON_DIRS[@]}"
}
node_tool() { # with the configuration at the root, and the modules in the home
  NODE_PATH=$NODE_TOOLS/node_modules "$NODE_TOOLS/node_modules/.bin/$1" "${@:2}"
}
# The manifest, README and code of a checkout name no registry: everyone's tools have their own.
no_registry_names() {
  ! git -C "$ROOT" grep -nIE 'p[y]pi\.org|pythonhosted\.o[r]g|npmjs\.(org|com)|registry\.n[p]m' -- . 2>/dev/null
}

run_lint() {
  local dir scripts
  LINT_PASSED=0 LINT_FAILED=0
  ADDON_DIRS=()
  while read -r dir; do ADDON_DIRS+=("addons/$dir/"); done < <(addon_names)
  mapfile -t scripts < <(shell_scripts)
  say "lint"
  cd "$ROOT" || die "no $ROOT"
  check "ruff check" "$LINT/bin/ruff" check --no-cache addons config tests
  check "ruff format" "$LINT/bin/ruff" format --no-cache --check addons config tests
  check "pylint-odoo" env PYTHONPATH="$ODOO_PATH" "$LINT/bin/pylint" --rcfile=.pylintrc "${ADDON_DIRS[@]}"
  check "odoo's own pylint checkers" own_pylint
  check "oca-checks-odoo-module" "$LINT/bin/oca-checks-odoo-module" "${ADDON_DIRS[@]}"
  check "oca-checks-po" "$LINT/bin/oca-checks-po" addons/*/i18n/*.po*
  check "odoo 19 idioms" "$LINT/bin/python" config/lint/odoo19_idioms.py addons
  check "prettier" node_tool prettier --check "addons/**/*.{js,scss,xml}"
  check "eslint" node_tool eslint --no-error-on-unmatched-pattern addons
  check "shellcheck" "$LINT/bin/shellcheck" --check-sourced "${scripts[@]}"
  check "no registry names" no_registry_names
  count lint "$LINT_PASSED" "$LINT_FAILED"
  [ "$LINT_FAILED" = 0 ] || exit 1
}
