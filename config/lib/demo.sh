# The demo database and its server.
# shellcheck shell=bash

DEMO_DB=${CRM_PLUS_DB:-crm_plus_demo}
DATA_DIR=$CRM_PLUS_HOME/data-demo
MAILS=$CRM_PLUS_HOME/mails

# Before anything long: the port, which Odoo would only try at the end.
need_free_port() {
  local who=''
  case $PORT in '' | *[!0-9]*) die "CRM_PLUS_HTTP_PORT=$PORT is no port number" ;; esac
  need_python
  "$PYTHON" -c '
import socket, sys
with socket.socket() as s:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        s.bind(("127.0.0.1", int(sys.argv[1])))
    except (OSError, OverflowError):
        sys.exit(1)' "$PORT" && return 0
  if have ss; then who=$(ss -Hltnp "sport = :$PORT" 2>/dev/null | sed -nE '1s/.*users:\(\("([^"]*)",pid=([0-9]+).*/ (by \1, process \2)/p'); fi
  die "port $PORT is not free$who: stop what uses it, or choose another by CRM_PLUS_HTTP_PORT=8070 $0"
}

set_up() {
  lock_home
  need_python
  ensure_odoo
  ensure_venv
  unlock_home
}

ensure_demo() {
  local log=$CRM_PLUS_HOME/demo-install.log new=${DEMO_DB}_new stamps=$DATA_DIR/$DEMO_DB.addons addon changed=() fresh=()
  start_postgres demo
  lock_home
  mkdir -p "$DATA_DIR"
  if ! db_exists "$DEMO_DB"; then
    say "demo database $DEMO_DB: installing $(addons_csv | sed 's/,/, /g') with demo data (a few minutes, once; log: $log)"
    drop_db "$new"
    odoo_quietly "$log" -d "$new" -i "$(addons_csv)" --with-demo || die "the demo database could not be made (log: $log)"
    "$VENV/bin/odoo" shell -d "$new" --addons-path="$ROOT/addons" --data-dir="$DATA_DIR" --http-interface=127.0.0.1 \
      --no-http --log-level=warn <"$ROOT/config/lib/demo_settings.py" >>"$log" 2>&1 ||
      die "the demo database could not be set up (log: $log)"
    drop_db "$DEMO_DB"
    rename_db "$new" "$DEMO_DB" # only a whole one bears the name
    rm -rf "$stamps"
    mkdir -p "$stamps"
    for addon in $(addon_names); do addon_hash "$addon" >"$stamps/$addon"; done
    unlock_home
    return 0
  fi
  mkdir -p "$stamps"
  for addon in $(addon_names); do
    if [ ! -e "$stamps/$addon" ]; then
      fresh+=("$addon")
    elif [ "$(cat "$stamps/$addon")" != "$(addon_hash "$addon")" ]; then
      changed+=("$addon")
    fi
  done
  if [ ${#changed[@]} -gt 0 ] || [ ${#fresh[@]} -gt 0 ]; then
    say "updating $DEMO_DB: ${changed[*]} ${fresh[*]} changed (log: $log)"
    odoo_quietly "$log" -d "$DEMO_DB" -u "$(IFS=,; echo "${changed[*]}")" -i "$(IFS=,; echo "${fresh[*]}")" ||
      die "the update failed, and $DEMO_DB is as it was before (log: $log); './config/run reset' starts afresh"
    for addon in "${changed[@]}" "${fresh[@]}"; do addon_hash "$addon" >"$stamps/$addon"; done
  else
    say "demo database $DEMO_DB is up to date"
  fi
  unlock_home
}

start_sink() {
  local port_file=$CRM_PLUS_HOME/.sink-port-$$ n
  rm -f "$port_file"
  setsid "$VENV/bin/python" "$ROOT/config/lib/mail_sink.py" "$MAILS" "$port_file" 8>&- 9>&- &
  SINK_PID=$!
  at_exit "stop_process $SINK_PID; rm -f $port_file"
  for n in $(seq 100); do
    [ -s "$port_file" ] && break
    kill -0 "$SINK_PID" 2>/dev/null || die "the local mail server did not start"
    sleep 0.1
  done
  SINK_PORT=$(cat "$port_file")
}

stop_process() { # pid: asks, waits up to 20 s, insists
  local n
  kill -TERM "$1" 2>/dev/null || return 0
  for n in $(seq 200); do
    kill -0 "$1" 2>/dev/null || return 0
    [ "$n" != 150 ] || kill -KILL "$1" 2>/dev/null
    sleep 0.1
  done
}

serve() {
  local pid n log=$CRM_PLUS_HOME/demo-server.log
  start_sink
  say "starting Odoo on port $PORT (log: $log)"
  : >"$log"
  # the dead proxy: no server-side call leaves this machine (https only, as PDF rendering fetches
  # the style sheets of this very server by http and knows no exceptions); setsid: a Ctrl-C is for
  # this script, which then asks Odoo to end, once (a second signal would cut it short)
  setsid env https_proxy=http://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9 no_proxy=127.0.0.1,localhost \
    "$VENV/bin/odoo" -d "$DEMO_DB" --addons-path="$ROOT/addons" --data-dir="$DATA_DIR" --http-interface=127.0.0.1 \
    --http-port="$PORT" --no-database-list --max-cron-threads=1 --smtp=127.0.0.1 --smtp-port="$SINK_PORT" \
    --email-from=crm-plus@crm-plus.example --log-handler=werkzeug:WARNING "$@" >>"$log" 2>&1 8>&- 9>&- &
  pid=$!
  at_exit "stop_process $pid"
  for n in $(seq 600); do
    kill -0 "$pid" 2>/dev/null || {
      tail -n 20 "$log" >&2
      die "Odoo did not start (log: $log)"
    }
    if "$VENV/bin/python" - "$PORT" 2>/dev/null <<'E'; then break; fi
import sys, urllib.request
urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/web/health", timeout=5)
E
    [ "$n" != 600 ] || die "Odoo does not answer on port $PORT"
    sleep 0.2
  done
  printf '\n' >&2
  say "ready: http://127.0.0.1:$PORT   login: admin   password: admin"
  say "mail that the demo sends is kept in $MAILS, and goes nowhere else"
  say "Ctrl-C stops Odoo and everything started with it"
  wait "$pid" || {
    tail -n 20 "$log" >&2
    die "Odoo ended (log: $log)"
  }
}

reset_demo() {
  start_postgres demo
  drop_db "$DEMO_DB"
  drop_db "${DEMO_DB}_new"
  rm -rf "$DATA_DIR/$DEMO_DB.addons" "$MAILS"
  if [ -z "${GIVEN_SERVER:-}" ]; then
    at_exit "remove_cluster demo"
    # runs after the cluster was stopped
    CLEANUP=("${CLEANUP[@]:1}" "${CLEANUP[0]}")
  fi
  say "the demo is gone: ./config/run makes a new one"
}
remove_cluster() {
  if [ -e "$CRM_PLUS_HOME/pg-$1/data/postmaster.pid" ]; then
    warn "$CRM_PLUS_HOME/pg-$1 is in use by another run and stays"
  else
    rm -rf "$CRM_PLUS_HOME/pg-$1"
  fi
}

print_environment() {
  set_up >&2
  {
    printf 'export PATH=%q:"%s"\n' "$VENV/bin" "\$PATH"
    printf 'export ODOO_PATH=%q ADDONS_PATH=%q CRM_PLUS_HOME=%q\n' "$ODOO_PATH" "$ROOT/addons" "$CRM_PLUS_HOME"
  }
}

send_to_demo() {
  local folder
  set_up
  for folder in "$ODOO_PATH/odoo/addons" "$ODOO_PATH/addons"; do
    [ -e "$folder/mail/static/scripts/odoo-mailgate.py" ] || continue
    "$VENV/bin/python" "$folder/mail/static/scripts/odoo-mailgate.py" -d "$DEMO_DB" --host=127.0.0.1 --port="$PORT" -u 2 -p admin ||
      die "the demo at port $PORT did not take the mail: is ./config/run running, and does an alias match the recipient?"
    return 0
  done
  die "this Odoo has no odoo-mailgate.py"
}
