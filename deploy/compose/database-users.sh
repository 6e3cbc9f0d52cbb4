#!/bin/sh
# A role that may do with its own database as it likes, and with nothing else.
set -eu
psql --username="$POSTGRES_USER" --set=ON_ERROR_STOP=1 --set=password="$(cat /run/secrets/database_password)" <<'SQL'
CREATE ROLE wattgate LOGIN PASSWORD :'password';
CREATE DATABASE wattgate OWNER wattgate;
REVOKE ALL ON DATABASE postgres, wattgate FROM PUBLIC;
SQL
