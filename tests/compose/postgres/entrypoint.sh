#!/bin/bash
# As the official image's: an empty volume gets a cluster, and what is in /docker-entrypoint-initdb.d is run once.
set -eu
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
export PGDATA=/var/lib/postgresql/data POSTGRES_USER=postgres
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # shellcheck disable=SC2086 - several arguments
  initdb --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" $POSTGRES_INITDB_ARGS
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  pg_ctl -w -o "-c listen_addresses=''" start
  for script in /docker-entrypoint-initdb.d/*; do "$script"; done
  pg_ctl -w -m fast stop
fi
exec postgres -c listen_addresses='*'
