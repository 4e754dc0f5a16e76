# What config/backup and config/restore share.
# shellcheck shell=bash

say() { printf '==> %s\n' "$*" >&2; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
need_programs() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null 2>&1 || die "$program is not on PATH"
  done
}

# odoo.conf: the database's connection goes to libpq's own variables, the rest to CONF_*
read_odoo_conf() {
  local key value
  [ -r "$1" ] || die "cannot read $1"
  while IFS='=' read -r key value; do
    key=$(tr -d '[:space:]' <<<"$key")
    value=$(sed -E 's/^[[:space:]]+|[[:space:]]+$//g' <<<"$value")
    case $value in '' | False | None) continue ;; esac
    case $key in
      db_host) export PGHOST=$value ;;
      db_port) export PGPORT=$value ;;
      db_user) export PGUSER=$value ;;
      db_password) export PGPASSWORD=$value ;;
      db_sslmode) export PGSSLMODE=$value ;;
      db_name) CONF_DB_NAME=${value%%,*} ;;
      data_dir) CONF_DATA_DIR=$value ;;
    esac
  done < <(grep -E '^[[:space:]]*[a-z_]+[[:space:]]*=' "$1")
  export CONF_DB_NAME CONF_DATA_DIR
}

# "table rows", every table of the public schema, by name: counted, not estimated
# shellcheck disable=SC2034 # used by both scripts
COUNT_QUERY="select c.relname || ' ' || (xpath('/row/n/text()',
    query_to_xml(format('select count(*) as n from public.%I', c.relname), false, true, '')))[1]::text
  from pg_class c where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
  order by c.relname collate \"C\";"

# The names of the files that the attachments of a dump refer to.
stored_names() {
  pg_restore -a -t ir_attachment -f - "$1" | awk -F '\t' '
    /^COPY / {
      match($0, /\(.*\)/)
      n = split(substr($0, RSTART + 1, RLENGTH - 2), names, /, */)
      for (i = 1; i <= n; i++) if (names[i] == "store_fname") column = i
      copying = 1
      next
    }
    $0 == "\\." { copying = 0 }
    copying && $column != "\\N" && $column != "" { print $column }'
}
