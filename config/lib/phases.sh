# The parts of ./config/test.
# shellcheck shell=bash

DATA_DIR=$CRM_PLUS_HOME/data-test
TEMPLATES=$CRM_PLUS_HOME/templates

# A part that is not pytest's: its counts, for the sum at the end.
count() { # part passed failed
  echo "$2 $3" >"$ARTEFACTS/$1.count"
  echo "$1: $2 passed, $3 failed"
}

prepare_folders() {
  ARTEFACTS=${CRM_PLUS_ARTEFACTS:-$ROOT/artefacts}
  mkdir -p "$ARTEFACTS" "$DATA_DIR" "$TEMPLATES"
  ARTEFACTS=$(realpath "$ARTEFACTS")
}

need_base() {
  [ -z "${VENV:-}" ] || return 0
  lock_home
  need_python
  ensure_odoo
  ensure_venv
  unlock_home
}
need_databases() {
  need_base
  [ -z "${TEMPLATE:-}" ] || return 0
  start_postgres test
  lock_home
  drop_leftovers
  make_template
  unlock_home
}
need_browser() {
  lock_home
  ensure_browser
  unlock_home
}

# What the tests outside the addons find in their environment.
export_for_tests() {
  export ADDONS_PATH=$ROOT/addons ODOO_PATH CRM_PLUS_ARTEFACTS=$ARTEFACTS \
    CRM_PLUS_ROOT=$ROOT CRM_PLUS_TEST_TEMPLATE=$TEMPLATE CRM_PLUS_TEST_BASE=$BASE \
    CRM_PLUS_TEST_DATA_DIR=$DATA_DIR CRM_PLUS_TEST_FILESTORE=$DATA_DIR/filestore/$TEMPLATE \
    CRM_PLUS_TEST_RUN=$$
}

run_pytest() { # report pytest options
  local report=$ARTEFACTS/$1.xml rc=0
  shift
  rm -f "$report"
  cd "$ROOT" || die "no $ROOT"
  PYTHONPATH=$ROOT/config/lib "$VENV/bin/python" -m pytest -c config/pytest.ini --rootdir="$ROOT" \
    -p crm_plus_pytest --junitxml="$report" -o junit_family=xunit1 "$@" || rc=$?
  return $rc
}
names_a_path() { # pytest options: does one of them name a file or folder?
  local word
  for word in "$@"; do
    case $word in -*) continue ;; esac
    [ ! -e "$ROOT/${word%%::*}" ] && [ ! -e "${word%%::*}" ] || return 0
  done
  return 1
}

# How many of them at once: each process has a copy of the database and a port of its own.
test_processes() {
  local cores
  cores=$(nproc 2>/dev/null || echo 1)
  echo "${CRM_PLUS_TEST_PROCESSES:-$((cores < 4 ? cores : 4))}"
}

# With no path: everything, coverage, and Odoo's own lint classes on our addons.
addons_tests() { # report pytest options
  local report=$1 rc=0 extra=() processes
  shift
  need_databases
  need_browser
  export_for_tests
  make_run_db
  write_test_conf "$RUN_DB"
  rm -rf "$ARTEFACTS/odoo.log" "$ARTEFACTS/screenshots"
  if ! names_a_path "$@"; then
    extra=(addons config/lint/test_odoo_lint.py)
    processes=$(test_processes)
    # a file's tests stay together: their class sets its records up once
    [ "$processes" -lt 2 ] || extra+=(-n "$processes" --dist loadfile)
    [ "$report" != addons ] || extra+=(--cov=addons --cov-config=config/coveragerc --cov-report=term --cov-report="html:$ARTEFACTS/coverage")
  fi
  COVERAGE_FILE=$ARTEFACTS/.coverage ODOO_RC=$CONF \
    run_pytest "$report" --odoo-http --odoo-log-level=warn "${extra[@]}" "$@" || rc=$?
  if "$VENV/bin/python" "$ROOT/config/lib/log_gate.py" "$ARTEFACTS/odoo.log"; then
    count log 1 0
  else
    count log 0 1
    rc=1
  fi
  exit $rc
}
phase_unit() { addons_tests unit -m "not browser" "$@"; }
phase_tours() { addons_tests tours -m browser "$@"; }
phase_addons() { addons_tests addons "$@"; }

phase_cross() {
  local rc=0 paths=()
  need_databases
  need_browser
  export_for_tests
  # a test runs a PostgreSQL of its own; whose clients these are stays as it is
  have initdb || { ensure_pg && export PATH=$PATH:$PGBIN_FOUND; }
  # the faults kill servers for five minutes, and are run by name
  names_a_path "$@" || paths=(tests --ignore=tests/test_faults.py)
  # pytest-odoo would open a database of its own: these tests start real servers
  run_pytest cross -p no:odoo --ignore=tests/bench "${paths[@]}" "$@" || rc=$?
  exit $rc
}

# Of what the part depends on: the addons, and the tests that look at their demo data.
demo_hash() {
  { all_hash; cat "$ROOT"/addons/*/tests/test_{demo,screens}.py "$ROOT"/addons/*/tests/screens.py; } | sha256sum | cut -c1-12
}
# The marker of a pass is its report, so that the sum is the same when nothing changed.
phase_demo() {
  local new=crm_plus_new_$$ log=$ARTEFACTS/demo.log report=$ARTEFACTS/demo.xml sealed
  need_databases
  sealed=$TEMPLATES/demo-passed-$(demo_hash)
  if [ -s "$sealed" ]; then
    say "installation with demo data: unchanged since it passed"
    cp "$sealed" "$report"
    count demo 1 0
    return 0
  fi
  rm -f "$report"
  lock_home
  TEMPLATE_BASE=$BASE
  make_base --with-demo
  unlock_home
  say "installation of our addons with demo data, and the tests that look at it"
  at_exit "drop_db $new"
  drop_db "$new"
  clone_db "$BASE" "$new"
  BASE=$TEMPLATE_BASE
  if odoo_quietly "$log" -d "$new" -i "$(addons_csv)" --with-demo &&
    "$VENV/bin/python" "$ROOT/config/lib/log_gate.py" "$log"; then
    count demo 1 0
  else
    count demo 0 1
    exit 1
  fi
  need_browser
  export_for_tests
  write_test_conf "$new" "$ARTEFACTS/demo-tests.log"
  rm -f "$ARTEFACTS/demo-tests.log"
  # here the demo data is there: a test that is skipped has not looked at it
  CRM_PLUS_TEST_NO_SKIP=1 ODOO_RC=$CONF \
    run_pytest demo --odoo-http --odoo-log-level=warn \
      "$ROOT"/addons/*/tests/test_{demo,screens}.py || exit 1
  rm -f "$TEMPLATES"/demo-passed-*
  cp "$report" "$sealed"
}

phase_lint() {
  need_base
  ensure_lint_tools
  run_lint
}

# Each in a database of its own: the leads of one would be scored by the next.
phase_bench() {
  local name names=("$@") rc=0
  need_databases
  export_for_tests
  cd "$ROOT" || die "no $ROOT"
  if [ $# = 0 ]; then
    write_test_conf "$TEMPLATE"
    mapfile -t names < <(ODOO_RC=$CONF "$VENV/bin/python" tests/bench/run.py --list)
  fi
  for name in "${names[@]}"; do
    make_run_db
    write_test_conf "$RUN_DB"
    ODOO_RC=$CONF CRM_PLUS_BENCH_DB=$RUN_DB "$VENV/bin/python" tests/bench/run.py "$name" || rc=$?
    drop_db "$RUN_DB"
  done
  exit $rc
}

phase_reset() {
  need_base
  start_postgres test
  local db
  for db in $(sql "select datname from pg_database where datname ~ '^crm_plus_(base|based|tpl|new|run|x)_'"); do
    drop_db "$db"
    rm -f "$TEMPLATES/$db"
  done
  rm -f "$TEMPLATES"/demo-passed-*
}

# Each part is a run of this script, so that one that breaks does not stop the others.
run_part() { # part
  local started=$SECONDS
  say "part: $1"
  if "$ROOT/config/test" "$1"; then
    say "part: $1 passed ($((SECONDS - started)) s)"
  else
    say "part: $1 FAILED ($((SECONDS - started)) s)"
    return 1
  fi
}
phase_parts() { # part...
  local part rc=0
  for part in "$@"; do run_part "$part" || rc=1; done
  exit $rc
}

# Everything. The addons' tests keep each core busy; the parts after them keep one busy.
phase_all() {
  local rc=0 beside=$ARTEFACTS/beside.log reports=() pid
  rm -f "$ARTEFACTS"/*.xml "$ARTEFACTS"/*.count "$ARTEFACTS"/*.log
  need_databases # and hold the cluster until the end
  run_part addons || rc=1
  say "parts: lint and demo, beside the next one; shown when they are done"
  # a group of its own, to be ended whole: what is in the background hears no Ctrl-C
  setsid "$ROOT/config/test" parts lint demo >"$beside" 2>&1 &
  pid=$!
  at_exit "kill -TERM -- -$pid 2>/dev/null"
  run_part cross || rc=1
  wait "$pid" || rc=1
  cat "$beside"
  say "all parts, in $SECONDS s; logs, screenshots and reports: $ARTEFACTS"
  reports=("$ARTEFACTS/addons.xml" "$ARTEFACTS/cross.xml" "$ARTEFACTS/demo.xml")
  "$VENV/bin/python" "$ROOT/config/lib/summary.py" "$ARTEFACTS"/{lint,log,demo}.count "${reports[@]}" || rc=1
  exit $rc
}
