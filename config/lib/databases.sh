# Databases and filestores: the demo, the templates of the tests, and the databases of one run.
# shellcheck shell=bash

addon_names() { # one a line
  local manifest
  for manifest in "$ROOT"/addons/*/__manifest__.py; do basename "$(dirname "$manifest")"; done
}
addons_csv() { addon_names | paste -sd, -; }
addon_hash() { # addon: of what an installed database is made from
  (cd "$ROOT/addons/$1" && find . -type f ! -path './tests/*' ! -path '*/__pycache__/*' ! -name '*.pyc' ! -name '*.rst' -print0 |
    sort -z | xargs -0 sha256sum) | sha256sum | cut -c1-40
}
all_hash() {
  local addon
  {
    for addon in $(addon_names); do echo "$addon $(addon_hash "$addon")"; done
    echo "$ODOO_VERSION"
  } | sha256sum | cut -c1-12
}
foreign_dependencies() { # the Odoo modules that our addons depend on, comma separated
  "$VENV/bin/python" - "$ROOT/addons" <<'E'
import ast, pathlib, sys
root = pathlib.Path(sys.argv[1])
manifests = {p.parent.name: ast.literal_eval(p.read_text()) for p in root.glob("*/__manifest__.py")}
print(",".join(sorted({d for m in manifests.values() for d in m["depends"]} - set(manifests))))
E
}

sql() { psql -qXtA -d postgres -c "$1"; }
db_exists() { [ "$(sql "select 1 from pg_database where datname = '$1'")" = 1 ]; }
drop_db() { # database: with its filestore
  dropdb --if-exists --force "$1" 2>/dev/null || dropdb --if-exists "$1"
  rm -rf "${DATA_DIR:?}/filestore/$1"
}
rename_db() { # from to
  sql "alter database \"$1\" rename to \"$2\""
  [ ! -d "$DATA_DIR/filestore/$1" ] || mv "$DATA_DIR/filestore/$1" "$DATA_DIR/filestore/$2"
}
clone_db() { # template new: hard links will do, Odoo never rewrites a stored file in place
  createdb -T "$1" "$2"
  rm -rf "$DATA_DIR/filestore/$2"
  mkdir -p "$DATA_DIR/filestore"
  [ ! -d "$DATA_DIR/filestore/$1" ] || cp -al "$DATA_DIR/filestore/$1" "$DATA_DIR/filestore/$2"
}

# odoo_quietly LOG odoo options: no HTTP, no cron; warnings go to LOG, and its end is shown on failure
odoo_quietly() {
  local log=$1
  shift
  "$VENV/bin/odoo" "$@" --addons-path="$ROOT/addons" --data-dir="$DATA_DIR" --http-interface=127.0.0.1 \
    --no-http --max-cron-threads=0 --log-level=warn --stop-after-init >"$log" 2>&1 && return 0
  tail -n 40 "$log" >&2
  return 1
}

# ---------------------------------------------------------------- tests
# shellcheck disable=SC2153 # set in phases.sh
keep_newest() { # kind count: drops the templates of that kind that were used least recently
  local stamp
  find "$TEMPLATES" -maxdepth 1 -name "crm_plus_$1_*" -printf '%T@ %f\n' | sort -rn | tail -n "+$(($2 + 1))" |
    while read -r _ stamp; do
      drop_db "$stamp" && rm -f "$TEMPLATES/$stamp"
    done
}
have_template() { # database: whole (stamped) and there
  [ -e "$TEMPLATES/$1" ] && db_exists "$1" || return 1
  touch "$TEMPLATES/$1"
}
seal_template() { # from name
  drop_db "$2"
  rename_db "$1" "$2"
  touch "$TEMPLATES/$2"
}

# The Odoo apps we need, without an addon of ours; kept while Odoo and the list stay the same.
make_base() { # --without-demo | --with-demo
  local kind=base new=crm_plus_new_$$ deps
  [ "$1" = --without-demo ] || kind=based
  deps=$(foreign_dependencies)
  BASE=crm_plus_${kind}_$(echo "$ODOO_VERSION $deps" | sha256sum | cut -c1-12)
  have_template "$BASE" && return 0
  say "template database with the Odoo apps needed, $1 (about a minute and a half, once)"
  keep_newest "$kind" 2
  drop_db "$new"
  odoo_quietly "$ARTEFACTS/base.log" -d "$new" -i "$deps" "$1" || die "Odoo's own apps did not install: $ARTEFACTS/base.log"
  seal_template "$new" "$BASE"
}
# The apps and our addons, no demo data, asset bundles built.
make_template() {
  local new=crm_plus_new_$$
  TEMPLATE=crm_plus_tpl_$(all_hash)
  make_base --without-demo
  have_template "$TEMPLATE" && return 0
  say "template database with our addons"
  keep_newest tpl 5
  drop_db "$new"
  clone_db "$BASE" "$new"
  odoo_quietly "$ARTEFACTS/install.log" -d "$new" -i "$(addons_csv)" || die "our addons do not install: $ARTEFACTS/install.log"
  "$VENV/bin/python" "$ROOT/config/lib/log_gate.py" "$ARTEFACTS/install.log" || die "the installation logs warnings about our addons"
  # else each tour builds the bundles anew, in a transaction that is rolled back
  echo "env['ir.qweb']._pregenerate_assets_bundles(); env.cr.commit()" |
    "$VENV/bin/odoo" shell -d "$new" --addons-path="$ROOT/addons" --data-dir="$DATA_DIR" \
      --http-interface=127.0.0.1 --no-http --log-level=warn >"$ARTEFACTS/assets.log" 2>&1 ||
    die "the asset bundles do not build: $ARTEFACTS/assets.log"
  seal_template "$new" "$TEMPLATE"
}
# A database for this run, dropped at its end.
make_run_db() {
  RUN_DB=crm_plus_run_$$
  drop_db "$RUN_DB"
  clone_db "$TEMPLATE" "$RUN_DB"
  at_exit "drop_db $RUN_DB"
}
drop_leftovers() { # databases of runs that were killed
  local db pid
  for db in $(sql "select datname from pg_database where datname ~ '^crm_plus_(run|new|x)_[0-9]+'"); do
    pid=$(sed -E 's/^crm_plus_[a-z]+_([0-9]+).*/\1/' <<<"$db")
    [ -d "$DATA_DIR/filestore/$db" ] || [ "${GIVEN_SERVER:-}" = "" ] || continue
    kill -0 "$pid" 2>/dev/null || drop_db "$db"
  done
}
write_test_conf() { # database [log] -> $CONF
  CONF=$ARTEFACTS/odoo-$1.conf
  cat >"$CONF" <<E
[options]
addons_path = $ROOT/addons
data_dir = $DATA_DIR
db_name = $1
http_interface = 127.0.0.1
workers = 0
max_cron_threads = 0
list_db = False
screenshots = $ARTEFACTS/screenshots
logfile = ${2:-$ARTEFACTS/odoo.log}
E
}
